#!/usr/bin/env python3
"""Companion's decoder beside its peers at one shape: interleaved runs, medians, ratios, and the memory's read bandwidth in the same run.

    python bench/peers/decoder/compare_decoder.py --companion target/release/companion --llama DIR/bin --gguf DIR --shape qwen2.5-1.5b \\
        [--rounds 5] [--prompt-tokens 256] [--gen-tokens 32] [--threads 2] [--rows 8] [--json FILE]

Every contestant takes one run a round, in turning order, so that a slow minute meets all alike. Companion's models are made by
`companion model synth`, the GGUF files by `synth_gguf.py`, both with random weights: speed only. A contestant that stays in memory
(PyTorch) is loaded once. A ratio above 1 means that Companion is faster.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from shapes import summary  # noqa: E402

FIGURES = ["prefill_tok_s", "decode_tok_s"]


class Served:
    """A peer script that stays loaded (`--serve`)."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about, self.runs = json.loads(self.read()), []
        self.name = self.about["peer"]

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"peer ended early: {' '.join(self.process.args)}")
        return line

    def run(self):
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        self.runs.append(json.loads(self.read()))

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Companion:
    """`companion benchmark --inference --json`, one run a round."""

    def __init__(self, args, model):
        self.command = [args.companion, "benchmark", "--inference", "-m", model, "--prompt-tokens", str(args.prompt_tokens), "--gen-tokens",
                        str(args.gen_tokens), "--rows", str(args.rows), "--threads", str(args.threads), "--runs", "1", "--json"]  # fmt: skip
        self.name, self.about, self.runs = f"Companion {model}", {}, []

    def run(self):
        done = subprocess.run(self.command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(self.command)} failed:\n{done.stderr}")
        found = json.loads(done.stdout)
        self.about = {k: v for k, v in found.items() if not isinstance(v, dict)}
        self.runs.append({key: found[key]["median"] for key in FIGURES})

    def close(self):
        """Nothing stays behind."""


def read_bandwidth(threads):
    """GB/s of a plain sum over 1 GiB by `threads` processes' worth of numpy threads: the limit that decoding meets."""
    import concurrent.futures
    import time

    import numpy as np

    data = np.ones((threads, (1 << 30) // 8 // threads), dtype=np.int64)
    best = 0.0
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for _ in range(5):
            began = time.perf_counter()
            list(pool.map(lambda part: part.sum(), data))
            best = max(best, data.nbytes / (time.perf_counter() - began) / 1e9)
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--companion", default="target/release/companion")
    parser.add_argument("--llama", help="the folder of llama.cpp's programs")
    parser.add_argument("--gguf", help="the folder of SHAPE-TYPE.gguf files")
    parser.add_argument("--shape", default="qwen2.5-1.5b")
    parser.add_argument("--models", nargs="*", help="Companion's models [default: SHAPE-int8-synth SHAPE-int4-synth]")
    parser.add_argument("--types", nargs="*", default=["Q8_0", "Q4_0", "Q4_K_M"])
    parser.add_argument("--torch", nargs="*", default=["int8"], choices=["int8", "f32"])
    parser.add_argument("--prompt-tokens", type=int, default=256)
    parser.add_argument("--gen-tokens", type=int, default=32)
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    same = ["--prompt-tokens", str(args.prompt_tokens), "--gen-tokens", str(args.gen_tokens), "--rows", str(args.rows), "--threads", str(args.threads), "--serve"]
    models = args.models if args.models is not None else [f"{args.shape}-{bits}-synth" for bits in ("int8", "int4")]
    ours = [Companion(args, model) for model in models]
    peers = [Served([sys.executable, str(HERE / "torch_decoder.py"), "--shape", args.shape, "--quant", quant, *same]) for quant in args.torch]
    if args.llama:
        for kind in args.types:
            model = str(pathlib.Path(args.gguf) / f"{args.shape}-{kind}.gguf")
            peers.append(Served([sys.executable, str(HERE / "llama_decoder.py"), "--bin", args.llama, "--model", model, *same]))
    contestants = ours + peers
    bandwidth = []
    try:
        for number in range(args.rounds):
            turn = number % len(contestants)
            bandwidth.append(read_bandwidth(args.threads))
            for c in contestants[turn:] + contestants[:turn]:
                c.run()
            print(f"round {number + 1} of {args.rounds}", file=sys.stderr)
    finally:
        for c in contestants:
            c.close()
    figures = {c.name: {key: summary([r[key] for r in c.runs]) for key in FIGURES} for c in contestants}
    print(f"{args.shape}, {args.prompt_tokens} tokens in, {args.gen_tokens} out, {args.rows} rows, {args.threads} threads, {args.rounds} rounds; "
          f"read bandwidth {summary(bandwidth)['median']:.1f} GB/s, load at the end {os.getloadavg()[0]:.1f}")  # fmt: skip
    for key in FIGURES:
        head = ["", key, "spread"] + [f"{c.name} is × faster" for c in ours]
        print("\n| " + " | ".join(head) + " |\n| --- |" + " ---: |" * (len(head) - 1))
        for c in contestants:
            f = figures[c.name][key]
            ratios = [f"{figures[o.name][key]['median'] / f['median']:.2f}" for o in ours]
            print(f"| {c.name} | {f['median']:.1f} | {f['min']:.1f} to {f['max']:.1f} | " + " | ".join(ratios) + " |")
    if args.json:
        result = {"args": {k: str(v) for k, v in vars(args).items()}, "read_gb_s": summary(bandwidth), "figures": figures,
                  "about": {c.name: c.about for c in contestants}, "runs": {c.name: c.runs for c in contestants}}  # fmt: skip
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
