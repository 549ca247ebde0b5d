#!/usr/bin/env python3
"""Convert a model of llama2.c (github.com/karpathy/llama2.c) to a Hugging Face folder that is shaped like Llama.

    python tools/convert_stories260k.py ../shared/data/models/stories260k OUT [--reference FILE]

The folder holds stories260K.bin (the first format: seven sizes, then f32 weights) and tok512.bin. OUT gets config.json,
model.safetensors, tokenizer.json and tokenizer_config.json; the conversion itself needs Python alone. --reference also writes what transformers says greedily, as token ids; tools/fixtures/decoder keeps that.

The weights are A. Karpathy's (MIT). They are not committed; what is committed are ids.
"""

import argparse
import array
import json
import pathlib
import struct
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--reference", type=pathlib.Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    config, tensors = weights((args.source / "stories260K.bin").read_bytes())
    (args.out / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    save(tensors, args.out / "model.safetensors")
    pieces = vocabulary((args.source / "tok512.bin").read_bytes(), config["vocab_size"])
    (args.out / "tokenizer.json").write_text(json.dumps(tokenizer(pieces), ensure_ascii=False), encoding="utf-8")
    described = {"tokenizer_class": "LlamaTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "add_bos_token": True}
    described["model_max_length"] = config["max_position_embeddings"]
    (args.out / "tokenizer_config.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    if args.reference:
        reference(args.out, args.reference, pieces)


def weights(raw):
    """(config, tensors) of a file in llama2.c's first format."""
    dim, hidden, layers, heads, kv_heads, vocab, context = struct.unpack("<7i", raw[:28])
    tied, vocab = vocab > 0, abs(vocab)
    head = dim // heads
    flat, at = array.array("f", raw[28:]), 0
    if sys.byteorder == "big":
        flat.byteswap()

    def take(rows, columns):
        nonlocal at
        found = [flat[at + row * columns : at + (row + 1) * columns] for row in range(rows)]
        at += rows * columns
        return found

    def stack(rows, columns):
        return [take(rows, columns) for _ in range(layers)]

    embedding, attention_norm = take(vocab, dim), take(layers, dim)
    q, k, v = stack(heads * head, dim), stack(kv_heads * head, dim), stack(kv_heads * head, dim)
    o, ffn_norm = stack(dim, heads * head), take(layers, dim)
    gate, down, up = stack(hidden, dim), stack(dim, hidden), stack(hidden, dim)
    norm = take(1, dim)
    take(2 * context, head // 2)  # the angles of the rotation, which readers compute
    tensors = {"model.embed_tokens.weight": embedding, "model.norm.weight": norm[0]}
    if not tied:
        tensors["lm_head.weight"] = take(vocab, dim)
    assert at == len(flat), (at, len(flat))
    for layer in range(layers):
        name = f"model.layers.{layer}."
        tensors |= {
            name + "input_layernorm.weight": attention_norm[layer],
            name + "self_attn.q_proj.weight": halves(q[layer], heads),
            name + "self_attn.k_proj.weight": halves(k[layer], kv_heads),
            name + "self_attn.v_proj.weight": v[layer],
            name + "self_attn.o_proj.weight": o[layer],
            name + "post_attention_layernorm.weight": ffn_norm[layer],
            name + "mlp.gate_proj.weight": gate[layer],
            name + "mlp.up_proj.weight": up[layer],
            name + "mlp.down_proj.weight": down[layer],
        }
    config = {
        "architectures": ["LlamaForCausalLM"],
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_act": "silu",
        "hidden_size": dim,
        "intermediate_size": hidden,
        "max_position_embeddings": context,
        "model_type": "llama",
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "num_key_value_heads": kv_heads,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": tied,
        "torch_dtype": "float32",
        "vocab_size": vocab,
    }
    return config, tensors


def halves(rows, heads):
    """llama2.c rotates neighbours, Hugging Face the two halves of a head: the rows in the latter's order."""
    width = len(rows) // heads
    return [rows[head * width + 2 * i + half] for head in range(heads) for half in (0, 1) for i in range(width // 2)]


def save(tensors, path):
    """A safetensors file of f32 tensors: lists of rows, or single rows."""
    header, data = {"__metadata__": {"format": "pt"}}, bytearray()
    for name, tensor in tensors.items():
        vector = isinstance(tensor, array.array)
        rows = [tensor] if vector else tensor
        start = len(data)
        for row in rows:
            data += struct.pack(f"<{len(row)}f", *row)
        shape = [len(tensor)] if vector else [len(rows), len(rows[0])]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, len(data)]}
    described = json.dumps(header).encode()
    described += b" " * (-len(described) % 8)
    path.write_bytes(struct.pack("<Q", len(described)) + described + data)


def vocabulary(raw, size):
    """[(piece, score)] of tok512.bin."""
    pieces, at = [], 4
    for _ in range(size):
        score, length = struct.unpack_from("<fi", raw, at)
        pieces.append((raw[at + 8 : at + 8 + length].decode("utf-8"), score))
        at += 8 + length
    return pieces


def tokenizer(pieces):
    """tokenizer.json: SentencePiece's BPE, whose merges follow from the pieces' scores."""
    names = [piece.replace(" ", "▁") for piece, _ in pieces]
    names[:3] = ["<unk>", "<s>", "</s>"]
    ids = {name: at for at, name in enumerate(names)}
    assert len(ids) == len(names)
    merges = []
    for at in range(3 + 256, len(names)):
        name = names[at]
        for cut in range(1, len(name)):
            left, right = name[:cut], name[cut:]
            if left in ids and right in ids:
                merges.append((-pieces[at][1], at, ids[left], [left, right]))
    added = [
        {"id": at, "content": names[at], "single_word": False, "lstrip": False, "rstrip": False}
        | {"normalized": False, "special": True}
        for at in range(3)
    ]
    start = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [start, text],
            "pair": [start, text, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": ids,
            "merges": [pair for _, _, _, pair in sorted(merges, key=lambda merge: merge[:3])],
        },
    }


def encode_as_llama2c(text, pieces):
    """Token ids by llama2.c's own rule: start at characters, merge the best scored pair until none is left."""
    ids = {piece: at for at, (piece, _) in enumerate(pieces)}
    row = [ids[" "]] if text else []
    for letter in text:
        row += [ids[letter]] if letter in ids else [byte + 3 for byte in letter.encode()]
    while True:
        pairs = [pieces[a][0] + pieces[b][0] for a, b in zip(row, row[1:])]
        scored = [(pieces[ids[pair]][1], -at) for at, pair in enumerate(pairs) if pair in ids]
        if not scored:
            return [1, *row]
        at = -max(scored)[1]
        row[at : at + 2] = [ids[pairs[at]]]


# Written for this project; the odd characters have no piece of their own.
TEXTS = [
    "Once upon a time",
    "The cat sat on the mat and looked at the rain.",
    "I walked home  with two spaces, a tab\tand a line\nend.",
    "Caf\u00e9 na\u00efve \u2014 10\u20ac, \U0001f642!",
    " leading blank",
    "",
]


def reference(folder, path, pieces):
    """Greedy continuations and token ids, for the tests of the engine."""
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM

    fast = Tokenizer.from_file(str(folder / "tokenizer.json"))
    texts = []
    for text in TEXTS:
        ids = fast.encode(text).ids
        assert not text or ids == encode_as_llama2c(text, pieces), (text, ids, encode_as_llama2c(text, pieces))
        texts.append({"text": text, "ids": ids})
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    greedy = []
    for prompt in ([1], texts[1]["ids"]):
        row = list(prompt)
        with torch.no_grad():
            for _ in range(200):
                row.append(int(model(input_ids=torch.tensor([row])).logits[0, -1].argmax()))
        greedy.append({"prompt": prompt, "greedy": row[len(prompt) :]})
        print(fast.decode(row))
    found = {"made_by": "tools/convert_stories260k.py --reference", "texts": texts, "greedy": greedy}
    path.write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
