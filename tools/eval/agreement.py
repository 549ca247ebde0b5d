#!/usr/bin/env python3
"""How far two readers of the same entries agree: the ceiling of what any model can be asked for.

    python3 tools/eval/agreement.py data/journal-200/second_reader.jsonl data/journal-200/entries.jsonl

The first file holds a blind reader's labels: id, sentiment, valence, mixed, themes and the one sentence that speaks most
for the sentiment; the others hold the authors' (data/GUIDE.md). Entries that the reader did not see are left out. Needs
only the standard library.
"""
import argparse
import collections
import json
import math


def cohen_kappa(first, second):
    """Observed agreement, and agreement beyond chance (Cohen 1960)."""
    n = len(first)
    observed = sum(a == b for a, b in zip(first, second)) / n
    left, right = collections.Counter(first), collections.Counter(second)
    chance = sum(left[k] * right[k] for k in left) / n**2
    return observed, 1.0 if chance == 1 else (observed - chance) / (1 - chance)


def pearson(pairs):
    n = len(pairs)
    mean_a, mean_b = sum(a for a, _ in pairs) / n, sum(b for _, b in pairs) / n
    covariance = sum((a - mean_a) * (b - mean_b) for a, b in pairs)
    return covariance / math.sqrt(sum((a - mean_a) ** 2 for a, _ in pairs) * sum((b - mean_b) ** 2 for _, b in pairs))


def same_sentence(pick, sentences):
    return any(pick in s or s in pick for s in sentences)


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", help="the second reader's labels")
    parser.add_argument("authors", nargs="+", help="files with the authors' labels")
    options = parser.parse_args()
    author = {e["id"]: e for path in options.authors for e in read(path)}
    pairs = [(author[r["id"]], r) for r in read(options.reader) if r["id"] in author]
    hard = [p for p in pairs if p[0]["hard"]]
    for name, part in [("all", pairs)] + ([("hard", hard)] if hard else []):
        agreed, kappa = cohen_kappa([a["sentiment"] for a, _ in part], [b["sentiment"] for _, b in part])
        mixed, mixed_kappa = cohen_kappa([a["mixed"] for a, _ in part], [b["mixed"] for _, b in part])
        shared = sum(len(set(a["themes"]) & set(b["themes"])) for a, b in part)
        f1 = 2 * shared / sum(len(a["themes"]) + len(b["themes"]) for a, b in part)
        felt = [(a, b) for a, b in part if a["evidence"]["sentiment"] and b["evidence"]]
        evidence = sum(same_sentence(b["evidence"], a["evidence"]["sentiment"]) for a, b in felt)
        correlation = pearson([(a["valence"], b["valence"]) for a, b in part])
        print(
            f"{name}: n {len(part)}, sentiment {agreed:.3f} (kappa {kappa:.3f}), valence r {correlation:.3f}, "
            f"mixed {mixed:.3f} (kappa {mixed_kappa:.3f}), theme micro-F1 {f1:.3f}, evidence {evidence}/{len(felt)}"
        )


if __name__ == "__main__":
    main()
