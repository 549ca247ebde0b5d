//! Floats to a quantized matrix: to the nearest code, under the scale that loses least.

use super::{PackedQ, QError, QShape, f16_to_f32, f32_to_f16};

/// Quantizes `w` (`[n, k]`, row-major) to `bits` bits with a scale for `group` inputs of a column.
///
/// The scale of a group is the one, of some twenty around its largest weight, that leaves the smallest squared
/// error; `importance` (`[k]`, not negative) weighs the error of each input. Weights that are not finite are
/// packed as zero.
pub fn pack_q(
    w: &[f32],
    n: usize,
    k: usize,
    group: usize,
    bits: u32,
    importance: Option<&[f32]>,
) -> Result<PackedQ, QError> {
    let shape = QShape::new(n, k, group, bits)?;
    for (part, found, expected) in [
        ("weights", w.len(), n * k),
        ("importances", importance.map_or(k, <[f32]>::len), k),
    ] {
        if found != expected {
            return Err(QError::Length {
                part,
                expected,
                found,
            });
        }
    }
    let mut packed = PackedQ::zeros(shape)?;
    let mut search = ScaleSearch::new(shape);
    for (column, weights) in w.chunks_exact(k).enumerate() {
        for (g, weights) in weights.chunks(group).enumerate() {
            let weight_of = importance.map(|all| &all[g * group..][..weights.len()]);
            let scale = search.best(weights, weight_of);
            packed.set_group(column, g, scale, &search.codes[..weights.len()]);
        }
    }
    Ok(packed)
}

/// How many steps the largest weight is given more or fewer than the range has, in eighths. Fewer clip nothing,
/// more clip the largest weights; and each is another throw of where the others fall between two codes.
const STRETCH: std::ops::RangeInclusive<i32> = -8..=12;

/// Finds the scale of a group of weights, and their codes.
pub struct ScaleSearch {
    low: f32,
    high: f32,
    /// The group, zeros behind a short one.
    weights: Vec<f32>,
    importance: Vec<f32>,
    codes: Vec<i8>,
}

impl ScaleSearch {
    /// For the groups and the bits of `shape`.
    pub fn new(shape: QShape) -> ScaleSearch {
        let (low, high) = shape.range();
        ScaleSearch {
            low: low as f32,
            high: high as f32,
            weights: vec![0.0; shape.group],
            importance: vec![0.0; shape.group],
            codes: vec![0; shape.group],
        }
    }

    /// The codes of the last group, zeros behind a short one.
    pub fn codes(&self) -> &[i8] {
        &self.codes
    }

    /// The same, for callers that round by a rule of their own.
    pub fn codes_mut(&mut self) -> &mut [i8] {
        &mut self.codes
    }

    /// The code that is nearest to `w` under `scale`.
    pub fn code(&self, w: f32, scale: f32) -> i8 {
        round(w * inverse(scale)).clamp(self.low, self.high) as i8
    }

    /// The best scale of `weights`, at most a group, as half-precision bits; their codes are left in `codes`.
    pub fn best(&mut self, weights: &[f32], importance: Option<&[f32]>) -> u16 {
        self.weights.fill(0.0);
        self.importance.fill(1.0);
        for (to, w) in self.weights.iter_mut().zip(weights) {
            *to = if w.is_finite() { *w } else { 0.0 };
        }
        if let Some(importance) = importance {
            self.importance[..importance.len()].copy_from_slice(importance);
        }
        let extreme = self
            .weights
            .iter()
            .fold(0.0_f32, |m, w| if w.abs() > m.abs() { *w } else { m });
        self.codes.fill(0);
        if extreme == 0.0 {
            return 0;
        }
        let mut best = (f32::INFINITY, 0_u16);
        for stretch in STRETCH {
            // The longer side of the range is for the extreme weight: with 4 bits its sign decides the scale's.
            let steps = self.low + self.low.signum() * stretch as f32 / 8.0;
            // What would round to zero becomes the smallest scale there is.
            let scale = match f32_to_f16(self.fit(steps / extreme)) {
                0 | 0x8000 => 1,
                scale => scale,
            };
            let error = self.error(scale);
            if error < best.0 {
                best = (error, scale);
            }
        }
        let scale = f16_to_f32(best.1);
        for (i, w) in self.weights.iter().enumerate() {
            self.codes[i] = self.code(*w, scale);
        }
        best.1
    }

    /// The scale that suits the codes that `inverse` gives best.
    fn fit(&self, inverse: f32) -> f32 {
        let (mut cross, mut square) = ([0.0_f32; 8], [0.0_f32; 8]);
        let pairs = self.weights.as_chunks::<8>().0.iter();
        for (w, important) in pairs.zip(self.importance.as_chunks::<8>().0) {
            for i in 0..8 {
                let code = round(w[i] * inverse).max(self.low).min(self.high);
                cross[i] += important[i] * w[i] * code;
                square[i] += important[i] * code * code;
            }
        }
        let (cross, square) = (cross.iter().sum::<f32>(), square.iter().sum::<f32>());
        if square > 0.0 {
            cross / square
        } else {
            1.0 / inverse
        }
    }

    /// What is lost under `scale`.
    fn error(&self, scale: u16) -> f32 {
        let scale = f16_to_f32(scale);
        let inverse = inverse(scale);
        let mut error = [0.0_f32; 8];
        let pairs = self.weights.as_chunks::<8>().0.iter();
        for (w, important) in pairs.zip(self.importance.as_chunks::<8>().0) {
            for i in 0..8 {
                let code = round(w[i] * inverse).max(self.low).min(self.high);
                let lost = code * scale - w[i];
                error[i] += important[i] * lost * lost;
            }
        }
        error.iter().sum()
    }
}

fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { 1.0 / scale }
}

/// To the nearest integer, ties to even; what is beyond 2^22 is clamped after, and any large value does.
fn round(x: f32) -> f32 {
    const ROUNDER: f32 = 12_582_912.0;
    (x.clamp(-1e6, 1e6) + ROUNDER) - ROUNDER
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    fn error(w: &[f32], n: usize, k: usize, packed: &PackedQ, importance: &[f32]) -> f64 {
        let mut column = vec![0.0; k];
        let mut error = 0.0;
        for c in 0..n {
            packed.view().dequantize_column(c, &mut column);
            for i in 0..k {
                error += f64::from(importance[i]) * f64::from(column[i] - w[c * k + i]).powi(2);
            }
        }
        error
    }

    #[test]
    fn loses_less_than_the_plain_scale_at_every_group_and_width() {
        for (bits, steps) in [(8, 127.0), (4, 8.0)] {
            for (n, k, group) in [(20, 200, 64), (3, 64, 32), (16, 256, 128)] {
                let mut random = Random::new(bits as u64);
                // Bell-shaped, as weights are.
                let w: Vec<f32> = (0..n * k)
                    .map(|_| 0.01 * random.floats(6).iter().sum::<f32>())
                    .collect();
                let ones = vec![1.0; k];
                let packed = pack_q(&w, n, k, group, bits, None).expect("a known shape");
                let mut plain = 0.0;
                for group in w.chunks_exact(k).flat_map(|row| row.chunks(group)) {
                    let largest = group.iter().fold(0.0_f32, |m, w| m.max(w.abs()));
                    let scale = largest / steps;
                    for w in group {
                        plain += f64::from((w / scale).round() * scale - w).powi(2);
                    }
                }
                let found = error(&w, n, k, &packed, &ones);
                assert!(
                    found < 0.95 * plain,
                    "{bits} bits, {group}: {found} {plain}"
                );
            }
        }
    }

    #[test]
    fn importance_moves_the_error_to_where_it_matters_least() {
        let (n, k) = (16, 128);
        let mut random = Random::new(3);
        let w = random.floats(n * k);
        let importance: Vec<f32> = (0..k)
            .map(|i| if i % 8 == 0 { 50.0 } else { 1.0 })
            .collect();
        let even = pack_q(&w, n, k, 64, 4, None).expect("a known shape");
        let weighed = pack_q(&w, n, k, 64, 4, Some(&importance)).expect("a known shape");
        assert!(
            error(&w, n, k, &weighed, &importance) < 0.95 * error(&w, n, k, &even, &importance)
        );
    }

    #[test]
    fn extremes_zeros_and_what_is_not_finite_are_packed() {
        for bits in [4, 8] {
            for value in [0.0, 1e-9, -1e-7, 1.0, -3e4, f32::NAN, f32::INFINITY] {
                let packed = pack_q(&[value; 40], 1, 40, 32, bits, None).expect("a known shape");
                let mut got = [9.0; 40];
                packed.view().dequantize_column(0, &mut got);
                let want = if value.is_finite() { value } else { 0.0 };
                for got in got {
                    assert!(
                        (got - want).abs() <= 2e-3 * want.abs() + 3e-8,
                        "{bits}: {got} {value}"
                    );
                }
            }
        }
        assert!(pack_q(&[1.0; 9], 1, 10, 32, 8, None).is_err());
        assert!(pack_q(&[1.0; 10], 1, 10, 32, 8, Some(&[1.0])).is_err());
    }
}
