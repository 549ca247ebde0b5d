#!/usr/bin/env python3
"""Write `data/cache-pairs/must-refuse.jsonl`: pairs of which one's answer must not serve the other.

    python tools/train/judge/must_refuse.py data/cache-pairs/author-c.jsonl

By hand: every look-alike that the held-out author wrote, beside the two phrasings of its cluster with which it shares the most
words. By rule: each phrasing beside at most two of the texts that `rules.py` makes of it.
"""

import json
import pathlib
import random
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]

from clusters import load  # noqa: E402
from rules import altered  # noqa: E402


def words(text):
    return set(re.findall(r"\w+", text.lower()))


def main():
    rng, out = random.Random(3), []
    for path in map(pathlib.Path, sys.argv[1:]):
        for cluster in load(path):
            for text, why in cluster.different:
                near = sorted(cluster.same, key=lambda s: len(words(s) & words(text)) / len(words(s) | words(text)))
                out += [{"a": same, "b": text, "why": why, "by": "hand"} for same in near[-2:]]
            for text in cluster.same:
                made = altered(text)
                out += [{"a": text, "b": new, "why": rule, "by": "rule"} for rule, new in rng.sample(made, min(2, len(made)))]
    target = HERE.parents[2] / "data/cache-pairs/must-refuse.jsonl"
    target.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in out), encoding="utf-8")
    by = {kind: sum(row["by"] == kind for row in out) for kind in ("hand", "rule")}
    print(f"{target}: {len(out)} pairs, {by}")


if __name__ == "__main__":
    main()
