//! The quantized product with AVX2, exact in spite of its saturating byte product.
//!
//! 8-bit codes are widened to 16 bits and multiplied by `madd`, whose sums have 32 bits: 4 products an
//! instruction and column pair, no limit. 4-bit codes are multiplied by `maddubs` in 16 bits, where the sum of
//! eight instructions fits (`16 · 15 · 127 = 30 480 <= 32 767`) and is widened once.

#![allow(clippy::needless_range_loop)] // Rows and halves index several arrays at once.

use std::arch::x86_64::*;

use super::{Avx2, q_tile};
use crate::quantized::Job;

/// Runs `job`.
pub(crate) fn matmul(_: Avx2, mut job: Job<'_, '_>) {
    // SAFETY: `Avx2` exists only if detection found AVX2, FMA and F16C, and the sizes of a `Job` are checked.
    unsafe {
        match job.w.shape().bits {
            8 => enabled::<8>(&mut job),
            _ => enabled::<4>(&mut job),
        }
    }
}

// 12 sums of the 16 registers with 8 bits; with 4 bits 4 rows by two halves of a panel.
q_tile::kernel!(features: "avx2,fma,f16c", most: (3, 4), heights: 1 2 3 4);

/// `Σ_k a · code` of one group for both halves of a panel, rows of inputs being `k` apart.
///
/// # Safety
/// AVX2 is enabled; `codes` is valid for `16 * group` bytes, each row of `inputs` for `group`.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn dots_of_bytes<const HEIGHT: usize>(
    codes: *const u8,
    inputs: *const i8,
    k: usize,
    group: usize,
) -> [[__m256i; 2]; HEIGHT] {
    // SAFETY: line `line < group / 4` of 64 bytes, and four inputs for it.
    unsafe {
        // Of each row and four columns: two sums a column, side by side.
        let mut pairs = [[_mm256_setzero_si256(); 4]; HEIGHT];
        for line in 0..group / 4 {
            let at = codes.add(line * 64);
            _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(q_tile::AHEAD).cast());
            let a: [__m256i; HEIGHT] = std::array::from_fn(|i| {
                let four = inputs.add(i * k + line * 4).cast::<i32>();
                _mm256_cvtepi8_epi16(_mm_set1_epi32(four.read_unaligned()))
            });
            for quarter in 0..4 {
                let four = _mm_loadu_si128(at.add(quarter * 16).cast());
                let four = _mm256_cvtepu8_epi16(four);
                for i in 0..HEIGHT {
                    let products = _mm256_madd_epi16(four, a[i]);
                    pairs[i][quarter] = _mm256_add_epi32(pairs[i][quarter], products);
                }
            }
        }
        // Adding neighbours leaves columns 0, 1, 4, 5, 2, 3, 6, 7.
        let half =
            |one, two| _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(one, two));
        pairs.map(|p| [half(p[0], p[1]), half(p[2], p[3])])
    }
}

/// The same of 4-bit codes.
///
/// # Safety
/// AVX2 is enabled; `codes` is valid for `8 * group` bytes, each row of `inputs` for `group`.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn dots_of_nibbles<const HEIGHT: usize>(
    codes: *const u8,
    inputs: *const i8,
    k: usize,
    group: usize,
) -> [[__m256i; 2]; HEIGHT] {
    // SAFETY: line `line < group / 8` of 64 bytes, and eight inputs for it.
    unsafe {
        let (ones, low_bits) = (_mm256_set1_epi16(1), _mm256_set1_epi8(15));
        let mut dots = [[_mm256_setzero_si256(); 2]; HEIGHT];
        // Four lines are eight `maddubs` a lane: as many as 16 bits hold.
        for four_lines in (0..group / 8).step_by(4) {
            let mut short = [[_mm256_setzero_si256(); 2]; HEIGHT];
            for line in four_lines..four_lines + 4 {
                let at = codes.add(line * 64);
                _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(q_tile::AHEAD).cast());
                for half in 0..2 {
                    let bytes = _mm256_loadu_si256(at.add(half * 32).cast());
                    let low = _mm256_and_si256(bytes, low_bits);
                    let high = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), low_bits);
                    for i in 0..HEIGHT {
                        let eight = inputs.add(i * k + line * 8).cast::<i32>();
                        let first = _mm256_set1_epi32(eight.read_unaligned());
                        let second = _mm256_set1_epi32(eight.add(1).read_unaligned());
                        let products = _mm256_add_epi16(
                            _mm256_maddubs_epi16(low, first),
                            _mm256_maddubs_epi16(high, second),
                        );
                        short[i][half] = _mm256_add_epi16(short[i][half], products);
                    }
                }
            }
            for i in 0..HEIGHT {
                for half in 0..2 {
                    let wide = _mm256_madd_epi16(short[i][half], ones);
                    dots[i][half] = _mm256_add_epi32(dots[i][half], wide);
                }
            }
        }
        dots
    }
}
