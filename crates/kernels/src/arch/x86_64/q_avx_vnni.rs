//! The quantized product with AVX-VNNI, the 256-bit form of `vpdpbusd` that Intel's laptops have since Alder Lake, without
//! AVX-512: four byte products are added to each of 8 sums, exactly, where AVX2 needs four instructions for the same.

#![allow(clippy::needless_range_loop)] // Rows and halves index several arrays at once.

use std::arch::x86_64::*;

use super::{AvxVnni, q_tile};
use crate::quantized::Job;

/// Runs `job`.
pub(crate) fn matmul(_: AvxVnni, mut job: Job<'_, '_>) {
    // SAFETY: `AvxVnni` exists only if detection found the instructions, and the sizes of a `Job` are checked.
    unsafe {
        match job.w.shape().bits {
            8 => enabled::<8>(&mut job),
            _ => enabled::<4>(&mut job),
        }
    }
}

// Six rows' sums take 12 of the 16 registers, and hide the five cycles of an instruction; 4 bits need four registers more for
// the halves of bytes.
q_tile::kernel!(features: "avx2,fma,f16c,avxvnni", most: (6, 4), heights: 1 2 3 4 5 6);

/// `Σ_k a · code` of one group for both halves of a panel, rows of inputs being `k` apart.
///
/// # Safety
/// The features are enabled; `codes` is valid for `16 * group` bytes, each row of `inputs` for `group`.
#[target_feature(enable = "avx2,avxvnni")]
#[inline]
unsafe fn dots_of_bytes<const HEIGHT: usize>(
    codes: *const u8,
    inputs: *const i8,
    k: usize,
    group: usize,
) -> [[__m256i; 2]; HEIGHT] {
    let mut dots = [[_mm256_setzero_si256(); 2]; HEIGHT];
    for line in 0..group / 4 {
        // SAFETY: line `line < group / 4` of 64 bytes, and four inputs for it.
        unsafe {
            let at = codes.add(line * 64);
            _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(q_tile::AHEAD).cast());
            let halves = [0, 1].map(|half| _mm256_loadu_si256(at.add(half * 32).cast()));
            for i in 0..HEIGHT {
                let four = inputs.add(i * k + line * 4).cast::<i32>();
                let four = _mm256_set1_epi32(four.read_unaligned());
                for half in 0..2 {
                    dots[i][half] = _mm256_dpbusd_avx_epi32(dots[i][half], halves[half], four);
                }
            }
        }
    }
    dots
}

/// The same of 4-bit codes.
///
/// # Safety
/// The features are enabled; `codes` is valid for `8 * group` bytes, each row of `inputs` for `group`.
#[target_feature(enable = "avx2,avxvnni")]
#[inline]
unsafe fn dots_of_nibbles<const HEIGHT: usize>(
    codes: *const u8,
    inputs: *const i8,
    k: usize,
    group: usize,
) -> [[__m256i; 2]; HEIGHT] {
    let low_bits = _mm256_set1_epi8(15);
    let mut dots = [[_mm256_setzero_si256(); 2]; HEIGHT];
    for line in 0..group / 8 {
        // SAFETY: line `line < group / 8` of 64 bytes, and eight inputs for it.
        unsafe {
            let at = codes.add(line * 64);
            _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(q_tile::AHEAD).cast());
            let halves = [0, 1].map(|half| {
                let bytes = _mm256_loadu_si256(at.add(half * 32).cast());
                let high = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), low_bits);
                (_mm256_and_si256(bytes, low_bits), high)
            });
            for i in 0..HEIGHT {
                let eight = inputs.add(i * k + line * 8).cast::<i32>();
                let first = _mm256_set1_epi32(eight.read_unaligned());
                let second = _mm256_set1_epi32(eight.add(1).read_unaligned());
                for (dot, (low, high)) in dots[i].iter_mut().zip(halves) {
                    *dot = _mm256_dpbusd_avx_epi32(*dot, low, first);
                    *dot = _mm256_dpbusd_avx_epi32(*dot, high, second);
                }
            }
        }
    }
    dots
}
