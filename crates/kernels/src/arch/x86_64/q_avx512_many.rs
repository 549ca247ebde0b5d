//! The quantized product of many rows with AVX-512 VNNI.
//!
//! Weights of four panels and a few groups stay in the first-level cache while the rows pass by. A tile of 6 rows by 4 panels keeps
//! its 24 sums of one group in registers, lends each weight to six products and each input to four. The floats do not fit beside
//! them and wait in the caches until the last group. Codes of 4 bits are widened first, once for all rows.

#![allow(clippy::needless_range_loop)] // Rows and panels index several arrays at once.

use std::arch::x86_64::*;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::atomic::{Ordering, compiler_fence};

use crate::PANEL;
use crate::quantized::Job;

/// Rows of the highest tile.
const MOST: usize = 6;

/// Panels of the widest tile.
const WIDE: usize = 4;

/// Bytes of 8-bit codes that stay while the rows pass: half of the first-level cache (48 KB).
const BLOCK: usize = 24 << 10;

/// Tiles whose floats wait, 64 KB: as many as are met in a prompt's usual step.
const TILES: usize = 43;

/// Bytes of inputs that are found in the second-level cache without being asked for.
const NEAR: usize = 1 << 20;

/// What one instruction multiplies with: four codes of 16 columns.
const LINE: usize = 64;

/// The floats of a tile.
type Total = [f32; MOST * WIDE * PANEL];

/// What lies beside the registers.
#[repr(align(64))]
struct Scratch {
    /// Codes of 4 bits, widened.
    widened: MaybeUninit<[u8; BLOCK]>,
    totals: [MaybeUninit<Total>; TILES],
}

/// Runs `job`.
///
/// # Safety
/// The features are there, and the sizes of the job are checked.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn enabled<const BITS: u32>(job: &mut Job<'_, '_>) {
    let mut scratch = Scratch {
        widened: MaybeUninit::uninit(),
        totals: [MaybeUninit::uninit(); TILES],
    };
    let mut panel = job.panels.start;
    while panel < job.panels.end {
        // SAFETY: the features are enabled here, and the panels are in the job.
        panel += unsafe {
            match job.panels.end - panel {
                1 => panels::<BITS, 1>(job, panel, &mut scratch),
                2 | 3 => panels::<BITS, 2>(job, panel, &mut scratch),
                _ => panels::<BITS, WIDE>(job, panel, &mut scratch),
            }
        };
    }
}

/// `WIDTH` panels from `panel` on with all rows, in tiles of even height; returns `WIDTH`.
///
/// # Safety
/// The panels are in the job, and the features are enabled.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn panels<const BITS: u32, const WIDTH: usize>(
    job: &mut Job<'_, '_>,
    panel: usize,
    scratch: &mut Scratch,
) -> usize {
    let (rows, shape) = (job.rows.len(), job.w.shape());
    let tiles = rows.div_ceil(MOST);
    let rows_of = |tile: usize| rows * tile / tiles..rows * (tile + 1) / tiles;
    let at_once = BLOCK / (WIDE * PANEL * shape.group);
    let far = rows * shape.padded_k() > NEAR;
    // The weights of the next panels come from memory while these are worked on.
    let next = (panel + WIDTH).min(job.panels.end)..(panel + 2 * WIDTH).min(job.panels.end);
    let next = job.w.codes(next);
    let mut ahead = Ahead {
        from: next.as_ptr(),
        left: next.len(),
        step: if BITS == 8 && tiles < 4 {
            2 * LINE
        } else {
            LINE
        },
    };
    for start in (0..tiles).step_by(TILES) {
        let tiles = start..(start + TILES).min(tiles);
        for from in (0..shape.groups()).step_by(at_once) {
            let groups = from..(from + at_once).min(shape.groups());
            let last = groups.end == shape.groups();
            let block = Block::of::<BITS>(job, panel..panel + WIDTH, groups, &mut scratch.widened);
            for (tile, total) in tiles.clone().zip(&mut scratch.totals) {
                let rows = rows_of(tile);
                if far && tile + 1 < tiles.end {
                    will_read(job, rows_of(tile + 1), &block.groups);
                }
                if last {
                    will_write(job, rows.clone(), panel..panel + WIDTH);
                }
                if from == 0 {
                    total.write([0.0; MOST * WIDE * PANEL]);
                }
                // SAFETY: the caller promises it, the rows are in the job, and floats were written at first.
                unsafe {
                    let total = total.assume_init_mut();
                    match rows.len() {
                        1 => add_tile::<1, WIDTH>(job, rows.start, &block, &ahead, total),
                        2 => add_tile::<2, WIDTH>(job, rows.start, &block, &ahead, total),
                        3 => add_tile::<3, WIDTH>(job, rows.start, &block, &ahead, total),
                        4 => add_tile::<4, WIDTH>(job, rows.start, &block, &ahead, total),
                        5 => add_tile::<5, WIDTH>(job, rows.start, &block, &ahead, total),
                        6 => add_tile::<6, WIDTH>(job, rows.start, &block, &ahead, total),
                        _ => unreachable!("no tile is higher than `MOST`"),
                    }
                    ahead.advance(block.groups.len() * shape.group / 4);
                    if last {
                        write(job, rows, panel..panel + WIDTH, total);
                    }
                }
            }
        }
    }
    WIDTH
}

/// Codes of a few panels and groups, a byte each.
struct Block {
    panels: Range<usize>,
    groups: Range<usize>,
    codes: *const u8,
    /// From one panel's codes to the next one's.
    stride: usize,
    /// What a code is more than its weight.
    bias: i32,
}

impl Block {
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    fn of<const BITS: u32>(
        job: &Job<'_, '_>,
        panels: Range<usize>,
        groups: Range<usize>,
        widened: &mut MaybeUninit<[u8; BLOCK]>,
    ) -> Block {
        let shape = job.w.shape();
        let bytes = shape.group * PANEL * BITS as usize / 8;
        let from = groups.start * bytes..groups.end * bytes;
        let codes = job.w.codes(panels.clone());
        let (codes, stride) = if BITS == 8 {
            (codes[from].as_ptr(), shape.panel_bytes())
        } else {
            let stride = 2 * from.len();
            let panels = codes.chunks_exact(shape.panel_bytes());
            let widened = widened.write([0; BLOCK]);
            for (codes, to) in panels.zip(widened.chunks_exact_mut(stride)) {
                widen(&codes[from.clone()], to);
            }
            (widened.as_ptr(), stride)
        };
        Block {
            panels,
            groups,
            codes,
            stride,
            bias: shape.bias(),
        }
    }
}

/// Weights to ask for while others are worked on, a line or two for each line of those: all at once they would be in each other's way.
struct Ahead {
    from: *const u8,
    left: usize,
    /// Bytes for each line.
    step: usize,
}

impl Ahead {
    /// `lines` have been worked on.
    fn advance(&mut self, lines: usize) {
        let bytes = self.left.min(lines * self.step);
        self.from = self.from.wrapping_add(bytes);
        self.left -= bytes;
        if self.left == 0 {
            self.step = 0;
        }
    }
}

/// A line of codes of 4 bits are two lines of bytes: of the low halves, then of the high ones.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn widen(codes: &[u8], to: &mut [u8]) {
    let low_bits = _mm512_set1_epi8(15);
    let lines = codes.as_chunks::<LINE>().0.iter();
    for (codes, to) in lines.zip(to.as_chunks_mut::<{ 2 * LINE }>().0) {
        // SAFETY: a line is read and two are written, as long as the chunks are.
        unsafe {
            let codes = _mm512_loadu_si512(codes.as_ptr().cast());
            let low = _mm512_and_si512(codes, low_bits);
            let high = _mm512_and_si512(_mm512_srli_epi16::<4>(codes), low_bits);
            _mm512_storeu_si512(to.as_mut_ptr().cast(), low);
            _mm512_storeu_si512(to[LINE..].as_mut_ptr().cast(), high);
        }
    }
}

/// Adds to `total` what the groups of the block give for the `HEIGHT` rows from `first` on (counted from the job's).
///
/// # Safety
/// The block is of `WIDTH` panels of the job, the rows are in the job, and the features are enabled.
#[inline(never)]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn add_tile<const HEIGHT: usize, const WIDTH: usize>(
    job: &Job<'_, '_>,
    first: usize,
    block: &Block,
    ahead: &Ahead,
    total: &mut Total,
) {
    let shape = job.w.shape();
    let (groups, group) = (shape.groups(), shape.group);
    let k = groups * group;
    let row = job.rows.start + first;
    let inputs = job.x.codes()[row * k..][..HEIGHT * k].as_ptr();
    let row_scales = job.x.scales()[row * groups..][..HEIGHT * groups].as_ptr();
    let row_sums = job.x.sums()[row * groups..][..HEIGHT * groups].as_ptr();
    let scales = job.w.scales(block.panels.clone()).as_ptr();
    let (lines, step, total) = (group / 4, ahead.step, total.as_mut_ptr());
    for g in block.groups.clone() {
        // What the group before left in `total` is to be read from there: the registers are for the sums.
        compiler_fence(Ordering::SeqCst);
        // SAFETY: group `g < groups`, panel `p < WIDTH`, row `i < HEIGHT` and `line < lines` are within the slices
        // above, the block and the tile.
        unsafe {
            let mut dots: [[__m512i; WIDTH]; HEIGHT] = std::array::from_fn(|i| {
                let offset = -(block.bias * *row_sums.add(i * groups + g));
                [_mm512_set1_epi32(offset); WIDTH]
            });
            let inputs = inputs.add(g * group);
            let codes = block.codes.add((g - block.groups.start) * group * PANEL);
            let ahead = ahead
                .from
                .wrapping_add((g - block.groups.start) * lines * ahead.step);
            for line in 0..lines {
                let soon = ahead.wrapping_add(line * step);
                _mm_prefetch::<_MM_HINT_T1>(soon.cast());
                _mm_prefetch::<_MM_HINT_T1>(soon.wrapping_add(LINE).cast());
                let weights: [__m512i; WIDTH] = std::array::from_fn(|p| {
                    _mm512_loadu_si512(codes.add(p * block.stride + line * LINE).cast())
                });
                for i in 0..HEIGHT {
                    let four = inputs.add(i * k + line * 4).cast::<i32>();
                    let four = _mm512_set1_epi32(four.read_unaligned());
                    for p in 0..WIDTH {
                        dots[i][p] = _mm512_dpbusd_epi32(dots[i][p], weights[p], four);
                    }
                }
            }
            let scale: [__m512; WIDTH] = std::array::from_fn(|p| {
                let scale = scales.add((p * groups + g) * PANEL);
                _mm512_cvtph_ps(_mm256_loadu_si256(scale.cast()))
            });
            for i in 0..HEIGHT {
                let row_scale = _mm512_set1_ps(*row_scales.add(i * groups + g));
                for p in 0..WIDTH {
                    let total = total.add((i * WIDTH + p) * PANEL);
                    let dot = _mm512_mul_ps(_mm512_cvtepi32_ps(dots[i][p]), scale[p]);
                    let sum = _mm512_fmadd_ps(dot, row_scale, _mm512_loadu_ps(total));
                    _mm512_storeu_ps(total, sum);
                }
            }
        }
    }
}

/// Asks for the inputs of the next tile, which lie in a few lines of each row.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn will_read(job: &Job<'_, '_>, rows: Range<usize>, groups: &Range<usize>) {
    let (all, group) = (job.w.shape().groups(), job.w.shape().group);
    for row in rows {
        let row = (job.rows.start + row) * all;
        let inputs = &job.x.codes()[(row + groups.start) * group..(row + groups.end) * group];
        for line in inputs.chunks(LINE) {
            _mm_prefetch::<_MM_HINT_T0>(line.as_ptr());
        }
        _mm_prefetch::<_MM_HINT_T0>(job.x.scales()[row + groups.start..].as_ptr().cast());
        _mm_prefetch::<_MM_HINT_T0>(job.x.sums()[row + groups.start..].as_ptr().cast());
    }
}

/// Asks for the lines that [`write`] will fill: they come while the last groups are worked on.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn will_write(job: &mut Job<'_, '_>, rows: Range<usize>, panels: Range<usize>) {
    let columns = columns(job, &panels);
    for row in rows {
        for line in job.out.row(row)[columns.clone()].chunks(PANEL) {
            _mm_prefetch::<_MM_HINT_ET0>(line.as_ptr().cast());
        }
    }
}

/// Where columns are in `out`: those of `panels`, the last one of the matrix being cut where that ends.
fn columns(job: &Job<'_, '_>, panels: &Range<usize>) -> Range<usize> {
    let start = job.panels.start * PANEL;
    let end = (panels.end * PANEL).min(job.w.shape().n);
    panels.start * PANEL - start..end - start
}

/// The floats of a tile become its part of the result.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn write(job: &mut Job<'_, '_>, rows: Range<usize>, panels: Range<usize>, total: &Total) {
    let columns = columns(job, &panels);
    for (row, total) in rows.zip(total.chunks_exact(panels.len() * PANEL)) {
        let to = &mut job.out.row(row)[columns.clone()];
        match job.bias {
            Some(bias) => {
                let bias = &bias[panels.start * PANEL..];
                for ((to, total), bias) in to.iter_mut().zip(total).zip(bias) {
                    *to = total + bias;
                }
            }
            None => to.copy_from_slice(&total[..to.len()]),
        }
    }
}
