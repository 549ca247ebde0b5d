//! The product of quantized rows with a packed matrix.

use std::ops::Range;

use super::{Activations, PANEL, Q8};
use crate::isa::Proof;
use crate::matrix::MatMut;
use crate::{Kernels, math};

/// What is done to a sum before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// `x · Φ(x)`, absolute error below 1e-4: the result is read as bytes next.
    Gelu,
}

/// One product, its sizes checked.
pub(crate) struct Job<'a, 'b> {
    pub(crate) x: &'a Activations,
    /// Rows of `x` to use; row 0 of `out` belongs to the first.
    pub(crate) rows: Range<usize>,
    pub(crate) w: Q8<'a>,
    /// Panels of `w` to use; column 0 of `out` belongs to the first.
    pub(crate) panels: Range<usize>,
    /// Of all columns of `w`.
    pub(crate) bias: &'a [f32],
    pub(crate) then: Activation,
    pub(crate) out: &'a mut MatMut<'b>,
}

impl Kernels {
    /// `out = then(x · wᵀ + bias)` for the rows `rows` of `x` and the columns of the panels `panels` of `w`.
    /// `bias` has an entry for every column of `w`.
    ///
    /// A row's result depends on nothing but the row: not on `rows`, not on `panels`.
    ///
    /// # Panics
    /// If the sizes do not agree, or `x` was quantized to other [`codes`](Kernels::codes) than these
    /// kernels take.
    #[allow(clippy::too_many_arguments)] // Two operands, what part of each, and what happens to the result.
    pub fn matmul_q8(
        self,
        x: &Activations,
        rows: Range<usize>,
        w: Q8<'_>,
        panels: Range<usize>,
        bias: &[f32],
        then: Activation,
        out: &mut MatMut<'_>,
    ) {
        assert_eq!(x.k(), w.k, "inputs");
        assert!(
            x.groups() == 1 || x.groups() == w.k / w.group,
            "{} scales a row",
            x.groups()
        );
        assert!(
            rows.start <= rows.end && rows.end <= x.rows(),
            "rows {rows:?} of {}",
            x.rows()
        );
        assert!(
            panels.start <= panels.end && panels.end <= w.panels(),
            "panels {panels:?}"
        );
        assert_eq!(bias.len(), w.n, "bias");
        assert_eq!(out.rows(), rows.len(), "rows of the result");
        let columns = (panels.end * PANEL)
            .min(w.n)
            .saturating_sub(panels.start * PANEL);
        assert_eq!(out.cols(), columns, "columns of the result");
        let job = Job {
            x,
            rows,
            w,
            panels,
            bias,
            then,
            out,
        };
        match self.proof {
            Proof::Scalar => scalar(job),
            #[cfg(target_arch = "x86_64")]
            Proof::Avx2(simd) => crate::arch::x86_64::matmul_avx2(simd, job),
            #[cfg(target_arch = "x86_64")]
            Proof::Avx512Vnni(simd) => crate::arch::x86_64::matmul_avx512(simd, job),
            #[cfg(target_arch = "x86_64")]
            Proof::Amx(simd) => crate::arch::x86_64::matmul_avx512(simd.avx512(), job),
        }
    }
}

/// The definition of the product.
fn scalar(job: Job<'_, '_>) {
    let Job {
        x,
        rows,
        w,
        panels,
        bias,
        then,
        out,
    } = job;
    let (k, groups) = (w.k, w.k / w.group);
    for (to, row) in rows.enumerate() {
        let codes = &x.codes()[row * k..][..k];
        for panel in panels.clone() {
            let mut sums = [0.0_f32; PANEL];
            for g in 0..groups {
                let inputs = &codes[g * w.group..][..w.group];
                let weights =
                    &w.codes[panel * k * PANEL + g * w.group * PANEL..][..w.group * PANEL];
                // One sum for each byte of a step: compilers turn that into eight products at a time.
                let mut products = [0_i32; 4 * PANEL];
                for (a, w) in inputs
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .zip(weights.as_chunks::<{ 4 * PANEL }>().0)
                {
                    for (i, (sum, w)) in products.iter_mut().zip(w).enumerate() {
                        *sum += i32::from(i16::from(a[i % 4]) * i16::from(*w));
                    }
                }
                let mut dots = [0_i32; PANEL];
                for (dot, four) in dots.iter_mut().zip(products.as_chunks::<4>().0) {
                    *dot = four.iter().sum();
                }
                let mark = row * x.groups() + if x.groups() == 1 { 0 } else { g };
                let (scale, offset) = (x.scales()[mark], x.offsets()[mark]);
                let at = (panel * groups + g) * PANEL;
                for lane in 0..PANEL {
                    sums[lane] += scale * (dots[lane] as f32 * w.scales[at + lane])
                        - offset * w.sums[at + lane];
                }
            }
            let first = panel * PANEL;
            let last = (first + PANEL).min(w.n);
            let from = (panel - panels.start) * PANEL;
            let out = &mut out.row(to)[from..from + (last - first)];
            for ((out, sum), bias) in out.iter_mut().zip(sums).zip(&bias[first..last]) {
                let v = sum + bias;
                *out = match then {
                    Activation::None => v,
                    Activation::Gelu => {
                        math::gelu_for_bytes(crate::arch::scalar::Scalar, [v; 4])[0]
                    }
                };
            }
        }
    }
}

#[cfg(test)]
mod tests;
