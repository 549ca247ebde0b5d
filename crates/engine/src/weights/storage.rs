//! How a tensor's numbers are stored, and their widening to f32.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::Dtype;
use super::gguf::{self, Block};

/// How the numbers of a tensor are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Storage {
    /// One after the other.
    Plain(Dtype),
    /// In blocks with scales of their own, as GGUF files have them.
    Block(Block),
}

impl Storage {
    /// Numbers of a block, which is read whole: 1 where every number stands alone. Rows are whole blocks.
    pub fn block_len(self) -> usize {
        match self {
            Storage::Plain(_) => 1,
            Storage::Block(block) => block.len(),
        }
    }

    /// Bytes of a block.
    pub fn block_bytes(self) -> usize {
        match self {
            Storage::Plain(dtype) => dtype.size_bytes(),
            Storage::Block(block) => block.bytes(),
        }
    }

    /// The name that the file's format has for it.
    pub fn word(self) -> &'static str {
        match self {
            Storage::Plain(dtype) => dtype.word(),
            Storage::Block(block) => block.word(),
        }
    }

    /// Whether it stands for floats, so that `widen` can be asked.
    pub fn is_float(self) -> bool {
        match self {
            Storage::Plain(dtype) => matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::Bf16),
            Storage::Block(_) => true,
        }
    }

    /// The floats that whole blocks of `bytes` stand for.
    ///
    /// # Panics
    /// If `bytes` are not whole blocks, as many as `to` has room for, or no floats.
    pub(super) fn widen(self, bytes: &[u8], to: &mut [f32]) {
        assert_eq!(
            bytes.len() / self.block_bytes() * self.block_len(),
            to.len(),
            "as many numbers as there is room for"
        );
        match self {
            Storage::Plain(Dtype::F32) => {
                for (to, from) in to.iter_mut().zip(bytes.as_chunks().0) {
                    *to = f32::from_le_bytes(*from);
                }
            }
            Storage::Plain(Dtype::F16) => widen_halves(bytes, to),
            Storage::Plain(Dtype::Bf16) => {
                for (to, from) in to.iter_mut().zip(bytes.as_chunks().0) {
                    *to = f32::from_bits(u32::from(u16::from_le_bytes(*from)) << 16);
                }
            }
            Storage::Block(block) => gguf::dequantize(block, bytes, to),
            Storage::Plain(dtype) => unreachable!("{dtype:?} is not a float"),
        }
    }
}

/// Widens f16 some hundred at a time, so that the processor's own conversion has slices to work on.
fn widen_halves(bytes: &[u8], to: &mut [f32]) {
    let mut room = [f16::ZERO; 512];
    for (from, to) in bytes.chunks(2 * 512).zip(to.chunks_mut(512)) {
        let room = &mut room[..to.len()];
        for (half, bytes) in room.iter_mut().zip(from.as_chunks().0) {
            *half = f16::from_le_bytes(*bytes);
        }
        room.convert_to_f32_slice(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widens_halves_exactly() {
        let halves: [u16; 7] = [0x0000, 0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x3555];
        let bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
        let mut floats = [0.0; 7];
        Storage::Plain(Dtype::F16).widen(&bytes, &mut floats);
        let want = [
            0.0,
            1.0,
            -2.0,
            65504.0,
            6.103_515_6e-5,
            5.960_464_5e-8,
            0.333_251_95,
        ];
        assert_eq!(floats, want);
    }

    #[test]
    fn a_bfloat16_is_the_upper_half_of_a_float() {
        let numbers = [1.0_f32, -0.5, 3.140_625, 1e-38, 0.0];
        let bytes: Vec<u8> = numbers
            .iter()
            .flat_map(|n| ((n.to_bits() >> 16) as u16).to_le_bytes())
            .collect();
        let mut floats = [0.0; 5];
        Storage::Plain(Dtype::Bf16).widen(&bytes, &mut floats);
        for (found, number) in floats.iter().zip(numbers) {
            assert_eq!(found.to_bits(), number.to_bits() & 0xffff_0000);
        }
    }
}
