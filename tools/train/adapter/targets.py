"""What the heads are trained towards, and how much each row of each set counts."""

import copy

import numpy as np
import torch
from torch.nn import functional as F

from label_names import EMOTION_OF_SET, EMOTIONS, THEMES
from model import segment_softmax

# The clear sets teach polarity and topics; only our own entries are whole, labelled in full, and often plain. So the large
# ones count in full while training begins, and `LATE` of them is drawn in its second half.
WEIGHT = {"journal": 1.0, "evidence": 0.4, "own": 0.5, "lemotif": 0.8, "sad": 0.3, "goemotions": 0.35, "emobank": 0.35}
PER_EPOCH = {"evidence": 1200, "goemotions": 2400, "sad": 800, "emobank": 800}
LATE = 0.3
KNOWN_BY_SET = [word in set(EMOTION_OF_SET.values()) for word in EMOTIONS]


class Targets:
    """One row's labels as arrays; a weight of zero where the set says nothing."""

    def __init__(self, row, item):
        weight = WEIGHT.get(row.source, 0.3)
        self.sentiment = 0 if row.sentiment is None else row.sentiment
        self.has_sentiment = 0.0 if row.sentiment is None else weight
        self.valence = 0.0 if row.valence is None else row.valence
        self.has_valence = 0.0 if row.valence is None else weight
        self.mixed = float(bool(row.mixed))
        self.has_mixed = weight if row.source in ("journal", "lemotif") else 0.0
        pair = np.array([row.themes.get(theme, (0.0, 0.0)) for theme in THEMES])
        self.themes, self.has_themes = pair[:, 0], pair[:, 1] * max(weight, 0.5)
        self.emotions = np.array([float(word in (row.emotions or [])) for word in EMOTIONS])
        known = np.ones(len(EMOTIONS)) if row.source in ("journal", "evidence") else np.array(KNOWN_BY_SET, float)
        self.has_emotions = known * (weight if row.emotions is not None else 0.0)
        evidence = row.evidence or {}
        self.evidence = np.array([float(says(unit, evidence.get("sentiment", []))) for unit in item.units])
        self.unit_themes = np.array([[float(says(unit, evidence.get(t, []))) for t in THEMES] for unit in item.units])
        self.has_evidence = float(bool(self.evidence.any()) and len(item.units) > 1)
        self.has_evidence_of_themes = float(len(item.units) > 1)
        self.has_unit_themes = float(row.evidence is not None)
        # What single sentences of an entry say, read where they stand: the named ones what the entry says, irony and
        # all; those of a plain day without feeling, nothing. Of the others one cannot know.
        told = row.evidence is not None and not row.mixed
        flat = told and row.sentiment == 1 and not row.hard
        self.has_unit_sentiment = np.ones(len(item.units)) if flat else self.evidence * float(told)
        self.turn = row.hard

    def without(self, dropped):
        """The targets of the same entry without some of its units."""
        rest, kept = copy.copy(self), [u for u in range(len(self.evidence)) if u not in dropped]
        for name in ("evidence", "unit_themes", "has_unit_sentiment"):
            setattr(rest, name, getattr(self, name)[kept])
        return rest

    def droppable(self):
        """Units that no label names, which an entry can lose and still say what it says."""
        named = (self.evidence > 0) | self.unit_themes.any(1)
        return np.flatnonzero(~named) if self.has_unit_themes else np.array([], int)


def says(unit, quotes):
    """Whether this unit is (part of) one of the quoted sentences, or holds it."""
    return any(unit in quote or quote in unit for quote in quotes)


def stack(targets, name, dtype=torch.float32):
    """One field of many targets as a tensor."""
    return torch.tensor(np.stack([np.asarray(getattr(t, name)) for t in targets]), dtype=dtype)


def loss_of(out, targets, entry_of):
    """The weighted sum of all heads' losses on a batch, and its parts for the log."""
    n = len(targets)
    parts = {}
    weight = stack(targets, "has_sentiment")
    truth = stack(targets, "sentiment", torch.long)
    parts["sentiment"] = (weight * F.cross_entropy(out["sentiment"], truth, reduction="none", label_smoothing=0.05)).sum() / n
    parts["valence"] = 2 * (stack(targets, "has_valence") * (out["valence"] - stack(targets, "valence")) ** 2).sum() / n
    bce = F.binary_cross_entropy_with_logits
    # Twenty themes, of which an entry has one or two: a present one counts three times.
    theme = stack(targets, "themes")
    theme_loss = bce(out["themes"], theme, reduction="none") * (1 + 2 * theme)
    parts["themes"] = 3 * (stack(targets, "has_themes") * theme_loss).mean(1).sum() / n
    parts["emotions"] = 2 * (stack(targets, "has_emotions") * bce(out["emotions"], stack(targets, "emotions"), reduction="none")).mean(1).sum() / n
    parts["mixed"] = 0.3 * (stack(targets, "has_mixed") * bce(out["mixed"], stack(targets, "mixed"), reduction="none")).sum() / n

    # Evidence for the sentiment: among an entry's units, the named ones share the probability.
    named = torch.tensor(np.concatenate([t.evidence for t in targets]), dtype=torch.float32)
    scores = out["unit_evidence"].gather(1, truth[entry_of][:, None])
    p = segment_softmax(scores, entry_of, n)[:, 0]
    hit = torch.zeros(n).index_add(0, entry_of, p * named)
    asked = stack(targets, "has_evidence")
    parts["evidence"] = -0.3 * (asked * torch.log(hit.clamp(min=1e-6))).sum() / n
    # The pooling looks at the same sentences, gently.
    hit = torch.zeros(n).index_add(0, entry_of, out["unit_weight"] * named)
    parts["attention"] = -0.1 * (asked * torch.log(hit.clamp(min=1e-6))).sum() / n

    sure = torch.tensor(np.concatenate([t.has_unit_sentiment for t in targets]), dtype=torch.float32)
    unit_loss = F.cross_entropy(out["unit_sentiment"], truth[entry_of], reduction="none", label_smoothing=0.05)
    # A mean over each entry's sentences, so that a long one counts no more than a short one.
    each = torch.zeros(n).index_add(0, entry_of, sure * unit_loss)
    count = torch.zeros(n).index_add(0, entry_of, sure).clamp(min=1)
    parts["unit_sentiment"] = 0.4 * (each / count).sum() / n

    # Evidence for a theme: the same, for every theme of the entry whose sentences are named.
    unit_truth = torch.tensor(np.concatenate([t.unit_themes for t in targets]), dtype=torch.float32)
    p = segment_softmax(out["unit_themes"], entry_of, n)
    hit = torch.zeros(n, p.shape[1]).index_add(0, entry_of, p * unit_truth)
    asked = torch.zeros(n, p.shape[1]).index_add(0, entry_of, unit_truth).clamp(max=1)
    asked = asked * stack(targets, "has_evidence_of_themes")[:, None]
    parts["theme_evidence"] = -0.3 * (asked * torch.log(hit.clamp(min=1e-6))).sum() / n
    # And a sentence of an entry without the theme is not about it. (One of an entry with it may be, though not quoted.)
    absent = stack(targets, "has_unit_themes")[entry_of][:, None] * (1 - stack(targets, "themes")[entry_of])
    unit_bce = bce(out["unit_themes"], unit_truth, reduction="none") * (absent + unit_truth)
    parts["unit_themes"] = 0.5 * unit_bce.mean(1).sum() / len(entry_of)
    return sum(parts.values()), {k: float(v.detach()) for k, v in parts.items()}
