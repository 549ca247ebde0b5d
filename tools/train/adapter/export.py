#!/usr/bin/env python3
"""Calibrate a trained adapter and write it as the product's asset, with its report and the fixture of the Rust test.

    python tools/train/adapter/export.py --model-dir DIR --data ../shared/data/labelled --entries data/journal-train/train-*.jsonl \\
        --adapter target/adapter.pt

Writes `crates/assistant/assets/adapter.safetensors` (f16, at most 3 MB), `adapter.json`, and
`crates/assistant/tests/fixtures/adapter_expected.json`. Calibration reads the voices that training left out and fold 1 of
the clear sets. What is written is what is measured: weights are rounded to f16 before the fixture is made.
"""

import argparse
import hashlib
import json
import pathlib
import sys
from importlib.metadata import version

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from calibrate import calibrate  # noqa: E402
from fixture import write_fixture  # noqa: E402
from label_names import EMOTIONS, SENTIMENTS, THEMES  # noqa: E402
from labelled_sets import TEST_FOLDS, load_clear  # noqa: E402
from model import LINEARS, NORMS, Adapter, Base, key  # noqa: E402
from own_entries import DEV_VOICES, load_entries  # noqa: E402
from predict import predict  # noqa: E402
from train import Set  # noqa: E402
from units import open_tokenizer  # noqa: E402

ROOT = HERE.parents[2]
LIMIT_BYTES = 3_000_000
HEADS = {
    "attend_in": "attend.in", "attend_out": "attend.out", "mood_hidden": "mood.hidden", "sentiment": "mood.sentiment",
    "valence": "mood.valence", "emotions": "mood.emotions", "mixed": "mood.mixed", "themes": "themes.score",
    "theme_attend": "themes.attend", "evidence": "evidence",
}  # fmt: skip


def load_adapter(path, model_dir):
    """The base and the trained adapter, rounded to the f16 that is shipped."""
    stored = torch.load(path, weights_only=False)
    config = stored["config"]
    base = Base(str(model_dir / "model.safetensors"), config["first_layer"])
    adapter = Adapter(base.weights, config["first_layer"], config["rank"], config["hidden"], config["attention"])
    adapter.load_state_dict(stored["state"])
    with torch.no_grad():
        for name, parameter in adapter.named_parameters():
            # B carries the scale in the file, so it is B times scale that is rounded.
            scale = 2.0 if name.endswith("_B") else 1.0
            parameter.copy_((parameter * scale).half().float() / scale)
    return base, adapter.eval(), stored


def tensors_of(adapter):
    """The names and shapes of the asset: `layer.N.<bert name>.{A,B}`, `layer.N.<norm>.{weight,bias}`, heads `.w`, `.b`."""
    out = {}
    first = adapter.config["first_layer"]
    for n, layer in enumerate(adapter.layers, first):
        for name in LINEARS:
            out[f"layer.{n}.{name}.A"] = getattr(layer, key(name) + "_A")
            out[f"layer.{n}.{name}.B"] = getattr(layer, key(name) + "_B") * layer.scale
        for name in NORMS:
            for part in ("weight", "bias"):
                out[f"layer.{n}.{name}.{part}"] = getattr(layer, f"{key(name)}_{part}")
    for name, shipped in HEADS.items():
        module = getattr(adapter, name)
        out[f"{shipped}.w"] = module.weight
        if module.bias is not None:
            out[f"{shipped}.b"] = module.bias
    out["attend.place"] = adapter.attend_place
    return {name: tensor.detach().half().contiguous() for name, tensor in out.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model-dir", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--entries", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--adapter", type=pathlib.Path, default=ROOT / "target/adapter.pt")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--assets", type=pathlib.Path, default=ROOT / "crates/assistant/assets")
    parser.add_argument("--fixtures", type=pathlib.Path, default=ROOT / "crates/assistant/tests/fixtures")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    base, adapter, stored = load_adapter(args.adapter, args.model_dir)
    own = [row for path in args.entries for row in load_entries(path)[1]]
    clear = load_clear(args.data)
    held = [row for row in own if row.fold in DEV_VOICES]
    held += [row for row in clear if row.fold == TEST_FOLDS[1] and row.source in ("own", "lemotif")]
    data = Set(held, open_tokenizer(args.model_dir))
    meta = {
        "version": 1,
        "encoder": "minilm",
        "encoder_sha256": hashlib.sha256((args.model_dir / "model.safetensors").read_bytes()).hexdigest(),
        "rule": "tools/train/adapter/model.py, then apply.py",
        **adapter.config,
        "window": 254,
        "context": 64,
        "sentiment": SENTIMENTS,
        "themes": THEMES,
        "emotions": EMOTIONS,
    }
    meta |= calibrate(data.rows, predict(base, adapter, data.items))
    trained = [("our entries", [r for r in own if r.fold not in DEV_VOICES])]
    trained += [(name, [r for r in clear if r.source == name and r.fold not in TEST_FOLDS]) for name in ("own", "lemotif", "sad", "emobank", "goemotions")]
    meta["trained_on"] = [{"set": name, "texts": len(rows)} for name, rows in trained]
    meta["calibrated_on"] = {"our entries": sum(r.source == "journal" for r in held), "clear sets": sum(r.source != "journal" for r in held)}
    meta["epoch"] = stored["epoch"]
    meta["made_with"] = {name: version(name) for name in ("torch", "tokenizers", "numpy")}

    args.assets.mkdir(parents=True, exist_ok=True)
    target = args.assets / "adapter.safetensors"
    save_file(tensors_of(adapter), str(target))
    target.chmod(0o644)
    size = target.stat().st_size
    if size > LIMIT_BYTES:
        raise SystemExit(f"{target} has {size} bytes, more than {LIMIT_BYTES}")
    (args.assets / "adapter.json").write_text(json.dumps(meta, indent=1) + "\n")
    write_fixture(args.fixtures, base, adapter, meta, args.model_dir)
    print(f"{target}: {size} bytes; {({k: meta[k] for k in ('sentiment_temperature', 'theme_scale', 'mixed_from', 'unsure_below')})}")


if __name__ == "__main__":
    main()
