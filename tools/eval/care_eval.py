#!/usr/bin/env python3
"""The help card over labelled passages, computed in numpy: the reference of `crates/assistant/src/care`.

    python tools/eval/care_eval.py --binary target/release/companion FILE.jsonl…

Prints the row that the example `measure_care` prints. It splits sentences with the training's splitter, so a passage or two
may fall otherwise.
"""

import argparse
import json
import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools/train"))

from care import features, loudest, runs  # noqa: E402
from care_phrases import strength, table  # noqa: E402
from companion_cli import embed  # noqa: E402
from labelled_sets import sentences  # noqa: E402


def shown(texts, binary, asset):
    """(by certain phrases, by both) for each text."""
    groups = [runs(sentences(text)) for text in texts]
    owner = np.repeat(np.arange(len(texts)), [len(g) for g in groups])
    flat = [group for gs in groups for group in gs]
    distinct = list(dict.fromkeys(s for group in flat for s in group))
    vectors = dict(zip(distinct, embed(binary, None, distinct)))
    phrases = table()
    says = {s: strength(s, phrases) for s in distinct}
    phrase = np.array([max(says[s] for s in group) for group in flat])
    weights = np.array(asset["weights"] + list(asset["words"].values()), dtype=np.float32)
    column = {word: at for at, word in enumerate(asset["words"])}
    z = features(flat, vectors, column) @ weights + asset["bias"]
    certain = loudest(phrase, owner, len(texts)) == 2
    enough = np.where(phrase > 0, asset["beside_a_phrase"], asset["alone"])
    return certain, certain | (loudest(z - enough, owner, len(texts)) >= 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/companion")
    parser.add_argument("--asset", type=pathlib.Path, default=ROOT / "crates/assistant/assets/care.json")
    parser.add_argument("files", type=pathlib.Path, nargs="+")
    args = parser.parse_args()
    asset = json.loads(args.asset.read_text())
    print("| set | speak of danger | found by phrases | found by both | others | phrases by mistake | both by mistake |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for path in args.files:
        rows = [json.loads(line) for line in open(path, encoding="utf-8")]
        care = np.array([row.get("care", False) for row in rows])
        by_phrases, by_both = shown([row["text"] for row in rows], args.binary, asset)
        print(f"| {path} | {care.sum()} | {by_phrases[care].sum()} | {by_both[care].sum()} | {(~care).sum()} | {by_phrases[~care].sum()} | {by_both[~care].sum()} |")


if __name__ == "__main__":
    main()
