#!/usr/bin/env python3
"""Write a trained judge as the product's asset: `crates/assistant/assets/judge.safetensors` (f16) and `judge.json`.

    python tools/train/judge/export.py --model-dir DIR [--judge target/judge.pt]

The thresholds in `judge.json` are set afterwards by `calibrate.py`, from what the product itself says of held-out pairs; until
then nothing reaches them.
"""

import argparse
import hashlib
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "adapter"), str(HERE.parent)]

import torch  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from judge import Judge  # noqa: E402
from model import LINEARS, NORMS, key  # noqa: E402
from reading import Texts, judge_all  # noqa: E402

ROOT = HERE.parents[2]
LIMIT_BYTES = 3_000_000
# Pairs of our own whose logits the Rust test compares, in f32.
FIXTURE = [
    ("summarise my week", "give me a recap of this week please"),
    ("why can't I fall asleep", "why can I fall asleep so easily"),
    ("what my sister thinks of me", "what I think of my sister"),
    ("give me three prompts about work", "3 prompts on my job pls"),
    ("x", "a much longer text, with a clause or two, about nothing in particular; and then some more of it"),
]


def load_judge(path, model_dir):
    """The judge, rounded to the f16 that is shipped."""
    stored = torch.load(path, weights_only=False)
    config = stored["config"]
    judge = Judge(load_file(str(model_dir / "model.safetensors")), config["first_layer"], config["rank"], config["hidden"])
    judge.load_state_dict(stored["state"])
    with torch.no_grad():
        judge.segment.copy_(judge.segment.half().float())
        for name, parameter in judge.named_parameters():
            scale = 2.0 if name.endswith("_B") else 1.0
            parameter.copy_((parameter * scale).half().float() / scale)
    return judge.eval(), stored


def tensors_of(judge):
    out = {"segment": judge.segment}
    for n, layer in enumerate(judge.layers, judge.config["first_layer"]):
        for name in LINEARS:
            out[f"layer.{n}.{name}.A"] = getattr(layer, key(name) + "_A")
            out[f"layer.{n}.{name}.B"] = getattr(layer, key(name) + "_B") * layer.scale
        for name in NORMS:
            for part in ("weight", "bias"):
                out[f"layer.{n}.{name}.{part}"] = getattr(layer, f"{key(name)}_{part}")
    for name in ("hidden", "out"):
        out[f"{name}.w"], out[f"{name}.b"] = getattr(judge, name).weight, getattr(judge, name).bias
    return {name: tensor.detach().half().contiguous() for name, tensor in out.items()}


@torch.no_grad()
def fixture(judge, model_dir):
    from clusters import Pair

    texts = Texts(model_dir, [t for pair in FIXTURE for t in pair])
    pairs = [Pair(*sorted(pair, key=str.encode), 0, "", "") for pair in FIXTURE]
    logits = [float(judge(**texts.batch([pair]))[0]) for pair in pairs]
    cosines = [float(texts.vectors[p.a] @ texts.vectors[p.b]) for p in pairs]
    return [{"a": a, "b": b, "cosine": c, "logit": z} for (a, b), c, z in zip(FIXTURE, cosines, logits)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model-dir", type=pathlib.Path, required=True)
    parser.add_argument("--judge", type=pathlib.Path, default=ROOT / "target/judge.pt")
    parser.add_argument("--assets", type=pathlib.Path, default=ROOT / "crates/assistant/assets")
    parser.add_argument("--fixtures", type=pathlib.Path, default=ROOT / "crates/assistant/tests/fixtures")
    args = parser.parse_args()
    torch.set_num_threads(1)
    judge, stored = load_judge(args.judge, args.model_dir)
    target = args.assets / "judge.safetensors"
    save_file(tensors_of(judge), str(target))
    target.chmod(0o644)
    size = target.stat().st_size
    if size > LIMIT_BYTES:
        raise SystemExit(f"{target} has {size} bytes, more than {LIMIT_BYTES}")
    meta = {
        "version": 1,
        "encoder": "minilm",
        "encoder_sha256": hashlib.sha256((args.model_dir / "model.safetensors").read_bytes()).hexdigest(),
        "rule": "tools/train/judge/judge.py",
        **judge.config,
        "thresholds": [1e9],
        "calibrated": {"on": "nothing yet", "paraphrases": 0, "served": 0, "look_alikes": 0, "false_hits": 0},
        "trained_on": stored.get("trained_on", []),
        "epoch": stored["epoch"],
    }
    (args.assets / "judge.json").write_text(json.dumps(meta, indent=1) + "\n")
    (args.fixtures / "judge_expected.json").write_text(json.dumps(fixture(judge, args.model_dir), indent=1) + "\n")
    print(f"{target}: {size} bytes, epoch {stored['epoch']}; now calibrate")


if __name__ == "__main__":
    main()
