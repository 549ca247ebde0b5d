"""A Qwen2 model as a GGUF file, and llama.cpp's own quantizer over it. Needs `gguf`; quantizing needs llama-cpp-python."""

import ctypes
import json

import numpy as np

NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def ggml(name):
    """Hugging Face's name of a tensor as llama.cpp has it."""
    stem, _, part = name.rpartition(".")
    if stem.startswith("model.layers."):
        _, _, layer, rest = stem.split(".", 3)
        return f"blk.{layer}.{NAMES[rest]}.{part}"
    return f"{NAMES[stem]}.{part}"


def hugging_face(name):
    """The way back."""
    back = {to: name for name, to in NAMES.items()}
    stem, _, part = name.rpartition(".")
    if stem.startswith("blk."):
        _, layer, rest = stem.split(".", 2)
        return f"model.layers.{layer}.{back[rest]}.{part}"
    return f"{back[stem]}.{part}"


def write(folder, model, path):
    """`model` (transformers) with the tokenizer in `folder` as an f32 GGUF file."""
    import gguf
    from tokenizers import Tokenizer

    config = model.config
    out = gguf.GGUFWriter(path, "qwen2")
    out.add_context_length(config.max_position_embeddings)
    out.add_embedding_length(config.hidden_size)
    out.add_block_count(config.num_hidden_layers)
    out.add_feed_forward_length(config.intermediate_size)
    out.add_head_count(config.num_attention_heads)
    out.add_head_count_kv(config.num_key_value_heads)
    out.add_rope_freq_base(config.rope_parameters["rope_theta"])
    out.add_layer_norm_rms_eps(config.rms_norm_eps)
    out.add_vocab_size(config.vocab_size)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    words = {at: word for word, at in tokenizer.get_vocab(with_added_tokens=True).items()}
    added = tokenizer.get_added_tokens_decoder()
    tokens = [words.get(at, f"<unused{at}>") for at in range(config.vocab_size)]
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("qwen2")
    out.add_token_list(tokens)
    out.add_token_types([gguf.TokenType.CONTROL if at in added else gguf.TokenType.NORMAL for at in range(len(tokens))])


    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    out.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        out.add_tensor(ggml(name), tensor.float().numpy().astype(np.float32))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def quantize(source, path, format):
    """llama.cpp's quantizer with its defaults, without an importance matrix."""
    import llama_cpp

    params = llama_cpp.llama_model_quantize_default_params()
    params.nthread = 2
    params.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{format}")
    if llama_cpp.llama_model_quantize(str(source).encode(), str(path).encode(), ctypes.byref(params)) != 0:
        raise SystemExit(f"llama.cpp did not quantize {source} to {format}")
