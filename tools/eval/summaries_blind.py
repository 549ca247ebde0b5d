#!/usr/bin/env python3
"""A blind comparison of Companion's look back at a week with the first sentences of the same entries.

    python3 tools/eval/summaries_blind.py make --binary target/release/companion --models DIR --out target/blind
    python3 tools/eval/summaries_blind.py show data/summaries-blind.jsonl
    python3 tools/eval/summaries_blind.py score data/summaries-blind.jsonl --key data/summaries-blind-key.jsonl

`make` takes one span of 4 to 6 entries that follow one another from each voice of `data/journal-200`, then from voices of
`data/journal-train` chosen by the seed, gives each span a journal of its own in which it was written in one week, and asks for
the summary of that week, in quotes. The rival is the first sentence of each entry, in as many sentences as the summary has
quotes. The sides are shuffled; which is which goes to a file apart.

`show` prints the entries and both sides. A reader who sees no key sets `preferred` of each row to `a`, `b` or `equal` (which
tells more of what mattered in that week), and two marks of 1 to 5 for each side: `faithful` (does what stands there leave a true
picture of the entries?) and `covers` (how much of what mattered is there?).

`score` counts, with Wilson's interval and the sign test of the rows with a preference, and the mean marks with the bootstrap
interval of their difference.
"""

import argparse
import datetime
import math
import pathlib
import random
import re
import statistics

import blind
from blind import rows

ROOT = pathlib.Path(__file__).resolve().parents[2]
MONDAY = datetime.date(2026, 3, 2)
HOURS = (7, 13, 18, 20, 21, 22)
NOW = "2026-03-09T08:00:00+00:00[UTC]"
SPANS = 40
SIZES = (4, 5, 6)
MARKS = ("faithful", "covers")
# An end of a sentence: its mark (not that of an abbreviation), quotes or brackets that close, and white space; or a line's end.
SENTENCE_END = re.compile(r"(?<=[.!?…])(?<!\bMr\.)(?<!\bMrs\.)(?<!\bDr\.)(?<!\bBr\.)(?<!\bSt\.)(?<!\bno\.)[\"'”’)]*\s+|\n+")


def entries_by_voice(*paths):
    voices = {}
    for path in paths:
        for entry in rows(path):
            voices.setdefault(entry["voice"], []).append(entry)
    return voices


def long_texts():
    """Files of journal-train whose entries are whole ones: `train-s` has texts of one to three sentences."""
    return sorted(p for p in (ROOT / "data/journal-train").glob("train-?.jsonl") if p.stem != "train-s")


def spans(rng):
    """Runs of entries, one a voice: all voices that nothing was trained on, then some that training read."""
    unseen = list(entries_by_voice(ROOT / "data/journal-200/entries.jsonl").values())
    seen = list(entries_by_voice(*long_texts()).values())
    rng.shuffle(seen)
    for entries in [v for v in unseen + seen if len(v) >= SIZES[0]][:SPANS]:
        size = rng.choice([s for s in SIZES if s <= len(entries)])
        start = rng.randrange(len(entries) - size + 1)
        yield entries[start : start + size]


def dated(entries, rng):
    """The entries with the days of one week, at most one a day, in their order."""
    days = sorted(rng.sample(range(7), len(entries)))
    return [
        {"date": f"{MONDAY + datetime.timedelta(days=day)}T{rng.choice(HOURS):02}:15:00", "text": entry["text"], "id": entry["id"]}
        for day, entry in zip(days, entries)
    ]


def summed_up(binary, models, entries):
    """The quotes of the summary of a journal that holds these entries alone."""
    with blind.journal(binary, models, NOW, entries) as ask:
        return [line["quote"] for line in ask("summary", "--week", str(MONDAY), "--quotes")["lines"]]


def sentences(text):
    """The sentences of a text, as written."""
    found, start = [], 0
    for end in SENTENCE_END.finditer(text):
        found.append(text[start : end.end()].strip())
        start = end.end()
    return [s for s in found + [text[start:].strip()] if s]


def first_sentences(entries, count):
    """`count` sentences: the first of each entry, then the second of each; where fewer are wanted than there are entries, those
    of an even spread of them."""
    split = [sentences(entry["text"]) for entry in entries]
    if count < len(split):
        return [split[i * (len(split) - 1) // max(count - 1, 1)][0] for i in range(count)]
    depth, taken = 0, [0] * len(split)
    while sum(taken) < count and depth < max(map(len, split)):
        for i, texts in enumerate(split):
            if sum(taken) < count and depth < len(texts):
                taken[i] += 1
        depth += 1
    return [text for texts, n in zip(split, taken) for text in texts[:n]]


def plain(quotes):
    """Quotes in one form, so that spaces do not tell the sides apart."""
    return [" ".join(quote.split()) for quote in quotes]


def make(args):
    rng = random.Random(args.seed)
    sheet, key = [], []
    for number, entries in enumerate(spans(rng), 1):
        ours = summed_up(args.binary, args.models, dated(entries, rng))
        sides = [("companion", plain(ours)), ("first", plain(first_sentences(entries, len(ours))))]
        rng.shuffle(sides)
        blank = {side: dict.fromkeys(MARKS) for side in ("a", "b")}
        sheet.append(
            {
                "n": number,
                "voice": entries[0]["voice"],
                "entries": [entry["id"] for entry in entries],
                "a": sides[0][1],
                "b": sides[1][1],
                "preferred": "",
                "marks": blank,
            }
        )
        key.append({"n": number, "a": sides[0][0], "b": sides[1][0]})
    blind.write(args.out, "summaries-blind", sheet, key)


def show(args):
    files = [ROOT / "data/journal-200/entries.jsonl", *long_texts()]
    texts = {entry["id"]: entry["text"] for path in files for entry in rows(path)}
    for row in rows(args.sheet)[args.first - 1 : args.last]:
        print(f"=== {row['n']} {row['voice']}")
        for number, entry in enumerate(row["entries"], 1):
            print(f"[{number}] {texts[entry]}\n")
        for side in ("a", "b"):
            print(f"{side.upper()}:", *(f"   - {line}" for line in row[side]), sep="\n")
        print()


def wilson(k, n):
    """The 95 % interval of a share."""
    if n == 0:
        return 0.0, 1.0
    z = 1.96
    middle = (k / n + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(k / n * (1 - k / n) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - half, middle + half


def bootstrap(values, rng, times=10_000):
    """The 95 % interval of a mean."""
    means = sorted(statistics.fmean(rng.choices(values, k=len(values))) for _ in range(times))
    return means[int(0.025 * times)], means[int(0.975 * times)]


def score(args):
    key = {row["n"]: row for row in rows(args.key)}
    count = {"companion": 0, "first": 0, "equal": 0}
    marks = {mark: {"companion": [], "first": []} for mark in MARKS}
    words = {"companion": 0, "first": 0}
    for row in rows(args.sheet):
        preferred = row["preferred"]
        count["equal" if preferred == "equal" else key[row["n"]][preferred]] += 1
        for side in ("a", "b"):
            who = key[row["n"]][side]
            words[who] += sum(len(line.split()) for line in row[side])
            for mark in MARKS:
                marks[mark][who].append(row["marks"][side][mark])
    total, k = sum(count.values()), count["companion"]
    n = k + count["first"]
    low, high = wilson(k, n)
    print(f"{count} of {total}; words {words}")
    print(f"companion preferred in {k} of {n} with a preference: {k / n:.0%} ({low:.0%} to {high:.0%}), sign test p = {blind.sign_test(k, n):.2g}")
    for mark in MARKS:
        ours, first = marks[mark]["companion"], marks[mark]["first"]
        gap = [x - y for x, y in zip(ours, first)]
        low, high = bootstrap(gap, random.Random(1))
        print(
            f"{mark}: companion {statistics.fmean(ours):.2f}, first sentences {statistics.fmean(first):.2f}, "
            f"difference {statistics.fmean(gap):+.2f} ({low:+.2f} to {high:+.2f})"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sub = parser.add_subparsers(required=True)
    first = sub.add_parser("make")
    first.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/companion")
    first.add_argument("--models", type=pathlib.Path, required=True)
    first.add_argument("--out", type=pathlib.Path, default=ROOT / "target/blind")
    first.add_argument("--seed", type=int, default=11)
    first.set_defaults(run=make)
    second = sub.add_parser("show")
    second.add_argument("sheet", type=pathlib.Path)
    second.add_argument("--first", type=int, default=1)
    second.add_argument("--last", type=int, default=SPANS)
    second.set_defaults(run=show)
    third = sub.add_parser("score")
    third.add_argument("sheet", type=pathlib.Path)
    third.add_argument("--key", type=pathlib.Path, required=True)
    third.set_defaults(run=score)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
