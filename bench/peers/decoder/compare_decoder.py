#!/usr/bin/env python3
"""Companion's decoder beside its peers at one shape: interleaved runs, medians, ratios, and the memory's read bandwidth in the same run.

    python bench/peers/decoder/compare_decoder.py --companion target/release/companion --llama DIR/bin --gguf DIR --shape qwen2.5-1.5b \\
        [--openvino DIR] [--rounds 5] [--prompt-tokens 256 66 260 650] [--gen-tokens 32] [--threads 2] [--rows 8] [--isa avx2] [--folder DIR]

Every contestant takes one run a round, in turning order, so that a slow minute meets all alike. Companion's models are made by
`companion model synth`, the GGUF files by `synth_gguf.py`, OpenVINO's from one of them, all with random weights: speed only. PyTorch's
INT8 is loaded once; what holds much memory while it idles (PyTorch's FP32, OpenVINO) starts anew for each of its turns, which is not
timed. Lengths after the first (66, 260 and 650 tokens are 50, 200 and 500 words) are run in the first --rounds-more rounds only, and
FP32 takes the first length in the first --rounds-f32 rounds: every figure tells its n. A ratio above 1 means that Companion is
faster. --folder gets a record a length.

--isa avx2 keeps everybody to what most laptops before 2021 have, on a processor that has more: Companion and PyTorch by their environment, llama.cpp by
a build of its own (--llama DIR/bin-avx2). OpenVINO has no such switch and is left out.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import work  # noqa: E402
from shapes import parameters  # noqa: E402
from work import FIGURES, record  # noqa: E402

from turns import Served, take_turns  # noqa: E402

# PyTorch's `x86` engine chooses by the processor and not by these, so it is told to take fbgemm, as it would without VNNI.
AVX2_ALONE = {"COMPANION_KERNEL": "avx2", "ATEN_CPU_CAPABILITY": "avx2", "FBGEMM_ENABLE_INSTRUCTIONS": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2",
              "MKL_ENABLE_INSTRUCTIONS": "AVX2"}  # fmt: skip


class Contestant:
    """Its runs by length; those that it does not take are absent."""

    def __init__(self, args, rounds=None, lengths=None):
        self.rounds, self.lengths = rounds or args.rounds, lengths or args.prompt_tokens
        self.args, self.runs = args, {tokens: [] for tokens in self.lengths}

    def round(self, number):
        if number >= self.rounds:
            return
        lengths = self.lengths if number < self.args.rounds_more else self.lengths[:1]
        for tokens in lengths:
            self.runs[tokens].append(self.run(tokens))
        self.rest()

    def rest(self):
        """Nothing stays behind."""

    def close(self):
        """Nothing stays behind."""

    def told(self, tokens):
        runs = self.runs[tokens]
        about = {key: value for key, value in self.about.items() if key not in ("peer", "version")}
        return record.contestant(self.name, self.about.get("version", ""), work.figures(runs), self.ours, **about, runs=runs)


class Peer(Contestant):
    """A peer's script, which stays in memory or ends after each of its rounds."""

    ours = False

    def __init__(self, args, script, *own, stays=True, **limits):
        super().__init__(args, **limits)
        same = ["--prompt-tokens", self.lengths[0], "--gen-tokens", args.gen_tokens, "--rows", args.rows, "--threads", args.threads, "--serve"]
        self.command = [sys.executable, *map(str, [HERE / script, *own, *same])]
        self.stays, self.served = stays, None

    def run(self, tokens):
        if self.served is None:
            self.served = Served(self.command)
            self.about, self.name = self.served.about, self.served.about["peer"]
        return self.served.ask(str(tokens))

    def rest(self):
        if not self.stays:
            self.close()

    def close(self):
        if self.served is not None:
            self.served.close()
            self.served = None


class Companion(Contestant):
    """`companion benchmark --inference --json`, one run a round."""

    ours = True

    def __init__(self, args, model):
        super().__init__(args)
        self.model, self.name = model, f"Companion {model}"

    def run(self, tokens):
        args = self.args
        command = [args.companion, "benchmark", "--inference", "-m", self.model, "--prompt-tokens", str(tokens), "--gen-tokens",
                   str(args.gen_tokens), "--rows", str(args.rows), "--threads", str(args.threads), "--runs", "1", "--json"]  # fmt: skip
        found = json.loads(output(command))
        self.about = {key: value for key, value in found.items() if not isinstance(value, dict)}
        return {key: found[key]["median"] for key in [*FIGURES, "ttft_ms", "weights_read_gb_s", "read_gb_s"] if key in found}


def output(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


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


def available_bytes():
    """Memory that can be had without swapping, where the system tells."""
    try:
        lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return float("inf")
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def contestants_of(args, notes):
    """Those that can be had here; `notes` tells of the others."""
    found = []
    for model in args.models if args.models is not None else [f"{args.shape}-{bits}-synth" for bits in ("int8", "int4", "mixed")]:
        if subprocess.run([args.companion, "model", "show", model], capture_output=True).returncode:
            notes.append(f"Companion {model} is not installed; left out")
        else:
            found.append(Companion(args, model))
    for quant in args.torch:
        if quant == "int8":
            engine = ["--engine", "fbgemm"] if args.isa else []
            found.append(Peer(args, "torch_decoder.py", "--shape", args.shape, "--quant", quant, *engine))
            continue
        need = 1.4 * 4 * parameters(args.shape)
        if available_bytes() < need:
            notes.append(f"PyTorch FP32 needs {need / 1e9:.0f} GB of free memory; left out")
            continue
        limits = {"rounds": min(args.rounds_f32, args.rounds), "lengths": args.prompt_tokens[:1]}
        found.append(Peer(args, "torch_decoder.py", "--shape", args.shape, "--quant", quant, stays=False, **limits))
        notes.append(f"PyTorch FP32 takes {limits['rounds']} rounds of {limits['lengths'][0]} tokens only: it is slow")
    if args.llama:
        for kind in args.types:
            model = pathlib.Path(args.gguf) / f"{args.shape}-{kind}.gguf"
            found.append(Peer(args, "llama_decoder.py", "--bin", args.llama, "--model", model))
    if args.openvino:
        own = ["--shape", args.shape, "--folder", pathlib.Path(args.openvino) / args.shape, "--vocabulary", args.vocabulary]
        for bits in args.openvino_bits:
            found.append(Peer(args, "openvino_decoder.py", *own, "--bits", bits, stays=False))
    return found


def table(contestants, tokens):
    """Markdown: a row a contestant and figure, with how many times as fast each of our models is."""
    told = [c.told(tokens) for c in contestants if c.runs.get(tokens)]
    ours = [c for c in told if c["ours"]]
    for key in FIGURES:
        head = ["", key, "spread", "n"] + [f"{c['name']} is × faster" for c in ours]
        print("\n| " + " | ".join(head) + " |\n| --- |" + " ---: |" * (len(head) - 1))
        for c in told:
            f = c["figures"][key]
            ratios = [f"{o['figures'][key]['median'] / f['median']:.2f}" for o in ours]
            print(f"| {c['name']} | {f['median']:.1f} | {f['min']:.1f} to {f['max']:.1f} | {f['n']} | " + " | ".join(ratios) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--companion", default="target/release/companion")
    parser.add_argument("--llama", help="the folder of llama.cpp's programs")
    parser.add_argument("--gguf", help="the folder of SHAPE-TYPE.gguf files")
    parser.add_argument("--openvino", help="the folder where OpenVINO's models are kept, or made at first")
    parser.add_argument("--openvino-bits", nargs="*", default=["int8", "int4"], choices=["int8", "int4"])
    parser.add_argument("--vocabulary", help="with --openvino: a GGUF file with Qwen2's vocabulary")
    parser.add_argument("--shape", default="qwen2.5-1.5b")
    parser.add_argument("--models", nargs="*", help="Companion's models [default: SHAPE-int8-synth SHAPE-int4-synth SHAPE-mixed-synth]")
    parser.add_argument("--types", nargs="*", default=["Q8_0", "Q4_0", "Q4_K_M"])
    parser.add_argument("--torch", nargs="*", default=["int8", "f32"], choices=["int8", "f32"])
    parser.add_argument("--prompt-tokens", type=int, nargs="+", default=[256])
    parser.add_argument("--gen-tokens", type=int, default=32)
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rounds-more", type=int, default=3, help="of the lengths after the first")
    parser.add_argument("--rounds-f32", type=int, default=2, help="of PyTorch's FP32")
    parser.add_argument("--isa", choices=["avx2"], help="the instructions that all are kept to")
    parser.add_argument("--folder", type=pathlib.Path, help="gets a record a length, decoder-SHAPE-ROWS-TOKENS.json")
    args = parser.parse_args()
    if args.openvino and not args.vocabulary:
        parser.error("--openvino goes with --vocabulary")
    if args.isa:
        os.environ.update(AVX2_ALONE)
        args.openvino = None
    notes, bandwidth = [], []
    contestants = contestants_of(args, notes)

    def about(tokens):
        told = work.describe(args.shape, tokens, args.gen_tokens, args.rows, args.threads, args.isa)
        return told | {"read_gb_s": record.figure(bandwidth, True)}

    def keep():
        """The records so far: who dies in a late round takes no earlier ones along."""
        for tokens in args.prompt_tokens if args.folder and bandwidth else []:
            told = [c.told(tokens) for c in contestants if c.runs.get(tokens)]
            whole = record.record(about(tokens), told, args.threads, work.PACKAGES, notes)
            record.tell(whole, args.folder / f"decoder-{args.shape}-{args.rows}-{tokens}.json")

    def before():
        keep()
        bandwidth.append(read_bandwidth(args.threads))

    take_turns(contestants, args.rounds, before)
    keep()
    for tokens in args.prompt_tokens:
        told = about(tokens)
        print(f"\n{told['title']}; read bandwidth {told['read_gb_s']['median']:.1f} GB/s, load at the end {os.getloadavg()[0]:.1f}")
        table(contestants, tokens)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


if __name__ == "__main__":
    main()
