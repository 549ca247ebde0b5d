"""The fixture that holds the Rust adapter to this one: entries with explicit sentences, and what is made of them in f32."""

import json

import numpy as np
import torch

from apply import answer_of
from heads_fixture import ENTRIES
from units import Item, batch_of, open_tokenizer

# A long one, so that windows and their context are covered: 24 sentences, about 400 pieces.
LONG = [
    f"{day}: {what}"
    for day, what in zip(
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "The Monday after"] * 3,
        [
            "rain, trams, the long queue at the post office, and a letter that wasn't for me in the end.",
            "I argued with Vera about the shelves, and we both knew that it was not about the shelves.",
            "nothing happened, and I noticed it, which is a kind of event.",
            "the doctor says that the shoulder will be stiff for another month at least, then we'll see.",
            "we ate outside for the first time this year, with blankets, and laughed until the neighbours laughed too.",
            "I slept badly, dreamt of the old school, and woke with my jaw tight.",
            "the boys built a dam in the brook and came home wet up to the neck, and so proud.",
            "back to work, forty mails, one of them kind.",
        ]
        * 3,
    )
]


@torch.no_grad()
def run_f32(base, adapter, item):
    """All raw outputs of one entry, without bf16 anywhere."""
    batch = batch_of(base, [item])
    vectors = adapter.sentence_vectors(batch["x"], batch["mask"], batch["unit_of"], len(batch["entry_of"]))
    out = adapter.read(vectors, batch["entry_of"], batch["place"], 1)
    out = {k: v.numpy() if k.startswith("unit_") else v[0].numpy() for k, v in out.items()}
    return vectors.numpy(), out


def write_fixture(folder, base, adapter, meta, model_dir):
    """Write `adapter_expected.json`; the first and the last entry also carry their window ids and sentence vectors."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = open_tokenizer(model_dir)
    entries = ENTRIES[:20] + [LONG]
    lines = []
    for number, sentences in enumerate(entries):
        item = Item(tokenizer, sentences)
        vectors, out = run_f32(base, adapter, item)
        row = {"sentences": sentences, "logits": {k: digits(out[k]) for k in ("sentiment", "themes", "emotions", "mixed")}}
        row["raw_valence"] = digits(out["valence"])
        row |= answer_of(out, item.units, meta)
        if number in (0, 3, len(entries) - 1):
            row["windows"] = [ids.tolist() for ids, _ in item.windows]
            row["unit_of"] = [owner.tolist() for _, owner in item.windows]
            row["vectors"] = digits(vectors[:4])
        lines.append(json.dumps(row, ensure_ascii=False))
    (folder / "adapter_expected.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


def digits(values):
    """Seven significant digits, as nested lists."""
    if np.ndim(values) == 0:
        return float(f"{float(values):.7g}")
    return [digits(v) for v in values]
