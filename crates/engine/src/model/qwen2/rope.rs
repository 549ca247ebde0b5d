//! The angles of rotary positions.

use kernels::Rope;

/// Cosines and sines of the tokens of a step, `[tokens, head_dim / 2]` each.
#[derive(Default)]
pub(crate) struct Angles {
    cos: Vec<f32>,
    sin: Vec<f32>,
    half: usize,
}

/// The angle that a position adds to each pair of a head, as the reference computes it, in single precision.
pub(crate) fn frequencies(theta: f32, head_dim: usize) -> Vec<f32> {
    (0..head_dim / 2)
        .map(|i| 1.0 / theta.powf((2 * i) as f32 / head_dim as f32))
        .collect()
}

impl Angles {
    /// Fills in the angles of the tokens at `positions`.
    pub(crate) fn set(&mut self, frequencies: &[f32], positions: impl Iterator<Item = usize>) {
        self.half = frequencies.len();
        self.cos.clear();
        self.sin.clear();
        for position in positions {
            for frequency in frequencies {
                let angle = position as f32 * frequency;
                let (sin, cos) = f64::from(angle).sin_cos();
                self.cos.push(cos as f32);
                self.sin.push(sin as f32);
            }
        }
    }

    /// The angles of `tokens` tokens from the one `first` on.
    pub(crate) fn of(&self, first: usize, tokens: usize) -> Rope<'_> {
        let part = first * self.half..(first + tokens) * self.half;
        Rope {
            cos: &self.cos[part.clone()],
            sin: &self.sin[part],
        }
    }
}
