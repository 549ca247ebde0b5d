#!/usr/bin/env python3
"""What somebody waits for while another process imports: `companion search` and `new`, alone and beside `companion import`.

    python3 tools/bench/beside_import.py --companion target/release/companion --models MODELS --diaries ../shared/data/diaries

300 entries are there and read; then each command runs --times times with nothing beside it, and as often while --entries more
are imported and analysed in another process, which has to last longer than that. Each run is a process of its own, start
included. Prints one JSON object: milliseconds, and the ratio of the 95th percentiles. Needs nothing beside Python.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from kill_import import Home, write_entries  # noqa: E402

THERE = 300


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def timed(home, times, importing=None):
    """Milliseconds of each command, in turn."""
    commands = {"search": ["search", "a walk by the river"], "new": ["new", "Walked by the river with Ana, and glad of it."]}
    took = {name: [] for name in commands}
    for _ in range(times):
        for name, command in commands.items():
            if importing is not None and importing.poll() is not None:
                sys.exit("beside_import: the import was over before the measurement: more --entries")
            began = time.perf_counter()
            home.run(*command)
            took[name].append(1e3 * (time.perf_counter() - began))
    return took


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--companion", required=True, type=pathlib.Path)
    parser.add_argument("--models", required=True, type=pathlib.Path, help="a folder of installed models")
    parser.add_argument("--diaries", type=pathlib.Path, help="a folder with *.jsonl and *.jsonl.gz; without it, seeded sentences")
    parser.add_argument("--entries", type=int, default=4000)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        source = write_entries(args, folder)
        lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
        first = folder / "first.jsonl"
        first.write_text("".join(lines[:THERE]), encoding="utf-8")
        home = Home(args, folder / "home")
        home.run("import", str(first))
        timed(home, 3)
        idle = timed(home, args.times)
        importing = subprocess.Popen(
            [home.companion, "import", str(source)], env=home.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        # Storing takes a second; what lasts is the analysis.
        time.sleep(3)
        beside = timed(home, args.times, importing)
        importing.kill()
        importing.wait()
        told = {"times": args.times, "imported_beside": args.entries}
        for name in idle:
            row = {
                f"{what}_{when}_ms": round(percentile(values[name], share), 1)
                for what, share in (("p50", 0.5), ("p95", 0.95))
                for when, values in (("idle", idle), ("beside", beside))
            }
            told[name] = {**row, "p95_ratio": round(row["p95_beside_ms"] / row["p95_idle_ms"], 2)}
        json.dump(told, sys.stdout, indent=1)
        print()


if __name__ == "__main__":
    main()
