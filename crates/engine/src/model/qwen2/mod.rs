//! Qwen2 and what has its shape (Llama): tokens in, the next token's logits out.
//!
//! The forward pass is the one of Touvron et al. 2023 and the Qwen2 report: RMSNorm before each half of a layer,
//! grouped-query attention with rotary positions, SwiGLU. All sequences of a step lie behind one another in
//! one matrix, `[tokens of all sequences, hidden]`, so each weight is read once for all of them; only
//! attention knows where a sequence begins. What a token becomes depends on it and the tokens before it,
//! to the bit: not on the others in the step, on where a prompt is cut, or on the number of threads.

mod config;
mod forward;
mod load;
pub(crate) mod matrix;
mod rope;

use kernels::KvShape;

pub use config::Config;
pub(crate) use forward::{Logits, Part, Work};
#[allow(unused_imports)] // For the quantizer, which watches a forward pass.
pub(crate) use forward::{Observer, Place};
pub(crate) use load::FORMAT;
use matrix::Matrix;

use crate::kv_cache::{KvKind, PageShape};
use crate::weights::Tensor;

/// The network with its weights.
pub(crate) struct Qwen2 {
    config: Config,
    /// `[vocab_size, hidden]`; the head too where that is tied.
    embeddings: Matrix,
    layers: Vec<Layer>,
    /// `[hidden]`.
    norm: Tensor<f32>,
    /// `[vocab_size, hidden]`, where it is not the embeddings.
    head: Option<Matrix>,
    /// `[head_dim / 2]`: what a position adds to the angle of each pair.
    frequencies: Vec<f32>,
}

struct Layer {
    /// `[hidden]`.
    attention_norm: Tensor<f32>,
    /// `q | k | v`: `[(heads + 2 · kv_heads) · head_dim, hidden]`.
    qkv: Matrix,
    /// `[hidden, heads · head_dim]`.
    output: Matrix,
    /// `[hidden]`.
    mlp_norm: Tensor<f32>,
    /// `gate | up`: `[2 · intermediate, hidden]`.
    gate_up: Matrix,
    /// `[hidden, intermediate]`.
    down: Matrix,
}

impl Qwen2 {
    /// Its sizes.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// What a page of its cache holds.
    pub(crate) fn page_shape(&self, kind: KvKind) -> PageShape {
        page_shape(&self.config, kind)
    }

    /// Bytes of weights that a step reads.
    pub(crate) fn bytes(&self) -> usize {
        let norms = 4 * self.config.hidden_size * (2 * self.layers.len() + 1);
        let layers = self.layers.iter().map(|layer| {
            layer.qkv.bytes() + layer.output.bytes() + layer.gate_up.bytes() + layer.down.bytes()
        });
        norms + layers.sum::<usize>() + self.head.as_ref().unwrap_or(&self.embeddings).bytes()
    }
}

/// What a page of the cache of a network of these sizes holds.
pub(crate) fn page_shape(config: &Config, kind: KvKind) -> PageShape {
    PageShape {
        layers: config.num_hidden_layers,
        heads: KvShape {
            heads: config.num_attention_heads,
            kv_heads: config.num_key_value_heads,
            width: config.head_dim,
        },
        kind,
    }
}
