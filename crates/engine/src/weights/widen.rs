//! Tensors of half precision, widened: small assets are stored so, nothing computes with them.

use super::{Dtype, WeightError, Weights};

impl Weights {
    /// The tensor `name` of exactly `shape` as f32, whether it is stored as that or as f16.
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightError> {
        match self.tensors().get(name) {
            Some(info) if info.dtype == Dtype::F16 && info.shape == shape => {
                let (halves, _) = self.raw(info).as_chunks::<2>();
                Ok(halves
                    .iter()
                    .map(|half| widen(u16::from_le_bytes(*half)))
                    .collect())
            }
            _ => self
                .tensor::<f32>(name, shape)
                .map(|floats| floats.to_vec()),
        }
    }
}

/// The number that the finite f16 `half` stands for. No half is lost: f32 holds every one exactly.
fn widen(half: u16) -> f32 {
    let (sign, rest) = (u32::from(half & 0x8000) << 16, u32::from(half & 0x7fff));
    // Read as an f32, exponent and fraction in their new place are 2^112 too small; subnormals included.
    let magnitude = f32::from_bits(rest << 13) * f32::from_bits((127 + 112) << 23);
    f32::from_bits(magnitude.to_bits() | sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widens_halves_exactly() {
        for (half, want) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 6.103_515_6e-5),
            (0x0001, 5.960_464_5e-8),
            (0x3555, 0.333_251_95),
        ] {
            assert_eq!(widen(half), want, "{half:#06x}");
        }
    }
}
