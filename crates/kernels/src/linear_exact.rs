//! The float product with one order of summing on every machine.
//!
//! [`matmul_f32`](Kernels::matmul_f32) sums in as many lanes as a register has. Here there are sixteen lanes
//! whatever the register, each product is added with one rounding, and the lanes are added as a tree.

use std::ops::Range;

use crate::Kernels;
use crate::arch::{Op, Simd};
use crate::decoder_rows::sum_wide;
use crate::linear_f32::LinearF32;
use crate::matrix::MatMut;

/// Lanes that sums are spread over.
const WIDE: usize = 16;

/// Columns of a tile: their sums fill eight registers of AVX2.
const COLUMNS: usize = 4;

impl Kernels {
    /// What [`matmul_f32`](Kernels::matmul_f32) computes, with the same bits on every machine.
    ///
    /// # Panics
    /// If the sizes do not agree.
    pub fn matmul_f32_exact(
        self,
        x: &[f32],
        matrix: LinearF32<'_>,
        columns: Range<usize>,
        out: &mut MatMut<'_>,
    ) {
        assert_eq!(x.len(), out.rows() * matrix.inputs(), "inputs");
        assert!(columns.end <= matrix.outputs(), "columns {columns:?}");
        assert_eq!(out.cols(), columns.len(), "columns of the result");
        self.run(MatMul {
            x,
            matrix,
            columns,
            out,
        });
    }
}

struct MatMul<'a, 'b> {
    x: &'a [f32],
    matrix: LinearF32<'a>,
    columns: Range<usize>,
    out: &'a mut MatMut<'b>,
}

impl Op for MatMul<'_, '_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let k = self.matrix.inputs();
        for first in self.columns.clone().step_by(COLUMNS) {
            let width = COLUMNS.min(self.columns.end - first);
            // A short tile computes its last column again instead of branching in the loop.
            let w: [&[f32]; COLUMNS] =
                std::array::from_fn(|c| self.matrix.column(first + c.min(width - 1)));
            for row in 0..self.out.rows() {
                let sums = dots(s, &self.x[row * k..][..k], w);
                let at = first - self.columns.start;
                let out = &mut self.out.row(row)[at..at + width];
                for (c, out) in out.iter_mut().enumerate() {
                    *out = sums[c] + self.matrix.bias(first + c);
                }
            }
        }
    }
}

/// The dot products of `x` with each of `w`, all of one length.
#[inline(always)]
fn dots<S: Simd>(s: S, x: &[f32], w: [&[f32]; COLUMNS]) -> [f32; COLUMNS] {
    let mut sums = [[s.splat(0.0); WIDE / 4]; COLUMNS];
    let (blocks, tail) = x.as_chunks::<WIDE>();
    let w = w.map(|w| (w.as_chunks::<WIDE>().0, &w[blocks.len() * WIDE..]));
    for (b, block) in blocks.iter().enumerate() {
        for (sums, (w, _)) in sums.iter_mut().zip(w) {
            let w = &w[b];
            for (i, sum) in sums.iter_mut().take(WIDE / S::LANES).enumerate() {
                let at = i * S::LANES;
                *sum = s.fused(s.load(&block[at..]), s.load(&w[at..]), *sum);
            }
        }
    }
    let mut results = [0.0; COLUMNS];
    for ((result, sums), (_, w)) in results.iter_mut().zip(&mut sums).zip(w) {
        *result = sum_wide(s, &mut sums[..WIDE / S::LANES]);
        for (x, w) in tail.iter().zip(w) {
            *result = x.mul_add(*w, *result);
        }
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, every_kernel, sizes};

    #[test]
    fn every_machine_gives_the_same_bits_and_they_are_right() {
        for (kernels, k) in every_kernel(sizes()) {
            for (rows, n) in [(0, 3), (1, 1), (2, 4), (3, 5), (7, 9)] {
                let mut random = Random::new(k as u64);
                let x = random.floats(rows * k);
                let (w, bias) = (random.floats(n * k), random.floats(n));
                let matrix = LinearF32::new(&w, &bias, k);
                let run = |kernels: Kernels, columns: Range<usize>| {
                    let mut out = vec![9.0; rows * columns.len()];
                    let mut to = MatMut::new(&mut out, columns.len());
                    kernels.matmul_f32_exact(&x, matrix, columns, &mut to);
                    out
                };
                let got = run(kernels, 0..n);
                assert_eq!(got, run(Kernels::scalar(), 0..n), "{kernels:?} {k}");
                for (row, column) in (0..rows).flat_map(|r| (0..n).map(move |c| (r, c))) {
                    let want: f64 = (0..k)
                        .map(|i| f64::from(x[row * k + i]) * f64::from(w[column * k + i]))
                        .sum::<f64>()
                        + f64::from(bias[column]);
                    let got = got[row * n + column];
                    assert!((f64::from(got) - want).abs() < 1e-4);
                }
                if n > 1 {
                    let last = run(kernels, 1..n);
                    for row in 0..rows {
                        assert_eq!(last[row * (n - 1)..][..n - 1], got[row * n + 1..][..n - 1]);
                    }
                }
            }
        }
    }
}
