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

/// Panels that one row reads side by side, a group of each in turn: it is bound by the memory that the weights come from, and one
/// thread gets more of that from several streams.
pub(super) const STREAMS: usize = 4;

/// Panels of a tile where `left` are left.
pub(super) fn width(rows: usize, left: usize) -> usize {
    if rows == 1 && left >= STREAMS {
        STREAMS
    } else {
        1
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn enabled<const BITS: u32>(job: &mut Job<'_, '_>) {
    let rows = job.rows.len();
    // 12 sums of the 16 registers with 8 bits; with 4 bits 4 rows by two halves of a panel.
    let most = if BITS == 8 { 3 } else { 4 };
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
                        _ => run_tile::<BITS, 4, 1>(job, first, panel),
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
#[target_feature(enable = "avx2,fma,f16c")]
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

/// Where a tile's inputs, codes and scales are; what the kernels of eight lanes have in common.
pub(super) struct Tile<'a, const HEIGHT: usize> {
    inputs: *const i8,
    codes: *const u8,
    scales: &'a [u16],
    row_scales: &'a [f32],
    row_sums: &'a [i32],
    bias: i32,
    bytes: usize,
    pub(super) groups: usize,
    pub(super) group: usize,
    /// From a row's inputs to the next one's.
    pub(super) k: usize,
}

impl<'a, const HEIGHT: usize> Tile<'a, HEIGHT> {
    /// Of `HEIGHT` rows from `first` on, counted from the job's, and one panel.
    pub(super) fn of(job: &Job<'a, '_>, first: usize, panel: usize) -> Self {
        let shape = job.w.shape();
        let (groups, group) = (shape.groups(), shape.group);
        let k = groups * group;
        let row = job.rows.start + first;
        Tile {
            inputs: job.x.codes()[row * k..][..HEIGHT * k].as_ptr(),
            codes: job.w.codes(panel..panel + 1).as_ptr(),
            scales: &job.w.scales(panel..panel + 1)[..groups * PANEL],
            row_scales: &job.x.scales()[row * groups..][..HEIGHT * groups],
            row_sums: &job.x.sums()[row * groups..][..HEIGHT * groups],
            bias: shape.bias(),
            bytes: group * PANEL * shape.bits as usize / 8,
            groups,
            group,
            k,
        }
    }

    /// The codes of group `g`, and the first row's inputs.
    #[inline(always)]
    pub(super) fn group(&self, g: usize) -> (*const u8, *const i8) {
        let (codes, inputs) = (g * self.bytes, g * self.group);
        (
            self.codes.wrapping_add(codes),
            self.inputs.wrapping_add(inputs),
        )
    }

    /// Adds group `g`'s dot products to the totals.
    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    pub(super) fn add_scaled(
        &self,
        g: usize,
        dots: [[__m256i; 2]; HEIGHT],
        total: &mut [[__m256; 2]; HEIGHT],
    ) {
        let scales = &self.scales[g * PANEL..][..PANEL];
        for half in 0..2 {
            // SAFETY: a panel has two times eight scales.
            let scale = unsafe { _mm_loadu_si128(scales.as_ptr().add(half * 8).cast()) };
            let scale = _mm256_cvtph_ps(scale);
            for i in 0..HEIGHT {
                let offset = self.bias * self.row_sums[i * self.groups + g];
                let dot = _mm256_sub_epi32(dots[i][half], _mm256_set1_epi32(offset));
                let dot = _mm256_mul_ps(_mm256_cvtepi32_ps(dot), scale);
                let row_scale = _mm256_set1_ps(self.row_scales[i * self.groups + g]);
                total[i][half] = _mm256_fmadd_ps(dot, row_scale, total[i][half]);
            }
        }
    }
}

/// A tile's totals, with the bias, into the job's result.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn write<const HEIGHT: usize>(
    job: &mut Job<'_, '_>,
    first: usize,
    panel: usize,
    total: [[__m256; 2]; HEIGHT],
) {
    let column = panel * PANEL;
    let count = (job.w.shape().n - column).min(PANEL);
    let at = column - job.panels.start * PANEL;
    for i in 0..HEIGHT {
        let mut sums = [0.0_f32; PANEL];
        // SAFETY: a panel has two times eight columns.
        unsafe {
            _mm256_storeu_ps(sums.as_mut_ptr(), total[i][0]);
            _mm256_storeu_ps(sums.as_mut_ptr().add(8), total[i][1]);
        }
        if let Some(bias) = job.bias {
            for (sum, bias) in sums.iter_mut().zip(&bias[column..column + count]) {
                *sum += bias;
            }
        }
        job.out.row(first + i)[at..at + count].copy_from_slice(&sums[..count]);
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
