"""What every decoder peer does alike: the arguments, the answers, the JSON."""

import argparse
import json
import pathlib
import sys

# At the end, so that sentence_transformers.py there does not stand in the library's way.
sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))

import record  # noqa: E402

FIGURES = ["prefill_tok_s", "decode_tok_s"]
PACKAGES = ["torch", "transformers", "openvino", "openvino-genai", "openvino-tokenizers", "nncf", "gguf", "numpy"]


def arguments(doc):
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--prompt-tokens", type=int, default=256)
    parser.add_argument("--gen-tokens", type=int, default=32)
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--serve", action="store_true", help="a run for every line on stdin, which names the prompt's tokens")
    return parser


def describe(shape, prompt_tokens, gen_tokens, rows, threads, isa=None):
    title = f"{shape}, {prompt_tokens} tokens in, {gen_tokens} out, {rows} rows, {threads} threads" + (f", {isa} alone" if isa else "")
    return {"kind": "decoder", "title": title, "shape": shape, "prompt_tokens": prompt_tokens, "gen_tokens": gen_tokens, "rows": rows}


def figures(runs):
    return {key: record.figure([run[key] for run in runs], True) for key in FIGURES}


def answer(args, about, one_run, warm):
    """`--runs` runs as a record, or a run for every line. With `warm`, a length is read once before it counts."""
    seen = set()

    def counted(tokens):
        if warm and tokens not in seen:
            one_run(tokens, 1)
        seen.add(tokens)
        return one_run(tokens, args.gen_tokens)

    if args.serve:
        print(json.dumps(about), flush=True)
        for line in sys.stdin:
            print(json.dumps(counted(int(line))), flush=True)
        return
    runs = [counted(args.prompt_tokens) for _ in range(args.runs)]
    one = record.contestant(about.pop("peer"), about.pop("version"), figures(runs), **about)
    work = describe(args.shape, args.prompt_tokens, args.gen_tokens, args.rows, args.threads)
    record.tell(record.record(work, [one], args.threads, PACKAGES))
