#!/usr/bin/env python3
"""A blind comparison of the question that Companion asks about an entry with a random one of its bank.

    python tools/eval/questions_blind.py make --binary target/release/companion --models DIR --out target/blind
    python tools/eval/questions_blind.py score data/questions-blind.jsonl --key data/questions-blind-key.jsonl

`make` takes every fifth entry of `data/journal-200`, gives each a journal of its own in which it was written that evening,
and asks for the question. The rival is a random question of the bank that needs no entry to quote. The sides are shuffled;
which is which goes to a file apart. A reader who sees neither sets `better` of each row to `a`, `b` or `tie`.
`score` counts, and gives the two-sided sign test without the ties.
"""

import argparse
import pathlib
import random

import blind
from blind import rows

ROOT = pathlib.Path(__file__).resolve().parents[2]
BANK = ROOT / "crates/assistant/assets/questions.jsonl"
EVENING = "2026-03-10T21:15:00"
NOW = "2026-03-10T21:30:00+00:00[UTC]"


def asked(binary, models, text):
    """The question about an entry that is the only one of its journal."""
    with blind.journal(binary, models, NOW, [{"date": EVENING, "text": text}]) as ask:
        return ask("prompt")


def make(args):
    rng = random.Random(args.seed)
    rivals = [q for q in rows(BANK) if not q["follows"]]
    sheet, key = [], []
    for number, entry in enumerate(rows(ROOT / "data/journal-200/entries.jsonl")[args.first :: 5], 1):
        ours = asked(args.binary, args.models, entry["text"])
        rival = rng.choice([q for q in rivals if q["id"] != ours["id"]])
        sides = [("companion", ours["text"]), ("random", rival["text"])]
        rng.shuffle(sides)
        sheet.append({"n": number, "entry": entry["text"], "a": sides[0][1], "b": sides[1][1], "better": ""})
        key.append({"n": number, "entry": entry["id"], "a": sides[0][0], "b": sides[1][0], "ours": ours["id"], "rival": rival["id"]})
    blind.write(args.out, "questions-blind", sheet, key)


def score(args):
    key = {row["n"]: row for row in rows(args.key)}
    count = {"companion": 0, "random": 0, "tie": 0}
    for row in rows(args.sheet):
        better = row["better"]
        count["tie" if better == "tie" else key[row["n"]][better]] += 1
    n, k = count["companion"] + count["random"], count["companion"]
    print(f"{count} of {sum(count.values())}; sign test p = {blind.sign_test(k, n):.2g}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sub = parser.add_subparsers(required=True)
    first = sub.add_parser("make")
    first.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/companion")
    first.add_argument("--models", type=pathlib.Path, required=True)
    first.add_argument("--out", type=pathlib.Path, default=ROOT / "target/blind")
    first.add_argument("--seed", type=int, default=4)
    first.add_argument("--first", type=int, default=0, help="which of the first five entries begins: other entries for another reading")
    first.set_defaults(run=make)
    second = sub.add_parser("score")
    second.add_argument("sheet", type=pathlib.Path)
    second.add_argument("--key", type=pathlib.Path, required=True)
    second.set_defaults(run=score)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
