//! Products of INT8 and INT4 weights with activations that are quantized on the way in.
//!
//! One packed layout serves every instruction set, from one row to hundreds, and is what a weight file
//! holds, so that a file is mapped and used as it lies.
//!
//! **Weights** ([`QMatrix`]): `n` outputs in panels of 16 columns, `k` inputs padded with zero weights to
//! a multiple of `group`.
//!
//! ```text
//! bits 8   codes  u8 = w + 128            [panels][k/4][16][4]     4 inputs of 16 columns are 64 bytes
//! bits 4   codes  nibble = w + 8          [panels][k/8][16][4]     low nibbles inputs 8j..8j+3, high ones 8j+4..8j+7
//!          scales f16                     [panels][k/group][16]
//! ```
//!
//! Those 64 bytes are one operand of a VNNI instruction and one row of an AMX tile. **Activations**
//! ([`QRows`]): signed codes in `-127..=127` with one f32 scale for each row and group, and the sum of
//! the group's codes. The product is
//!
//! ```text
//! y[r][n] = Σ_g  (D[r][n][g] · scale_w[n][g]) · scale_a[r][g]        D = Σ_k a · code − bias · Σ_k a
//! ```
//!
//! `D` is exact in 32 bits and as an f32 (`|D| <= 128 · 127 · 128 < 2^24`), the product in brackets is rounded
//! once, and the sum over groups goes in order with fused multiply-adds. Every instruction set computes
//! just that, so all give the same bits: for one row or many, and however the panels are shared out.
//!
//! The trap of the hardware: `maddubs` of AVX2 adds pairs of byte products in *saturating* 16 bits.
//! INT8 weights are therefore widened to 16 bits there (`madd` is exact), and INT4 weights may use it
//! for eight pairs at a time: `16 · 15 · 127 = 30 480`. VNNI and AMX add in 32 bits and have no limit.

mod half;
mod matmul;
mod matrix;
mod pack;
mod rows;
mod shape;
mod turn;

pub use half::{f16_to_f32, f32_to_f16};
pub(crate) use matmul::Job;
pub use matrix::{PackedQ, QMatrix};
pub use pack::{ScaleSearch, pack_q};
pub use rows::{QRows, QRowsMut, Transform};
pub use shape::{QError, QShape};

/// Columns of the weight matrix that are stored side by side: one AVX-512 register of 32-bit sums, one row of
/// an AMX tile.
pub const PANEL: usize = 16;

/// The largest magnitude of an activation's code.
pub(crate) const ACTIVATION_MAX: f32 = 127.0;

// The layout is on disk: a change here is a new format.
const _: () = assert!(PANEL == 16);
// Eight `maddubs` of INT4 weights added in 16 bits.
const _: () = assert!(8 * 2 * 15 * 127 <= i16::MAX as i32);
