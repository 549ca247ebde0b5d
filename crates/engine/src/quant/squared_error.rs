//! How far quantized values are from the original ones.

/// A running squared error.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct SquaredError {
    error: f64,
    power: f64,
}

impl SquaredError {
    pub(crate) fn add(&mut self, want: f32, got: f32) {
        self.error += f64::from(want - got).powi(2);
        self.power += f64::from(want).powi(2);
    }

    /// Adds squares that were summed elsewhere.
    pub(crate) fn add_squares(&mut self, error: f64, power: f64) {
        self.error += error;
        self.power += power;
    }

    /// Adds another sum.
    pub(crate) fn merge(&mut self, other: SquaredError) {
        self.add_squares(other.error, other.power);
    }

    /// As if `factor` times as much had been summed.
    pub(crate) fn scale(&mut self, factor: f64) {
        self.error *= factor;
        self.power *= factor;
    }

    /// The squares of the values.
    pub(crate) fn power(self) -> f64 {
        self.power
    }

    /// As [`SquaredError::relative`], if there was anything to measure.
    pub(crate) fn measured(self) -> Option<f32> {
        (self.power > 0.0).then(|| self.relative())
    }

    /// Root of the mean squared error over the root mean square.
    pub(crate) fn relative(self) -> f32 {
        if self.power == 0.0 {
            0.0
        } else {
            (self.error / self.power).sqrt() as f32
        }
    }
}
