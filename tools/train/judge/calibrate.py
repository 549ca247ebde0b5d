#!/usr/bin/env python3
"""Choose the judge's thresholds on held-out clusters, from what the product itself says of their pairs.

    cargo run --release -p companion-assistant --example measure_pairs -- MODEL_DIR data/cache-pairs/author-[ab].jsonl > SAID.jsonl
    python tools/train/judge/calibrate.py SAID.jsonl

Two thresholds: one where no gate doubts, one (not lower) where some do. Of all that keep the rate of false hits over the held-out
look-alikes, those of the gates included, at or below 1 % by its one-sided 95 % bound (Clopper and Pearson), the pair is taken
that serves the most paraphrases. Only clusters that training left out are looked at. Writes them into `judge.json`.
"""

import argparse
import hashlib
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]

import numpy as np  # noqa: E402

from clusters import DEV_OF, DEV_PARTS  # noqa: E402
from scoring import upper_bound  # noqa: E402

ROOT = HERE.parents[2]


def is_held(cluster):
    return int(hashlib.sha256(cluster.encode()).hexdigest(), 16) % DEV_OF in DEV_PARTS


def most_wrong(n, rate):
    """How many false hits of n the bound allows; -1 where even none are too many to know."""
    wrong = -1
    while upper_bound(wrong + 1, n) <= rate:
        wrong += 1
    return wrong


def choose(rows, floor, rate):
    """The two thresholds, and what they serve."""
    open_ = [r for r in rows if r["gate"] is None and r["similarity"] >= floor]
    good = [r for r in rows if r["why"] == "same"]
    bad = [r for r in rows if r["why"] != "same"]
    allowed = most_wrong(len(bad), rate)
    if allowed < 0:
        raise SystemExit(f"{len(bad)} look-alikes are too few to keep a rate of {rate}")
    part = lambda same, doubt: np.sort([r["score"] for r in open_ if (r["why"] == "same") == same and bool(r["doubts"]) == doubt])[::-1]  # noqa: E731
    plain, doubted, plain_bad, doubted_bad = part(True, False), part(True, True), part(False, False), part(False, True)
    best = None
    for a in range(min(allowed, len(plain_bad)) + 1):
        low = plain_bad[a] if a < len(plain_bad) else -50.0
        for b in range(min(allowed - a, len(doubted_bad)) + 1):
            high = max(low, doubted_bad[b] if b < len(doubted_bad) else -50.0)
            served = int((plain > low).sum() + (doubted > high).sum())
            wrong = int((plain_bad > low).sum() + (doubted_bad > high).sum())
            if wrong <= allowed and (best is None or served > best[0]):
                best = (served, wrong, float(low), float(high))
    return best, len(good), len(bad)


def table(rows):
    """Refusals by gate, of paraphrases and of look-alikes."""
    for gate in sorted({r["gate"] for r in rows if r["gate"]}):
        n = lambda same: sum(r["gate"] == gate and (r["why"] == "same") == same for r in rows)  # noqa: E731
        print(f"  {gate:10} refuses {n(True):5} paraphrases, {n(False):5} look-alikes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("said", type=pathlib.Path, nargs="+")
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--floor", type=float, default=0.45)
    parser.add_argument("--meta", type=pathlib.Path, default=ROOT / "crates/assistant/assets/judge.json")
    parser.add_argument("--margin", type=float, default=0.02, help="added to both, so that a false hit on the edge stays refused")
    args = parser.parse_args()
    rows = [json.loads(line) for path in args.said for line in open(path, encoding="utf-8")]
    held = [r for r in rows if is_held(r["cluster"])]
    table(held)
    near = np.array([r["similarity"] for r in held if r["why"] == "same" and r["gate"] is None])
    print("paraphrases that the gates let through, by cosine:", {f: round(float((near >= f).mean()), 3) for f in (0.3, 0.4, 0.45, 0.5, 0.6, 0.7, 0.85)})
    (served, wrong, low, high), good, bad = choose(held, args.floor, args.rate)
    low, high = round(low + args.margin, 3), round(high + args.margin, 3)
    print(f"thresholds {low}, {high}: {served} of {good} paraphrases ({served / good:.3f}), {wrong} of {bad} look-alikes (bound {upper_bound(wrong, bad):.4f})")
    meta = json.loads(args.meta.read_text())
    meta["thresholds"] = [low, high]
    authors = sorted({r["cluster"].split("-")[0] for r in held})
    meta["calibrated"] = {"on": f"clusters of the authors {', '.join(authors)} that training left out", "paraphrases": good, "served": served, "look_alikes": bad, "false_hits": wrong}
    args.meta.write_text(json.dumps(meta, indent=1) + "\n")


if __name__ == "__main__":
    main()
