//! What a decoder does to whole rows: RMSNorm, SiLU, residual sums, the likeliest token.
//!
//! Sums go over sixteen lanes on every machine, however many a register has, and products that are added
//! are rounded once: a row gives the same bits on all of them.

use crate::Kernels;
use crate::arch::{Op, Simd};
use crate::math::exp2_fused;
use crate::rows::{at, steps};

/// Lanes that sums are spread over, whatever the registers' width.
const WIDE: usize = 16;

impl Kernels {
    /// `x += residual` (where that is not empty), then `out = gamma · x / √(mean of x² + eps)`, row by row.
    /// `x` and `out` are `[rows, gamma.len()]`.
    ///
    /// # Panics
    /// If the sizes do not agree.
    pub fn rms_norm(
        self,
        x: &mut [f32],
        residual: &[f32],
        gamma: &[f32],
        eps: f32,
        out: &mut [f32],
    ) {
        assert!(x.len().is_multiple_of(gamma.len().max(1)), "rows");
        assert_eq!(x.len(), out.len(), "rows of the result");
        assert!(residual.is_empty() || residual.len() == x.len(), "residual");
        if !gamma.is_empty() {
            self.run(RmsNorm {
                x,
                residual,
                gamma,
                eps,
                out,
            });
        }
    }

    /// `x += other`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn add(self, x: &mut [f32], other: &[f32]) {
        assert_eq!(x.len(), other.len());
        struct Add<'a>(&'a mut [f32], &'a [f32]);
        impl Op for Add<'_> {
            type Out = ();
            #[inline(always)]
            fn run<S: Simd>(self, s: S) {
                add(s, self.0, self.1);
            }
        }
        self.run(Add(x, other));
    }

    /// `out = silu(gate) · up` for rows `gate | up` of twice the width of `out`'s; silu(x) = x / (1 + e^-x).
    /// `gate_up` is `[rows, 2 · width]`, `out` `[rows, width]`.
    ///
    /// # Panics
    /// If the sizes do not agree.
    pub fn silu_mul(self, gate_up: &[f32], width: usize, out: &mut [f32]) {
        assert!(width > 0 && out.len().is_multiple_of(width), "rows");
        assert_eq!(gate_up.len(), 2 * out.len(), "gates");
        self.run(SiluMul {
            gate_up,
            width,
            out,
        });
    }

    /// The index of the largest value, the first of several; 0 where there is none. NaN is never the largest.
    pub fn argmax(self, values: &[f32]) -> usize {
        struct Max<'a>(&'a [f32]);
        impl Op for Max<'_> {
            type Out = f32;
            #[inline(always)]
            fn run<S: Simd>(self, s: S) -> f32 {
                let (whole, rest) = steps(s, self.0.len());
                let mut max = s.splat(f32::NEG_INFINITY);
                for i in whole {
                    // The second operand wins beside a NaN, on every machine.
                    max = s.max(s.load(&self.0[i..]), max);
                }
                let max = s.max_lane(max);
                self.0[rest..]
                    .iter()
                    .fold(max, |max, v| if *v > max { *v } else { max })
            }
        }
        let max = self.run(Max(values));
        values.iter().position(|v| *v == max).unwrap_or(0)
    }
}

/// `x += other`, of one length.
#[inline(always)]
fn add<S: Simd>(s: S, x: &mut [f32], other: &[f32]) {
    let (whole, rest) = steps(s, x.len());
    for i in whole {
        let sum = s.add(s.load(&x[i..]), s.load(&other[i..]));
        s.store(sum, &mut x[i..]);
    }
    for i in rest..x.len() {
        x[i] += other[i];
    }
}

struct RmsNorm<'a> {
    x: &'a mut [f32],
    residual: &'a [f32],
    gamma: &'a [f32],
    eps: f32,
    out: &'a mut [f32],
}

impl Op for RmsNorm<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let width = self.gamma.len();
        let mut others = self.residual.chunks_exact(width);
        let rows = self.x.chunks_exact_mut(width);
        for (x, out) in rows.zip(self.out.chunks_exact_mut(width)) {
            if let Some(other) = others.next() {
                add(s, x, other);
            }
            let scale = 1.0 / (sum_of_squares(s, x) / width as f32 + self.eps).sqrt();
            let scale = s.splat(scale);
            let (whole, rest) = steps(s, width);
            for i in whole {
                let v = s.mul(s.mul(s.load(&x[i..]), scale), s.load(&self.gamma[i..]));
                s.store(v, &mut out[i..]);
            }
            if rest < width {
                let v = s.mul(s.mul(at(s, x, rest), scale), at(s, self.gamma, rest));
                s.store_some(v, &mut out[rest..]);
            }
        }
    }
}

/// `Σ x²`.
#[inline(always)]
fn sum_of_squares<S: Simd>(s: S, x: &[f32]) -> f32 {
    let mut sums = [s.splat(0.0); WIDE / 4];
    let (blocks, tail) = x.as_chunks::<WIDE>();
    let mut last = [0.0; WIDE];
    last[..tail.len()].copy_from_slice(tail);
    for block in blocks.iter().chain(std::iter::once(&last)) {
        for i in 0..WIDE / S::LANES {
            let v = s.load(&block[i * S::LANES..]);
            sums[i] = s.fused(v, v, sums[i]);
        }
    }
    sum_wide(s, &mut sums[..WIDE / S::LANES])
}

/// The sum of all lanes of `sums`, halves first: the same tree whatever the registers' width. There is a power
/// of two of them.
#[inline(always)]
pub(crate) fn sum_wide<S: Simd>(s: S, sums: &mut [S::F]) -> f32 {
    let mut count = sums.len();
    while count > 1 {
        count /= 2;
        for i in 0..count {
            sums[i] = s.add(sums[i], sums[i + count]);
        }
    }
    s.sum_lanes(sums[0])
}

struct SiluMul<'a> {
    gate_up: &'a [f32],
    width: usize,
    out: &'a mut [f32],
}

impl Op for SiluMul<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let width = self.width;
        let rows = self.gate_up.chunks_exact(2 * width);
        for (row, out) in rows.zip(self.out.chunks_exact_mut(width)) {
            let (gate, up) = row.split_at(width);
            let (whole, rest) = steps(s, width);
            for i in whole {
                let v = s.mul(silu(s, s.load(&gate[i..])), s.load(&up[i..]));
                s.store(v, &mut out[i..]);
            }
            if rest < width {
                let v = s.mul(silu(s, at(s, gate, rest)), at(s, up, rest));
                s.store_some(v, &mut out[rest..]);
            }
        }
    }
}

/// `x / (1 + e^-x)`.
#[inline(always)]
fn silu<S: Simd>(s: S, x: S::F) -> S::F {
    let exponent = s.mul(x, s.splat(-std::f32::consts::LOG2_E));
    let e = exp2_fused(s, s.min(exponent, s.splat(126.0)));
    s.div(x, s.add(s.splat(1.0), e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, every_kernel, sizes};

    #[test]
    fn rms_norm_agrees_with_its_definition_and_on_every_machine() {
        for (kernels, width) in every_kernel(sizes()) {
            if width == 0 {
                continue;
            }
            let mut random = Random::new(width as u64);
            let (x, r) = (random.floats(3 * width), random.floats(3 * width));
            let g = random.floats(width);
            let run = |kernels: Kernels| {
                let (mut x, mut out) = (x.clone(), vec![0.0; 3 * width]);
                kernels.rms_norm(&mut x, &r, &g, 1e-6, &mut out);
                (x, out)
            };
            let (sum, got) = run(kernels);
            for row in 0..3 {
                let v: Vec<f64> = (row * width..(row + 1) * width)
                    .map(|i| f64::from(x[i] + r[i]))
                    .collect();
                let mean = v.iter().map(|v| v * v).sum::<f64>() / width as f64;
                for i in 0..width {
                    let want = v[i] / (mean + 1e-6).sqrt() * f64::from(g[i]);
                    let got = f64::from(got[row * width + i]);
                    assert!(
                        (got - want).abs() < 1e-5,
                        "{kernels:?} {width}: {got} {want}"
                    );
                    assert_eq!(f64::from(sum[row * width + i]), v[i]);
                }
            }
            assert_eq!(got, run(Kernels::scalar()).1, "{kernels:?} {width}");
        }
    }

    #[test]
    fn silu_agrees_with_its_definition_and_on_every_machine() {
        for (kernels, width) in every_kernel(sizes()) {
            if width == 0 {
                continue;
            }
            let mut x: Vec<f32> = Random::new(3).floats(4 * width);
            x.iter_mut().for_each(|v| *v *= 30.0);
            x[0] = -1e4;
            x[width - 1] = if width > 1 { 1e4 } else { -1e4 };
            let run = |kernels: Kernels| {
                let mut out = vec![0.0; 2 * width];
                kernels.silu_mul(&x, width, &mut out);
                out
            };
            let got = run(kernels);
            for (i, got) in got.iter().enumerate() {
                let (row, i) = (i / width, i % width);
                let gate = f64::from(x[row * 2 * width + i]);
                let want = gate / (1.0 + (-gate).exp()) * f64::from(x[(row * 2 + 1) * width + i]);
                // The product with log2 e is rounded, which counts `x` times in the exponent.
                let near = (f64::from(*got) - want).abs() <= 4e-6 * want.abs() + 1e-20;
                assert!(near, "{kernels:?} {width}: {got} {want}");
            }
            assert_eq!(got, run(Kernels::scalar()));
        }
    }

    #[test]
    fn argmax_finds_the_first_largest_value() {
        for (kernels, len) in every_kernel(sizes()) {
            let mut x = Random::new(5).floats(len);
            for largest in 0..len {
                let before = x[largest];
                x[largest] = 3.0;
                assert_eq!(kernels.argmax(&x), largest);
                if largest > 2 {
                    let other = std::mem::replace(&mut x[largest - 2], 3.0);
                    let nan = std::mem::replace(&mut x[0], f32::NAN);
                    assert_eq!(kernels.argmax(&x), largest - 2);
                    (x[0], x[largest - 2]) = (nan, other);
                }
                x[largest] = before;
            }
        }
        assert_eq!(Kernels::scalar().argmax(&[f32::NAN, f32::NEG_INFINITY]), 1);
    }

    #[test]
    fn add_adds() {
        for (kernels, len) in every_kernel(sizes()) {
            let (mut a, b) = (Random::new(1).floats(len), Random::new(2).floats(len));
            let want: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
            kernels.add(&mut a, &b);
            assert_eq!(a, want);
        }
    }
}
