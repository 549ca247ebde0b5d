#!/usr/bin/env python3
"""Imports and analyses many entries, is killed at random points and goes on; each entry is there exactly once.

    python tools/kill_import.py --companion target/release/companion --models target/test-home/models \\
        --diaries ../shared/data/diaries --entries 10000 --kills 20

The diaries (one JSON object a line with "text" and "date") are split at sentences into as many entries as asked for. Without
--diaries, seeded sentences are made. First everything is done once without an accident, in a home of its own: entries a
second and the use of the cores. Then, in another home, `companion import` and, once all entries are in, `companion
analyze --all` are killed with SIGKILL after random times and started again. At the end nothing is missing, nothing is
there twice, nothing is left to analyse, `companion fsck` is content, and the analyses are those of the first home.
Prints one JSON object; exits with 1 if anything is wrong. Needs nothing beside Python.
"""

import argparse
import gzip
import json
import os
import pathlib
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

WORDS = "after again autumn bread bridge brother called coffee cold corner dinner early evening felt friend garden glad".split()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--companion", required=True, type=pathlib.Path)
    parser.add_argument("--models", required=True, type=pathlib.Path, help="a folder of installed models")
    parser.add_argument("--diaries", type=pathlib.Path, help="a folder with *.jsonl and *.jsonl.gz")
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def records(folder):
    """The diaries' dated entries, oldest file first."""
    for path in sorted(folder.glob("*.jsonl*")):
        opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8")
        with opened as lines:
            for line in lines:
                record = json.loads(line)
                if record["date"]:
                    yield path.name.split(".")[0], record["date"], record["text"]


def split(text, parts):
    """`text` in at most `parts` pieces at sentence ends."""
    sentences = [s for s in re.split(r"(?<=[.!?;])\s+", text) if s.strip()]
    parts = max(1, min(parts, len(sentences)))
    ends = [round(len(sentences) * (i + 1) / parts) for i in range(parts)]
    return [" ".join(sentences[a:b]) for a, b in zip([0, *ends], ends)]


def entries(args):
    """As many entries as asked for, each with an id of its own."""
    if args.diaries is None:
        chance = random.Random(args.seed)
        sentence = lambda: "I " + " ".join(chance.choices(WORDS, k=9)) + "."
        texts = [("made", "2020-01-01", " ".join(sentence() for _ in range(5))) for _ in range(args.entries)]
    else:
        whole = list(records(args.diaries))
        words = sum(len(text.split()) for _, _, text in whole)
        # Long ones are cut first; a share of the words is a share of the entries.
        texts = []
        for name, date, text in whole:
            pieces = round(len(text.split()) * args.entries * 1.15 / words)
            texts += [(name, date, piece) for piece in split(text, max(1, pieces))]
        random.Random(args.seed).shuffle(texts)
        if len(texts) < args.entries:
            sys.exit(f"kill_import: the diaries give {len(texts)} entries only")
        texts = texts[: args.entries]
    for number, (name, date, text) in enumerate(texts):
        hour, minute = divmod(number % 1440, 60)
        yield {"id": f"{name}-{number}", "date": f"{date}T{hour:02}:{minute:02}:00Z", "text": text}


def write_entries(args, folder):
    """The entries as a file to import; gives its path."""
    source = folder / "entries.jsonl"
    with open(source, "w", encoding="utf-8") as file:
        for entry in entries(args):
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
    return source


class Home:
    def __init__(self, args, path):
        self.companion, self.path = args.companion.resolve(), path
        path.mkdir()
        (path / "models").symlink_to(args.models.resolve())

    def environment(self):
        return {**os.environ, "COMPANION_HOME": str(self.path), "NO_COLOR": "1"}

    def run(self, *arguments):
        done = subprocess.run([self.companion, *arguments], env=self.environment(), capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"kill_import: companion {' '.join(arguments[:2])} failed: {done.stderr[-2000:]}")
        return done.stdout

    def killed(self, after_s, *arguments):
        """Starts it and kills it; true if it had ended before."""
        child = subprocess.Popen(
            [self.companion, *arguments], env=self.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            child.wait(after_s)
            return True
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
            return False

    def state(self):
        """What is in the journal, by source id: text, and what was made of it."""
        listed = json.loads(self.run("list", "--json", "--limit", "1000000"))
        found = {}
        for entry in listed:
            analysis = entry["analysis"] or {}
            found.setdefault(entry["source_id"], []).append((entry["text"], analysis.get("sentiment"), analysis.get("valence")))
        return found


def main():
    args = arguments()
    chance = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        source = write_entries(args, folder)

        calm = Home(args, folder / "calm")
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        calm.run("import", str(source), "--no-analysis")
        stored_s = time.perf_counter() - began
        calm.run("analyze")
        spent = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
        expected = calm.state()

        home, kills, ended = Home(args, folder / "killed"), 0, 0
        # Two thirds of the accidents in the import with its analysis, the others in `analyze --all`.
        for job, share in ((("import", str(source)), 2 / 3), (("analyze", "--all"), 1 / 3)):
            wanted = round(args.kills * share)
            for _ in range(wanted):
                # So that all of them together get about as far as the job takes; some come in the first moments.
                if home.killed(chance.uniform(0.01, 1.6 * spent / (wanted + 1)), *job):
                    ended += 1
                else:
                    kills += 1
            home.run(*job)
        again = json.loads(home.run("import", str(source), "--json"))
        found = home.state()
        home.run("fsck")
        waiting = json.loads(home.run("analyze", "--json"))["waiting"]

        wrong = []
        if len(found) != args.entries:
            wrong.append(f"{len(found)} of {args.entries} entries are there")
        twice = sum(len(rows) != 1 for rows in found.values())
        if twice:
            wrong.append(f"{twice} entries are there more than once")
        if found != expected:
            wrong.append(f"{sum(found.get(id) != rows for id, rows in expected.items())} entries differ from an undisturbed run")
        if any(row[1] is None for rows in found.values() for row in rows) or waiting:
            wrong.append("entries are not analysed")
        if (again["added"], again["updated"], again["unchanged"]) != (0, 0, args.entries):
            wrong.append(f"importing once more was not nothing: {again}")
        json.dump(
            {
                "entries": args.entries,
                "words": sum(len(rows[0][0].split()) for rows in expected.values()),
                "store_s": round(stored_s, 2),
                "analyse_s": round(spent - stored_s, 2),
                "entries_s": round(args.entries / spent, 1),
                "cores_used": round(cpu / spent, 2),
                "kills": kills,
                "ended_before_the_kill": ended,
                "wrong": wrong,
            },
            sys.stdout,
            indent=1,
        )
        print()
        return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
