#!/usr/bin/env python3
"""Peer: transformers' Qwen2 with random weights, FP32 or PyTorch's dynamic INT8.

    python bench/peers/decoder/torch_decoder.py --shape qwen2.5-1.5b --quant int8 --prompt-tokens 256 --gen-tokens 32 --threads 2 --runs 5

Dynamic INT8 is `torch.ao.quantization`'s, applied to one linear layer after the other, so that the FP32 network is never whole in memory.
With `--serve` it stays loaded and answers every line on standard input, a number of prompt tokens, with one run.
"""

import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import work  # noqa: E402
from shapes import CONTEXT, NORM_EPS, ROPE_THETA, SHAPES  # noqa: E402

import torch  # noqa: E402
import transformers  # noqa: E402


def build(shape, quant, seed=1):
    s = SHAPES[shape]
    config = transformers.Qwen2Config(
        vocab_size=s["vocab"], hidden_size=s["hidden"], intermediate_size=s["inner"], num_hidden_layers=s["layers"],
        num_attention_heads=s["heads"], num_key_value_heads=s["kv_heads"], max_position_embeddings=CONTEXT, rms_norm_eps=NORM_EPS,
        tie_word_embeddings=False, rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA}, attn_implementation="sdpa",
    )  # fmt: skip
    torch.manual_seed(seed)
    with torch.device("meta"):
        model = transformers.Qwen2ForCausalLM(config)
    table = torch.empty(s["vocab"], s["hidden"]).normal_(0, 0.02)
    for name, module in list(model.named_modules()):
        if isinstance(module, torch.nn.Linear):
            real = torch.nn.Linear(module.in_features, module.out_features, bias=module.bias is not None)
            with torch.no_grad():
                if name == "lm_head" and s["tied"]:
                    real.weight = torch.nn.Parameter(table)
                else:
                    real.weight.normal_(0, module.in_features**-0.5)
            if quant == "int8":
                real = torch.ao.nn.quantized.dynamic.Linear.from_float(prepared(real))
            parent = model.get_submodule(name.rpartition(".")[0]) if "." in name else model
            setattr(parent, name.rpartition(".")[2], real)
        elif isinstance(module, torch.nn.Embedding):
            module.weight = torch.nn.Parameter(table)
        elif type(module).__name__ == "Qwen2RMSNorm":
            module.weight = torch.nn.Parameter(torch.ones(s["hidden"]))
    model.model.rotary_emb = type(model.model.rotary_emb)(config)
    return model.eval(), s


def prepared(linear):
    linear.qconfig = torch.ao.quantization.default_dynamic_qconfig
    return linear


def one_run(model, s, rows, tokens, count):
    """Prefill of `rows` prompts, then greedy decoding of all together; the prompt's time is its own figure."""
    ids = torch.randint(0, s["vocab"], (rows, tokens), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        began = time.perf_counter()
        out = model(ids, use_cache=True, logits_to_keep=1)
        prefill = time.perf_counter() - began
        next_ids, cache = out.logits[:, -1].argmax(-1, keepdim=True), out.past_key_values
        began = time.perf_counter()
        for _ in range(count):
            out = model(next_ids, past_key_values=cache, use_cache=True)
            next_ids, cache = out.logits[:, -1].argmax(-1, keepdim=True), out.past_key_values
        decode = time.perf_counter() - began
    return {"prefill_tok_s": rows * tokens / prefill, "decode_tok_s": rows * count / decode, "ttft_ms": prefill * 1000}


def main():
    parser = work.arguments(__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="qwen2.5-1.5b")
    parser.add_argument("--quant", choices=["f32", "int8"], default="int8")
    parser.add_argument("--engine", choices=torch.backends.quantized.supported_engines, help="of the quantized layers [default: PyTorch's choice]")
    args = parser.parse_args()
    if args.engine:
        torch.backends.quantized.engine = args.engine
    torch.set_num_threads(args.threads)
    model, s = build(args.shape, args.quant)
    about = {"peer": f"PyTorch {'dynamic INT8' if args.quant == 'int8' else 'FP32'}", "version": torch.__version__,
             "engine": torch.backends.quantized.engine, "threads": args.threads, "model": f"{args.shape} random weights"}  # fmt: skip
    work.answer(args, about, lambda tokens, count: one_run(model, s, args.rows, tokens, count), warm=True)


if __name__ == "__main__":
    main()
