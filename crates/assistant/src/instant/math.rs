//! The few functions that both readers end in.

/// Probabilities that sum to 1; empty for none.
pub(super) fn softmax(z: &[f32]) -> Vec<f32> {
    let top = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let e: Vec<f32> = z.iter().map(|z| (z - top).exp()).collect();
    let total: f32 = e.iter().sum();
    e.into_iter().map(|e| e / total).collect()
}

/// `1 / (1 + e^-z)`.
pub(super) fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + (-z).exp())
}

/// `x · Φ(x)`, with the error function of Abramowitz and Stegun 7.1.26, which is off by 1.5e-7 at most.
pub(crate) fn gelu(x: f32) -> f32 {
    let x = f64::from(x);
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series = ((((1.061_405_429 * t - 1.453_152_027) * t + 1.421_413_741) * t - 0.284_496_736)
        * t
        + 0.254_829_592)
        * t;
    let erf = (1.0 - series * (-z * z).exp()).copysign(x);
    (x * 0.5 * (1.0 + erf)) as f32
}

/// Index of the largest value; the first of equals.
pub(super) fn loudest(values: impl Iterator<Item = f32>) -> Option<usize> {
    values
        .enumerate()
        .fold(None, |best: Option<(usize, f32)>, (i, v)| {
            if best.is_some_and(|(_, b)| b >= v) {
                best
            } else {
                Some((i, v))
            }
        })
        .map(|(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gelu_is_exact_to_single_precision() {
        for (x, want) in [
            (0.0, 0.0),
            (1.0, 0.841_344_8),
            (-1.0, -0.158_655_26),
            (0.5, 0.345_731_23),
            (-3.0, -0.004_049_694),
            (6.0, 6.0),
        ] {
            assert!((gelu(x) - want).abs() < 1e-6, "{x}: {}", gelu(x));
        }
    }

    #[test]
    fn the_first_of_equals_is_loudest() {
        assert_eq!(loudest([1.0, 3.0, 3.0].into_iter()), Some(1));
        assert_eq!(loudest([].into_iter()), None);
    }
}
