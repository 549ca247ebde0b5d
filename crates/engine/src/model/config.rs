//! The sizes of an encoder, from `config.json` or from a file that Companion wrote.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::read::{MAX_CONFIG_BYTES, read_text};
use crate::store::CONFIG;
use crate::weights::Weights;
use crate::{Error, Result};

/// The sizes of a BERT encoder, under the names of its `config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Width of a token's vector.
    pub hidden_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Attention heads; `hidden_size` is a multiple.
    pub num_attention_heads: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Word pieces.
    pub vocab_size: usize,
    /// Positions there are embeddings for.
    pub max_position_embeddings: usize,
    /// Kinds of segment; the encoder uses the first.
    pub type_vocab_size: usize,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f32,
}

/// No encoder that runs on a laptop has a size beyond this.
const MAX_SIZE: usize = 1 << 22;

impl Config {
    /// The sizes of the model in `folder`: from the weight file's metadata, else from `config.json`.
    pub(crate) fn of_model(folder: &Path, weights: &Weights) -> Result<Config> {
        let path = folder.join(CONFIG);
        let text = match weights.metadata().get("companion.config") {
            Some(text) => text.clone(),
            None => read_text(&path, MAX_CONFIG_BYTES)?,
        };
        let config: Config =
            serde_json::from_str(&text).map_err(|e| Error::manifest(&path, e.to_string()))?;
        config
            .check()
            .map_err(|reason| Error::manifest(&path, reason))?;
        Ok(config)
    }

    /// Why these sizes cannot be, if they cannot.
    pub(crate) fn check(&self) -> std::result::Result<(), String> {
        let sizes = [
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
        ];
        if let Some((name, size)) = sizes
            .iter()
            .find(|(_, size)| !(1..=MAX_SIZE).contains(size))
        {
            return Err(format!("{name} is {size}, which no encoder has"));
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return Err(format!(
                "hidden_size {} is not a multiple of num_attention_heads {}",
                self.hidden_size, self.num_attention_heads
            ));
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0) {
            return Err(format!(
                "layer_norm_eps is {}, expected a small positive number",
                self.layer_norm_eps
            ));
        }
        Ok(())
    }

    /// Weights that a forward pass can use.
    pub fn parameters(&self) -> u64 {
        let (h, i) = (self.hidden_size as u64, self.intermediate_size as u64);
        let norm = 2 * h;
        let layer = 4 * (h * h + h) + norm + (i * h + i) + (h * i + h) + norm;
        let rows = (self.vocab_size + self.max_position_embeddings + self.type_vocab_size) as u64;
        rows * h + norm + self.num_hidden_layers as u64 * layer
    }
}
