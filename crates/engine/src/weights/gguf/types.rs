//! The block formats of GGUF files: what each takes, and its number in the file.

/// A format whose numbers stand in blocks with scales of their own. Layouts are those of ggml; all little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Block {
    /// 32 numbers: f16 scale, 16 bytes of nibbles; `scale * (nibble - 8)`.
    Q4_0,
    /// 32 numbers: f16 scale, f16 minimum, 16 bytes of nibbles; `scale * nibble + minimum`.
    Q4_1,
    /// 32 numbers: f16 scale, 32 fifth bits, 16 bytes of nibbles; `scale * (code - 16)`.
    Q5_0,
    /// 32 numbers: f16 scale, f16 minimum, 32 fifth bits, 16 bytes of nibbles; `scale * code + minimum`.
    Q5_1,
    /// 32 numbers: f16 scale, 32 signed bytes; `scale * byte`.
    Q8_0,
    /// 256 numbers: f16 scale of scales, f16 scale of minima, 8 pairs of 6 bits, 128 bytes of nibbles.
    Q4K,
    /// 256 numbers: as `Q4K`, with 256 fifth bits before the nibbles.
    Q5K,
    /// 256 numbers: 128 bytes of nibbles, 64 of pairs of bits above them, 16 signed scales, f16 scale of scales.
    Q6K,
}

impl Block {
    /// Numbers in a block.
    #[allow(clippy::len_without_is_empty)] // No block is empty.
    pub fn len(self) -> usize {
        match self {
            Block::Q4_0 | Block::Q4_1 | Block::Q5_0 | Block::Q5_1 | Block::Q8_0 => 32,
            Block::Q4K | Block::Q5K | Block::Q6K => 256,
        }
    }

    /// Bytes of a block.
    pub fn bytes(self) -> usize {
        match self {
            Block::Q4_0 => 2 + 16,
            Block::Q4_1 => 2 + 2 + 16,
            Block::Q5_0 => 2 + 4 + 16,
            Block::Q5_1 => 2 + 2 + 4 + 16,
            Block::Q8_0 => 2 + 32,
            Block::Q4K => 2 + 2 + 12 + 128,
            Block::Q5K => 2 + 2 + 12 + 32 + 128,
            Block::Q6K => 128 + 64 + 16 + 2,
        }
    }

    /// Its name among users of GGUF.
    pub fn word(self) -> &'static str {
        match self {
            Block::Q4_0 => "Q4_0",
            Block::Q4_1 => "Q4_1",
            Block::Q5_0 => "Q5_0",
            Block::Q5_1 => "Q5_1",
            Block::Q8_0 => "Q8_0",
            Block::Q4K => "Q4_K",
            Block::Q5K => "Q5_K",
            Block::Q6K => "Q6_K",
        }
    }
}

/// Why a tensor's type number is none that can be read: its name, for those that exist.
pub(super) fn unknown(number: u32) -> String {
    let name = match number {
        9 => "Q8_1",
        10 => "Q2_K",
        11 => "Q3_K",
        15 => "Q8_K",
        16 => "IQ2_XXS",
        17 => "IQ2_XS",
        18 => "IQ3_XXS",
        19 => "IQ1_S",
        20 => "IQ4_NL",
        21 => "IQ3_S",
        22 => "IQ2_S",
        23 => "IQ4_XS",
        28 => "F64",
        29 => "IQ1_M",
        34 => "TQ1_0",
        35 => "TQ2_0",
        39 => "MXFP4",
        _ => return format!("number {number}"),
    };
    name.to_owned()
}
