//! Tensors of half precision, widened: small assets are stored so, nothing computes with them.

use super::{Storage, WeightError, Weights};

impl Weights {
    /// The tensor `name` of exactly `shape` as f32, whether it is stored as that, as f16 or as bf16.
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightError> {
        match self.tensors().get(name) {
            Some(info) if info.shape == shape && Storage::Plain(info.dtype).is_float() => {
                let mut floats = vec![0.0; shape.iter().product()];
                Storage::Plain(info.dtype).widen(self.raw(info), &mut floats);
                Ok(floats)
            }
            _ => self
                .tensor::<f32>(name, shape)
                .map(|floats| floats.to_vec()),
        }
    }
}
