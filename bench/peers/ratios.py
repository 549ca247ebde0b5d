#!/usr/bin/env python3
"""One table: how many times as fast Companion is as its peers, against what was promised, from the records of `make benchmark-peers`.

    python bench/peers/ratios.py [FOLDER]                        [default: target/peers]

A ratio is of medians (above 1: Companion is faster); its spread is of the ratios round by round, and n counts the rounds that both
took. Must and aim are those that the project set itself for Qwen2.5's 1.5B shape; other shapes and lengths have none.
"""

import json
import pathlib
import statistics
import sys
from typing import NamedTuple

PREFILL, DECODE = "prefill_tok_s", "decode_tok_s"
FASTEST = "the fastest peer"
TARGET_SHAPE, TARGET_TOKENS = "qwen2.5-1.5b", 256


class Promise(NamedTuple):
    ours: str  # a part of our contestant's name
    peer: str
    figure: str
    must: float | None = None
    aim: float | None = None


ONE_ROW = [
    Promise("int8", "PyTorch dynamic INT8", PREFILL, 1.25, 1.4),
    Promise("int8", FASTEST, PREFILL, 1.25, 1.4),
    Promise("int8", "llama.cpp Q8_0", PREFILL, 2.6, 3),
    Promise("int8", "llama.cpp Q8_0", DECODE, 1.25, 1.4),
    Promise("int4", "llama.cpp Q4_0", DECODE, 1.25, 1.4),
    Promise("int4", "llama.cpp Q4_K_M", PREFILL, 2, 2.5),
    Promise("mixed", "llama.cpp Q4_0", DECODE, 1.15, 1.2),
    Promise("int8", "OpenVINO GenAI INT8", PREFILL),
    Promise("int8", "OpenVINO GenAI INT8", DECODE),
    Promise("int4", "OpenVINO GenAI INT4", PREFILL),
    Promise("int4", "OpenVINO GenAI INT4", DECODE),
    Promise("int8", "PyTorch dynamic INT8", DECODE),
    Promise("int8", "PyTorch FP32", PREFILL),
    Promise("int8", "PyTorch FP32", DECODE),
]
OTHER_LENGTH = [Promise("int8", "PyTorch dynamic INT8", PREFILL), Promise("int8", "llama.cpp Q8_0", PREFILL)]
MORE_ROWS = [Promise("int8", "llama.cpp Q8_0", DECODE, 2, 2.5)]
ENCODER = [
    Promise("Companion", "onnxruntime", figure, 1.5)
    for figure in ("9-token sentence, ms", "200 words, ms", "short texts a second", "200-word texts a second")
]
WEEK = [Promise("int8", "llama-server", "together, s", 2.5), Promise("int8", "llama-server", "one by one, s")]


def promises(work, figures):
    """What a record is held against."""
    kind = work["kind"]
    if kind == "encoder":
        return ENCODER
    if kind == "search":
        return [Promise("Companion", peer, figure) for figure in figures for peer in ("numpy", "faiss-cpu")]
    if kind == "week":
        rows = WEEK
    elif work["rows"] > 1:
        rows = MORE_ROWS
    else:
        rows = ONE_ROW if work["prompt_tokens"] == TARGET_TOKENS else OTHER_LENGTH
    return rows if work.get("shape") == TARGET_SHAPE else [promise._replace(must=None, aim=None) for promise in rows]


def find(contestants, ours, name, figure):
    """The contestant whose name has `name` in it, or the fastest of the others; None where it was not there."""
    found = [c for c in contestants if c["ours"] == ours and figure in c["figures"]]
    if name == FASTEST:
        return max(found, key=lambda c: c["figures"][figure]["median"], default=None)
    return next((c for c in found if name in c["name"]), None)


def ratio(ours, peer):
    """Of medians, with the least and the most of the rounds, and their number."""
    over = (lambda a, b: a / b) if ours["more_is_better"] else (lambda a, b: b / a)
    # Of the rounds that both took part in.
    pairs = list(zip(ours["samples"], peer["samples"]))
    rounds = [over(a, b) for a, b in pairs]
    middle = [statistics.median(side) for side in zip(*pairs)]
    return over(*middle), min(rounds), max(rounds), len(rounds)


def verdict(value, must, aim):
    if must is None:
        return "", ""
    wanted = f"≥ {must:g}" + (f" (aim {aim:g})" if aim else "")
    return wanted, "missed" if value < must else "met, and the aim" if aim and value >= aim else "met"


def rows_of(told):
    """The rows of one record."""
    work, contestants = told["work"], told["contestants"]
    figures = sorted({name for c in contestants for name in c["figures"]}, key=lambda name: (len(name), name))
    for promise in promises(work, figures):
        ours = find(contestants, True, promise.ours, promise.figure)
        peer = find(contestants, False, promise.peer, promise.figure)
        what = [work["title"], promise.figure]
        if ours is None or peer is None:
            wanted = verdict(0, promise.must, promise.aim)[0]
            yield [*what, promise.ours if ours is None else ours["name"], promise.peer, "", "", "", wanted, "not measured"]
            continue
        value, low, high, n = ratio(ours["figures"][promise.figure], peer["figures"][promise.figure])
        name = f"{FASTEST}: {peer['name']}" if promise.peer == FASTEST else peer["name"]
        yield [*what, ours["name"], name, f"{value:.2f} ×", f"{low:.2f} to {high:.2f}", str(n), *verdict(value, promise.must, promise.aim)]
    if work["kind"] == "decoder" and work["rows"] == 1 and work["prompt_tokens"] == TARGET_TOKENS:
        yield from bandwidth(work, contestants)


def bandwidth(work, contestants):
    """Which part of the memory's read bandwidth writing reaches, of our INT8 model."""
    ours = find(contestants, True, "int8", DECODE)
    runs = [run for run in (ours or {"about": {}})["about"].get("runs", []) if run.get("read_gb_s")]
    if not runs:
        return
    parts = sorted(run["weights_read_gb_s"] / run["read_gb_s"] for run in runs)
    middle = (parts[(len(parts) - 1) // 2] + parts[len(parts) // 2]) / 2
    targets = (0.88, 0.95) if work.get("shape") == TARGET_SHAPE else (None, None)
    spread = f"{parts[0]:.2f} to {parts[-1]:.2f}"
    yield [work["title"], "weights read while writing", ours["name"], "read bandwidth", f"{middle:.2f}", spread, str(len(parts)), *verdict(middle, *targets)]


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "target/peers")
    records = []
    for path in sorted(folder.glob("*.json")):
        told = json.loads(path.read_text())
        if {"when", "work", "contestants"} <= told.keys():
            records.append(told)
        else:
            print(f"ratios: {path.name} is no record of the peers; left out", file=sys.stderr)
    if not records:
        raise SystemExit(f"ratios: no record in {folder}; `make benchmark-peers` makes them")
    cpus, commits = ({told[key] for told in records} for key in ("cpu", "commit"))
    for what, values in (("processors", cpus), ("commits", commits)):
        if len(values) > 1:
            print(f"ratios: the records are of several {what}: {', '.join(sorted(values))}", file=sys.stderr)
    days = sorted(told["when"] for told in records)
    print(f"{', '.join(sorted(cpus))}; commit {', '.join(sorted(commits))}; {days[0]} to {days[-1]}; llama.cpp of llama-cpp-python's sdist\n")
    head = ["work", "figure", "Companion", "beside", "times as fast", "by round", "n", "promised", ""]
    print("| " + " | ".join(head) + " |\n|" + " --- |" * 4 + " ---: |" * 3 + " --- |" * 2)
    order = {kind: at for at, kind in enumerate(["decoder", "week", "encoder", "search"])}
    for told in sorted(records, key=lambda told: (order.get(told["work"]["kind"], 9), told["work"].get("rows", 0))):
        for row in rows_of(told):
            print("| " + " | ".join(row) + " |")
    for told in records:
        for note in told.get("notes", []):
            print(f"\n{told['work']['title']}: {note}.")


if __name__ == "__main__":
    main()
