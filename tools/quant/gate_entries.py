#!/usr/bin/env python3
"""Choose the labelled entries that the quality gate reads: 99 of journal-200, as many of each sentiment, voices mixed.

    python tools/quant/gate_entries.py data/journal-200/entries.jsonl

Writes crates/assistant/assets/gate-entries.jsonl, one `{"text", "sentiment", "themes"}` a line. Needs Python alone. No
model is trained or calibrated on journal-200 (data/README.md), so none of these is known to what is judged with them.
"""

import argparse
import json
import pathlib

ROOT = pathlib.Path(__file__).parents[2]
OUT = ROOT / "crates/assistant/assets/gate-entries.jsonl"
EACH = 33


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("entries", type=pathlib.Path)
    args = parser.parse_args()
    with open(args.entries, encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines if line.strip()]
    of = {word: [e for e in entries if e["sentiment"] == word] for word in ("negative", "neutral", "positive")}
    # In turn, so that any number of them from the front is balanced; from all over the file, so that voices are.
    spread = {word: [mine[at * len(mine) // EACH] for at in range(EACH)] for word, mine in of.items()}
    chosen = [spread[word][at] for at in range(EACH) for word in spread]
    with open(OUT, "w", encoding="utf-8") as out:
        for entry in chosen:
            line = {key: entry[key] for key in ("text", "sentiment", "themes")}
            out.write(json.dumps(line, ensure_ascii=True) + "\n")
    print(f"{len(chosen)} entries, {len({e['voice'] for e in chosen})} voices, {sum(len(e['themes']) for e in chosen)} themes")


if __name__ == "__main__":
    main()
