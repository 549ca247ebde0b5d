//! The network's sizes, from GGUF metadata to the JSON that Hugging Face would have.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::WeightError;
use super::super::source::SourceTensor;
use super::Metadata;

/// No size of a network that runs on a laptop is beyond this.
const MAX_SIZE: u64 = 1 << 24;

/// The tensor of numbers that the rotary frequencies are divided by, as llama.cpp's converter writes it for Llama 3.1.
pub(super) const FREQUENCIES: &str = "rope_freqs.weight";

/// What else depends on.
pub(super) struct Shape {
    arch: &'static str,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
}

impl Shape {
    pub(super) fn of(metadata: &Metadata) -> Result<Shape, WeightError> {
        const ARCH: &str = "general.architecture";
        let arch = match metadata.text(ARCH) {
            Some("qwen2") => "qwen2",
            Some("llama") => "llama",
            _ => return Err(metadata.unexpected(ARCH, "qwen2 or llama")),
        };
        let heads = size(metadata, &format!("{arch}.attention.head_count"))?;
        let kv_key = format!("{arch}.attention.head_count_kv");
        let kv_heads = match metadata.has(&kv_key) {
            true => size(metadata, &kv_key)?,
            false => heads,
        };
        Ok(Shape {
            arch,
            heads,
            kv_heads,
        })
    }

    pub(super) fn rotated_in_pairs(&self) -> bool {
        self.arch == "llama"
    }
}

fn size(metadata: &Metadata, key: &str) -> Result<usize, WeightError> {
    match metadata.whole(key) {
        Some(value @ 1..=MAX_SIZE) => Ok(value as usize),
        _ => Err(metadata.unexpected(key, "a size of the network")),
    }
}

fn positive(metadata: &Metadata, key: &str) -> Result<Option<f64>, WeightError> {
    match metadata.number(key) {
        None if !metadata.has(key) => Ok(None),
        Some(value) if value.is_finite() && value > 0.0 => Ok(Some(value)),
        _ => Err(metadata.unexpected(key, "a positive number")),
    }
}

/// The `config.json` of the model, from its metadata, from which tensors there are, and from the numbers of
/// [`FREQUENCIES`] if it is one of them.
pub(super) fn json(
    metadata: &Metadata,
    shape: &Shape,
    tensors: &BTreeMap<String, SourceTensor>,
    factors: Option<&[f32]>,
) -> Result<String, WeightError> {
    let arch = shape.arch;
    let key = |rest: &str| format!("{arch}.{rest}");
    let hidden = size(metadata, &key("embedding_length"))?;
    let vocabulary = tensors
        .get("model.embed_tokens.weight")
        .ok_or_else(|| WeightError::Missing {
            tensor: "token_embd.weight".into(),
        })?
        .shape[0];
    let key_length = key("attention.key_length");
    let head_dim = match metadata.has(&key_length) {
        true => size(metadata, &key_length)?,
        false => hidden / shape.heads,
    };
    let rotated = key("rope.dimension_count");
    if metadata.has(&rotated) && size(metadata, &rotated)? != head_dim {
        return Err(metadata.unexpected(&rotated, &format!("all {head_dim} numbers of a head")));
    }
    let epsilon = key("attention.layer_norm_rms_epsilon");
    let epsilon = positive(metadata, &epsilon)?
        .ok_or_else(|| metadata.unexpected(&epsilon, "a small number"))?;
    let mut config = Map::new();
    let class = match arch {
        "qwen2" => "Qwen2ForCausalLM",
        _ => "LlamaForCausalLM",
    };
    config.insert("architectures".into(), json!([class]));
    config.insert("model_type".into(), json!(arch));
    config.insert("hidden_act".into(), json!("silu"));
    config.insert("hidden_size".into(), json!(hidden));
    config.insert("head_dim".into(), json!(head_dim));
    for (name, rest) in [
        ("num_hidden_layers", "block_count"),
        ("intermediate_size", "feed_forward_length"),
        ("max_position_embeddings", "context_length"),
    ] {
        config.insert(name.into(), json!(size(metadata, &key(rest))?));
    }
    config.insert("num_attention_heads".into(), json!(shape.heads));
    config.insert("num_key_value_heads".into(), json!(shape.kv_heads));
    config.insert("rms_norm_eps".into(), short(epsilon));
    let theta = positive(metadata, &key("rope.freq_base"))?.unwrap_or(10_000.0);
    config.insert("rope_theta".into(), short(theta));
    let scaling = match (rope_scaling(metadata, arch)?, factors) {
        (scaling, None) => scaling,
        (None, Some(factors)) => Some(own_frequencies(factors, head_dim)?),
        (Some(_), Some(_)) => {
            let key = key("rope.scaling.type");
            return Err(metadata.unexpected(&key, &format!("none beside {FREQUENCIES}")));
        }
    };
    if let Some(scaling) = scaling {
        config.insert("rope_scaling".into(), scaling);
    }
    config.insert("vocab_size".into(), json!(vocabulary));
    let tied = !tensors.contains_key("lm_head.weight");
    config.insert("tie_word_embeddings".into(), json!(tied));
    // Qwen2's queries, keys and values always have one, and its config does not say so.
    if arch == "llama" {
        let biased = tensors.contains_key("model.layers.0.self_attn.q_proj.bias");
        config.insert("attention_bias".into(), json!(biased));
    }
    for name in ["bos", "eos"] {
        if let Some(id) = metadata.whole(&format!("tokenizer.ggml.{name}_token_id")) {
            config.insert(format!("{name}_token_id"), json!(id));
        }
    }
    Ok(Value::Object(config).to_string())
}

/// A float that was stored as f32, with no more digits than that has: 1e-6 and not 9.999999974752427e-07.
fn short(number: f64) -> Value {
    (number as f32)
        .to_string()
        .parse::<f64>()
        .map_or(Value::Null, |number| json!(number))
}

/// Scaling of the rotation, where the file asks for one.
fn rope_scaling(metadata: &Metadata, arch: &str) -> Result<Option<Value>, WeightError> {
    let key = |rest: &str| format!("{arch}.rope.scaling.{rest}");
    let kind = key("type");
    let kind = match metadata.text(&kind) {
        None if !metadata.has(&kind) => return Ok(None),
        Some("none") => return Ok(None),
        Some(kind @ ("linear" | "yarn")) => kind,
        _ => return Err(metadata.unexpected(&kind, "none, linear or yarn")),
    };
    let factor = positive(metadata, &key("factor"))?.unwrap_or(1.0);
    let mut scaling = Map::new();
    scaling.insert("rope_type".into(), json!(kind));
    scaling.insert("factor".into(), short(factor));
    let original = key("original_context_length");
    if metadata.has(&original) {
        let original = size(metadata, &original)?;
        scaling.insert("original_max_position_embeddings".into(), json!(original));
    }
    for name in ["beta_fast", "beta_slow"] {
        if let Some(turns) = positive(metadata, &key(&format!("yarn_{name}")))? {
            scaling.insert(name.into(), short(turns));
        }
    }
    // What llama.cpp multiplies its own attention factor by, and how much of the ramp it takes.
    for name in ["attn_factor", "yarn_attn_factor", "yarn_ext_factor"] {
        if positive(metadata, &key(name))?.is_some_and(|number| number != 1.0) {
            return Err(metadata.unexpected(&key(name), "1"));
        }
    }
    let multiplier = key("yarn_log_multiplier");
    if metadata.has(&multiplier) {
        return Err(metadata.unexpected(&multiplier, "nothing"));
    }
    Ok(Some(Value::Object(scaling)))
}

/// A head's own divisors of the frequencies.
fn own_frequencies(factors: &[f32], head_dim: usize) -> Result<Value, WeightError> {
    let refused = |reason: String| WeightError::BadPacking {
        tensor: FREQUENCIES.to_owned(),
        reason,
    };
    if 2 * factors.len() != head_dim {
        return Err(refused(format!(
            "{} numbers for the {} pairs of a head",
            factors.len(),
            head_dim / 2
        )));
    }
    if let Some(factor) = (factors.iter()).find(|factor| !(factor.is_finite() && **factor > 0.0)) {
        return Err(refused(format!("{factor} divides no frequency")));
    }
    let factors: Vec<Value> = factors.iter().map(|f| short(f64::from(*f))).collect();
    Ok(json!({"rope_type": "factors", "factors": factors}))
}
