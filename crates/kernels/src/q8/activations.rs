//! Activations as bytes: quantized row by row, when they are needed, to what the row holds.

use crate::arch::{Op, Simd};
use crate::rows::{at, steps};
use crate::{Isa, Kernels};

/// How activations are quantized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Codes {
    /// The largest code: 127 or 255.
    pub max: u8,
    /// Whether each group of inputs has its own scale and zero point, or the whole row has one.
    pub per_group: bool,
}

impl Kernels {
    /// What this instruction set's product wants: see the limit in [`Q8`](crate::Q8)'s module.
    pub fn codes(self) -> Codes {
        match self.isa() {
            Isa::Avx2 => Codes {
                max: 127,
                per_group: true,
            },
            Isa::Scalar | Isa::Avx512Vnni | Isa::Amx => Codes {
                max: 255,
                per_group: false,
            },
        }
    }
}

/// Quantized rows: `value ≈ scale · code − offset`.
#[derive(Default)]
pub struct Activations {
    k: usize,
    group: usize,
    /// `[rows, k]`.
    codes: Vec<u8>,
    /// `[rows, k / group]`.
    scales: Vec<f32>,
    /// `[rows, k / group]`.
    offsets: Vec<f32>,
}

/// Some rows of an [`Activations`], to be filled.
pub struct ActivationsMut<'a> {
    k: usize,
    group: usize,
    codes: &'a mut [u8],
    scales: &'a mut [f32],
    offsets: &'a mut [f32],
}

impl Activations {
    /// Makes room for `rows` rows of `k` inputs with `group` of them to a scale; what they hold is
    /// unspecified. Memory is kept from one use to the next.
    ///
    /// # Panics
    /// If `group` does not divide `k`.
    pub fn reset(&mut self, rows: usize, k: usize, group: usize) {
        assert!(
            k > 0 && group > 0 && k.is_multiple_of(group),
            "{k} inputs in groups of {group}"
        );
        (self.k, self.group) = (k, group);
        self.codes.resize(rows * k, 0);
        self.scales.resize(rows * (k / group), 0.0);
        self.offsets.resize(rows * (k / group), 0.0);
    }

    /// Rows there are.
    pub fn rows(&self) -> usize {
        self.codes.len().checked_div(self.k).unwrap_or(0)
    }

    /// All rows, to be filled.
    pub fn as_mut(&mut self) -> ActivationsMut<'_> {
        ActivationsMut {
            k: self.k,
            group: self.group,
            codes: &mut self.codes,
            scales: &mut self.scales,
            offsets: &mut self.offsets,
        }
    }

    /// Inputs in a row.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Scales in a row.
    pub(crate) fn groups(&self) -> usize {
        self.k / self.group
    }

    pub(crate) fn codes(&self) -> &[u8] {
        &self.codes
    }

    pub(crate) fn scales(&self) -> &[f32] {
        &self.scales
    }

    pub(crate) fn offsets(&self) -> &[f32] {
        &self.offsets
    }

    /// The value at `row` and `input`, as a float.
    pub fn value(&self, row: usize, input: usize) -> f32 {
        let group = row * self.groups() + input / self.group;
        f32::from(self.codes[row * self.k + input]) * self.scales[group] - self.offsets[group]
    }
}

impl<'a> ActivationsMut<'a> {
    /// The first `rows` rows, and the others.
    ///
    /// # Panics
    /// If there are fewer rows.
    pub fn split(self, rows: usize) -> (ActivationsMut<'a>, ActivationsMut<'a>) {
        let groups = rows * (self.k / self.group);
        let (codes, more_codes) = self.codes.split_at_mut(rows * self.k);
        let (scales, more_scales) = self.scales.split_at_mut(groups);
        let (offsets, more_offsets) = self.offsets.split_at_mut(groups);
        let (k, group) = (self.k, self.group);
        (
            ActivationsMut {
                k,
                group,
                codes,
                scales,
                offsets,
            },
            ActivationsMut {
                k,
                group,
                codes: more_codes,
                scales: more_scales,
                offsets: more_offsets,
            },
        )
    }
}

impl Kernels {
    /// Quantizes the rows of `x` (`[rows, k]`), each input first multiplied by its entry of `smooth` (`[k]`),
    /// to codes `0..=max`. The range of codes always holds zero, so a zero stays one exactly.
    ///
    /// # Panics
    /// If the sizes do not agree.
    pub fn quantize(self, x: &[f32], smooth: &[f32], max: u8, to: ActivationsMut<'_>) {
        assert_eq!(x.len(), to.codes.len());
        assert_eq!(smooth.len(), to.k);
        self.run(Quantize { x, smooth, max, to });
    }
}

struct Quantize<'a> {
    x: &'a [f32],
    smooth: &'a [f32],
    max: u8,
    to: ActivationsMut<'a>,
}

impl Op for Quantize<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Quantize { x, smooth, max, to } = self;
        let rows = x.chunks_exact(to.k).zip(to.codes.chunks_exact_mut(to.k));
        let groups = to.k / to.group;
        let marks = to
            .scales
            .chunks_exact_mut(groups)
            .zip(to.offsets.chunks_exact_mut(groups));
        for ((x, codes), (scales, offsets)) in rows.zip(marks) {
            let parts = x.chunks_exact(to.group).zip(smooth.chunks_exact(to.group));
            let parts = parts.zip(codes.chunks_exact_mut(to.group));
            for (((x, smooth), codes), (scale, offset)) in parts.zip(scales.iter_mut().zip(offsets))
            {
                (*scale, *offset) = quantize_group(s, x, smooth, max, codes);
            }
        }
    }
}

/// Quantizes one group; its scale and offset.
#[inline(always)]
fn quantize_group<S: Simd>(
    s: S,
    x: &[f32],
    smooth: &[f32],
    max: u8,
    codes: &mut [u8],
) -> (f32, f32) {
    let zero = s.splat(0.0);
    let (mut low, mut high) = (zero, zero);
    let (whole, rest) = steps(s, x.len());
    for i in whole {
        let v = s.mul(s.load(&x[i..]), s.load(&smooth[i..]));
        (low, high) = (s.min(low, v), s.max(high, v));
    }
    if rest < x.len() {
        // The lanes past the end are zeros, which the range holds anyway.
        let v = s.mul(at(s, x, rest), at(s, smooth, rest));
        (low, high) = (s.min(low, v), s.max(high, v));
    }
    let (low, high) = (s.min_lane(low), s.max_lane(high));
    let top = f32::from(max);
    let scale = (high - low) / top;
    if scale.is_nan() || scale <= f32::MIN_POSITIVE {
        codes.fill(0);
        return (0.0, 0.0);
    }
    let inverse = 1.0 / scale;
    let code_of_zero = (-low * inverse).round_ties_even().min(top);
    let (inverse, shift, top) = (s.splat(inverse), s.splat(code_of_zero), s.splat(top));
    let (whole, rest) = steps(s, x.len());
    for i in whole {
        let code = encode(
            s,
            s.load(&x[i..]),
            s.load(&smooth[i..]),
            inverse,
            shift,
            top,
        );
        s.store_bytes(code, &mut codes[i..]);
    }
    if rest < x.len() {
        let mut bytes = [0; 16];
        s.store_bytes(
            encode(s, at(s, x, rest), at(s, smooth, rest), inverse, shift, top),
            &mut bytes,
        );
        let left = x.len() - rest;
        codes[rest..].copy_from_slice(&bytes[..left]);
    }
    (scale, scale * code_of_zero)
}

/// `round(v · smooth · inverse + shift)`, within `0..=top`.
#[inline(always)]
fn encode<S: Simd>(s: S, v: S::F, smooth: S::F, inverse: S::F, shift: S::F, top: S::F) -> S::F {
    let code = s.round(s.fma(s.mul(v, smooth), inverse, shift));
    s.max(s.min(code, top), s.splat(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, every_kernel};

    #[test]
    fn every_value_comes_back_within_half_a_step() {
        for (kernels, k) in every_kernel([8, 16, 24, 40, 64, 384]) {
            for (max, group) in [(127, k), (255, k), (127, 8), (255, 8)] {
                let mut random = Random::new(k as u64);
                let (x, smooth) = (random.floats(5 * k), random.floats(k));
                let mut got = Activations::default();
                got.reset(5, k, group);
                kernels.quantize(&x, &smooth, max, got.as_mut());
                for i in 0..5 * k {
                    let want = x[i] * smooth[i % k];
                    let step = got.scales()[i / k * got.groups() + i % k / group];
                    assert!(
                        (got.value(i / k, i % k) - want).abs() <= 0.51 * step,
                        "{kernels:?} {k} {i}"
                    );
                    assert!(got.codes()[i] <= max);
                }
            }
        }
    }

    #[test]
    fn rows_of_zeros_extremes_and_nonsense_do_no_harm() {
        for (kernels, _) in every_kernel([0]) {
            let k = 24;
            let mut x = vec![0.0; 5 * k];
            x[k..2 * k].fill(f32::MAX);
            x[2 * k] = f32::NAN;
            x[3 * k] = f32::INFINITY;
            x[4 * k..].fill(-1e-40);
            let mut got = Activations::default();
            got.reset(5, k, k);
            kernels.quantize(&x, &vec![1.0; k], 127, got.as_mut());
            assert!((0..k).all(|i| got.value(0, i) == 0.0));
            assert!(got.codes().iter().all(|c| *c <= 127), "{kernels:?}");
        }
    }
}
