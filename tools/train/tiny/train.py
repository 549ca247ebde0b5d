#!/usr/bin/env python3
"""Train companion-tiny: Qwen2's architecture, 3.5 million weights, small enough to be committed.

    python tools/train/tiny/train.py --diaries DIR --entries data/journal-train/train-*.jsonl --out data/models/companion-tiny

DIR holds pepys.jsonl.gz and barbellion.jsonl. Takes about 25 minutes on two cores. README.md says what it is for.
"""

import argparse
import copy
import json
import math
import pathlib
import time
from importlib.metadata import version

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import Qwen2Config, Qwen2ForCausalLM

import text
import vocabulary

CONTEXT = 1024
SHAPE = {
    "vocab_size": 2048,
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
    "rms_norm_eps": 1e-06,
    "tie_word_embeddings": True,
}
ROPE_THETA = 10000.0
TOKENS_A_STEP = 4096


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--diaries", type=pathlib.Path, required=True)
    parser.add_argument("--entries", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("target/companion-tiny"))
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --work")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    days, held_days = text.split(text.diaries(args.diaries))
    entries, held_entries = text.split(text.entries(sorted(args.entries)))
    plain = days + [entry["text"] for entry in entries]
    tokenizer = vocabulary.train(
        plain + [q for qs in (text.SENTIMENT, text.THEMES, text.EMOTIONS, text.EVIDENCE) for q in qs] + [text.SYSTEM],
        SHAPE["vocab_size"],
    )
    args.out.mkdir(parents=True, exist_ok=True)
    vocabulary.save(tokenizer, args.out, CONTEXT)

    model = Qwen2ForCausalLM(
        Qwen2Config(**SHAPE, rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA}, dtype="float32")
    )
    count = sum(p.numel() for p in model.parameters())
    print(f"{count} weights, {len(days)} days, {len(entries)} entries", flush=True)
    fast = copy.deepcopy(model).to(torch.bfloat16).train()
    optimizers = optimizers_of(model)
    batches = Batches(tokenizer, days, entries, args.seed)
    start, spent = 0, 0.0
    kept = args.work / "checkpoint.pt"
    if args.resume:
        state = torch.load(kept)
        start, spent = state["step"], state["spent"]
        model.load_state_dict(state["model"])
        [optimizer.load_state_dict(s) for optimizer, s in zip(optimizers, state["optimizers"])]
        batches.seed += start
    shown, since = 0.0, time.process_time() - spent
    for step in range(start, args.steps):
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate(step, args.steps)
        # The last tenth sees windows as long as the context that is promised.
        length = CONTEXT if step >= args.steps * 9 // 10 else CONTEXT // 4
        with torch.no_grad():
            for low, full in zip(fast.parameters(), model.parameters()):
                low.copy_(full)
        loss = mean_loss(fast, *batches.next(length))
        loss.backward()
        for low, full in zip(fast.parameters(), model.parameters()):
            full.grad, low.grad = low.grad.float(), None
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        shown += loss.item()
        if (step + 1) % 25 == 0:
            print(f"step {step + 1}: loss {shown / 25:.4f}, {time.process_time() - since:.0f} s of CPU", flush=True)
            shown = 0.0
        if (step + 1) % 50 == 0:
            args.work.mkdir(parents=True, exist_ok=True)
            state = {"step": step + 1, "spent": time.process_time() - since, "model": model.state_dict()}
            torch.save(state | {"optimizers": [o.state_dict() for o in optimizers]}, kept)
    for parameter in model.parameters():  # what is measured is what is stored
        parameter.data = parameter.data.to(torch.bfloat16).float()
    save(model, args.out)
    report = {
        "weights": count,
        "steps": args.steps,
        "tokens_seen": args.steps * TOKENS_A_STEP,
        "cpu_seconds": round(time.process_time() - since),
        "held_out": {
            "diaries": measure(model, tokenizer, [[(day, 1.0)] for day in held_days]),
            "own_entries": measure(model, tokenizer, [[(entry["text"], 1.0)] for entry in held_entries]),
        },
        "versions": {name: version(name) for name in ("torch", "transformers", "tokenizers", "safetensors")},
    }
    (args.out / "training.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))


def optimizers_of(model):
    """Muon for the matrices of the layers, AdamW for the embedding, the norms and the biases."""
    matrices = [p for name, p in model.named_parameters() if p.ndim > 1 and "embed" not in name]
    rest = [p for name, p in model.named_parameters() if p.ndim < 2 or "embed" in name]
    return [
        torch.optim.Muon(matrices, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def rate(step, steps, peak=3e-3, warmup=50):
    """The learning rate: a straight rise, level, and in the last quarter a straight fall to a fiftieth."""
    fall = (steps - step) / (steps / 4)
    return peak * max(0.02, min(1.0, (step + 1) / warmup, fall))


def mean_loss(model, ids, weights):
    """Cross-entropy of the next token, weighted; `ids` and `weights` are [rows, length + 1]."""
    logits = model(input_ids=ids[:, :-1], use_cache=False).logits
    each = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    counted = weights[:, 1:].flatten()
    return (each * counted).sum() / counted.sum()


class Batches:
    """An endless stream of documents in mixed order, cut into windows."""

    def __init__(self, tokenizer, days, entries, seed):
        self.tokenizer, self.entries, self.seed = tokenizer, entries, seed
        self.days = [encode(tokenizer, [(day, 1.0)]) for day in days]
        self.own = [encode(tokenizer, [(entry["text"], 1.0)]) for entry in entries]
        self.ids, self.weights = np.zeros(0, np.int64), np.zeros(0, np.float32)

    def next(self, length):
        """(ids, weights), each [TOKENS_A_STEP / length, length + 1]."""
        rows = TOKENS_A_STEP // length
        need = rows * (length + 1)
        while len(self.ids) < need:
            self.refill()
        ids, weights = self.ids[:need], self.weights[:need]
        self.ids, self.weights = self.ids[need:], self.weights[need:]
        shape = (rows, length + 1)
        return torch.from_numpy(ids.reshape(shape).copy()), torch.from_numpy(weights.reshape(shape).copy())

    def refill(self):
        talk = [encode(self.tokenizer, d) for d in text.dialogues(self.entries, self.seed, per_entry=2)]
        documents = self.days + self.own + talk
        order = np.random.default_rng(self.seed).permutation(len(documents))
        self.seed += 1
        self.ids = np.concatenate([self.ids] + [documents[at][0] for at in order])
        self.weights = np.concatenate([self.weights] + [documents[at][1] for at in order])


def encode(tokenizer, document):
    """(ids, weights) of a document and the token that ends it."""
    ids, weights = [], []
    for piece, weight in document:
        found = tokenizer.encode(piece, add_special_tokens=False).ids
        ids += found
        weights += [weight] * len(found)
    ids.append(tokenizer.token_to_id(text.END))
    return np.array(ids, np.int64), np.array(weights + [1.0], np.float32)


@torch.no_grad()
def measure(model, tokenizer, documents):
    """Perplexity of a token, and bits of a byte, on documents that start afresh and are cut at the context."""
    model.eval()
    total, tokens, size = 0.0, 0, 0
    for document in documents:
        ids, _ = encode(tokenizer, document)
        # The end of the document before it stands in front, as in training.
        ids = np.concatenate([ids[-1:], ids])[: CONTEXT + 1]
        rows = torch.from_numpy(ids)[None]
        logits = model(input_ids=rows[:, :-1], use_cache=False).logits[0].float()
        total += torch.nn.functional.cross_entropy(logits, rows[0, 1:], reduction="sum").item()
        tokens += len(ids) - 1
        size += len(tokenizer.decode(ids[1:].tolist()).encode())
    return {
        "documents": len(documents),
        "tokens": tokens,
        "perplexity": round(math.exp(total / tokens), 3),
        "bits_per_byte": round(total / math.log(2) / size, 4),
    }


def save(model, folder):
    """config.json as Qwen2.5 has it, and the weights in bfloat16; the head is the embedding and is not stored twice."""
    config = {
        "architectures": ["Qwen2ForCausalLM"],
        "attention_dropout": 0.0,
        "bos_token_id": SHAPE["vocab_size"] - 3,
        "eos_token_id": SHAPE["vocab_size"] - 1,
        "hidden_act": "silu",
        "initializer_range": 0.02,
        "model_type": "qwen2",
        **SHAPE,
        "rope_theta": ROPE_THETA,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "use_sliding_window": False,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    tensors = {
        name: tensor.detach().to(torch.bfloat16).contiguous()
        for name, tensor in model.state_dict().items()
        if name != "lm_head.weight"
    }
    save_file(tensors, str(folder / "model.safetensors"), metadata={"format": "pt"})


if __name__ == "__main__":
    main()
