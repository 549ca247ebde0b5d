#!/usr/bin/env python3
"""Peer: llama.cpp's own bench programs on a GGUF file (`synth_gguf.py` makes one, `build_llama.sh` the programs).

    python bench/peers/decoder/llama_decoder.py --bin DIR --model FILE --prompt-tokens 256 --gen-tokens 32 --rows 1 --threads 2 --runs 5

One row: `llama-bench`, prefill and decode apart; decode follows a prompt of the same length (`-d`), as ours does. More rows:
`llama-batched-bench`, all sequences decoding together. `--serve` answers every line on standard
input, a number of prompt tokens, with one run.
"""

import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import work  # noqa: E402

VERSION = "0.3.36"  # of llama-cpp-python, whose sdist build_llama.sh builds


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def one_run(args, tokens, count):
    """Prefill and decode tokens a second; decode is the total over the rows."""
    common = ["-m", args.model, "-t", str(args.threads)]
    if args.rows == 1:
        bench = [f"{args.bin}/llama-bench", *common, "-r", "1", "-o", "json"]
        prefill = json.loads(run([*bench, "-p", str(tokens), "-n", "0"]))[0]["avg_ts"]
        decode = json.loads(run([*bench, "-p", "0", "-n", str(count), "-d", str(tokens)]))[0]["avg_ts"]
        return {"prefill_tok_s": prefill, "decode_tok_s": decode, "ttft_ms": 1000 * tokens / prefill}
    context = args.rows * (tokens + count) + 64
    text = run([f"{args.bin}/llama-batched-bench", *common, "-c", str(context), "-b", "2048", "-ub", "512", "-npp", str(tokens),
                "-ntg", str(count), "-npl", str(args.rows), "--output-format", "jsonl"])  # fmt: skip
    found = json.loads([line for line in text.splitlines() if line.startswith("{")][-1])
    return {"prefill_tok_s": found["speed_pp"], "decode_tok_s": found["speed_tg"], "ttft_ms": 1000 * found["t_pp"]}


def main():
    parser = work.arguments(__doc__)
    parser.add_argument("--bin", required=True, help="the folder of llama.cpp's programs")
    parser.add_argument("--model", required=True, help="a GGUF file SHAPE-TYPE.gguf")
    args = parser.parse_args()
    model = pathlib.Path(args.model)
    args.shape, _, kind = model.stem.rpartition("-")
    about = {"peer": f"llama.cpp {kind}", "version": VERSION, "threads": args.threads, "model": model.name, "weights_bytes": model.stat().st_size}
    # Its programs warm up by themselves.
    work.answer(args, about, lambda tokens, count: one_run(args, tokens, count), warm=False)


if __name__ == "__main__":
    main()
