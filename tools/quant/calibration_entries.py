#!/usr/bin/env python3
"""Choose the entries that decoders are calibrated on: 500 of our own, of 50 to 1,000 words, from every voice in turn.

    python tools/quant/calibration_entries.py data/journal-train/train-[a-h].jsonl

Writes crates/engine/assets/calibration-entries.jsonl, one `{"id", "text"}` a line. Needs Python alone. What
companion-tiny never trained on is left out, so that its held-out entries stay unseen by quantizers too. People who write at
length are in data/calibration/long.jsonl: those entries take the places of the shortest ones, spread over the whole.
"""

import argparse
import json
import pathlib

ROOT = pathlib.Path(__file__).parents[2]
LONG = ROOT / "data/calibration/long.jsonl"
OUT = ROOT / "crates/engine/assets/calibration-entries.jsonl"
COUNT = 500
WORDS = range(50, 1001)
HELD_OUT_EVERY = 25  # as in tools/train/tiny/text.py


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def words(entry):
    return len(entry["text"].split())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("entries", type=pathlib.Path, nargs="+")
    args = parser.parse_args()
    entries = [entry for path in sorted(args.entries) for entry in read(path)]
    entries = [entry for at, entry in enumerate(entries) if (at + 1) % HELD_OUT_EVERY]
    fitting = [entry for entry in entries if words(entry) in WORDS]
    voices = {}
    for entry in fitting:
        voices.setdefault(entry["voice"], []).append(entry)
    # Round after round one of each voice, so that any number of them from the front is as varied as it can be.
    rounds = max(map(len, voices.values()))
    chosen = [voice[at] for at in range(rounds) for voice in voices.values() if at < len(voice)][:COUNT]
    assert len(chosen) == COUNT, f"only {len(chosen)} entries fit"
    long = read(LONG)
    assert all(words(entry) in WORDS for entry in long)
    short = {entry["id"] for entry in sorted(chosen, key=words)[: len(long)]}
    chosen = [entry for entry in chosen if entry["id"] not in short]
    every = COUNT // len(long)
    for at, entry in enumerate(long):
        chosen.insert(at * every + every // 2, entry)
    assert len(chosen) == COUNT
    with open(OUT, "w", encoding="utf-8") as out:
        for entry in chosen:
            out.write(json.dumps({"id": entry["id"], "text": entry["text"]}, ensure_ascii=True) + "\n")
    sizes = sorted(words(entry) for entry in chosen)
    print(f"{len(fitting)} fit; {len(voices)} voices; words {sizes[0]} to {sizes[-1]}, median {sizes[len(sizes) // 2]}, sum {sum(sizes)}")


if __name__ == "__main__":
    main()
