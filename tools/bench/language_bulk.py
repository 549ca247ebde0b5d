#!/usr/bin/env python3
"""Entries read by the language tier, several at once and one at a time: seconds, tokens a second.

    python3 tools/bench/language_bulk.py --companion target/release/companion --models MODELS --model NAME \\
        --diaries ../shared/data/diaries --entries 100

MODELS is a folder of installed models with `minilm-int8` and NAME, which has a tokenizer. A model of random weights does the
same work as a trained one and writes nonsense in the right form:

    python bench/peers/decoder/synth_gguf.py --shape qwen2.5-0.5b --type Q8_0 --out qwen2.5-0.5b-text.gguf --vocabulary ggml-vocab-qwen2.gguf
    companion model import qwen2.5-0.5b-text.gguf && companion model quantize qwen2.5-0.5b-text --to int8     # NAME is qwen2.5-0.5b-text-int8

Each way has a home of its own, in which the entries are imported and read by the instant tier before the clock starts. The
ways differ in `batch.max_size` alone, which is how many entries are read at the same time. One at a time takes long: --alone
lets it have the first so many entries only, and what is compared are tokens a second. Prints one JSON object. Needs nothing
beside Python.
"""

import argparse
import itertools
import json
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from kill_import import Home, write_entries  # noqa: E402


def first(source, count):
    """A file with the first `count` entries of `source`."""
    part = source.with_name(f"first-{count}.jsonl")
    with open(source, encoding="utf-8") as lines:
        part.write_text("".join(itertools.islice(lines, count)), encoding="utf-8")
    return part


def read(args, home, source, rows):
    """One way: what `analyze --language` took, and how many tokens it read and wrote."""
    home.run("import", str(source))
    home.run("config", "set", "language.model", args.model)
    home.run("config", "set", "batch.max_size", str(rows))
    began = time.perf_counter()
    home.run("analyze", "--language")
    seconds = time.perf_counter() - began
    told = json.loads(home.run("metrics", "--json"))["inference"]
    tokens = told["tokens_read"] + told["tokens_written"]
    return {
        "rows": rows,
        "seconds": round(seconds, 2),
        "tokens_read": told["tokens_read"],
        "tokens_reused": told["tokens_reused"],
        "tokens_written": told["tokens_written"],
        "tok_s": round(tokens / seconds, 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--companion", required=True, type=pathlib.Path)
    parser.add_argument("--models", required=True, type=pathlib.Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--diaries", type=pathlib.Path, help="a folder with *.jsonl and *.jsonl.gz; without it, seeded sentences")
    parser.add_argument("--entries", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", type=int, nargs="+", default=[8, 1])
    parser.add_argument("--alone", type=int, help="entries that are read one at a time [default: all]")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        source = write_entries(args, folder)
        ways = []
        for rows in args.rows:
            theirs = first(source, args.alone) if rows == 1 and args.alone else source
            ways.append(read(args, Home(args, folder / f"rows-{rows}"), theirs, rows))
            print(json.dumps(ways[-1]), file=sys.stderr)
        json.dump({"model": args.model, "entries": args.entries, "ways": ways}, sys.stdout)
        print()


if __name__ == "__main__":
    main()
