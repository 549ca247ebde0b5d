//! What the kernels of eight lanes have in common: how rows and panels are cut into tiles, and how a tile's sums are scaled and
//! written. They differ in how they multiply bytes ([`super::q_avx2`], [`super::q_avx_vnni`]).

#![allow(clippy::needless_range_loop)] // Rows and halves index several arrays at once.

use std::arch::x86_64::*;

use crate::PANEL;
use crate::quantized::Job;

/// Bytes of activations that are worked on at a time: half of the smallest first-level cache (32 KB).
pub(super) const ROW_BYTES: usize = 16 << 10;

/// How far ahead weights are asked for, in bytes.
pub(super) const AHEAD: usize = 1024;

/// Panels that one row reads side by side, a group of each in turn: it is bound by the memory that the weights come from,
/// and one thread gets more of that from several streams.
pub(super) const STREAMS: usize = 4;

/// Panels of a tile where `left` are left.
pub(super) fn width(rows: usize, left: usize) -> usize {
    if rows == 1 && left >= STREAMS {
        STREAMS
    } else {
        1
    }
}

/// `enabled::<BITS>(job)`, which runs a job, of a kernel that has `dots_of_bytes` and `dots_of_nibbles`. It is written out for each
/// kernel, because only a function with the same features can have these compiled into it. `most`: rows of a tile with
/// 8 bits and with 4; `heights`: those that there can be, up to the larger of the two.
macro_rules! kernel {
    (features: $features:literal, most: ($bytes:literal, $nibbles:literal), heights: $($height:literal)*) => {
        #[target_feature(enable = $features)]
        unsafe fn enabled<const BITS: u32>(job: &mut Job<'_, '_>) {
            let rows = job.rows.len();
            // Tiles of even height: 7 rows are 4 and 3, not 6 and 1.
            let most = if BITS == 8 { $bytes } else { $nibbles };
            let tiles = rows.div_ceil(most);
            let block = (q_tile::ROW_BYTES / (most * job.w.shape().padded_k())).max(1);
            for start in (0..tiles).step_by(block) {
                let mut panel = job.panels.start;
                while panel < job.panels.end {
                    let width = q_tile::width(rows, job.panels.end - panel);
                    for tile in start..(start + block).min(tiles) {
                        let (first, last) = (rows * tile / tiles, rows * (tile + 1) / tiles);
                        // SAFETY: the features are enabled here, and the rows and panels are in the job.
                        unsafe {
                            match (last - first, width) {
                                (1, q_tile::STREAMS) => {
                                    run_tile::<BITS, 1, { q_tile::STREAMS }>(job, first, panel)
                                }
                                $(($height, _) => run_tile::<BITS, $height, 1>(job, first, panel),)*
                                _ => unreachable!("no tile is higher than `most`"),
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
        #[target_feature(enable = $features)]
        unsafe fn run_tile<const BITS: u32, const HEIGHT: usize, const WIDTH: usize>(
            job: &mut Job<'_, '_>,
            first: usize,
            panel: usize,
        ) {
            let tiles: [q_tile::Tile<'_, HEIGHT>; WIDTH] =
                std::array::from_fn(|i| q_tile::Tile::of(job, first, panel + i));
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
                q_tile::write(job, first, panel + i, total);
            }
        }
    };
}
pub(super) use kernel;

/// Where a tile's inputs, codes and scales are.
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
