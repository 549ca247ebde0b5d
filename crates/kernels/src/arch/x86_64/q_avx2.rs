//! The quantized product with AVX2, exact in spite of its saturating byte product.
//!
//! 8-bit codes are widened to 16 bits and multiplied by `madd`, whose sums have 32 bits: 4 products an
//! instruction and column pair, no limit. 4-bit codes are multiplied by `maddubs` in 16 bits, where the sum of
//! eight instructions fits (`16 · 15 · 127 = 30 480 <= 32 767`) and is widened once.

#![allow(clippy::needless_range_loop)] // Rows and halves index several arrays at once.

use std::arch::x86_64::*;

use super::Avx2;
use crate::PANEL;
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

/// Bytes of activations that are worked on at a time: half of the smallest first-level cache (32 KB).
const ROW_BYTES: usize = 16 << 10;

#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn enabled<const BITS: u32>(job: &mut Job<'_, '_>) {
    let rows = job.rows.len();
    // 12 sums of the 16 registers with 8 bits; with 4 bits 4 rows by two halves of a panel.
    let most = if BITS == 8 { 3 } else { 4 };
    let tiles = rows.div_ceil(most);
    let block = (ROW_BYTES / (most * job.w.shape().padded_k())).max(1);
    for start in (0..tiles).step_by(block) {
        for panel in job.panels.clone() {
            for tile in start..(start + block).min(tiles) {
                let (first, last) = (rows * tile / tiles, rows * (tile + 1) / tiles);
                // SAFETY: the features are enabled here, and the rows and the panel are in the job.
                unsafe {
                    match last - first {
                        1 => run_tile::<BITS, 1>(job, first, panel),
                        2 => run_tile::<BITS, 2>(job, first, panel),
                        3 => run_tile::<BITS, 3>(job, first, panel),
                        _ => run_tile::<BITS, 4>(job, first, panel),
                    }
                }
            }
        }
    }
}

/// One tile: `HEIGHT` rows from `first` on (counted from the job's), one panel.
///
/// # Safety
/// The rows and the panel are in the job, and the features are enabled.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn run_tile<const BITS: u32, const HEIGHT: usize>(
    job: &mut Job<'_, '_>,
    first: usize,
    panel: usize,
) {
    let shape = job.w.shape();
    let (groups, group) = (shape.groups(), shape.group);
    let k = groups * group;
    let row = job.rows.start + first;
    let inputs = job.x.codes()[row * k..][..HEIGHT * k].as_ptr();
    let row_scales = &job.x.scales()[row * groups..][..HEIGHT * groups];
    let row_sums = &job.x.sums()[row * groups..][..HEIGHT * groups];
    let codes = job.w.codes(panel..panel + 1).as_ptr();
    let scales = &job.w.scales(panel..panel + 1)[..groups * PANEL];
    let bytes = group * PANEL * BITS as usize / 8;
    // SAFETY: a group's codes and inputs are within the slices above, as are its scales and sums.
    unsafe {
        let mut total = [[_mm256_setzero_ps(); 2]; HEIGHT];
        for g in 0..groups {
            let (codes, inputs) = (codes.add(g * bytes), inputs.add(g * group));
            let dots = if BITS == 8 {
                dots_of_bytes::<HEIGHT>(codes, inputs, k, group)
            } else {
                dots_of_nibbles::<HEIGHT>(codes, inputs, k, group)
            };
            for half in 0..2 {
                let scale = scales.as_ptr().add(g * PANEL + half * 8);
                let scale = _mm256_cvtph_ps(_mm_loadu_si128(scale.cast()));
                for i in 0..HEIGHT {
                    let offset = shape.bias() * row_sums[i * groups + g];
                    let dot = _mm256_sub_epi32(dots[i][half], _mm256_set1_epi32(offset));
                    let dot = _mm256_mul_ps(_mm256_cvtepi32_ps(dot), scale);
                    let row_scale = _mm256_set1_ps(row_scales[i * groups + g]);
                    total[i][half] = _mm256_fmadd_ps(dot, row_scale, total[i][half]);
                }
            }
        }
        let column = panel * PANEL;
        let count = (shape.n - column).min(PANEL);
        let at = column - job.panels.start * PANEL;
        for i in 0..HEIGHT {
            let mut sums = [0.0_f32; PANEL];
            _mm256_storeu_ps(sums.as_mut_ptr(), total[i][0]);
            _mm256_storeu_ps(sums.as_mut_ptr().add(8), total[i][1]);
            if let Some(bias) = job.bias {
                for (sum, bias) in sums.iter_mut().zip(&bias[column..column + count]) {
                    *sum += bias;
                }
            }
            job.out.row(first + i)[at..at + count].copy_from_slice(&sums[..count]);
        }
    }
}

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
            _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(1024).cast());
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
                _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(1024).cast());
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
