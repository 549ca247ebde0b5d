"""What the heads compute, in plain numpy: the reference for `assistant`, which does the same in Rust.

An entry has units: its sentences, in order, each embedded alone (`x_i`), and the whole entry (`x`); all L2-normalised.

1. Pooling of the sentences: `w_i = max(1, words_i) ** length_power`, times `1 + last_boost` for the last sentence; divided
   by their sum. `words_i` is the number of white-space-separated words.
2. Sentiment: `z = a * (W x) + (1 - a) * sum w_i (W x_i) + b` with `a = pooling.sentiment.entry`; probabilities
   `softmax(z / sentiment_temperature)` in the order positive, neutral, negative. The sentiment is the likeliest (the first
   of equals), its probability the confidence; `unsure` where it is below `unsure_below`.
3. Themes, with `z_i = w_t x_i + b_t` and `z_entry` alike:
   `logit = a * z_entry + (1 - a) * (logsumexp_i(k z_i) - ln n) / k`, `k = pooling.themes.sharpness`;
   probability `sigmoid(theme_scale[t] * logit + theme_offset[t])`, present from 0.5 on.
4. Valence: pooled like the sentiment with `pooling.valence`, then `tanh(z) * valence_scale`, then moved to agree with the
   sentiment: positive `max(v, 0.21)`, negative `min(v, -0.21)`, neutral clamped to [-0.2, 0.2].
5. `mixed`, with `p` the pooled probabilities and `p_i = softmax((W x_i + b) / sentiment_temperature)`:
   (`p[positive] >= positive_above` and `p[negative] >= negative_above`), or (some `p_i[positive] >= sentence_pole` and some
   `p_i[negative] >= sentence_pole`).
6. Evidence: for the sentiment s the sentence with the largest `p_i[s]` (none for neutral); for a theme the sentence with
   the largest `z_i`. The first of equals.
"""

import numpy as np


def softmax(z):
    """Along the last axis, without overflow."""
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def weights_of(sentences, pooling):
    """Step 1: f64 [sentences], their sum 1. `pooling` has `length_power` and `last_boost`."""
    w = np.array([max(1, len(s.split())) for s in sentences], dtype=np.float64) ** pooling["length_power"]
    w[-1] *= 1 + pooling["last_boost"]
    return w / w.sum()


def analyse(tensors, meta, sentences, vectors, entry):
    """Steps 1 to 6. `vectors` f32 [sentences, 384], `entry` f32 [384]. Returns a dict of plain Python values."""
    each = {h: vectors @ tensors[f"{h}.w"].T + tensors[f"{h}.b"] for h in ("sentiment", "valence", "themes")}
    whole = {h: entry @ tensors[f"{h}.w"].T + tensors[f"{h}.b"] for h in each}

    def pooled(head):
        rule = meta["pooling"][head]
        return rule["entry"] * whole[head] + (1 - rule["entry"]) * (weights_of(sentences, rule) @ each[head])

    p = softmax(pooled("sentiment") / meta["sentiment_temperature"])
    p_each = softmax(each["sentiment"] / meta["sentiment_temperature"])
    best = int(p.argmax())

    rule = meta["pooling"]["themes"]
    k = rule["sharpness"]
    soft_max = np.logaddexp.reduce(k * each["themes"], axis=0) - np.log(len(sentences))
    logit = rule["entry"] * whole["themes"] + (1 - rule["entry"]) * soft_max / k
    themes = 1 / (1 + np.exp(-(np.array(meta["theme_scale"]) * logit + np.array(meta["theme_offset"]))))

    v = float(np.tanh(pooled("valence")[0]) * meta["valence_scale"])
    v = [max(v, 0.21), min(max(v, -0.2), 0.2), min(v, -0.21)][best]

    rule = meta["mixed"]
    poles = p[0] >= rule["positive_above"] and p[2] >= rule["negative_above"]
    turns = min(p_each[:, 0].max(), p_each[:, 2].max()) >= rule["sentence_pole"]
    evidence = {} if best == 1 else {"sentiment": int(p_each[:, best].argmax())}
    evidence |= {name: int(each["themes"][:, t].argmax()) for t, name in enumerate(meta["themes"]) if themes[t] >= 0.5}
    return {
        "probabilities": p.tolist(),
        "sentiment": meta["sentiment"][best],
        "confidence": float(p[best]),
        "valence": v,
        "mixed": bool(poles or turns),
        "unsure": bool(p[best] < meta["unsure_below"]),
        "themes": themes.tolist(),
        "evidence": evidence,
    }
