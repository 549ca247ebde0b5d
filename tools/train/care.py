#!/usr/bin/env python3
"""Train the classifier behind the help card: one linear map over the plain encoder's sentence vectors.

    python tools/train/care.py --model-dir DIR --binary target/release/companion --entries data/journal-train/train-*.jsonl

The vectors are the program's own (`companion embed`), from the encoder of COMPANION_HOME; DIR holds the weights it was made of.

Positives and near misses: `data/care/train.jsonl`, written for this project. Further negatives: the sentences of our own
entries, none of which speaks of danger. Two cuts: `alone`, for sentences with a word that hints at danger, which one entry of ours
in twenty would pass by mistake (each scored by a map that did not see it; the product asks only of entries that feel bad,
which leaves about half of them), and `beside_a_phrase`, a little below the middle between the two classes.
"""

import argparse
import hashlib
import json
import pathlib
import re
import sys

import numpy as np
from scipy.optimize import minimize

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools/eval"))

from companion_cli import embed  # noqa: E402

from labelled_sets import sentences  # noqa: E402

FOLDS = 10
RIDGE = 0.3
MISTAKES = 1 / 20
RULES = ROOT / "crates/assistant/src/care/rules.rs"


def hinted(texts):
    """Which sentences have a word for which the classifier is asked, and somebody who says I: the lists of `rules.rs`."""
    rules = RULES.read_text()
    hints, own = (
        set(re.findall(r'"([a-z]+)"', re.search(rf"const {name}: &\[&str\] = &\[(.*?)\];", rules, re.S).group(1)))
        for name in ("HINTS", "SELF")
    )
    words = [set(re.findall(r"[a-z]+", text.lower().replace("'", "").replace("’", ""))) for text in texts]
    return np.array([bool(w & hints) and bool(w & own) for w in words])


def fit(x, y, weight):
    """Weights and bias of a ridge logistic regression, behind one another."""

    def loss(wb):
        z = x @ wb[:-1] + wb[-1]
        value = (weight * (np.logaddexp(0, z) - y * z)).sum() + 0.5 * RIDGE * (wb[:-1] ** 2).sum()
        slope = weight * (1 / (1 + np.exp(-z)) - y)
        return value, np.append(x.T @ slope + RIDGE * wb[:-1], slope.sum())

    return minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 300}).x


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model-dir", type=pathlib.Path, required=True)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/companion")
    parser.add_argument("--entries", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--every", type=int, default=4, help="one entry in so many gives its sentences")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "crates/assistant/assets/care.json")
    args = parser.parse_args()

    own = [json.loads(line) for line in open(ROOT / "data/care/train.jsonl", encoding="utf-8")]
    entries = [json.loads(line)["text"] for path in args.entries for line in open(path, encoding="utf-8")][:: args.every]
    parts = [sentences(text) for text in entries]
    flat = [s for ss in parts for s in ss]
    owner = np.repeat(np.arange(len(entries)), [len(ss) for ss in parts])
    # In f64 at once: the fit would convert all of it in every step.
    x = embed(args.binary, None, [o["text"] for o in own] + flat).astype(np.float64)
    y = np.array([float(o["care"]) for o in own] + [0.0] * len(flat))
    n, care = len(own), y[: len(own)] == 1
    # All the plain sentences together count as much as the positives.
    weight = np.ones(len(y))
    weight[n:] = y.sum() / len(flat)
    hint = hinted([o["text"] for o in own] + flat)
    weight[n:][hint[n:]] *= 4

    rng = np.random.default_rng(5)
    fold = np.concatenate([rng.integers(0, FOLDS, n), rng.integers(0, FOLDS, len(entries))[owner]])
    z = np.zeros(len(y))
    for k in range(FOLDS):
        wb = fit(x[fold != k], y[fold != k], weight[fold != k])
        z[fold == k] = x[fold == k] @ wb[:-1] + wb[-1]
    loudest = np.full(len(entries), -99.0)
    np.maximum.at(loudest, owner, np.where(hint, z, -99.0)[n:])
    alone = float(np.quantile(loudest, 1 - MISTAKES))
    beside = float((np.median(z[:n][care]) + np.median(z[:n][~care])) / 2) - 0.5
    beside = min(beside, alone - 0.5)
    print(f"out of fold: {(hint[:n] & (z[:n] >= alone))[care].mean():.3f} of {care.sum()} found alone, {(z[:n][care] >= beside).mean():.3f} beside a phrase")
    print(f"by mistake: {(hint[:n] & (z[:n] >= alone))[~care].mean():.3f} and {(z[:n][~care] >= beside).mean():.3f} of {(~care).sum()} near misses,")
    print(f"{(loudest >= alone).sum()} and {(loudest >= beside).sum()} of {len(entries)} entries; cuts {alone:.2f} and {beside:.2f}")

    wb = fit(x, y, weight)
    out = {
        "made_by": "tools/train/care.py",
        "encoder_sha256": hashlib.sha256((args.model_dir / "model.safetensors").read_bytes()).hexdigest(),
        "trained_on": {"positives": int(care.sum()), "near_misses": int((~care).sum()), "sentences_of_entries": len(flat)},
        "alone": round(alone, 3),
        "beside_a_phrase": round(beside, 3),
        "bias": round(float(wb[-1]), 4),
        "weights": [round(float(w), 4) for w in wb[:-1]],
    }
    args.out.write_text(json.dumps(out) + "\n")


if __name__ == "__main__":
    main()
