#!/usr/bin/env python3
"""STS-B: Spearman correlation of cosine and human similarity, for several models of the store side by side.

    python tools/eval/stsb.py --companion target/release/companion --models minilm minilm-int8 \\
        --pairs ../shared/data/pairs/stsb.jsonl [--limit 6481] [--json]
"""

import argparse
import json
import pathlib

import numpy as np
from scipy.stats import spearmanr

from companion_cli import embed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--companion", default="target/release/companion")
    parser.add_argument("--models", nargs="+", default=["minilm", "minilm-int8"], help="the first is the reference")
    parser.add_argument("--pairs", type=pathlib.Path, required=True)
    parser.add_argument("--limit", type=int, help="only the first N pairs")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()

    pairs = [json.loads(line) for line in args.pairs.read_text(encoding="utf-8").splitlines()][: args.limit]
    texts = sorted({pair[side] for pair in pairs for side in ("text_a", "text_b")})
    row = {text: i for i, text in enumerate(texts)}
    a = [row[pair["text_a"]] for pair in pairs]
    b = [row[pair["text_b"]] for pair in pairs]
    truth = np.array([pair["label"] for pair in pairs])
    result, reference = [], None
    for model in args.models:
        vectors = embed(args.companion, model, texts)
        cosine = (vectors[a] * vectors[b]).sum(1)
        score = 100 * float(spearmanr(cosine, truth).statistic)
        reference = score if reference is None else reference
        result.append({"model": model, "pairs": len(pairs), "spearman": score, "against_first": score - reference})
    if args.json:
        print(json.dumps(result))
        return
    print(f"| model | pairs | Spearman x 100 | against {args.models[0]} |\n| --- | ---: | ---: | ---: |")
    for r in result:
        print(f"| {r['model']} | {r['pairs']} | {r['spearman']:.2f} | {r['against_first']:+.2f} |")


if __name__ == "__main__":
    main()
