//! Thin products that are added to a wide one: the two halves of a low-rank addition `B (A x)`.
//!
//! A dot product a result, as [`matmul_f32`](Kernels::matmul_f32) takes them, would spend most of its time
//! on sums across lanes where one side is only 32 long. Here the weights lie `[k, n]`, and a register holds
//! neighbouring columns of one row: nothing is ever summed across lanes.

use crate::Kernels;
use crate::arch::{Op, Simd};
use crate::matrix::MatMut;
use crate::rows::at;

/// Rows of a tile: 6 x 2 sums, two weights and an input fit the 16 registers of AVX2.
const ROWS: usize = 6;

impl Kernels {
    /// `out += x · w`: row `r` of `x` is the `k` floats from `r · stride` on, `w` is `[k, out.cols()]`. A
    /// row's result depends on nothing but the row.
    ///
    /// # Panics
    /// If the sizes do not agree.
    pub fn add_matmul(self, x: &[f32], stride: usize, k: usize, w: &[f32], out: &mut MatMut<'_>) {
        assert!(k <= stride, "rows of {k} floats, {stride} apart");
        assert_eq!(w.len(), k * out.cols(), "weights");
        let last = out.rows().checked_sub(1).map_or(0, |r| r * stride + k);
        assert!(x.len() >= last, "inputs");
        self.run(AddMatMul {
            x,
            stride,
            k,
            w,
            out,
        });
    }
}

struct AddMatMul<'a, 'b> {
    x: &'a [f32],
    stride: usize,
    k: usize,
    w: &'a [f32],
    out: &'a mut MatMut<'b>,
}

impl Op for AddMatMul<'_, '_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (n, rows, pair) = (self.out.cols(), self.out.rows(), 2 * S::LANES);
        let row_of = |row: usize| &self.x[row * self.stride..][..self.k];
        let whole = n - n % pair;
        for row in (0..rows).step_by(ROWS) {
            let height = ROWS.min(rows - row);
            // A short tile computes its last row again instead of branching in the loop.
            let x: [&[f32]; ROWS] = std::array::from_fn(|r| row_of(row + r.min(height - 1)));
            for column in (0..whole).step_by(pair) {
                let sums = tile(s, x, self.w, n, column);
                for (r, [left, right]) in sums.into_iter().enumerate().take(height) {
                    let out = &mut self.out.row(row + r)[column..][..pair];
                    let (low, high) = out.split_at_mut(S::LANES);
                    s.store(s.add(s.load(low), left), low);
                    s.store(s.add(s.load(high), right), high);
                }
            }
            for (r, x) in x.into_iter().enumerate().take(height) {
                let out = &mut self.out.row(row + r)[whole..];
                tail(s, x, self.w, n, whole, out);
            }
        }
    }
}

/// The sums of [`ROWS`] rows for two registers of columns from `column` on.
#[inline(always)]
fn tile<S: Simd>(s: S, x: [&[f32]; ROWS], w: &[f32], n: usize, column: usize) -> [[S::F; 2]; ROWS] {
    let mut sums = [[s.splat(0.0); 2]; ROWS];
    // Of one length that the compiler sees, so that it checks no index of `x` in the loop.
    let k = x[0].len();
    let x = x.map(|x| &x[..k]);
    for i in 0..k {
        let w = &w[i * n + column..][..2 * S::LANES];
        let (low, high) = (s.load(w), s.load(&w[S::LANES..]));
        for (sums, x) in sums.iter_mut().zip(x) {
            let x = s.splat(x[i]);
            sums[0] = s.fma(x, low, sums[0]);
            sums[1] = s.fma(x, high, sums[1]);
        }
    }
    sums
}

/// The columns from `whole` on of one row, which fill less than two registers.
#[inline(always)]
fn tail<S: Simd>(s: S, x: &[f32], w: &[f32], n: usize, whole: usize, out: &mut [f32]) {
    let mut column = 0;
    while column < out.len() {
        let width = S::LANES.min(out.len() - column);
        let mut sum = s.splat(0.0);
        for (x, w) in x.iter().zip(w.chunks_exact(n)) {
            sum = s.fma(s.splat(*x), at(s, &w[whole..], column), sum);
        }
        let out = &mut out[column..][..width];
        let sum = s.add(at(s, out, 0), sum);
        if width == S::LANES {
            s.store(sum, out);
        } else {
            s.store_some(sum, out);
        }
        column += width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, every_kernel, sizes};

    #[test]
    fn adds_the_product_at_every_size() {
        for (kernels, n) in every_kernel(sizes()) {
            for (rows, k, stride) in [(0, 3, 3), (1, 1, 1), (5, 32, 96), (7, 4, 9), (13, 33, 33)] {
                let mut random = Random::new(n as u64);
                let (x, w) = (random.floats(rows * stride), random.floats(k * n));
                let before = random.floats(rows * n);
                let mut out = before.clone();
                if n == 0 {
                    continue;
                }
                kernels.add_matmul(&x, stride, k, &w, &mut MatMut::new(&mut out, n));
                for (at, got) in out.iter().enumerate() {
                    let (row, column) = (at / n, at % n);
                    let want: f64 = (0..k)
                        .map(|i| f64::from(x[row * stride + i]) * f64::from(w[i * n + column]))
                        .sum::<f64>()
                        + f64::from(before[at]);
                    let near = (f64::from(*got) - want).abs() < 1e-4;
                    assert!(near, "{kernels:?} {rows}x{k}x{n}: {got} {want}");
                }
            }
        }
    }

    #[test]
    fn a_row_is_the_same_alone_and_among_others() {
        for (kernels, n) in every_kernel([5, 32, 100]) {
            let mut random = Random::new(3);
            let (x, w) = (random.floats(8 * 40), random.floats(40 * n));
            let mut all = vec![0.0; 8 * n];
            kernels.add_matmul(&x, 40, 40, &w, &mut MatMut::new(&mut all, n));
            for (x, among) in x.chunks_exact(40).zip(all.chunks_exact(n)) {
                let mut alone = vec![0.0; n];
                kernels.add_matmul(x, 40, 40, &w, &mut MatMut::new(&mut alone, n));
                assert_eq!(alone, among, "{kernels:?}");
            }
        }
    }
}
