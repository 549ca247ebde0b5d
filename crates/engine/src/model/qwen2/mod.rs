//! Qwen2 and what has its shape (Llama): tokens in, the next token's logits out.
//!
//! The forward pass is the one of Touvron et al. 2023 and the Qwen2 report: RMSNorm before each half of a layer,
//! grouped-query attention with rotary positions, SwiGLU. All sequences of a step lie behind one another in
//! one matrix, `[tokens of all sequences, hidden]`, so each weight is read once for all of them; only
//! attention knows where a sequence begins. What a token becomes depends on it and the tokens before it,
//! to the bit: not on the others in the step, on where a prompt is cut, or on the number of threads.

mod config;
mod forward;
mod gated;
mod load;
pub(crate) mod matrix;
pub(crate) mod rope;
mod scaling;

use kernels::{Kernels, KvShape, WeightType};

pub use config::Config;
pub(crate) use forward::{Logits, Part, Work};
pub(crate) use load::FORMAT;
use matrix::Matrix;
use rope::Rotation;
pub use scaling::RopeScaling;

use crate::kv_cache::{KvKind, PageShape};
use crate::pool::Team;
use crate::weights::Tensor;

/// What a thread's share of a plain read is a multiple of, in bytes.
const LINE: usize = 512;

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
    rotation: Rotation,
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
        norms + self.matrices().map(Matrix::bytes).sum::<usize>()
    }

    /// What its matrices are multiplied as.
    pub(crate) fn weight_type(&self) -> WeightType {
        let mut types = self.matrices().map(Matrix::weight_type);
        let first = types.next().unwrap_or(WeightType::F32);
        match types.all(|other| other == first) {
            true => first,
            false => WeightType::Mixed,
        }
    }

    /// The matrices in the order in which a step reads them.
    fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        let head = self.head.as_ref().unwrap_or(&self.embeddings);
        let layers = self.layers.iter();
        let layers = layers.flat_map(|l| [&l.qkv, &l.output, &l.gate_up, &l.down]);
        layers.chain([head])
    }

    /// Reads codes, scales and floats of all matrices once, each thread its share, and nothing else: the time that a
    /// step would take if it cost nothing but memory. The bytes that were read.
    pub(crate) fn read_through(&self, kernels: Kernels, team: Team<'_>) -> usize {
        let pieces: Vec<&[u8]> = self.matrices().flat_map(Matrix::pieces).collect();
        let threads = team.threads();
        let share = |thread: usize| {
            let part = |piece: &&[u8]| {
                let end = |thread: usize| piece.len() / LINE * thread / threads * LINE;
                end(thread)..end(thread + 1)
            };
            pieces.iter().map(|piece| &piece[part(piece)]).collect()
        };
        let shares: Vec<Vec<&[u8]>> = (0..threads).map(share).collect();
        let bytes = shares.iter().flatten().map(|share| share.len()).sum();
        team.for_each(shares, |share| {
            for piece in share {
                std::hint::black_box(kernels.read_through(piece));
            }
        });
        bytes
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
