//! Making a decoder small: float weights to 8 or 4 bits, layer by layer.
//!
//! The calibration texts go through the model as it is quantized. Each layer is read, its matrices are rounded with
//! what they see of the texts (`moments`, `rounding`), the layer is run again with what became of it, and its weights
//! are written and forgotten. So a layer also makes good what the layers before it lost, and no more is in memory
//! than one layer in f32, the rows of the texts, and a slice of the largest table.
//!
//! `mixed` begins with 4 bits and spends what the budget leaves on 8 bits where they remove most of the error a byte
//! (`plan`, `worth`).

mod balance;
mod install;
mod moments;
mod pass;
mod plan;
mod rounding;
#[cfg(test)]
mod tests;
mod worth;
mod write;

use kernels::Kernels;

pub use install::{DecoderReport, calibration_entries, quantize_decoder};
pub(crate) use pass::Place;
pub(crate) use plan::{EMBEDDINGS, GROUP, HEAD, What, layer_group, shape_of};
pub(crate) use worth::unmeasured;
pub(crate) use write::write_quantized;

use crate::pool::Team;

/// What to make of a decoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderQuant {
    /// The type of the new weights.
    pub to: Target,
    /// Inputs that share a scale, 32, 64 or 128, in every matrix; `None`: what each matrix is known to do with, 128 in
    /// the layers of `int8`, 32 in tied embeddings of `int4`, else 64.
    pub group: Option<usize>,
    /// Bytes that a `mixed` weight file may have; `None`: [`MIXED_BITS`] a weight.
    pub budget_bytes: Option<u64>,
}

/// The type of the weights of a quantized decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// 8 bits everywhere.
    Int8,
    /// 4 bits everywhere.
    Int4,
    /// 4 bits, and 8 where they count.
    Mixed,
}

impl Target {
    /// Its name in files and commands.
    pub fn name(self) -> &'static str {
        match self {
            Target::Int8 => "int8",
            Target::Int4 => "int4",
            Target::Mixed => "mixed",
        }
    }
}

/// Bits that `mixed` has for a weight: 0.94 GB for 1.54 billion weights.
pub const MIXED_BITS: f64 = 4.88;

/// Bytes that a `mixed` weight file of a network of these sizes may have where nobody gives a budget: what is not
/// quantized comes on top, which is nothing beside the weights of a large network, and not of a small one.
pub fn mixed_bytes(config: &crate::model::qwen2::Config) -> u64 {
    (config.parameters() as f64 * MIXED_BITS / 8.0) as u64 + worth::floats(config)
}

/// How far a matrix is from the original.
#[derive(Debug, Clone, serde::Serialize)]
pub struct MatrixReport {
    /// Its name in the new file, without the part.
    pub name: String,
    /// Bits of a code.
    pub bits: u32,
    /// Inputs that share a scale.
    pub group: usize,
    /// Bytes of codes and scales.
    pub bytes: u64,
    /// Root of the mean squared error of the weights over the root mean square of the weights.
    pub relative_error: f32,
    /// The same of its outputs on the calibration texts; none for a table that is only looked up in.
    pub output_error: Option<f32>,
}

/// Who computes.
#[derive(Clone, Copy)]
pub(crate) struct Hands<'a> {
    pub(crate) kernels: Kernels,
    pub(crate) team: Team<'a>,
}
