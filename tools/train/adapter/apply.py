"""From the adapter's raw outputs to what the product says: the reference of the Rust code, step by step.

1. Sentiment: `p = softmax(z / sentiment_temperature)`; the likeliest (first of equals), its probability the confidence;
   `unsure` below `unsure_below`.
2. Valence: the head's value, moved to agree: positive `max(v, 0.21)`, negative `min(v, -0.21)`, neutral in [-0.2, 0.2].
3. `mixed`: `sigmoid(mixed) >= mixed_from`.
4. Themes: `sigmoid(theme_scale * z_t + theme_offset[t])`, present from 0.5 on.
5. Emotions: `sigmoid(z_e + emotion_offset)`, at most the three likeliest from 0.5 on.
6. Evidence: for a sentiment that is not neutral the unit with the largest `unit_evidence[:, sentiment]`; for each theme
   that is present the unit with the largest `unit_themes[:, t]`. The first of equals.
"""

import numpy as np

from heads_rule import softmax
from label_names import EMOTIONS, SENTIMENTS, THEMES


def sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z, dtype=np.float64)))


def answer_of(out, units, meta):
    """`out`: one entry's arrays as `predict` gives them; `units`: its sentences. In the form of `companion analyze`."""
    p = softmax(out["sentiment"].astype(np.float64) / meta["sentiment_temperature"])
    best = int(p.argmax())
    v = float(out["valence"])
    v = [max(v, 0.21), min(max(v, -0.2), 0.2), min(v, -0.21)][best]
    themes = sigmoid(meta["theme_scale"] * out["themes"] + np.array(meta["theme_offset"]))
    emotions = sigmoid(out["emotions"] + meta["emotion_offset"])
    felt = [int(e) for e in np.argsort(-emotions, kind="stable")[:3] if emotions[e] >= 0.5]
    evidence = []
    if best != 1:
        evidence.append({"claim": "sentiment", "unit": int(out["unit_evidence"][:, best].argmax())})
    for t in np.flatnonzero(themes >= 0.5):
        evidence.append({"claim": THEMES[t], "unit": int(out["unit_themes"][:, t].argmax())})
    return {
        "sentiment": SENTIMENTS[best],
        "confidence": float(p[best]),
        "probabilities": p.tolist(),
        "valence": v,
        "mixed": bool(sigmoid(out["mixed"]) >= meta["mixed_from"]),
        "unsure": bool(p[best] < meta["unsure_below"]),
        "themes": [{"name": THEMES[t], "probability": float(themes[t])} for t in np.flatnonzero(themes >= 0.5)],
        "theme_probabilities": themes.tolist(),
        "emotions": [{"name": EMOTIONS[e], "probability": float(emotions[e])} for e in felt],
        "evidence": [e | {"quote": units[e["unit"]]} for e in evidence],
    }
