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
import json
import math
import os
import pathlib
import random
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BANK = ROOT / "crates/assistant/assets/questions.jsonl"
EVENING = "2026-03-10T21:15:00"
NOW = "2026-03-10T21:30:00+00:00[UTC]"


def rows(path):
    return [json.loads(line) for line in open(path, encoding="utf-8") if line.strip()]


def asked(binary, models, text):
    """The question about an entry that is the only one of its journal."""
    with tempfile.TemporaryDirectory() as home:
        os.symlink(models.resolve(), f"{home}/models")
        env = os.environ | {"COMPANION_HOME": home, "COMPANION_NOW": NOW, "TZ": "UTC"}
        entry = json.dumps({"date": EVENING, "text": text})
        command = [str(binary), "import", "-", "--format", "jsonl", "--quiet"]
        subprocess.run(command, input=entry, text=True, env=env, check=True, stdout=subprocess.DEVNULL)
        done = subprocess.run([str(binary), "prompt", "--json"], text=True, env=env, check=True, capture_output=True)
        return json.loads(done.stdout)


def make(args):
    rng = random.Random(args.seed)
    rivals = [q for q in rows(BANK) if not q["follows"]]
    sheet, key = [], []
    for number, entry in enumerate(rows(ROOT / "data/journal-200/entries.jsonl")[::5], 1):
        ours = asked(args.binary, args.models, entry["text"])
        rival = rng.choice([q for q in rivals if q["id"] != ours["id"]])
        sides = [("companion", ours["text"]), ("random", rival["text"])]
        rng.shuffle(sides)
        sheet.append({"n": number, "entry": entry["text"], "a": sides[0][1], "b": sides[1][1], "better": ""})
        key.append({"n": number, "entry": entry["id"], "a": sides[0][0], "b": sides[1][0], "ours": ours["id"], "rival": rival["id"]})
    args.out.mkdir(parents=True, exist_ok=True)
    for name, lines in (("questions.jsonl", sheet), ("questions-key.jsonl", key)):
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (args.out / name).write_text(text, encoding="utf-8")
    print(f"{len(sheet)} entries in {args.out / 'questions.jsonl'}; the key is apart")


def score(args):
    key = {row["n"]: row for row in rows(args.key)}
    count = {"companion": 0, "random": 0, "tie": 0}
    for row in rows(args.sheet):
        better = row["better"]
        count["tie" if better == "tie" else key[row["n"]][better]] += 1
    n, k = count["companion"] + count["random"], count["companion"]
    tail = sum(math.comb(n, i) for i in range(max(k, n - k), n + 1)) / 2**n
    print(f"{count} of {sum(count.values())}; sign test p = {min(1.0, 2 * tail):.2g}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sub = parser.add_subparsers(required=True)
    first = sub.add_parser("make")
    first.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/companion")
    first.add_argument("--models", type=pathlib.Path, required=True)
    first.add_argument("--out", type=pathlib.Path, default=ROOT / "target/blind")
    first.add_argument("--seed", type=int, default=4)
    first.set_defaults(run=make)
    second = sub.add_parser("score")
    second.add_argument("sheet", type=pathlib.Path)
    second.add_argument("--key", type=pathlib.Path, required=True)
    second.set_defaults(run=score)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
