#!/usr/bin/env python3
"""Accuracy of the analysis on labelled sets, beside its baselines, as one Markdown table and as JSON.

    python tools/eval/heads_eval.py --data ../shared/data/labelled --own data/journal-200/entries.jsonl \\
        --companion int8=HOME_A f32=HOME_B --binary target/release/companion --heads --adapter target/adapter.pt \\
        --model-dir DIR --baselines [--limit 1500] [--json FILE] [--write docs/accuracy.md] [--failures 20]

Analysers: `--companion [LABEL=HOME ...]` with `--binary` (the binary, once for each home, so f32 and INT8 side by side),
`--heads` (first heads, Python), `--adapter` (adapted encoder, PyTorch), `--baselines` (VADER, majority). A clear set took part in
training, so only its fold 0 is scored, which was used neither for training nor for calibration; other sets are spread over
all rows. `--own` files are in the form of data/GUIDE.md and are also scored by kind and by voice. `--held-out` files are
scored on the voices that training left out. `--write` replaces what stands between the two table marks of that file.
"""

import argparse
import json
import pathlib

import analysers
from scoring import evidence_scores, markdown, scores_of

from labelled_sets import CLEAR, load_set
from own_entries import DEV_VOICES, load_entries

SETS = ["lemotif", "isear", "empathetic_dialogues", "covidet", "carer_emotion", "goemotions", "emobank", "claff_happydb", "sad"]
MARKS = ("<!-- table: tools/eval/heads_eval.py -->", "<!-- end of table -->")


def spread(rows, limit):
    """At most `limit` rows, evenly from all."""
    return rows[:: max(1, -(-len(rows) // limit))]


def by_kind(name, entries, rows):
    """All, plain, hard and mixed entries as jobs (name, rows, entries)."""
    jobs = [(name, rows, entries)]
    for label, wanted in (
        ("plain", lambda e: not e["hard"]),
        ("hard", lambda e: e["hard"]),
        ("mixed", lambda e: e["mixed"]),
        ("neutral", lambda e: e["sentiment"] == "neutral"),
    ):
        some = [i for i, e in enumerate(entries) if wanted(e)]
        if some:
            jobs.append((f"{name}, {label}", [rows[i] for i in some], [entries[i] for i in some]))
    return jobs


def jobs_of(args):
    """What is scored."""
    jobs = []
    for path in args.own:
        name = path.parent.name if path.stem == "entries" else path.stem
        jobs += by_kind(name, *load_entries(path))
    if args.held_out:
        pairs = [pair for path in args.held_out for pair in zip(*load_entries(path)) if pair[1].fold in DEV_VOICES]
        jobs += by_kind("held-out voices", [e for e, _ in pairs], [r for _, r in pairs])
    for name in args.sets if args.data else []:
        rows = [r for r in load_set(args.data, name) if name not in CLEAR or r.fold == 0]
        jobs.append((name, spread(rows, args.limit), None))
    return jobs


def chosen(args):
    """The analysers asked for, by name."""
    out = {}
    for spec in args.companion or []:
        label, _, home = spec.partition("=")
        out[label or "companion"] = analysers.companion(args.binary, home or None)
    if args.adapter:
        out["adapted encoder (PyTorch)"] = analysers.adapter(args.model_dir, args.adapter, args.adapter_meta)
    if args.heads:
        out["first heads"] = analysers.first_heads(args.model_dir, args.heads_assets)
    if args.baselines:
        out |= {"VADER": analysers.vader, "majority": analysers.majority}
    return out


def by_voice(entries, answers):
    """Right answers for each voice, as one Markdown table."""
    voices = {}
    for entry, answer in zip(entries, answers):
        voices.setdefault(entry["voice"], []).append(answer["sentiment"] == entry["sentiment"])
    lines = [f"| {voice} | {sum(right)} of {len(right)} |" for voice, right in sorted(voices.items())]
    return "\n".join(["| voice | sentiment right |", "| --- | ---: |", *lines])


def failures(entries, answers, limit):
    """The most confident wrong answers."""
    wrong = [(a, e) for e, a in zip(entries, answers) if a["sentiment"] != e["sentiment"]]
    wrong.sort(key=lambda pair: -pair[0]["confidence"])
    for a, e in wrong[:limit]:
        print(f"\n{e['id']} ({e['voice']}): is {e['sentiment']} {e['valence']}, said {a['sentiment']} {a['confidence']:.2f}\n{e['text']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--companion", nargs="*", metavar="LABEL=HOME", help="the binary, once for each")
    parser.add_argument("--binary", default="target/release/companion")
    parser.add_argument("--heads", action="store_true")
    parser.add_argument("--heads-assets", type=pathlib.Path, default=analysers.ASSETS)
    parser.add_argument("--adapter", type=pathlib.Path, metavar="FILE.pt")
    parser.add_argument("--adapter-meta", type=pathlib.Path, default=analysers.ASSETS / "adapter.json")
    parser.add_argument("--baselines", action="store_true")
    parser.add_argument("--model-dir", type=pathlib.Path, help="the upstream MiniLM files, for --heads and --adapter")
    parser.add_argument("--data", type=pathlib.Path, help="folder of the labelled sets")
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--own", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--held-out", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--limit", type=int, default=1500, help="texts of each public set")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--write", type=pathlib.Path)
    parser.add_argument("--failures", type=int, default=0, help="print so many wrong answers of the first analyser")
    args = parser.parse_args()
    if args.heads or args.adapter:
        import torch

        torch.set_num_threads(args.threads)

    result, voices = {}, []
    used = chosen(args)
    for name, rows, entries in jobs_of(args):
        texts, part = [row.text for row in rows], result.setdefault(name, {})
        for who, analyse in used.items():
            answers = analyse(texts, rows)
            part[who] = scores_of(rows, answers)
            if entries and any("evidence" in a for a in answers):
                part[who]["evidence"] = evidence_scores(entries, texts, answers)
            if entries and who == next(iter(used)) and not voices:
                voices.append(f"{name}, {who}:\n\n{by_voice(entries, answers)}")
                failures(entries, answers, args.failures)
        print(f"{name}: {({who: r.get('sentiment', {}).get('accuracy') for who, r in part.items()})}", flush=True)
    text = "\n\n".join([markdown(result), *voices])
    print(text)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")
    if args.write:
        before, _, rest = args.write.read_text().partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        args.write.write_text(f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{after}")


if __name__ == "__main__":
    main()
