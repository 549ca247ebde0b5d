//! The last check at the door: every float is finite.

use super::{Dtype, WeightError, Weights};

/// Refuses the first NaN or infinity, by tensor and element.
pub(super) fn all_finite(weights: &Weights) -> Result<(), WeightError> {
    for (name, info) in weights.tensors() {
        let raw = weights.raw(info);
        let (width, exponent): (usize, u32) = match info.dtype {
            Dtype::F32 => (4, 0x7f80_0000),
            Dtype::F16 => (2, 0x7c00),
            Dtype::Bf16 => (2, 0x7f80),
            Dtype::I8 | Dtype::U8 | Dtype::I32 | Dtype::I64 => continue,
        };
        // Whole blocks first, without a branch a value, so that the compiler vectorises the scan.
        let bad = raw.chunks(4096).position(|block| {
            if width == 4 {
                block.as_chunks::<4>().0.iter().fold(false, |bad, b| {
                    bad | (u32::from_le_bytes(*b) & exponent == exponent)
                })
            } else {
                block.as_chunks::<2>().0.iter().fold(false, |bad, b| {
                    bad | (u32::from(u16::from_le_bytes(*b)) & exponent == exponent)
                })
            }
        });
        if let Some(block) = bad {
            let start = block * 4096;
            let value = raw[start..]
                .chunks_exact(width)
                .position(|b| {
                    let mut word = [0; 4];
                    word[..width].copy_from_slice(b);
                    u32::from_le_bytes(word) & exponent == exponent
                })
                .unwrap_or(0);
            let element = start / width + value;
            return Err(WeightError::NotFinite {
                tensor: name.clone(),
                element,
                offset: info.range.start + element * width,
            });
        }
    }
    Ok(())
}
