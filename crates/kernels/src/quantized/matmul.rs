//! The product of quantized rows with a quantized matrix.

use std::ops::Range;

use super::{QMatrix, QRows, f16_to_f32};
#[cfg(target_arch = "x86_64")]
use crate::arch::x86_64;
use crate::isa::Proof;
use crate::matrix::MatMut;
use crate::{Kernels, PANEL};

/// One product, its sizes checked.
pub(crate) struct Job<'a, 'b> {
    pub(crate) x: &'a QRows,
    /// Rows of `x` to use; row 0 of `out` belongs to the first.
    pub(crate) rows: Range<usize>,
    pub(crate) w: QMatrix<'a>,
    /// Panels of `w` to use; column 0 of `out` belongs to the first.
    pub(crate) panels: Range<usize>,
    /// Of all columns of `w`.
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) out: &'a mut MatMut<'b>,
}

impl Kernels {
    /// `out = x · wᵀ + bias` for the rows `rows` of `x` and the columns of the panels `panels` of `w`, `out`
    /// being `[rows, those columns]`. `bias` has an entry for every column of `w`.
    ///
    /// A row's result has the same bits under every instruction set, whatever `rows` and `panels` are.
    ///
    /// # Panics
    /// If the sizes do not agree.
    pub fn matmul_q(
        self,
        x: &QRows,
        rows: Range<usize>,
        w: QMatrix<'_>,
        panels: Range<usize>,
        bias: Option<&[f32]>,
        out: &mut MatMut<'_>,
    ) {
        let shape = w.shape();
        assert_eq!((x.k(), x.group()), (shape.k, shape.group), "inputs, group");
        assert!(
            rows.start <= rows.end && rows.end <= x.rows(),
            "rows {rows:?} of {}",
            x.rows()
        );
        assert!(
            panels.start <= panels.end && panels.end <= shape.panels(),
            "panels {panels:?} of {}",
            shape.panels()
        );
        assert!(bias.is_none_or(|bias| bias.len() == shape.n), "bias");
        assert_eq!(out.rows(), rows.len(), "rows of the result");
        let columns = (panels.end * PANEL)
            .min(shape.n)
            .saturating_sub(panels.start * PANEL);
        assert_eq!(out.cols(), columns, "columns of the result");
        if rows.is_empty() || panels.is_empty() {
            return;
        }
        let job = Job {
            x,
            rows,
            w,
            panels,
            bias,
            out,
        };
        match self.proof {
            Proof::Scalar => scalar(job),
            #[cfg(target_arch = "x86_64")]
            Proof::Avx2(simd) => x86_64::matmul_q_avx2(simd, job),
            #[cfg(target_arch = "x86_64")]
            Proof::AvxVnni(simd) => x86_64::matmul_q_avx_vnni(simd, job),
            #[cfg(target_arch = "x86_64")]
            Proof::Avx512Vnni(simd) => x86_64::matmul_q_avx512(simd, job),
            #[cfg(target_arch = "x86_64")]
            Proof::Amx(simd) => x86_64::matmul_q_amx(simd, job),
        }
    }
}

/// The definition of the product.
fn scalar(job: Job<'_, '_>) {
    let shape = job.w.shape();
    let (groups, group) = (shape.groups(), shape.group);
    for (to, row) in job.rows.enumerate() {
        let inputs = &job.x.codes()[row * groups * group..][..groups * group];
        for panel in job.panels.clone() {
            let codes = job.w.codes(panel..panel + 1);
            let scales = job.w.scales(panel..panel + 1);
            let mut total = [0.0_f32; PANEL];
            for g in 0..groups {
                let bytes = group * PANEL * shape.bits as usize / 8;
                let codes = &codes[g * bytes..][..bytes];
                let inputs = &inputs[g * group..][..group];
                let dots = if shape.bits == 8 {
                    dots_of_bytes(inputs, codes)
                } else {
                    dots_of_nibbles(inputs, codes)
                };
                let scale = job.x.scales()[row * groups + g];
                let offset = shape.bias() * job.x.sums()[row * groups + g];
                for lane in 0..PANEL {
                    let weight_scale = f16_to_f32(scales[g * PANEL + lane]);
                    let dot = (dots[lane] - offset) as f32 * weight_scale;
                    total[lane] = dot.mul_add(scale, total[lane]);
                }
            }
            let first = panel * PANEL;
            let from = (panel - job.panels.start) * PANEL;
            let columns = PANEL.min(shape.n - first);
            let out = &mut job.out.row(to)[from..from + columns];
            for (lane, out) in out.iter_mut().enumerate() {
                *out = match job.bias {
                    Some(bias) => total[lane] + bias[first + lane],
                    None => total[lane],
                };
            }
        }
    }
}

/// `Σ_k a · code` for each column of a panel, of one group of 8-bit codes.
fn dots_of_bytes(inputs: &[i8], codes: &[u8]) -> [i32; PANEL] {
    // One sum for each byte of a step: compilers turn that into eight products at a time.
    let mut products = [0_i32; 4 * PANEL];
    let steps = inputs.as_chunks::<4>().0.iter();
    for (a, codes) in steps.zip(codes.as_chunks::<{ 4 * PANEL }>().0) {
        for (i, (sum, code)) in products.iter_mut().zip(codes).enumerate() {
            *sum += i32::from(i16::from(a[i % 4]) * i16::from(*code));
        }
    }
    sums_of_four(products)
}

/// `Σ_k a · code` for each column of a panel, of one group of 4-bit codes.
fn dots_of_nibbles(inputs: &[i8], codes: &[u8]) -> [i32; PANEL] {
    let mut products = [0_i32; 4 * PANEL];
    let steps = inputs.as_chunks::<8>().0.iter();
    for (a, codes) in steps.zip(codes.as_chunks::<{ 4 * PANEL }>().0) {
        for (i, (sum, code)) in products.iter_mut().zip(codes).enumerate() {
            let (low, high) = (i16::from(code & 15), i16::from(code >> 4));
            *sum += i32::from(i16::from(a[i % 4]) * low + i16::from(a[4 + i % 4]) * high);
        }
    }
    sums_of_four(products)
}

fn sums_of_four(products: [i32; 4 * PANEL]) -> [i32; PANEL] {
    let mut sums = [0; PANEL];
    for (sum, four) in sums.iter_mut().zip(products.as_chunks::<4>().0) {
        *sum = four.iter().sum();
    }
    sums
}

#[cfg(test)]
mod tests;
