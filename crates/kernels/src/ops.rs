//! First form of the operations: plain loops.
use crate::Kernels;

impl Kernels {
    /// `y = x · wᵀ + bias`; `x` is `[rows, k]`, `w` `[n, k]`, `bias` `[n]`, `y` `[rows, n]`.
    pub fn linear_f32(self, x: &[f32], w: &[f32], bias: &[f32], y: &mut [f32]) {
        let n = bias.len();
        let k = w.len() / n;
        for (x, y) in x.chunks_exact(k).zip(y.chunks_exact_mut(n)) {
            for (j, out) in y.iter_mut().enumerate() {
                let w = &w[j * k..][..k];
                let mut lanes = [0.0_f32; 16];
                for (x, w) in x.as_chunks::<16>().0.iter().zip(w.as_chunks::<16>().0) {
                    for i in 0..16 {
                        lanes[i] += x[i] * w[i];
                    }
                }
                let tail: f32 = x
                    .as_chunks::<16>()
                    .1
                    .iter()
                    .zip(w.as_chunks::<16>().1)
                    .map(|(x, w)| x * w)
                    .sum();
                *out = lanes.iter().sum::<f32>() + tail + bias[j];
            }
        }
    }

    /// Scales `row` to length one; a row of zeros stays.
    pub fn normalize(self, row: &mut [f32]) {
        let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
        if length > 0.0 {
            row.iter_mut().for_each(|v| *v /= length);
        }
    }

    /// Normalises each row of `x` (`[rows, gamma.len()]`) to mean 0 and variance 1, then scales and shifts.
    pub fn layer_norm(self, x: &mut [f32], gamma: &[f32], beta: &[f32], eps: f32) {
        for row in x.chunks_exact_mut(gamma.len()) {
            let n = row.len() as f32;
            let mean = row.iter().sum::<f32>() / n;
            let variance = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / n;
            let scale = 1.0 / (variance + eps).sqrt();
            for ((v, g), b) in row.iter_mut().zip(gamma).zip(beta) {
                *v = (*v - mean) * scale * g + b;
            }
        }
    }

    /// `x · Φ(x)` on each value.
    pub fn gelu(self, x: &mut [f32]) {
        for v in x {
            *v = 0.5 * *v * (1.0 + erf(*v * std::f32::consts::FRAC_1_SQRT_2));
        }
    }

    /// Softmax over `row`.
    pub fn softmax(self, row: &mut [f32]) {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        row.iter_mut().for_each(|v| *v = (*v - max).exp());
        let sum: f32 = row.iter().sum();
        row.iter_mut().for_each(|v| *v /= sum);
    }
}

/// The error function, by its series.
fn erf(x: f32) -> f32 {
    let x = f64::from(x);
    if x.abs() > 4.0 {
        return x.signum() as f32;
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..80 {
        term *= -x * x / f64::from(n);
        let add = term / f64::from(2 * n + 1);
        sum += add;
        if add.abs() < 1e-12 {
            break;
        }
    }
    (sum * std::f64::consts::FRAC_2_SQRT_PI) as f32
}
