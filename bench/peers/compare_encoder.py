#!/usr/bin/env python3
"""Companion's encoder beside its peers, on the same texts, in interleaved rounds.

    python bench/peers/compare_encoder.py --companion target/release/companion --model-dir DIR [--before FILE] [--rounds 5] [--json FILE]

The peers stay loaded as subprocesses and answer one round at a time, so that only one of them works at any moment and a
slow minute of the machine meets all alike. The table gives the median of the rounds' p50 and p95, their spread, and ratios
against Companion (above 1: Companion is faster). `companion` is started anew in every round, as its own benchmark does
its warm-up; the start is not part of its times. --before: the program of an earlier commit, which takes its turns like a peer.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

import peer
import record
from turns import Served, take_turns

HERE = pathlib.Path(__file__).parent
PEERS = ["sentence_transformers.py", "onnxruntime_int8.py"]
ROWS = [
    ("short p50, ms", ("short", "p50_ms"), False),
    ("short p95, ms", ("short", "p95_ms"), False),
    ("long p50, ms", ("long", "p50_ms"), False),
    ("long p95, ms", ("long", "p95_ms"), False),
    ("bulk short, texts/s", ("bulk_short_texts_s",), True),
    ("bulk long, texts/s", ("bulk_long_texts_s",), True),
]


class Contestant:
    ours = False

    def told(self):
        about = {key: value for key, value in self.about.items() if key not in ("peer", "version")}
        return record.contestant(self.name, self.version, peer.figures(self.rounds), self.ours, **about, rounds=self.rounds)


class Peer(Contestant):
    """A peer script that stays loaded (`--serve`)."""

    def __init__(self, script, args):
        self.served = Served([args.python, str(HERE / script), "--model-dir", args.model_dir, "--threads", str(args.threads), "--serve"])
        self.about, self.rounds = self.served.about, []
        self.name, self.version = self.about["peer"], self.about["version"]

    def round(self, _):
        self.rounds.append(peer.summary([self.served.ask()]))

    def close(self):
        self.served.close()


class Companion(Contestant):
    """`companion benchmark --encoder --json`, once a round."""

    def __init__(self, args, program, name="Companion", ours=True):
        extra = ["--model", args.model] if args.model else []
        self.command = [program, "benchmark", "--encoder", "--json", "--threads", str(args.threads)] + extra
        self.name, self.version, self.about, self.rounds, self.ours = name, "", {}, [], ours

    def round(self, _):
        done = subprocess.run(self.command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(self.command)} failed:\n{done.stderr}")
        found = json.loads(done.stdout)
        found = found.get("encoder", found)
        told = {key: found.pop(key) for key in ("short", "long", "bulk_short_texts_s", "bulk_long_texts_s")}
        self.about, self.version = found, found.get("version", "")
        self.rounds.append(told)

    def close(self):
        """Nothing stays behind."""


def table(contestants):
    """Markdown: a row a figure, a column a contestant with the spread of its rounds, then the ratios."""
    peers = contestants[1:]
    names = [f"{c.name} {c.version}".strip() for c in contestants]
    head = ["", *names, *[f"ratio to {p.name}" for p in peers]]
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    for label, path, more_is_better in ROWS:
        cells, medians = [label], []
        for c in contestants:
            values = [peer.field(r, path) for r in c.rounds]
            medians.append(statistics.median(values))
            cells.append(f"{medians[-1]:.2f} ({min(values):.2f} to {max(values):.2f})")
        for value in medians[1:]:
            cells.append(f"{medians[0] / value if more_is_better else value / medians[0]:.2f} ×")
        lines.append("| " + " | ".join(cells) + " |")
    loads = [f"{c.about['load_ms']:.0f}" if "load_ms" in c.about else "not measured" for c in contestants]
    lines.append("| " + " | ".join(["load, ms", *loads] + [""] * len(peers)) + " |")
    cells = ["cosine to f32, mean / 1st percentile"]
    for c in contestants:
        cosine = c.about.get("cosine_to_f32")
        cells.append(f"{cosine['mean']:.4f} / {cosine['p1']:.4f}" if cosine else "not measured")
    lines.append("| " + " | ".join(cells + [""] * len(peers)) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--companion", default="target/release/companion", help="the binary")
    parser.add_argument("--before", help="the binary of an earlier commit")
    parser.add_argument("--model", help="the encoder's name in Companion's store (its default otherwise)")
    parser.add_argument("--model-dir", required=True, help="the upstream MiniLM files, for the peers")
    parser.add_argument("--python", default=sys.executable, help="a Python with requirements.txt installed")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path, help="also write everything here")
    args = parser.parse_args()

    before = [Companion(args, args.before, "Companion before", ours=False)] if args.before else []
    contestants = [Companion(args, args.companion), *before, *[Peer(script, args) for script in PEERS]]
    take_turns(contestants, args.rounds)
    load = os.getloadavg()[0]
    print(f"{record.cpu()}, {args.threads} threads, {args.rounds} rounds, load at the end {load:.1f}")
    for c in contestants:
        if "options" in c.about:
            print(f"{c.name}: {c.about['options']}")
    print(table(contestants))
    if load > args.threads + 1:
        print(f"warning: the machine was busy (load {load:.1f}); trust the ratios more than the times, and both little")
    if args.json:
        told = [c.told() for c in contestants]
        record.tell(record.record(peer.work(args.threads), told, args.threads, peer.PACKAGES), args.json)


if __name__ == "__main__":
    main()
