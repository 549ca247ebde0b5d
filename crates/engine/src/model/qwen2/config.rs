//! The sizes of a decoder, from its `config.json`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::rope::Rotation;
use super::scaling::RopeScaling;
use crate::read::{MAX_CONFIG_BYTES, read_text};
use crate::store::CONFIG;
use crate::weights::Weights;
use crate::{Error, Result};

/// The sizes of a Qwen2 or Llama decoder, under the names of `config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// `qwen2`, whose queries, keys and values have a bias, or `llama`, which has none.
    pub model_type: String,
    /// Width of a token's vector.
    pub hidden_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Heads of the queries.
    pub num_attention_heads: usize,
    /// Heads of keys and values; `num_attention_heads` is a multiple.
    pub num_key_value_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Tokens there are embeddings for.
    pub vocab_size: usize,
    /// Tokens that the model reads at most.
    pub max_position_embeddings: usize,
    /// Added to the mean of squares in norms.
    pub rms_norm_eps: f32,
    /// Base of the rotary positions.
    pub rope_theta: f32,
    /// How they are slowed down for texts longer than the model was first trained on; none as a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_scaling: Option<RopeScaling>,
    /// Whether the embeddings are the head too.
    pub tie_word_embeddings: bool,
    /// Tokens that end a text.
    #[serde(default)]
    pub eos_token_ids: Vec<u32>,
}

/// No decoder that runs on a laptop has a size beyond this.
const MAX_SIZE: usize = 1 << 22;

impl Config {
    /// The sizes of the decoder in `folder`, from its weight file's metadata or its `config.json`; none where what
    /// is there is no decoder's.
    pub(crate) fn of_model(folder: &Path, weights: &Weights) -> Result<Option<Config>> {
        let path = folder.join(CONFIG);
        let text = match weights.metadata().get("companion.config") {
            Some(text) => text.clone(),
            None => read_text(&path, MAX_CONFIG_BYTES)?,
        };
        // An encoder's sizes, as Companion writes them, have no type.
        let kind = serde_json::from_str::<Value>(&text).ok();
        let kind = kind.as_ref().and_then(|json| json["model_type"].as_str());
        if matches!(kind, None | Some("bert")) {
            return Ok(None);
        }
        Config::parse(text.as_bytes())
            .map(Some)
            .map_err(|reason| Error::manifest(&path, reason))
    }

    /// The config in the JSON `text`: as published with a model, or as Companion writes it.
    pub fn parse(text: &[u8]) -> std::result::Result<Config, String> {
        let json: Value = serde_json::from_slice(text).map_err(|e| e.to_string())?;
        refuse_unsupported(&json)?;
        let size = |name: &str| match json.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value
                .as_u64()
                .and_then(|size| usize::try_from(size).ok())
                .map(Some)
                .ok_or_else(|| format!("{name} is {value}, expected a whole number")),
        };
        let needed = |name: &str| size(name)?.ok_or_else(|| format!("{name} is missing"));
        let number = |name: &str, default: f64| match rope(&json, name) {
            None | Some(Value::Null) => Ok(default as f32),
            Some(value) => value
                .as_f64()
                .map(|v| v as f32)
                .ok_or_else(|| format!("{name} is {value}, expected a number")),
        };
        let hidden_size = needed("hidden_size")?;
        let heads = needed("num_attention_heads")?;
        if heads == 0 {
            return Err("num_attention_heads is 0, which no decoder has".into());
        }
        let reads = needed("max_position_embeddings")?;
        let rope_scaling = RopeScaling::parse(&json, reads)?;
        let config = Config {
            model_type: json["model_type"].as_str().unwrap_or_default().to_owned(),
            hidden_size,
            num_hidden_layers: needed("num_hidden_layers")?,
            num_attention_heads: heads,
            num_key_value_heads: size("num_key_value_heads")?.unwrap_or(heads),
            head_dim: size("head_dim")?.unwrap_or(hidden_size / heads),
            intermediate_size: needed("intermediate_size")?,
            vocab_size: needed("vocab_size")?,
            max_position_embeddings: (rope_scaling.as_ref())
                .map_or(reads, |scaling| scaling.reads(reads)),
            rms_norm_eps: number("rms_norm_eps", 1e-6)?,
            rope_theta: number("rope_theta", 10_000.0)?,
            rope_scaling,
            tie_word_embeddings: json["tie_word_embeddings"].as_bool().unwrap_or(false),
            eos_token_ids: end_tokens(&json)?,
        };
        config.check()?;
        Ok(config)
    }

    /// Why these sizes cannot be, if they cannot.
    pub fn check(&self) -> std::result::Result<(), String> {
        if !matches!(self.model_type.as_str(), "qwen2" | "llama") {
            return Err(format!(
                "model_type {:?} is not supported; qwen2 and llama are",
                self.model_type
            ));
        }
        let sizes = [
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_key_value_heads),
            ("head_dim", self.head_dim),
            ("intermediate_size", self.intermediate_size),
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.max_position_embeddings),
        ];
        if let Some((name, size)) = sizes
            .iter()
            .find(|(_, size)| !(1..=MAX_SIZE).contains(size))
        {
            return Err(format!("{name} is {size}, which no decoder has"));
        }
        if !(self.num_attention_heads).is_multiple_of(self.num_key_value_heads) {
            return Err(format!(
                "num_attention_heads {} is not a multiple of num_key_value_heads {}",
                self.num_attention_heads, self.num_key_value_heads
            ));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(format!("head_dim {} is odd", self.head_dim));
        }
        for (name, value) in [
            ("rms_norm_eps", self.rms_norm_eps),
            ("rope_theta", self.rope_theta),
        ] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(format!("{name} is {value}, expected a positive number"));
            }
        }
        if let Some(RopeScaling::Factors { factors }) = &self.rope_scaling
            && factors.len() != self.head_dim / 2
        {
            return Err(format!(
                "rope_scaling has {} factors for the {} pairs of a head",
                factors.len(),
                self.head_dim / 2
            ));
        }
        if self.rope_scaling.is_some() && !Rotation::of(self).is_finite() {
            return Err("rope_theta and rope_scaling make angles that are no numbers".into());
        }
        Ok(())
    }

    /// Whether queries, keys and values have a bias.
    pub fn has_qkv_bias(&self) -> bool {
        self.model_type == "qwen2"
    }

    /// Floats of a token's `q | k | v`.
    pub fn qkv_size(&self) -> usize {
        (self.num_attention_heads + 2 * self.num_key_value_heads) * self.head_dim
    }

    /// Weights that a forward pass can use; tied embeddings count once.
    pub fn parameters(&self) -> u64 {
        let (h, i) = (self.hidden_size as u64, self.intermediate_size as u64);
        let qkv = self.qkv_size() as u64;
        let heads = (self.num_attention_heads * self.head_dim) as u64;
        let bias = if self.has_qkv_bias() { qkv } else { 0 };
        let layer = qkv * h + bias + heads * h + 3 * h * i + 2 * h;
        let tables = if self.tie_word_embeddings { 1 } else { 2 };
        tables * self.vocab_size as u64 * h + h + self.num_hidden_layers as u64 * layer
    }
}

/// A value that belongs to the rotary positions, which newer configs keep in an object of their own.
fn rope<'a>(json: &'a Value, name: &str) -> Option<&'a Value> {
    json.get(name)
        .or_else(|| json.get("rope_parameters").and_then(|r| r.get(name)))
}

/// Refuses, by name, what the forward pass does not do.
fn refuse_unsupported(json: &Value) -> std::result::Result<(), String> {
    let flag = |name: &str| json[name].as_bool().unwrap_or(false);
    let refuse = |what: String| Err(format!("{what} is not supported"));
    if let Some(kind) = json["model_type"].as_str()
        && !matches!(kind, "qwen2" | "llama")
    {
        return refuse(format!("model_type {kind:?} (only qwen2 and llama are)"));
    }
    if flag("use_sliding_window") {
        return refuse("use_sliding_window".into());
    }
    if let Some(kind) = json["layer_types"].as_array().and_then(|kinds| {
        kinds
            .iter()
            .find(|kind| kind.as_str() != Some("full_attention"))
    }) {
        return refuse(format!("layer type {kind}"));
    }
    if let Some(part) =
        rope(json, "partial_rotary_factor").filter(|part| part.as_f64() != Some(1.0))
    {
        return refuse(format!("partial_rotary_factor {part}"));
    }
    for name in ["attention_bias", "mlp_bias"] {
        if flag(name) {
            return refuse(name.into());
        }
    }
    let act = json["hidden_act"].as_str().unwrap_or("silu");
    if act != "silu" {
        return refuse(format!("hidden_act {act:?}"));
    }
    Ok(())
}

fn end_tokens(json: &Value) -> std::result::Result<Vec<u32>, String> {
    let value = match json.get("eos_token_ids") {
        None | Some(Value::Null) => &json["eos_token_id"],
        Some(value) => value,
    };
    let id = |value: &Value| {
        value
            .as_u64()
            .and_then(|id| u32::try_from(id).ok())
            .ok_or_else(|| format!("eos_token_id holds {value}, expected a token id"))
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(ids) => ids.iter().map(id).collect(),
        value => Ok(vec![id(value)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QWEN: &str = r#"{"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 896,
        "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2, "intermediate_size": 4864,
        "vocab_size": 151936, "max_position_embeddings": 32768, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0,
        "tie_word_embeddings": true, "use_sliding_window": false, "sliding_window": 32768, "hidden_act": "silu",
        "eos_token_id": 151645}"#;

    #[test]
    fn reads_what_is_published_and_what_it_writes() {
        let config = Config::parse(QWEN.as_bytes()).expect("it is a config");
        assert_eq!(config.head_dim, 64);
        assert_eq!(config.parameters(), 494_032_768);
        assert_eq!(config.eos_token_ids, [151_645]);
        let again = serde_json::to_vec(&config).expect("it is JSON");
        assert_eq!(Config::parse(&again).expect("it is a config"), config);
        let llama = QWEN.replace("qwen2", "llama").replace(
            "\"rope_theta\": 1000000.0",
            "\"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 5e5}",
        );
        let llama = Config::parse(llama.as_bytes()).expect("it is a config");
        assert!(!llama.has_qkv_bias());
        assert_eq!(llama.rope_theta, 5e5);
    }

    #[test]
    fn reads_how_positions_are_scaled_and_what_it_writes_of_it() {
        let with = |scaling: &str| {
            let text = QWEN.replace("\"hidden_act\"", &format!("{scaling}, \"hidden_act\""));
            let config = Config::parse(text.as_bytes()).expect(scaling);
            let again = serde_json::to_vec(&config).expect("it is JSON");
            assert_eq!(Config::parse(&again).as_ref(), Ok(&config), "{scaling}");
            config
        };
        // As the cards of Qwen2.5 have it added, the length left as it was.
        let yarn = with(
            r#""rope_scaling": {"factor": 4.0, "original_max_position_embeddings": 32768, "type": "yarn"}"#,
        );
        assert_eq!(yarn.max_position_embeddings, 131_072);
        let Some(RopeScaling::Yarn {
            attention_factor, ..
        }) = yarn.rope_scaling
        else {
            panic!("{:?}", yarn.rope_scaling)
        };
        assert!((attention_factor - 1.138_629_4).abs() < 1e-6);
        // Where no length is given, it is what the model says that it reads.
        let own = with(r#""rope_scaling": {"factor": 4.0, "rope_type": "yarn"}"#);
        assert_eq!(own.max_position_embeddings, 131_072);
        let llama3 = with(
            r#""rope_parameters": {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}"#,
        );
        assert_eq!(llama3.max_position_embeddings, 32_768);
        assert!(matches!(
            llama3.rope_scaling,
            Some(RopeScaling::Llama3 { factor: 32.0, .. })
        ));
        with(r#""rope_scaling": {"type": "linear", "factor": 2.5}"#);
        let factors = vec!["1.5"; 32].join(", ");
        with(&format!(
            r#""rope_scaling": {{"rope_type": "factors", "factors": [{factors}]}}"#
        ));
    }

    #[test]
    fn refuses_by_name_what_it_does_not_do() {
        for (from, to, named) in [
            (
                "\"use_sliding_window\": false",
                "\"use_sliding_window\": true",
                "use_sliding_window",
            ),
            (
                "\"hidden_act\": \"silu\"",
                "\"hidden_act\": \"gelu\"",
                "gelu",
            ),
            (
                "\"model_type\": \"qwen2\"",
                "\"model_type\": \"mamba\"",
                "mamba",
            ),
            (
                "\"hidden_act\"",
                "\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 4}, \"hidden_act\"",
                "dynamic",
            ),
            (
                "\"hidden_act\"",
                "\"rope_parameters\": {\"rope_type\": \"longrope\"}, \"hidden_act\"",
                "longrope",
            ),
            (
                "\"hidden_act\"",
                "\"rope_scaling\": {\"type\": \"yarn\"}, \"hidden_act\"",
                "factor is missing in rope_scaling of type \"yarn\"",
            ),
            (
                "\"hidden_act\"",
                "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 0}, \"hidden_act\"",
                "factor is 0",
            ),
            (
                "\"hidden_act\"",
                "\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4, \"mscale\": 1}, \"hidden_act\"",
                "mscale",
            ),
            (
                "\"hidden_act\"",
                "\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 1e9, \"original_max_position_embeddings\": 9}, \"hidden_act\"",
                "max_position_embeddings",
            ),
            (
                "\"rope_theta\": 1000000.0",
                "\"rope_theta\": 1.0, \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4}",
                "no numbers",
            ),
            (
                "\"hidden_act\"",
                "\"rope_scaling\": {\"type\": \"factors\", \"factors\": [1, 2]}, \"hidden_act\"",
                "2 factors for the 32 pairs",
            ),
            (
                "\"hidden_act\"",
                "\"partial_rotary_factor\": 0.5, \"hidden_act\"",
                "partial_rotary_factor",
            ),
            (
                "\"hidden_act\"",
                "\"rope_scaling\": {\"factor\": 4}, \"hidden_act\"",
                "rope_scaling",
            ),
            (
                "\"hidden_act\"",
                "\"attention_bias\": true, \"hidden_act\"",
                "attention_bias",
            ),
            ("\"hidden_size\": 896", "\"hidden_size\": -1", "hidden_size"),
            (
                "\"hidden_size\": 896",
                "\"hidden_size\": 99999999999",
                "hidden_size",
            ),
            (
                "\"num_attention_heads\": 14",
                "\"num_attention_heads\": 0",
                "num_attention_heads",
            ),
            (
                "\"num_key_value_heads\": 2",
                "\"num_key_value_heads\": 3",
                "num_key_value_heads",
            ),
            ("\"vocab_size\": 151936,", "", "vocab_size"),
            (
                "\"rope_theta\": 1000000.0",
                "\"rope_theta\": -2",
                "rope_theta",
            ),
            (
                "\"eos_token_id\": 151645",
                "\"eos_token_id\": [1, \"x\"]",
                "eos_token_id",
            ),
        ] {
            let text = QWEN.replace(from, to);
            assert_ne!(text, QWEN);
            let error = Config::parse(text.as_bytes()).expect_err(named);
            assert!(error.contains(named), "{error}");
        }
    }
}
