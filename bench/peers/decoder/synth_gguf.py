#!/usr/bin/env python3
"""A GGUF file of Qwen2.5's shape with random weights, in the types that llama-quantize would choose: for speed only.

    python bench/peers/decoder/synth_gguf.py --shape qwen2.5-1.5b --type Q4_K_M --out FILE [--vocabulary ggml-vocab-qwen2.gguf]

Types follow llama.cpp's `llama_tensor_get_type`: with Q4_0 and Q4_K_M the tied embedding is Q6_K; with Q4_K_M so are half of the
value and down projections. Rows that 256 does not divide fall back as there (Q4_K to Q5_0, Q6_K to Q8_0). Blocks hold random codes and
a scale that keeps activations in range; speed does not depend on the values. llama.cpp's server ends at its first answer without a
vocabulary; llama.cpp's own source has Qwen2's (`models/ggml-vocab-qwen2.gguf`), whose fields are taken over. A file that is already there stays,
unless a vocabulary was asked for and it has none.
"""

import argparse
import pathlib
import sys

import gguf
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from shapes import CONTEXT, NORM_EPS, ROPE_THETA, SHAPES  # noqa: E402

Q = gguf.GGMLQuantizationType
# Offsets of the f16 scales in a block, and how large a weight of code 1 is beside the scale.
SCALES = {Q.Q8_0: [(0, 1 / 73)], Q.Q4_0: [(0, 1 / 4.6)], Q.Q5_0: [(0, 1 / 9.2)], Q.Q4_K: [(0, 1 / 200), (2, 1 / 400)], Q.Q6_K: [(208, 1 / 1200)]}

# What the file says of itself; OpenVINO's reader wants it.
FILE_TYPES = {"F16": 1, "Q4_0": 2, "Q8_0": 7, "Q4_K_M": 15}


def blocks(rng, kind, rows, cols):
    """`rows` rows of `cols` weights as raw bytes: random codes under one scale of the right size."""
    if kind == Q.F16:
        return (rng.standard_normal((rows, cols), dtype=np.float32) / np.sqrt(cols)).astype(np.float16)
    size, width = gguf.GGML_QUANT_SIZES[kind]
    data = rng.integers(0, 256, (rows, cols // size, width), dtype=np.uint8)
    for at, share in SCALES[kind]:
        scale = np.array([share / np.sqrt(cols)], dtype=np.float16).view(np.uint8)
        data[:, :, at : at + 2] = scale
    return data.reshape(rows, cols // size * width)


def kind_of(ftype, name, layer, layers, cols, tied):
    """The type of a matrix, as llama-quantize picks it."""
    more = layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2
    if ftype in ("Q8_0", "F16"):
        return Q[ftype]
    if name == "token_embd" and tied or name == "output":
        kind = Q.Q6_K
    elif ftype == "Q4_0":
        kind = Q.Q4_0
    elif name in ("attn_v", "ffn_down") and more:
        kind = Q.Q6_K
    else:
        kind = Q.Q4_K
    if cols % 256:
        kind = {Q.Q6_K: Q.Q8_0, Q.Q4_K: Q.Q5_0}.get(kind, kind)
    return kind


def add_vocabulary(writer, path):
    """Takes over the tokenizer of another GGUF file."""
    for name, field in gguf.GGUFReader(path).fields.items():
        if name.startswith("tokenizer."):
            nested = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), field.types[0], sub_type=nested)


def has_vocabulary(path):
    return "tokenizer.ggml.tokens" in gguf.GGUFReader(path).fields


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, required=True)
    parser.add_argument("--type", choices=FILE_TYPES, required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--vocabulary", help="a GGUF file whose tokenizer is taken over; without one the file has none")
    args = parser.parse_args()
    out = pathlib.Path(args.out)
    if out.exists() and (not args.vocabulary or has_vocabulary(out)):
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    write(args, part)
    part.replace(out)


def write(args, path):
    s, rng = SHAPES[args.shape], np.random.default_rng(1)
    width = s["hidden"] // s["heads"]
    writer = gguf.GGUFWriter(path, "qwen2", use_temp_file=True)
    writer.add_name(f"{args.shape} random weights")
    writer.add_file_type(FILE_TYPES[args.type])
    writer.add_block_count(s["layers"])
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(s["hidden"])
    writer.add_feed_forward_length(s["inner"])
    writer.add_head_count(s["heads"])
    writer.add_head_count_kv(s["kv_heads"])
    writer.add_rope_freq_base(ROPE_THETA)
    writer.add_layer_norm_rms_eps(NORM_EPS)
    writer.add_vocab_size(s["vocab"])
    if args.vocabulary:
        add_vocabulary(writer, args.vocabulary)
    else:
        writer.add_tokenizer_model("none")

    def matrix(name, rows, cols, layer=0, at=""):
        kind = kind_of(args.type, name, layer, s["layers"], cols, s["tied"])
        writer.add_tensor(f"{at}{name}.weight", blocks(rng, kind, rows, cols), raw_dtype=kind)

    def vector(name, data):
        writer.add_tensor(name, data.astype(np.float32))

    h, inner, kv = s["hidden"], s["inner"], s["kv_heads"] * width
    matrix("token_embd", s["vocab"], h)
    if not s["tied"]:
        matrix("output", s["vocab"], h)
    vector("output_norm.weight", np.ones(h))
    for layer in range(s["layers"]):
        at = f"blk.{layer}."
        for name, rows, cols in [("attn_q", h, h), ("attn_k", kv, h), ("attn_v", kv, h), ("attn_output", h, h),
                                 ("ffn_gate", inner, h), ("ffn_up", inner, h), ("ffn_down", h, inner)]:  # fmt: skip
            matrix(name, rows, cols, layer, at)
        for name, rows in [("attn_q", h), ("attn_k", kv), ("attn_v", kv)]:
            vector(f"{at}{name}.bias", rng.normal(0, 0.1, rows))
        vector(f"{at}attn_norm.weight", np.ones(h))
        vector(f"{at}ffn_norm.weight", np.ones(h))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
