#!/usr/bin/env python3
"""Peer: llama.cpp's own bench programs on a GGUF file (`synth_gguf.py` makes one, `build_llama.sh` the programs).

    python bench/peers/decoder/llama_decoder.py --bin DIR --model FILE --prompt-tokens 256 --gen-tokens 32 --rows 1 --threads 2 --runs 5

One row: `llama-bench`, prefill and decode apart; decode follows a prompt of the same length (`-d`), as ours does. More rows:
`llama-batched-bench`, all sequences decoding together. `--serve` answers every line on standard input with one run.
"""

import argparse
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from shapes import summary  # noqa: E402


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def one_run(args):
    """Prefill and decode tokens a second; decode is the total over the rows."""
    common = ["-m", args.model, "-t", str(args.threads)]
    if args.rows == 1:
        bench = [f"{args.bin}/llama-bench", *common, "-r", "1", "-o", "json"]
        prefill = json.loads(run([*bench, "-p", str(args.prompt_tokens), "-n", "0"]))[0]["avg_ts"]
        decode = json.loads(run([*bench, "-p", "0", "-n", str(args.gen_tokens), "-d", str(args.prompt_tokens)]))[0]["avg_ts"]
        return {"prefill_tok_s": prefill, "decode_tok_s": decode, "ttft_ms": 1000 * args.prompt_tokens / prefill}
    context = args.rows * (args.prompt_tokens + args.gen_tokens) + 64
    text = run([f"{args.bin}/llama-batched-bench", *common, "-c", str(context), "-b", "2048", "-ub", "512", "-npp", str(args.prompt_tokens),
                "-ntg", str(args.gen_tokens), "-npl", str(args.rows), "--output-format", "jsonl"])  # fmt: skip
    found = json.loads([line for line in text.splitlines() if line.startswith("{")][-1])
    return {"prefill_tok_s": found["speed_pp"], "decode_tok_s": found["speed_tg"], "ttft_ms": 1000 * found["t_pp"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, help="the folder of llama.cpp's programs")
    parser.add_argument("--model", required=True, help="a GGUF file")
    parser.add_argument("--prompt-tokens", type=int, default=256)
    parser.add_argument("--gen-tokens", type=int, default=32)
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--serve", action="store_true")
    args = parser.parse_args()
    about = {"peer": f"llama.cpp {pathlib.Path(args.model).stem.rsplit('-', 1)[-1]}", "version": "llama-cpp-python 0.3.36", "threads": args.threads,
             "model": pathlib.Path(args.model).name, "weights_bytes": pathlib.Path(args.model).stat().st_size}  # fmt: skip
    if args.serve:
        print(json.dumps(about), flush=True)
        for _ in sys.stdin:
            print(json.dumps(one_run(args)), flush=True)
        return
    runs = [one_run(args) for _ in range(args.runs)]
    print(json.dumps(about | {key: summary([r[key] for r in runs]) for key in runs[0]}))


if __name__ == "__main__":
    main()
