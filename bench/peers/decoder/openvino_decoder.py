#!/usr/bin/env python3
"""Peer: OpenVINO GenAI's `LLMPipeline` with random weights, compressed by nncf to INT8 or INT4.

    python bench/peers/decoder/openvino_decoder.py --shape qwen2.5-1.5b --bits int8 --folder DIR --vocabulary ggml-vocab-qwen2.gguf --threads 2 --runs 5

No model is fetched: OpenVINO reads an F16 file of `synth_gguf.py`, keeps the graph (stateful keys and values, tokenizer from the
vocabulary) as its IR, and `nncf.compress_weights` makes the two that its export makes by default: int8_asym per channel; int4_sym in
groups of 128, the embedding and head in INT8. They lie in DIR/int8 and DIR/int4; only the first start makes them. The settings are
the pipeline's own, except that a repeated prompt is not taken from its cache and that a prompt is read in one go.
"""

import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import work  # noqa: E402
from shapes import SHAPES  # noqa: E402
from work import record  # noqa: E402

import numpy as np  # noqa: E402
import openvino  # noqa: E402
import openvino_genai as genai  # noqa: E402

MODEL = "openvino_model.xml"
WAYS = {"int8": dict(mode="int8_asym"), "int4": dict(mode="int4_sym", group_size=128, ratio=1.0)}


def make(args):
    """The two compressed models and the tokenizer; the floats they were made from go again."""
    folder = pathlib.Path(args.folder)
    if all((folder / bits / MODEL).exists() for bits in WAYS):
        return
    import nncf

    floats, plain = folder / f"{args.shape}-F16.gguf", folder / MODEL
    subprocess.run([sys.executable, str(HERE / "synth_gguf.py"), "--shape", args.shape, "--type", "F16", "--out", str(floats),
                    "--vocabulary", args.vocabulary], check=True)  # fmt: skip
    genai.LLMPipeline(str(floats), "CPU", enable_save_ov_model=True)
    floats.unlink()
    for bits, way in WAYS.items():
        model = openvino.Core().read_model(plain)
        compressed = nncf.compress_weights(model, **way | {"mode": nncf.CompressWeightsMode(way["mode"])})
        shutil.rmtree(folder / f"{bits}.part", ignore_errors=True)
        openvino.save_model(compressed, folder / f"{bits}.part" / MODEL)
        shutil.rmtree(folder / bits, ignore_errors=True)
        (folder / f"{bits}.part").rename(folder / bits)
    plain.unlink()
    plain.with_suffix(".bin").unlink()


def load(args):
    schedule = genai.SchedulerConfig()
    schedule.enable_prefix_caching = False
    schedule.max_num_batched_tokens = 1 << 16
    folder = pathlib.Path(args.folder)
    return genai.LLMPipeline(str(folder / args.bits), genai.Tokenizer(str(folder)), "CPU", scheduler_config=schedule, INFERENCE_NUM_THREADS=args.threads)


def one_run(pipeline, args, tokens, count):
    """The first token of every row, then `count` more."""
    ids = np.random.default_rng(2).integers(0, SHAPES[args.shape]["vocab"], (args.rows, tokens))
    config = genai.GenerationConfig(max_new_tokens=count + 1, min_new_tokens=count + 1, ignore_eos=True, do_sample=False)
    found = pipeline.generate(genai.TokenizedInputs(openvino.Tensor(ids), openvino.Tensor(np.ones_like(ids))), config)
    written = [len(row) for row in found.tokens]
    if written != [count + 1] * args.rows:
        raise SystemExit(f"OpenVINO wrote {written} tokens where {count + 1} were asked for")
    first, whole = found.perf_metrics.get_ttft().mean / 1e3, found.perf_metrics.get_generate_duration().mean / 1e3
    return {"prefill_tok_s": args.rows * tokens / first, "decode_tok_s": args.rows * count / (whole - first), "ttft_ms": first * 1e3}


def main():
    parser = work.arguments(__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="qwen2.5-1.5b")
    parser.add_argument("--bits", choices=WAYS, default="int8")
    parser.add_argument("--folder", required=True, help="where the models of this shape are kept")
    parser.add_argument("--vocabulary", required=True, help="a GGUF file whose tokenizer is taken over")
    parser.add_argument("--make", action="store_true", help="make the models and end")
    args = parser.parse_args()
    make(args)
    if args.make:
        return
    weights = pathlib.Path(args.folder) / args.bits / MODEL
    about = {"peer": f"OpenVINO GenAI {args.bits.upper()}", "version": record.versions(["openvino-genai"])["openvino-genai"], "threads": args.threads,
             "model": f"{args.shape} random weights", "weights_bytes": weights.with_suffix(".bin").stat().st_size}  # fmt: skip
    pipeline = load(args)
    work.answer(args, about, lambda tokens, count: one_run(pipeline, args, tokens, count), warm=True)


if __name__ == "__main__":
    main()
