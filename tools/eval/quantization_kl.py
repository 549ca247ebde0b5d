#!/usr/bin/env python3
"""How far quantized decoders are from their float originals, beside llama.cpp's formats: Kullback-Leibler divergence of
the next token, on entries that nothing was trained or calibrated on.

    python tools/eval/quantization_kl.py --model data/models/companion-tiny --ours DIR/int8 DIR/int4 DIR/mixed

`--ours` are folders that `companion model quantize` made of the model. llama.cpp's formats are those of ggml_formats.py;
with --llama-cpp, llama.cpp itself (llama-cpp-python) makes the files and the gguf package reads them. Everything runs through one forward pass, transformers', with the weights that the
files stand for and with activations rounded as each engine rounds them: 8 bits a group of the row (ours), a block of
32 (Q8_0, Q4_0), 256 (K formats). So the figures hold the formats and the quantizers against each other, nothing else.
"""

import argparse
import copy
import json
import pathlib
import tempfile
from typing import NamedTuple

import numpy as np
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

import ggml_formats

ROOT = pathlib.Path(__file__).parents[2]
PANEL = 16
INPUTS_FACTOR = {32: 1 / 8, 64: 1 / 8, 128: 1 / 16}
"""What the kernels multiply turned inputs with, by the size of a group."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "data/models/companion-tiny")
    parser.add_argument("--ours", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--peers", nargs="*", default=["Q8_0", "Q4_0", "Q4_K_M"])
    parser.add_argument("--llama-cpp", action="store_true", help="let llama.cpp itself quantize")
    parser.add_argument("--texts", type=pathlib.Path, default=ROOT / "data/journal-200/entries.jsonl")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--tokens", type=int, default=256, help="of each text")
    args = parser.parse_args()
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    start = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    with open(args.texts, encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines][: args.count]
    rows = [torch.tensor([[start, *tokenizer.encode(text)[: args.tokens]]]) for text in texts]
    weights = sum(p.numel() for p in model.parameters())
    exact = logits(model, rows)
    print(f"{args.model.name}: {weights} weights, {len(rows)} texts, {sum(r.shape[1] for r in rows)} tokens")
    print("| format | bits a weight | mean KL, nats | same first token | perplexity |\n| --- | ---: | ---: | ---: | ---: |")
    print(f"| f32 | 32 | 0 | 100.0 % | {perplexity(exact, rows):.3f} |")
    made = [ours(folder, model) for folder in args.ours]
    made += llama_cpp(args.model, model, args.peers) if args.llama_cpp else (emulated(model, name) for name in args.peers)
    for name, size, replaced, norms in made:
        found = logits(with_weights(model, replaced, norms), rows)
        same = np.mean([(a.argmax(-1) == b.argmax(-1)).float().mean().item() for a, b in zip(exact, found)])
        print(
            f"| {name} | {8 * size / weights:.2f} | {divergence(exact, found):.6f} | {100 * same:.1f} % "
            f"| {perplexity(found, rows):.3f} |",
            flush=True,
        )


@torch.no_grad()
def logits(model, rows):
    return [model(input_ids=row, use_cache=False).logits[0].float() for row in rows]


def divergence(exact, found):
    """Mean over tokens of KL(exact || found)."""
    total, count = 0.0, 0
    for p, q in zip(exact, found):
        p, q = torch.log_softmax(p.double(), -1), torch.log_softmax(q.double(), -1)
        total += (p.exp() * (p - q)).sum().item()
        count += len(p)
    return total / count


def perplexity(found, rows):
    loss = [torch.nn.functional.cross_entropy(f[:-1], row[0, 1:], reduction="sum").item() for f, row in zip(found, rows)]
    return float(np.exp(sum(loss) / sum(row.shape[1] - 1 for row in rows)))


class Matrix(NamedTuple):
    """What replaces a matrix: `weight` multiplies inputs that are rounded to 8 bits in groups of `group`."""

    weight: torch.Tensor
    group: int
    smooth: torch.Tensor | None = None
    """What each input is multiplied with first."""
    turned: bool = False
    """Whether whole groups are turned then, those of `weight` having been."""


def turn(x, group):
    """Each whole group of the last dimension times a Hadamard matrix with rows of length one."""
    whole = x.shape[-1] // group * group
    if whole == 0:
        return x
    h = torch.ones(1, 1)
    while len(h) < group:
        h = torch.kron(torch.tensor([[1.0, 1.0], [1.0, -1.0]]), h)
    turned = (x[..., :whole].unflatten(-1, (-1, group)) @ h * group**-0.5).flatten(-2)
    return torch.cat([turned, x[..., whole:]], -1)


class Rounded(torch.nn.Linear):
    """A linear layer that rounds its input to 8 bits, `group` values of a row under one scale."""

    def __init__(self, matrix, bias):
        torch.nn.Module.__init__(self)
        self.weight, self.bias = torch.nn.Parameter(matrix.weight, requires_grad=False), bias
        self.group, self.smooth, self.turned = matrix.group, matrix.smooth, matrix.turned

    def forward(self, x):
        if self.smooth is not None:
            x = x * self.smooth
        if self.turned:
            x = turn(x, self.group)
        short = -x.shape[-1] % self.group
        groups = torch.nn.functional.pad(x, (0, short)).unflatten(-1, (-1, self.group))
        scale = groups.abs().amax(-1, keepdim=True) / 127
        scale = torch.where(scale == 0, 1, scale)
        rounded = (torch.round(groups / scale) * scale).flatten(-2)[..., : x.shape[-1]]
        return torch.nn.functional.linear(rounded, self.weight, self.bias)


def with_weights(model, replaced, others):
    """`model` with other matrices, {name: Matrix}, and other norms and biases."""
    model = copy.deepcopy(model)
    state = dict(model.named_parameters())
    for name, value in others.items():
        state[name].data.copy_(value)
    for name, matrix in replaced.items():
        if name == "model.embed_tokens":
            model.model.embed_tokens.weight = torch.nn.Parameter(matrix.weight, requires_grad=False)
            if not model.config.tie_word_embeddings:
                continue
            name = "lm_head"
        parent, _, own = name.rpartition(".")
        parent = model.get_submodule(parent)
        setattr(parent, own, Rounded(matrix, getattr(parent, own).bias))
    return model


def ours(folder, model):
    """(name, bytes, matrices, norms) of a folder that Companion wrote; the layout is described in crates/kernels."""
    path = folder / "model.safetensors"
    replaced, others = {}, {}
    with safe_open(path, "numpy") as file:
        quant = file.metadata()["companion.quant"]
        version, config = file.metadata()["companion.format"], json.loads(file.metadata()["companion.config"])
        heads = config["num_attention_heads"] * config["head_dim"]
        kv = config["num_key_value_heads"] * config["head_dim"]
        inner = config["intermediate_size"]
        parts = {
            "qkv_proj": [("q_proj", heads), ("k_proj", kv), ("v_proj", kv)],
            "gate_up_proj": [("gate_proj", inner), ("up_proj", inner)],
        }
        names = set(file.keys())
        for name in sorted(names):
            stem, _, part = name.rpartition(".")
            parent, _, own = stem.rpartition(".")
            if part == "codes":
                smooth = torch.from_numpy(file.get_tensor(f"{stem}.smooth")) if f"{stem}.smooth" in names else None
                inputs = {"o_proj": heads, "down_proj": inner}.get(own, config["hidden_size"])
                weight, group = unpack(file.get_tensor(name), file.get_tensor(f"{stem}.scales"), inputs)
                table = own in ("embed_tokens", "lm_head")
                outputs = config["vocab_size"] if table else config["hidden_size"]
                at, turned = 0, version == "3" and own == "down_proj"
                if turned:
                    # The kernels turn inputs by powers of two, and here rows have length one.
                    weight[:, : inputs // group * group] *= INPUTS_FACTOR[group] * group**0.5
                for to, count in parts.get(own, [(own, outputs)]):
                    rows = weight[at : at + count].clone()
                    replaced[f"{parent}.{to}" if parent else to] = Matrix(rows, group, smooth, turned)
                    at += count
            elif part == "weight":
                others[name] = torch.from_numpy(file.get_tensor(name))
            elif part == "bias":
                values, at = torch.from_numpy(file.get_tensor(name)), 0
                for to, count in parts[own]:
                    others[f"{parent}.{to}.bias"] = values[at : at + count]
                    at += count
    return f"Companion {quant}", path.stat().st_size, replaced, others


def unpack(codes, scales, inputs):
    """([outputs, inputs], group) of the packed layout: panels of 16 columns, four inputs of a column together."""
    panels, groups, _ = scales.shape
    codes = codes.reshape(panels, -1, PANEL, 4)
    # The group is the one that gives so many of them, and the bits those that fill the bytes.
    group = next(group for group in (32, 64, 128) if -(-inputs // group) == groups)
    if codes.shape[1] * 4 == groups * group:
        values = codes.astype(np.float32) - 128
    else:
        low, high = (codes & 15).astype(np.float32) - 8, (codes >> 4).astype(np.float32) - 8
        values = np.stack([low, high], 2).reshape(panels, -1, PANEL, 4)
    values = values.transpose(0, 2, 1, 3).reshape(panels * PANEL, groups * group)
    scale = np.repeat(scales.astype(np.float32).transpose(0, 2, 1).reshape(panels * PANEL, groups), group, 1)
    return torch.from_numpy(values * scale)[:, :inputs], group


def emulated(model, format):
    """The same of one of llama.cpp's mixtures, by ggml_formats.py; norms and biases stay f32."""
    if not model.config.tie_word_embeddings:
        raise SystemExit("the mixtures of ggml_formats.py are those for tied embeddings; give --llama-cpp")
    replaced, size = {}, 0
    for name, tensor in model.named_parameters():
        if tensor.ndim < 2:
            size += 4 * tensor.numel()
            continue
        name = name.removesuffix(".weight")
        type = ggml_formats.mixture(name, format, model.config.num_hidden_layers)
        size += tensor.numel() * ggml_formats.BITS[type] / 8
        replaced[name] = Matrix(*ggml_formats.quantize(tensor.detach(), type))
    return f"llama.cpp {format}, as in ggml_formats.py", size, replaced, {}


def llama_cpp(folder, model, formats):
    """The same of files that llama.cpp quantized."""
    import gguf

    import llama_gguf

    with tempfile.TemporaryDirectory() as work:
        source = pathlib.Path(work) / "f32.gguf"
        llama_gguf.write(folder, model, source)
        for name in formats:
            path = pathlib.Path(work) / f"{name}.gguf"
            llama_gguf.quantize(source, path, name)
            replaced, bits = {}, 0
            for tensor in gguf.GGUFReader(path).tensors:
                bits += tensor.n_bytes
                to = llama_gguf.hugging_face(tensor.name)
                if to.endswith("norm.weight") or to.endswith("bias"):
                    continue
                weight = torch.from_numpy(gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32).copy())
                group = 256 if "_K" in tensor.tensor_type.name else 32
                replaced[to.removesuffix(".weight")] = Matrix(weight, group)
            yield f"llama.cpp {name}", bits, replaced, {}


if __name__ == "__main__":
    main()
