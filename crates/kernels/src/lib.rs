//! The numbers of Companion: dense products, normalisations and attention on the CPU.
//!
//! Slices and sizes go in, slices come out. This crate knows no model, no file and no thread: the
//! caller splits the work and may call any operation from several threads on disjoint outputs.
//!
//! What instruction set runs is chosen once, at run time, and has a name that logs, tests and
//! benchmark tables share ([`Kernels::name`]). The result of a row never depends on which other rows
//! are computed with it, so a text embeds to the same bits alone and in a batch.
//!
//! ```
//! let kernels = kernels::Kernels::scalar();
//! let mut row = [3.0, 4.0];
//! kernels.normalize(&mut row);
//! assert_eq!(row, [0.6, 0.8]);
//! ```
#![allow(unsafe_code)] // The only crate that holds intrinsics; every block says why it is sound.

mod arch;
mod attention;
mod cached_attention;
mod decoder_rows;
mod isa;
mod linear_exact;
mod linear_f32;
mod low_rank;
mod math;
mod matrix;
mod probe;
mod quantized;
mod rows;

pub use attention::AttentionShape;
pub use cached_attention::{KV_TOKENS, KvBlock, KvBlockMut, KvShape, Rope};
pub use isa::{Isa, IsaError, Kernels, WeightType};
pub use linear_f32::LinearF32;
pub use matrix::MatMut;
pub use quantized::{
    PANEL, PackedQ, QError, QMatrix, QRows, QRowsMut, QShape, ScaleSearch, Transform, f16_to_f32,
    f32_to_f16, pack_q,
};

#[cfg(test)]
mod testing;
