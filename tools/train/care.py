#!/usr/bin/env python3
"""Train the classifier behind the help card: one linear map over the plain encoder's sentence vectors and over words.

    python tools/train/care.py --model-dir DIR --binary target/release/companion --entries data/journal-train/train-*.jsonl

The vectors are the program's own (`companion embed`), from the encoder of COMPANION_HOME; DIR holds the weights it was made of.

What is scored is a run of up to three sentences: the mean of their vectors, and which words and pairs of words they have.
Positives and near misses: `data/care/train.jsonl`, written for this project. Further negatives: the runs of our own
entries, none of which speaks of danger. Two cuts: `alone`, which one entry of ours in a hundred would pass by mistake (each
scored by a map that did not see it, and passages by maps that saw nothing of their voice), and `beside_a_phrase`, for runs
with a phrase of `phrases.rs`, which takes half a hundredth more of the entries and no more than one near miss in twelve.
"""

import argparse
import collections
import hashlib
import json
import pathlib
import sys

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools/eval"))

from companion_cli import embed  # noqa: E402

from care_phrases import folded, strength, table  # noqa: E402
from labelled_sets import sentences  # noqa: E402

FOLDS = 8
RIDGE = 0.3
RUN = 3  # sentences
SEEN = 4  # passages that a word must be in
ENTRIES_WEIGH = 8.0  # all their runs together, in positives
MISTAKES = 0.01
WITH_PHRASES = 0.015


def words_of(sentence):
    """The words and pairs of neighbouring words of a sentence."""
    words = folded(sentence)
    return set(words) | {f"{a} {b}" for a, b in zip(words, words[1:])}


def runs(parts):
    """Lists of up to RUN sentences that stand together, from `parts` in order."""
    return [parts[at : at + RUN] for at in range(max(1, len(parts) - RUN + 1))]


def features(groups, vectors, vocabulary):
    """[len(groups), dim + len(vocabulary)]: the mean vector, L2-normalised, and the known words, of length 1 together."""
    mean = np.array([np.mean([vectors[s] for s in group], axis=0) for group in groups])
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    rows, columns, values = [], [], []
    for row, group in enumerate(groups):
        known = [vocabulary[w] for w in set().union(*map(words_of, group)) if w in vocabulary]
        rows += [row] * len(known)
        columns += known
        values += [1 / len(known) ** 0.5] * len(known) if known else []
    words = csr_matrix((values, (rows, columns)), shape=(len(groups), len(vocabulary)))
    return np.hstack([mean, words.toarray()]).astype(np.float32)


def fit(x, y, weight):
    """Weights and bias of a ridge logistic regression, behind one another."""

    def loss(wb):
        z = (x @ wb[:-1].astype(np.float32)).astype(np.float64) + wb[-1]
        value = (weight * (np.logaddexp(0, z) - y * z)).sum() + 0.5 * RIDGE * (wb[:-1] ** 2).sum()
        slope = weight * (1 / (1 + np.exp(-z)) - y)
        return value, np.append(x.T @ slope.astype(np.float32) + RIDGE * wb[:-1], slope.sum())

    return minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 120}).x


def loudest(z, owner, n):
    """The largest `z` of each of `n` owners; -99 where it has none."""
    out = np.full(n, -99.0)
    np.maximum.at(out, owner, z)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model-dir", type=pathlib.Path, required=True)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/companion")
    parser.add_argument("--entries", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--every", type=int, default=2, help="one entry in so many is used")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "crates/assistant/assets/care.json")
    args = parser.parse_args()

    own = [json.loads(line) for line in open(ROOT / "data/care/train.jsonl", encoding="utf-8")]
    entries = [json.loads(line)["text"] for path in args.entries for line in open(path, encoding="utf-8")][:: args.every]
    groups = [runs(sentences(o["text"])) for o in own] + [runs(sentences(text)) for text in entries]
    owner = np.repeat(np.arange(len(groups)), [len(g) for g in groups])
    flat = [group for gs in groups for group in gs]
    distinct = list(dict.fromkeys(s for group in flat for s in group))
    vectors = dict(zip(distinct, embed(args.binary, None, distinct)))

    n = len(own)
    care = np.array([o["care"] for o in own])
    of_passage = owner < n
    y = np.where(of_passage, np.append(care, np.zeros(len(entries)))[owner], 0.0)
    # Every passage counts once, however many runs it has.
    weight = 1.0 / np.bincount(owner)[owner]
    # Runs of an entry overlap, so every second one is enough to learn from; all are judged.
    learnt = of_passage | (np.arange(len(flat)) % 2 == 0)
    weight[~of_passage] = ENTRIES_WEIGH * care.sum() / (learnt & ~of_passage).sum()
    phrases = table()
    says = {s: strength(s, phrases) for s in distinct}
    phrase = np.array([max(says[s] for s in group) for group in flat])

    # The first 190 passages have no voice; ten neighbours count as one.
    voices = [o.get("voice", f"first {i // 10}") for i, o in enumerate(own)]
    rng = np.random.default_rng(5)
    names = sorted(set(voices))
    of_voice = dict(zip(names, rng.permutation(len(names)) % FOLDS))
    fold = np.concatenate([[of_voice[v] for v in voices], rng.integers(0, FOLDS, len(entries))])[owner]

    def vocabulary(which):
        """Words of the passages in `which`, each with its column."""
        count = collections.Counter(w for i in which for w in set().union(*(words_of(s) for g in groups[i] for s in g)))
        return {w: at for at, w in enumerate(sorted(w for w, c in count.items() if c >= SEEN))}

    z = np.zeros(len(y))
    for k in range(FOLDS):
        seen = vocabulary([i for i in range(n) if of_voice[voices[i]] != k])
        x = features(flat, vectors, seen)
        others = learnt & (fold != k)
        wb = fit(x[others], y[others], weight[others])
        z[fold == k] = x[fold == k] @ wb[:-1] + wb[-1]

    certain = loudest(phrase, owner, len(groups)) == 2
    any_run = loudest(z, owner, len(groups))
    with_phrase = loudest(np.where(phrase > 0, z, -99.0), owner, len(groups))
    alone = float(np.quantile(any_run[n:], 1 - MISTAKES))

    def shown(alone, beside):
        return certain | (any_run >= alone) | (with_phrase >= beside)

    def acceptable(beside):
        yes = shown(alone, beside)
        return yes[n:].mean() <= WITH_PHRASES and yes[:n][~care].mean() <= 1 / 12

    beside = float(next((c for c in np.arange(alone - 6, alone, 0.05) if acceptable(c)), alone))
    for name, yes in [("phrases", certain), ("classifier", any_run >= alone), ("together", shown(alone, beside))]:
        found, near, plain = yes[:n][care].mean(), yes[:n][~care].mean(), yes[n:].mean()
        print(f"{name}: {found:.3f} of {care.sum()} found; by mistake {near:.3f} of {(~care).sum()} near misses, {plain:.4f} of {len(entries)} entries")

    seen = vocabulary(range(n))
    wb = fit(features([g for g, of in zip(flat, learnt) if of], vectors, seen), y[learnt], weight[learnt])
    dim = len(wb) - 1 - len(seen)
    out = {
        "made_by": "tools/train/care.py",
        "encoder_sha256": hashlib.sha256((args.model_dir / "model.safetensors").read_bytes()).hexdigest(),
        "trained_on": {"positives": int(care.sum()), "near_misses": int((~care).sum()), "entries": len(entries)},
        "alone": round(alone, 3),
        "beside_a_phrase": round(beside, 3),
        "bias": round(float(wb[-1]), 4),
        "weights": [round(float(w), 4) for w in wb[:dim]],
        "words": {w: round(float(wb[dim + at]), 3) for w, at in seen.items()},
    }
    args.out.write_text(json.dumps(out) + "\n")


if __name__ == "__main__":
    main()
