#!/usr/bin/env python3
"""Choose the entries that decoders are calibrated on: 500 of our own, of 50 to 1,000 words, from every voice in turn.

    python tools/quant/calibration_entries.py data/journal-train/train-*.jsonl

Writes crates/engine/assets/calibration-entries.jsonl, one `{"id", "text"}` a line. Needs Python alone. What
companion-tiny never trained on is left out, so that its held-out entries stay unseen by quantizers too.
"""

import argparse
import json
import pathlib

ROOT = pathlib.Path(__file__).parents[2]
OUT = ROOT / "crates/engine/assets/calibration-entries.jsonl"
COUNT = 500
WORDS = range(50, 1001)
HELD_OUT_EVERY = 25  # as in tools/train/tiny/text.py


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("entries", type=pathlib.Path, nargs="+")
    args = parser.parse_args()
    entries = []
    for path in sorted(args.entries):
        with open(path, encoding="utf-8") as lines:
            entries += [json.loads(line) for line in lines if line.strip()]
    entries = [entry for at, entry in enumerate(entries) if (at + 1) % HELD_OUT_EVERY]
    fitting = [entry for entry in entries if len(entry["text"].split()) in WORDS]
    voices = {}
    for entry in fitting:
        voices.setdefault(entry["voice"], []).append(entry)
    # Round after round one of each voice, so that any number of them from the front is as varied as it can be.
    rounds = max(map(len, voices.values()))
    chosen = [voice[at] for at in range(rounds) for voice in voices.values() if at < len(voice)][:COUNT]
    assert len(chosen) == COUNT, f"only {len(chosen)} entries fit"
    with open(OUT, "w", encoding="utf-8") as out:
        for entry in chosen:
            out.write(json.dumps({"id": entry["id"], "text": entry["text"]}, ensure_ascii=True) + "\n")
    words = sorted(len(entry["text"].split()) for entry in chosen)
    print(f"{len(fitting)} fit; {len(voices)} voices; words {words[0]} to {words[-1]}, median {words[len(words) // 2]}, sum {sum(words)}")


if __name__ == "__main__":
    main()
