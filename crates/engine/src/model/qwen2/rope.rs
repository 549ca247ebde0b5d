//! The angles of rotary positions.

use kernels::Rope;

use super::Config;

/// How a head is turned from one position to the next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rotation {
    /// `[head_dim / 2]`: what a position adds to the angle of each pair.
    frequencies: Vec<f32>,
    /// What cosines and sines are multiplied by.
    scale: f32,
}

impl Rotation {
    /// The rotation of a model, as the reference computes it, in single precision.
    pub(crate) fn of(config: &Config) -> Rotation {
        let (theta, width) = (config.rope_theta, config.head_dim);
        let mut frequencies: Vec<f32> = (0..width / 2)
            .map(|i| 1.0 / theta.powf((2 * i) as f32 / width as f32))
            .collect();
        let scaling = config.rope_scaling.as_ref();
        let scale = scaling.map_or(1.0, |scaling| scaling.apply(theta, &mut frequencies));
        Rotation { frequencies, scale }
    }

    /// Whether every angle is a number.
    pub(super) fn is_finite(&self) -> bool {
        self.frequencies.iter().all(|f| f.is_finite()) && self.scale.is_finite()
    }
}

/// Cosines and sines of the tokens of a step, `[tokens, head_dim / 2]` each.
#[derive(Default)]
pub(crate) struct Angles {
    cos: Vec<f32>,
    sin: Vec<f32>,
    half: usize,
}

impl Angles {
    /// Fills in the angles of the tokens at `positions`.
    pub(crate) fn set(&mut self, rotation: &Rotation, positions: impl Iterator<Item = usize>) {
        self.half = rotation.frequencies.len();
        self.cos.clear();
        self.sin.clear();
        for position in positions {
            for frequency in &rotation.frequencies {
                let angle = position as f32 * frequency;
                let (sin, cos) = f64::from(angle).sin_cos();
                self.cos.push(cos as f32 * rotation.scale);
                self.sin.push(sin as f32 * rotation.scale);
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
