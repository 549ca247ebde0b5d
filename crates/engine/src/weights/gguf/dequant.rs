//! Blocks back to floats, each value by the same float operations as ggml's reference: no bit differs.

use half::f16;

use super::Block;

/// The numbers that the blocks in `bytes` stand for, into `to`. Both hold as many whole blocks.
pub(in crate::weights) fn dequantize(block: Block, bytes: &[u8], to: &mut [f32]) {
    match block {
        Block::Q4_0 => each::<18, 32>(bytes, to, q4_0),
        Block::Q4_1 => each::<20, 32>(bytes, to, q4_1),
        Block::Q5_0 => each::<22, 32>(bytes, to, q5_0),
        Block::Q5_1 => each::<24, 32>(bytes, to, q5_1),
        Block::Q8_0 => each::<34, 32>(bytes, to, q8_0),
        Block::Q4K => each::<144, 256>(bytes, to, q4_k),
        Block::Q5K => each::<176, 256>(bytes, to, q5_k),
        Block::Q6K => each::<210, 256>(bytes, to, q6_k),
    }
}

fn each<const BYTES: usize, const LEN: usize>(
    bytes: &[u8],
    to: &mut [f32],
    one: impl Fn(&[u8; BYTES], &mut [f32; LEN]),
) {
    for (block, to) in bytes
        .as_chunks::<BYTES>()
        .0
        .iter()
        .zip(to.as_chunks_mut::<LEN>().0)
    {
        one(block, to);
    }
}

/// The half at byte `at`.
fn half(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

fn q4_0(block: &[u8; 18], to: &mut [f32; 32]) {
    let scale = half(block, 0);
    for (i, pair) in block[2..].iter().enumerate() {
        to[i] = scale * f32::from((pair & 15) as i8 - 8);
        to[i + 16] = scale * f32::from((pair >> 4) as i8 - 8);
    }
}

fn q4_1(block: &[u8; 20], to: &mut [f32; 32]) {
    let (scale, minimum) = (half(block, 0), half(block, 2));
    for (i, pair) in block[4..].iter().enumerate() {
        to[i] = scale * f32::from(pair & 15) + minimum;
        to[i + 16] = scale * f32::from(pair >> 4) + minimum;
    }
}

/// The 32 bits at byte `at`.
fn bits(block: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
}

/// Bit `i` of `bits`, in the place of a code's fifth.
fn fifth(bits: u32, i: usize) -> u8 {
    (((bits >> i) & 1) << 4) as u8
}

fn q5_0(block: &[u8; 22], to: &mut [f32; 32]) {
    let (scale, high) = (half(block, 0), bits(block, 2));
    for (i, pair) in block[6..].iter().enumerate() {
        to[i] = scale * f32::from((pair & 15 | fifth(high, i)) as i8 - 16);
        to[i + 16] = scale * f32::from((pair >> 4 | fifth(high, i + 16)) as i8 - 16);
    }
}

fn q5_1(block: &[u8; 24], to: &mut [f32; 32]) {
    let (scale, minimum, high) = (half(block, 0), half(block, 2), bits(block, 4));
    for (i, pair) in block[8..].iter().enumerate() {
        to[i] = scale * f32::from(pair & 15 | fifth(high, i)) + minimum;
        to[i + 16] = scale * f32::from(pair >> 4 | fifth(high, i + 16)) + minimum;
    }
}

fn q8_0(block: &[u8; 34], to: &mut [f32; 32]) {
    let scale = half(block, 0);
    for (to, code) in to.iter_mut().zip(&block[2..]) {
        *to = scale * f32::from(*code as i8);
    }
}

/// Scale and minimum number `i` of the eight that are packed, six bits each, into 12 bytes: the first four
/// stand in bytes 0 to 7; the last four have their low bits in bytes 8 to 11 and their upper two above the
/// first ones'.
fn scale_and_minimum(packed: &[u8], i: usize) -> (f32, f32) {
    let (scale, minimum) = if i < 4 {
        (packed[i] & 63, packed[i + 4] & 63)
    } else {
        (
            packed[i + 4] & 15 | (packed[i - 4] >> 6) << 4,
            packed[i + 4] >> 4 | (packed[i] >> 6) << 4,
        )
    };
    (f32::from(scale), f32::from(minimum))
}

fn q4_k(block: &[u8; 144], to: &mut [f32; 256]) {
    let (scales, minima) = (half(block, 0), half(block, 2));
    for (group, to) in to.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, minimum) = scale_and_minimum(&block[4..16], group);
        let (scale, minimum) = (scales * scale, minima * minimum);
        // Two groups share 32 bytes: the even one has the low nibbles.
        let from = &block[16 + group / 2 * 32..][..32];
        for (to, pair) in to.iter_mut().zip(from) {
            *to = scale * f32::from(pair >> (group % 2 * 4) & 15) - minimum;
        }
    }
}

fn q5_k(block: &[u8; 176], to: &mut [f32; 256]) {
    let (scales, minima) = (half(block, 0), half(block, 2));
    for (group, to) in to.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, minimum) = scale_and_minimum(&block[4..16], group);
        let (scale, minimum) = (scales * scale, minima * minimum);
        let from = &block[48 + group / 2 * 32..][..32];
        // Bit `group` of byte i is the fifth bit of the group's number i.
        for ((to, pair), high) in to.iter_mut().zip(from).zip(&block[16..48]) {
            let code = pair >> (group % 2 * 4) & 15 | (high >> group & 1) << 4;
            *to = scale * f32::from(code) - minimum;
        }
    }
}

fn q6_k(block: &[u8; 210], to: &mut [f32; 256]) {
    let scales = half(block, 208);
    for (group, to) in to.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        // Each half of the block has 64 bytes of nibbles and 32 of upper pairs of bits for its four groups:
        // the first two groups have the low nibbles, and group i the i-th pair.
        let (half, group_of_half) = (group / 4, group % 4);
        let low = &block[half * 64 + group_of_half % 2 * 32..][..32];
        let high = &block[128 + half * 32..][..32];
        for (i, to) in to.iter_mut().enumerate() {
            let scale = scales * f32::from(block[192 + group * 2 + i / 16] as i8);
            let code =
                low[i] >> (group_of_half / 2 * 4) & 15 | (high[i] >> (group_of_half * 2) & 3) << 4;
            *to = scale * f32::from(code as i8 - 32);
        }
    }
}
