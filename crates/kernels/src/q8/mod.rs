//! Products of INT8 weights with activations that are quantized on the way in.
//!
//! **Weights** are 7 bits, `-63..=63`, in an `i8`, with one f32 scale for each column and group of
//! `group` inputs ([`PackedQ8`]). **Activations** are unsigned, with a scale and a zero point for each row,
//! or each row and group ([`Activations`]). A product is then
//!
//! ```text
//! y[r][n] = Σ_g  scale_a[r][g] · scale_w[n][g] · Σ_k a[r][k] · w[n][k]  −  offset_a[r][g] · sum_w[n][g]
//! ```
//!
//! with `offset_a = scale_a · zero_a` and `sum_w = scale_w · Σ_k w`, the inner sum exact in 32-bit integers.
//!
//! The trap of the hardware, and why 7 bits: AVX2 multiplies bytes with `maddubs`, which adds pairs of
//! products in *saturating* 16 bits. Adding two such pairs before widening (which is where its speed
//! comes from) is exact only while `4 · a · w <= 32767`. So AVX2 wants activations in `0..=127` beside weights
//! in `-63..=63` (`4 · 127 · 63 = 32004`), and gets the accuracy back by quantizing activations per group.
//! VNNI has no such limit and uses all 8 bits, per row. [`Kernels::codes`](crate::Kernels::codes) says which.

mod activations;
mod matmul;
mod pack;

pub use activations::{Activations, ActivationsMut, Codes};
pub use matmul::Activation;
pub(crate) use matmul::Job;
pub use pack::{PackedQ8, Q8, Q8Error, pack};

/// The largest magnitude of a packed weight.
pub const WEIGHT_MAX: i8 = 63;

/// Columns of the weight matrix that are stored side by side: one AVX-512 register of 32-bit sums.
pub const PANEL: usize = 16;

// The layout is on disk: a change here is a new format.
const _: () = assert!(PANEL == 16 && WEIGHT_MAX == 63);
const _: () = assert!(4 * 127 * (WEIGHT_MAX as i32) <= i16::MAX as i32);
