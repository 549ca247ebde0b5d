#!/usr/bin/env python3
"""Cosine of a quantized encoder's embeddings to f32's, over the fixture's texts and any JSON lines with a `text`.

    python tools/eval/int8_cosine.py --companion target/release/companion [--texts FILE.jsonl ...] [--json]

Also says how far the product's f32 is from sentence-transformers' on the fixture (largest difference of a component).
"""

import argparse
import gzip
import json
import pathlib

import numpy as np
from safetensors.numpy import load_file

from companion_cli import embed

FIXTURE = pathlib.Path(__file__).resolve().parents[1] / "fixtures/minilm"


def read_texts(path, limit):
    """The `text` of each line, gzip or not."""
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8")
    with opened as lines:
        texts = [json.loads(line)["text"] for line in lines if line.strip()]
    return texts[:: max(1, len(texts) // limit)][:limit]


def usable(text):
    """Whether `companion embed` takes it: it refuses blank text."""
    return any(not c.isspace() and c.isprintable() for c in text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--companion", default="target/release/companion")
    parser.add_argument("--models", nargs=2, default=["minilm", "minilm-int8"], help="the f32 model and the other")
    parser.add_argument("--texts", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--limit", type=int, default=2000, help="texts of each file, spread over it")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()

    rows = [json.loads(line) for line in (FIXTURE / "texts.jsonl").read_text().splitlines()]
    rows = [row for row in rows if usable(row["text"])]
    sets = {"fixture": [row["text"] for row in rows]} | {p.name: read_texts(p, args.limit) for p in args.texts}
    result = {}
    for name, texts in sets.items():
        full, small = (embed(args.companion, model, texts) for model in args.models)
        cosine = (full * small).sum(1) / np.linalg.norm(full, axis=1) / np.linalg.norm(small, axis=1)
        result[name] = {
            "n": len(texts),
            "mean": float(cosine.mean()),
            "p1": float(np.percentile(cosine, 1)),
            "min": float(cosine.min()),
            "worst": texts[int(cosine.argmin())][:60] if name == "fixture" else None,
        }
        if name == "fixture":
            reference = load_file(FIXTURE / "embeddings.safetensors")["embeddings"]
            fit = [i for i, row in enumerate(rows) if row["kind"] != "long"]
            gap = np.abs(full[fit] - reference[[rows[i]["id"] for i in fit]]).max()
            result[name]["f32_largest_difference_to_sentence_transformers"] = float(gap)
    if args.json:
        print(json.dumps(result))
        return
    print("| texts | n | cosine mean | 1st percentile | worst |\n| --- | ---: | ---: | ---: | ---: |")
    for name, r in result.items():
        print(f"| {name} | {r['n']} | {r['mean']:.5f} | {r['p1']:.5f} | {r['min']:.5f} |")
    gap = result["fixture"]["f32_largest_difference_to_sentence_transformers"]
    print(f"\nf32 against sentence-transformers on the fixture: largest difference {gap:.2e}; worst: {result['fixture']['worst']!r}")


if __name__ == "__main__":
    main()
