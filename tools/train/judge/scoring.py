"""How a judge is scored: paraphrases served at a bounded rate of false hits."""

import numpy as np
from scipy.stats import beta


def upper_bound(wrong, n, sure=0.95):
    """One-sided Clopper-Pearson bound of a rate."""
    return 1.0 if wrong >= n else float(beta.ppf(sure, wrong + 1, n - wrong))


def served_at(logits, labels, most=0.01, bound=True):
    """The lowest cut whose rate of false hits (with its bound) stays within `most`: cut, share served, false hits, n."""
    labels = np.asarray(labels, bool)
    negatives = np.sort(logits[~labels])[::-1]
    n = len(negatives)
    best = None
    for wrong in range(n + 1):
        rate = upper_bound(wrong, n) if bound else wrong / n
        if rate > most:
            break
        best = wrong
    if best is None:
        return float("inf"), 0.0, 0, n
    cut = float(negatives[best]) if best < n else float("-inf")
    served = float((logits[labels] > cut).mean())
    return cut, served, int((negatives > cut).sum()), n


def area(logits, labels):
    """Area under the ROC curve."""
    labels = np.asarray(labels, bool)
    ranks = np.argsort(np.argsort(logits)) + 1
    p, n = labels.sum(), (~labels).sum()
    return float((ranks[labels].sum() - p * (p + 1) / 2) / max(1, p * n))
