#!/usr/bin/env python3
"""Relative error of the outputs of synthetic layers with outlier channels: Companion's quantizers beside llama.cpp's formats.

    python tools/eval/quantization_layers.py --companion target/release/companion

A Qwen2 of random weights (1024 wide, 2 layers, tied) is made whose norms multiply six channels by 8 to 32, as trained networks have
them, with companion-tiny's tokenizer, so that `companion model quantize` calibrates it as it would any. Each matrix gets the inputs
that the float network gives it on entries that nothing was calibrated with, activations rounded as each engine rounds them; the figure is
|y - y'| / |y| over all outputs of a kind. llama.cpp's formats are those of ggml_formats.py.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import torch
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

from quantization_kl import ROOT, Rounded, emulated, ours

TINY = ROOT / "data/models/companion-tiny"
KINDS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head"]
PAIRS = [("int8", "Q8_0"), ("int4", "Q4_0"), ("mixed", "Q4_K_M")]


def synthetic(folder, seed):
    """The network, written to `folder` in Hugging Face's form."""
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=2048, hidden_size=1024, intermediate_size=2816, num_hidden_layers=2, num_attention_heads=16,
        num_key_value_heads=4, max_position_embeddings=1024, tie_word_embeddings=True, rms_norm_eps=1e-6, rope_theta=10000.0,
    )  # fmt: skip
    model = Qwen2ForCausalLM(config).float().eval()
    channels = torch.randperm(config.hidden_size)[:6]
    factors = 8 + 24 * torch.rand(6)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("norm.weight"):
                parameter.copy_(1 + 0.2 * torch.randn_like(parameter))
                parameter[channels] *= factors
            elif parameter.ndim == 2:
                parameter.normal_(std=parameter.shape[1] ** -0.5)
    model.save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(TINY / file, folder)
    return model


@torch.no_grad()
def inputs_of(model, texts):
    """{name of a matrix: its inputs [tokens, k]} on the texts."""
    tokenizer, seen, hooks = AutoTokenizer.from_pretrained(TINY), {}, []
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            hooks.append(module.register_forward_pre_hook(lambda m, x, name=name: seen.setdefault(name, []).append(x[0][0])))
    for text in texts:
        model(input_ids=torch.tensor([tokenizer.encode(text)[:256]]), use_cache=False)
    for hook in hooks:
        hook.remove()
    return {name: torch.cat(rows) for name, rows in seen.items()}


def norm_before(name):
    """The norm whose output a matrix reads; none before the inner ones."""
    layer, _, kind = name.rpartition(".")
    layer = layer.rpartition(".")[0]
    if kind == "lm_head":
        return "model.norm.weight"
    if kind in ("gate_proj", "up_proj"):
        return f"{layer}.post_attention_layernorm.weight"
    return f"{layer}.input_layernorm.weight" if kind in ("q_proj", "k_proj", "v_proj") else None


@torch.no_grad()
def errors(model, inputs, replaced, norms):
    """|y - y'| / |y| by kind of matrix, and of the mean square over kinds. `norms`: those that differ from the float network's."""
    of_kind, floats = {}, dict(model.named_parameters())
    for name, x in inputs.items():
        matrix = replaced["model.embed_tokens" if name == "lm_head" else name]
        exact = torch.nn.functional.linear(x, model.get_submodule(name).weight)
        norm = norm_before(name)
        moved = norms[norm] / floats[norm] if norm in norms else 1.0
        found = Rounded(matrix, None)(x * moved)
        part = ((found - exact).square().sum() / exact.square().sum()).item()
        of_kind.setdefault(name.rpartition(".")[2], []).append(part)
    squares = {kind: sum(of_kind[kind]) / len(of_kind[kind]) for kind in KINDS}
    return {kind: square**0.5 for kind, square in squares.items()}, (sum(squares.values()) / len(squares)) ** 0.5


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--companion", type=pathlib.Path, required=True)
    parser.add_argument("--count", type=int, default=12, help="entries that are read")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with open(ROOT / "data/journal-200/entries.jsonl", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines][: args.count]
    with tempfile.TemporaryDirectory() as work:
        source, home = pathlib.Path(work) / "synthetic", pathlib.Path(work) / "home"
        model = synthetic(source, args.seed)
        inputs = inputs_of(model, texts)

        def companion(*words):
            run = subprocess.run([args.companion.resolve(), "model", *words], env=os.environ | {"COMPANION_HOME": str(home)}, capture_output=True, text=True)
            if run.returncode:
                raise SystemExit(f"companion model {words[0]}: {run.stderr.strip()}")

        companion("import", str(source), "--quiet")
        print(f"| format | {' | '.join(KINDS)} | all |\n| --- |{' ---: |' * (len(KINDS) + 1)}")
        for to, format in PAIRS:
            companion("quantize", "synthetic", "--to", to, "--force", "--quiet")
            for name, _, replaced, norms in (ours(home / "models" / f"synthetic-{to}", model), emulated(model, format)):
                each, mean = errors(model, inputs, replaced, norms)
                print(f"| {name} | {' | '.join(f'{each[kind]:.5f}' for kind in KINDS)} | {mean:.5f} |", flush=True)


if __name__ == "__main__":
    main()
