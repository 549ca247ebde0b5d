#!/usr/bin/env python3
"""Choose the judge's thresholds, from what the product itself says of pairs that nothing was trained on.

    cargo run --release -p companion-assistant --example measure_pairs -- MODEL_DIR crates/assistant/assets data/cache-pairs/author-[abdefhijkm].jsonl > SAID.jsonl
    cargo run --release -p companion-assistant --example measure_pairs -- MODEL_DIR crates/assistant/assets data/cache-pairs/author-g.jsonl > UNSEEN.jsonl
    python tools/train/judge/calibrate.py SAID.jsonl --unseen UNSEEN.jsonl

Two thresholds: one where no gate doubts, one (not lower) where some do. Of all that keep the rate of false hits over the held-out
look-alikes, those of the gates included, at or below `--rate`, half of one per cent, by its one-sided 95 % bound (Clopper and Pearson), the pair is taken
that serves the most paraphrases. Of the authors that were trained on only the clusters that training left out are looked at.
An author whose clusters the judge knows is easier than one whose hand it never saw, so the same is done for an author who is in no
training at all (`--unseen`), and of both choices the higher thresholds hold. Writes them into `judge.json`.
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


def same(row):
    return row["why"] == "same"


def is_open(row, floor):
    """Whether it comes before the judge at all."""
    return row["gate"] is None and row["similarity"] >= floor


def choose(rows, floor, rate):
    """The two thresholds that serve the most within the rate."""
    allowed = most_wrong(sum(not same(r) for r in rows), rate)
    # What the rule of wishes serves, right or wrong, no threshold changes.
    allowed -= sum(is_open(r, floor) and r["by_rule"] and not same(r) for r in rows)
    if allowed < 0:
        raise SystemExit("the look-alikes are too few, or too many of them are served by rule, to keep the rate")
    asked = [r for r in rows if is_open(r, floor) and not r["by_rule"]]
    part = lambda of_same, doubt: np.sort([r["score"] for r in asked if same(r) == of_same and bool(r["doubts"]) == doubt])[::-1]  # noqa: E731
    plain, doubted, plain_bad, doubted_bad = part(True, False), part(True, True), part(False, False), part(False, True)
    best = None
    for a in range(min(allowed, len(plain_bad)) + 1):
        low = plain_bad[a] if a < len(plain_bad) else -50.0
        for b in range(min(allowed - a, len(doubted_bad)) + 1):
            high = max(low, doubted_bad[b] if b < len(doubted_bad) else -50.0)
            served = int((plain > low).sum() + (doubted > high).sum())
            if best is None or served > best[0]:
                best = (served, float(low), float(high))
    return best[1:]


def rates(rows, floor, low, high):
    """Paraphrases, of those served, look-alikes, of those served."""
    hit = lambda r: is_open(r, floor) and (r["by_rule"] or r["score"] >= (high if r["doubts"] else low))  # noqa: E731
    of = lambda wanted: [hit(r) for r in rows if same(r) == wanted]  # noqa: E731
    return len(of(True)), sum(of(True)), len(of(False)), sum(of(False))


def table(rows):
    """Refusals by gate, of paraphrases and of look-alikes."""
    for gate in sorted({r["gate"] for r in rows if r["gate"]}):
        n = lambda wanted: sum(r["gate"] == gate and same(r) == wanted for r in rows)  # noqa: E731
        print(f"  {gate:10} refuses {n(True):5} paraphrases, {n(False):5} look-alikes")


def describe(name, rows, floor, low, high):
    good, served, bad, wrong = rates(rows, floor, low, high)
    print(f"{name}: {served} of {good} paraphrases ({served / good:.3f}), {wrong} of {bad} look-alikes ({wrong / bad:.4f}, at most {upper_bound(wrong, bad):.4f})")
    return {"paraphrases": good, "served": served, "look_alikes": bad, "false_hits": wrong}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("said", type=pathlib.Path, nargs="+")
    parser.add_argument("--unseen", type=pathlib.Path, help="what the program says of an author who is in no training")
    parser.add_argument("--rate", type=float, default=0.005, help="half of what is promised: one stranger's pairs are wrong nearly twice as often as another's")
    parser.add_argument("--floor", type=float, default=0.2)
    parser.add_argument("--meta", type=pathlib.Path, default=ROOT / "crates/assistant/assets/judge.json")
    parser.add_argument("--margin", type=float, default=0.02, help="added to both, so that a false hit on the edge stays refused")
    args = parser.parse_args()
    read = lambda path: [json.loads(line) for line in open(path, encoding="utf-8")]  # noqa: E731
    sets = {"clusters left out": [r for path in args.said for r in read(path) if is_held(r["cluster"])]}
    if args.unseen:
        sets["an author left out"] = read(args.unseen)
    low = high = float("-inf")
    for name, rows in sets.items():
        table(rows)
        near = np.array([r["similarity"] for r in rows if same(r) and r["gate"] is None])
        print("paraphrases that the gates let through, by cosine:", {f: round(float((near >= f).mean()), 3) for f in (0.1, 0.2, 0.3, 0.4, 0.45, 0.5, 0.6, 0.7, 0.85)})
        one, other = choose(rows, args.floor, args.rate)
        describe(f"{name} alone, {one:.2f} and {other:.2f}", rows, args.floor, one + args.margin, other + args.margin)
        low, high = max(low, one), max(high, other)
    low, high = round(low + args.margin, 3), round(high + args.margin, 3)
    print(f"thresholds {low}, {high}")
    for name, rows in sets.items():
        figures = describe(name, rows, args.floor, low, high)
    authors = lambda rows: ", ".join(sorted({r["cluster"].split("-")[0] for r in rows}))  # noqa: E731
    trained = f"clusters of the authors {authors(sets['clusters left out'])} that training left out"
    meta = json.loads(args.meta.read_text())
    meta["thresholds"] = [low, high]
    on = f"author {authors(rows)}, who is in no training, and {trained}; the counts are that author's" if args.unseen else trained
    meta["calibrated"] = {"on": on, **figures}
    args.meta.write_text(json.dumps(meta, indent=1) + "\n")


if __name__ == "__main__":
    main()
