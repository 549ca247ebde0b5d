//! The float product, for weights as they were published.

use std::ops::Range;

use crate::Kernels;
use crate::arch::{Op, Simd};
use crate::matrix::MatMut;
use crate::rows::steps;

/// A float matrix as networks store it: `weight` is `[n, k]`, row-major, `bias` `[n]`.
#[derive(Debug, Clone, Copy)]
pub struct LinearF32<'a> {
    weight: &'a [f32],
    bias: &'a [f32],
    k: usize,
}

impl<'a> LinearF32<'a> {
    /// The matrix of `bias.len()` columns and `k` inputs.
    ///
    /// # Panics
    /// If `weight` does not have that many elements.
    pub fn new(weight: &'a [f32], bias: &'a [f32], k: usize) -> LinearF32<'a> {
        assert_eq!(weight.len(), bias.len() * k);
        LinearF32 { weight, bias, k }
    }

    pub(crate) fn inputs(&self) -> usize {
        self.k
    }

    pub(crate) fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// The weights of one column.
    #[inline(always)]
    pub(crate) fn column(&self, column: usize) -> &'a [f32] {
        &self.weight[column * self.k..][..self.k]
    }

    #[inline(always)]
    pub(crate) fn bias(&self, column: usize) -> f32 {
        self.bias[column]
    }
}

impl Kernels {
    /// `out = x · weightᵀ + bias` for the columns `columns` of the matrix; `x` is `[rows, k]`, `out`
    /// `[rows, columns]`. A row's result depends on nothing but the row.
    ///
    /// # Panics
    /// If the sizes do not agree.
    pub fn matmul_f32(
        self,
        x: &[f32],
        matrix: LinearF32<'_>,
        columns: Range<usize>,
        out: &mut MatMut<'_>,
    ) {
        assert_eq!(x.len(), out.rows() * matrix.k, "inputs");
        assert!(
            columns.end <= matrix.bias.len(),
            "columns {columns:?} of {}",
            matrix.bias.len()
        );
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
        let MatMul {
            x,
            matrix,
            columns,
            out,
        } = self;
        let (k, rows) = (matrix.k, out.rows());
        let mut column = columns.start;
        while column < columns.end {
            let width = (columns.end - column).min(4);
            let mut row = 0;
            while row < rows {
                // 3 x 4 sums fit the 16 registers of AVX2 beside their operands.
                let height = (rows - row).min(3);
                let a: [&[f32]; 3] =
                    std::array::from_fn(|i| &x[(row + i.min(height - 1)) * k..][..k]);
                let b: [&[f32]; 4] =
                    std::array::from_fn(|j| &matrix.weight[(column + j.min(width - 1)) * k..][..k]);
                let sums = dots(s, a, b);
                for (i, sums) in sums.iter().enumerate().take(height) {
                    let out = &mut out.row(row + i)[column - columns.start..][..width];
                    let bias = &matrix.bias[column..][..width];
                    for ((out, sum), bias) in out.iter_mut().zip(sums).zip(bias) {
                        *out = sum + bias;
                    }
                }
                row += height;
            }
            column += width;
        }
    }
}

/// The dot product of each of `a` with each of `b`, all of one length.
#[inline(always)]
fn dots<S: Simd>(s: S, a: [&[f32]; 3], b: [&[f32]; 4]) -> [[f32; 4]; 3] {
    let k = a[0].len();
    let mut sums = [[s.splat(0.0); 4]; 3];
    let (whole, rest) = steps(s, k);
    for at in whole {
        let b = [
            s.load(&b[0][at..]),
            s.load(&b[1][at..]),
            s.load(&b[2][at..]),
            s.load(&b[3][at..]),
        ];
        for (sums, a) in sums.iter_mut().zip(a) {
            let a = s.load(&a[at..]);
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = s.fma(a, b, *sum);
            }
        }
    }
    if rest < k {
        for (sums, a) in sums.iter_mut().zip(a) {
            let a = s.load_some(&a[rest..]);
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = s.fma(a, s.load_some(&b[rest..]), *sum);
            }
        }
    }
    let mut result = [[0.0; 4]; 3];
    for (result, sums) in result.iter_mut().zip(sums) {
        for (result, sum) in result.iter_mut().zip(sums) {
            *result = s.sum_lanes(sum);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, every_kernel, sizes};

    #[test]
    fn agrees_with_its_definition_at_every_size() {
        for (kernels, k) in every_kernel(sizes()) {
            for (rows, n) in [(0, 3), (1, 1), (2, 4), (3, 5), (7, 9)] {
                let mut random = Random::new(k as u64);
                let (x, w, bias) = (
                    random.floats(rows * k),
                    random.floats(n * k),
                    random.floats(n),
                );
                for columns in [0..n, 0..1, 1..n] {
                    let mut out = vec![9.0; rows * columns.len()];
                    if columns.is_empty() {
                        continue;
                    }
                    let matrix = LinearF32::new(&w, &bias, k);
                    kernels.matmul_f32(
                        &x,
                        matrix,
                        columns.clone(),
                        &mut MatMut::new(&mut out, columns.len()),
                    );
                    for row in 0..rows {
                        for column in columns.clone() {
                            let want: f64 = (0..k)
                                .map(|i| f64::from(x[row * k + i]) * f64::from(w[column * k + i]))
                                .sum::<f64>()
                                + f64::from(bias[column]);
                            let got = out[row * columns.len() + column - columns.start];
                            assert!(
                                (f64::from(got) - want).abs() < 1e-4,
                                "{kernels:?} {rows}x{k}x{n}"
                            );
                        }
                    }
                }
            }
        }
    }
}
