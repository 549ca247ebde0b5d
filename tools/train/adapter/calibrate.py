"""Calibration of the adapter's outputs, on rows that were not trained on.

Sentiment: one temperature. Themes: one scale for all, and an offset each, drawn towards their common mean where a theme has
few examples. `mixed`, emotions: one cut each. `unsure_below`: the confidence under which fewer than six in ten are right.
"""

import numpy as np

from heads_rule import softmax
from label_names import EMOTIONS, THEMES


def field(outputs, name):
    return np.stack([out[name] for out in outputs]).astype(np.float64)


def temperature(rows, outputs):
    """Least negative log-likelihood; our own entries weigh three times the others in sum."""
    here = [i for i, row in enumerate(rows) if row.sentiment is not None]
    z, truth = field([outputs[i] for i in here], "sentiment"), np.array([rows[i].sentiment for i in here])
    own = np.array([rows[i].source == "journal" for i in here])
    weight = np.where(own, 0.75 / max(1, own.sum()), 0.25 / max(1, (~own).sum()))
    best = (np.inf, 1.0)
    for t in np.exp(np.linspace(np.log(0.4), np.log(4), 100)):
        p = softmax(z / t)[np.arange(len(z)), truth]
        best = min(best, (float(-(weight * np.log(p + 1e-9)).sum()), float(t)))
    return best[1]


def theme_cuts(rows, outputs):
    """The scale and the 20 offsets. Only rows whose themes are all labelled take part."""
    here = [i for i, row in enumerate(rows) if row.source in ("journal", "own")]
    z = field([outputs[i] for i in here], "themes")
    truth = np.array([[rows[i].themes[t][0] > 0 for t in THEMES] for i in here])

    def best_cut(logit, target):
        grid = np.unique(np.quantile(logit, np.linspace(0.3, 0.998, 150)))
        hits = np.array([((logit >= c) & target).sum() for c in grid])
        said = np.array([(logit >= c).sum() for c in grid])
        f1 = 2 * hits / np.maximum(1, said + target.sum())
        return float(np.median(grid[f1 >= f1.max() - 0.01]))

    common = best_cut(z.ravel(), truth.ravel())
    cuts = []
    for t in range(len(THEMES)):
        n = truth[:, t].sum()
        own = best_cut(z[:, t], truth[:, t]) if n >= 5 else common
        cuts.append((n * own + 25 * common) / (n + 25))
    centred = z - np.array(cuts)
    best = (np.inf, 1.0)
    for scale in np.exp(np.linspace(np.log(0.2), np.log(3), 60)):
        p = 1 / (1 + np.exp(-scale * centred))
        best = min(best, (float(-np.where(truth, np.log(p + 1e-9), np.log(1 - p + 1e-9)).mean()), float(scale)))
    return best[1], [-best[1] * cut for cut in cuts]


def cut_of(logits, truth, grid):
    """The cut of best F1."""
    scores = [2 * ((logits >= c) & truth).sum() / max(1, (logits >= c).sum() + truth.sum()) for c in grid]
    return float(grid[int(np.argmax(scores))])


def calibrate(rows, outputs):
    """All of it, as the fields of `adapter.json`."""
    t = temperature(rows, outputs)
    scale, offsets = theme_cuts(rows, outputs)
    torn = [i for i, row in enumerate(rows) if row.mixed is not None and row.source in ("journal", "lemotif")]
    mixed = field([outputs[i] for i in torn], "mixed")
    mixed_cut = cut_of(mixed, np.array([bool(rows[i].mixed) for i in torn]), np.quantile(mixed, np.linspace(0.5, 0.995, 80)))
    told = [i for i, row in enumerate(rows) if row.source == "journal"]
    words = field([outputs[i] for i in told], "emotions")
    felt = np.array([[word in rows[i].emotions for word in EMOTIONS] for i in told])
    emotion_cut = cut_of(words.ravel(), felt.ravel(), np.quantile(words, np.linspace(0.5, 0.999, 100)))
    p = softmax(field([outputs[i] for i in told], "sentiment") / t)
    right = p.argmax(1) == np.array([rows[i].sentiment for i in told])
    sure = p.max(1)
    low = [c for c in np.arange(0.36, 0.62, 0.02) if (sure < c).sum() >= 10 and right[sure < c].mean() < 0.6]
    return {
        "sentiment_temperature": round(t, 4),
        "theme_scale": round(scale, 4),
        "theme_offset": [round(v, 4) for v in offsets],
        "mixed_from": round(float(1 / (1 + np.exp(-mixed_cut))), 4),
        "emotion_offset": round(-emotion_cut, 4),
        "unsure_below": round(float(max(low, default=0.4)), 2),
    }
