//! The quantized product with AVX-VNNI, the 256-bit form of `vpdpbusd` that Intel's laptops have since Alder Lake, without AVX-512: four
//! byte products are added to each of 8 sums, exactly, where AVX2 needs four instructions for the same.

#![allow(clippy::needless_range_loop)] // Rows and halves index several arrays at once.

use std::arch::x86_64::*;

use super::AvxVnni;
use super::q_avx2::{STREAMS, Tile, width, write};
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

/// Rows of a tile with 8 bits: their sums take 12 of the 16 registers, and hide the five cycles of an instruction.
const MOST: usize = 6;
/// The same with 4 bits, whose halves of bytes take four registers more.
const MOST_NIBBLES: usize = 4;
/// Bytes of activations that are worked on at a time: half of the smallest first-level cache (32 KB).
const ROW_BYTES: usize = 16 << 10;
/// How far ahead weights are asked for, in bytes.
const AHEAD: usize = 1024;

#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
unsafe fn enabled<const BITS: u32>(job: &mut Job<'_, '_>) {
    let rows = job.rows.len();
    // Tiles of even height: 7 rows are 4 and 3, not 6 and 1.
    let most = if BITS == 8 { MOST } else { MOST_NIBBLES };
    let tiles = rows.div_ceil(most);
    let block = (ROW_BYTES / (most * job.w.shape().padded_k())).max(1);
    for start in (0..tiles).step_by(block) {
        let mut panel = job.panels.start;
        while panel < job.panels.end {
            let width = width(rows, job.panels.end - panel);
            for tile in start..(start + block).min(tiles) {
                let (first, last) = (rows * tile / tiles, rows * (tile + 1) / tiles);
                // SAFETY: the features are enabled here, and the rows and panels are in the job.
                unsafe {
                    match last - first {
                        1 if width == STREAMS => run_tile::<BITS, 1, STREAMS>(job, first, panel),
                        1 => run_tile::<BITS, 1, 1>(job, first, panel),
                        2 => run_tile::<BITS, 2, 1>(job, first, panel),
                        3 => run_tile::<BITS, 3, 1>(job, first, panel),
                        4 => run_tile::<BITS, 4, 1>(job, first, panel),
                        5 => run_tile::<BITS, 5, 1>(job, first, panel),
                        _ => run_tile::<BITS, MOST, 1>(job, first, panel),
                    }
                }
            }
            panel += width;
        }
    }
}

/// One tile: `HEIGHT` rows from `first` on (counted from the job's), `WIDTH` panels from `panel` on.
///
/// # Safety
/// The rows and panels are in the job, and the features are enabled.
#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
unsafe fn run_tile<const BITS: u32, const HEIGHT: usize, const WIDTH: usize>(
    job: &mut Job<'_, '_>,
    first: usize,
    panel: usize,
) {
    let tiles: [Tile<'_, HEIGHT>; WIDTH] = std::array::from_fn(|i| Tile::of(job, first, panel + i));
    let mut total = [[[_mm256_setzero_ps(); 2]; HEIGHT]; WIDTH];
    for g in 0..tiles[0].groups {
        for (tile, total) in tiles.iter().zip(&mut total) {
            let (codes, inputs) = tile.group(g);
            // SAFETY: a group's codes and inputs are within those of the tile.
            let dots = unsafe {
                if BITS == 8 {
                    dots_of_bytes::<HEIGHT>(codes, inputs, tile.k, tile.group)
                } else {
                    dots_of_nibbles::<HEIGHT>(codes, inputs, tile.k, tile.group)
                }
            };
            tile.add_scaled(g, dots, total);
        }
    }
    for (i, total) in total.into_iter().enumerate() {
        write(job, first, panel + i, total);
    }
}

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
            _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(AHEAD).cast());
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
            _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(AHEAD).cast());
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
