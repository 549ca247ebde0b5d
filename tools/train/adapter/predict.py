"""Raw outputs of the adapter for many rows, and how good they are."""

import numpy as np
import torch

from label_names import THEMES
from scores import macro_f1
from units import batch_of, batches


@torch.no_grad()
def predict(base, adapter, items, tokens=6000):
    """Numpy outputs per item, in the order of `items`; unit outputs as a list of arrays."""
    adapter.eval()
    out = [None] * len(items)
    for group in batches(items, range(len(items)), tokens):
        batch = batch_of(base, [items[i] for i in group])
        result = adapter(**batch)
        result = {k: v.float().numpy() for k, v in result.items()}
        entry_of = batch["entry_of"].numpy()
        for k, i in enumerate(group):
            mine = entry_of == k
            out[i] = {name: (value[mine] if name.startswith("unit_") else value[k]) for name, value in result.items()}
    return out


def evidence_hits(outputs, targets):
    """How often the strongest unit is a named one: for the labelled sentiment, and for each labelled theme."""
    mood, themes = [], []
    for out, t in zip(outputs, targets):
        if t.has_evidence:
            mood.append(t.evidence[out["unit_evidence"][:, t.sentiment].argmax()] > 0)
        if len(t.unit_themes) > 1 and t.has_unit_themes:
            for k in np.flatnonzero(t.unit_themes.any(0)):
                themes.append(t.unit_themes[out["unit_themes"][:, k].argmax(), k] > 0)
    return float(np.mean(mood)) if mood else None, float(np.mean(themes)) if themes else None


def quick_scores(outputs, rows, targets):
    """A line of figures for the training log."""
    line = {"n": len(rows)}
    mood = [i for i, r in enumerate(rows) if r.sentiment is not None]
    if mood:
        truth = np.array([rows[i].sentiment for i in mood])
        logits = np.stack([outputs[i]["sentiment"] for i in mood])
        right = logits.argmax(1) == truth
        line["acc"] = right.mean()
        line["f1"] = macro_f1(truth, logits.argmax(1), sorted(set(truth.tolist())))
        polar = truth != 1
        line["polar"] = ((logits[polar, 0] >= logits[polar, 2]) == (truth[polar] == 0)).mean()
        hard = np.array([rows[i].hard for i in mood])
        if hard.any():
            line["plain"], line["hard"] = right[~hard].mean(), right[hard].mean()
    felt = [i for i, r in enumerate(rows) if r.valence is not None]
    if len(felt) > 20:
        line["valence"] = np.corrcoef([rows[i].valence for i in felt], [outputs[i]["valence"] for i in felt])[0, 1]
    about = [i for i, r in enumerate(rows) if r.themes]
    if about:
        truth = np.array([[rows[i].themes.get(t, (0, 0))[0] > 0 for t in THEMES] for i in about])
        said = np.stack([outputs[i]["themes"] for i in about]) > 0
        line["themes"] = 2 * (truth & said).sum() / max(1, truth.sum() + said.sum())
        line["top_theme"] = np.mean([truth[k, outputs[i]["themes"].argmax()] for k, i in enumerate(about) if truth[k].any()])
    evidence = evidence_hits(outputs, targets)
    if evidence[0] is not None:
        line["evidence"], line["theme_evidence"] = evidence
    return {k: round(float(v), 3) for k, v in line.items()}
