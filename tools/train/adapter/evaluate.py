#!/usr/bin/env python3
"""Measure an exported adapter on labelled sets, in PyTorch f32/bf16, with the same scores as tools/eval/heads_eval.py.

    python tools/train/adapter/evaluate.py --model-dir DIR --adapter target/adapter.pt --data ../shared/data/labelled \\
        [--own data/journal-200.jsonl] [--held-out data/journal-train/*.jsonl] [--baselines] [--json FILE]

`--held-out` scores only the entries of the voices that training left out. The clear sets are scored on fold 0 of ten,
which took part neither in training nor in calibration.
"""

import argparse
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "eval")]

import torch  # noqa: E402
from heads_eval import SETS, evidence_scores, majority_answers, markdown, scores_of, spread, vader_answers  # noqa: E402

from apply import answer_of  # noqa: E402
from export import ROOT, load_adapter  # noqa: E402
from labelled_sets import CLEAR, load_set  # noqa: E402
from own_entries import load_entries  # noqa: E402
from predict import predict  # noqa: E402
from train import DEV_VOICES  # noqa: E402
from units import Item, fill_states, open_tokenizer  # noqa: E402


def by_kind(name, entries, rows):
    """All, plain and hard entries as jobs."""
    jobs = [(name, rows, entries)]
    for label, want in (("plain", False), ("hard", True)):
        some = [i for i, e in enumerate(entries) if bool(e["hard"]) == want]
        if some:
            jobs.append((f"{name}, {label}", [rows[i] for i in some], [entries[i] for i in some]))
    return jobs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model-dir", type=pathlib.Path, required=True)
    parser.add_argument("--adapter", type=pathlib.Path, default=ROOT / "target/adapter.pt")
    parser.add_argument("--meta", type=pathlib.Path, default=ROOT / "crates/assistant/assets/adapter.json")
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--own", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--held-out", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--baselines", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    jobs = []
    for name in args.sets if args.data else []:
        rows = [r for r in load_set(args.data, name) if name not in CLEAR or r.fold == 0]
        jobs.append((name, spread(rows, args.limit), None))
    for path in args.own:
        jobs += by_kind(path.stem, *load_entries(path))
    if args.held_out:
        pairs = [pair for path in args.held_out for pair in zip(*load_entries(path)) if pair[1].fold in DEV_VOICES]
        jobs += by_kind("our held-out voices", [e for e, _ in pairs], [r for _, r in pairs])

    base, adapter, _ = load_adapter(args.adapter, args.model_dir)
    meta = json.loads(args.meta.read_text())
    tokenizer = open_tokenizer(args.model_dir)
    result = {}
    for name, rows, entries in jobs:
        items = [Item(tokenizer, row.text) for row in rows]
        fill_states(base, items)
        answers = [answer_of(out, item.units, meta) for out, item in zip(predict(adapter, items), items)]
        part = result[name] = {"adapter": scores_of(rows, answers)}
        texts = [row.text for row in rows]
        if entries:
            part["adapter"]["evidence"] = evidence_scores(entries, texts, answers)
        if args.baselines:
            part["VADER"] = scores_of(rows, vader_answers(texts))
            part["majority"] = scores_of(rows, majority_answers(rows))
            for who in ("VADER", "majority"):
                part[who].pop("themes", None)
    print(markdown(result))
    for name, part in result.items():
        if part["adapter"].get("evidence"):
            print(f"evidence, {name}: {part['adapter']['evidence']}")
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
