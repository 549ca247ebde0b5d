"""Scores with their intervals, shared by training and evaluation."""

import numpy as np


def macro_f1(truth, guess, classes):
    """Mean F1 over `classes`; a class that neither occurs nor is guessed is left out."""
    scores = []
    for c in classes:
        hits = int(((truth == c) & (guess == c)).sum())
        total = int((truth == c).sum() + (guess == c).sum())
        if total:
            scores.append(2 * hits / total)
    return float(np.mean(scores)) if scores else float("nan")


def interval(score, n, rounds=1000, seed=7):
    """95 % percentile bootstrap of `score(indices)` over n texts, as [low, high]."""
    rng = np.random.default_rng(seed)
    values = [score(rng.integers(0, n, n)) for _ in range(rounds)]
    return [round(float(v), 4) for v in np.nanpercentile(values, [2.5, 97.5])]


def calibration_error(confidence, right, bins=10):
    """Expected calibration error: equal-width bins, weighted by their share of the texts."""
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for b in range(bins):
        here = index == b
        if here.any():
            error += here.mean() * abs(confidence[here].mean() - right[here].mean())
    return float(error)


def sentiment_scores(truth, probabilities):
    """n, accuracy, macro-F1 (each with interval), polarity accuracy, and calibration error of three-class sentiment.

    `truth` int [n] into positive, neutral, negative; `probabilities` f [n, 3]. Macro-F1 runs over the classes in `truth`.
    Polarity: among texts labelled positive or negative, the likelier of these two, whatever neutral has.
    """
    truth, probabilities = np.asarray(truth), np.asarray(probabilities)
    guess = probabilities.argmax(1)
    right = guess == truth
    classes = sorted(set(truth.tolist()))
    polar = truth != 1
    report = {
        "n": len(truth),
        "accuracy": round(float(right.mean()), 4),
        "accuracy_interval": interval(lambda i: right[i].mean(), len(truth)),
        "macro_f1": round(macro_f1(truth, guess, classes), 4),
        "macro_f1_interval": interval(lambda i: macro_f1(truth[i], guess[i], classes), len(truth)),
        "ece": round(calibration_error(probabilities.max(1), right), 4),
    }
    if polar.any():
        side = np.where(probabilities[polar, 0] >= probabilities[polar, 2], 0, 2)
        report["polarity_accuracy"] = round(float((side == truth[polar]).mean()), 4)
    return report


def theme_scores(truth, guess):
    """Multi-label scores of bool [n, themes]: micro precision, recall, F1 with interval, and how often a label is found."""
    truth, guess = np.asarray(truth, bool), np.asarray(guess, bool)

    def micro(i):
        t, g = truth[i], guess[i]
        return 2 * (t & g).sum() / max(1, t.sum() + g.sum())

    everything = np.arange(len(truth))
    labelled = truth.any(1)
    return {
        "n": len(truth),
        "micro_f1": round(float(micro(everything)), 4),
        "micro_f1_interval": interval(micro, len(truth), rounds=300),
        "precision": round(float((truth & guess).sum() / max(1, guess.sum())), 4),
        "recall": round(float((truth & guess).sum() / max(1, truth.sum())), 4),
        "label_among_returned": round(float((truth & guess).any(1)[labelled].mean()), 4) if labelled.any() else None,
    }
