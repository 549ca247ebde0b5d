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

use super::STARTED;
use crate::PANEL;
use crate::quantized::Job;

/// Rows of the highest tile.
const MOST: usize = 6;

/// Panels of the widest tile.
const WIDE: usize = 4;

/// Bytes of 8-bit codes that stay while the rows pass: two thirds of a first-level cache of 48 KB (Intel since 2019; others have 32).
const BLOCK: usize = 32 << 10;

/// Tiles whose floats wait, 72 KB: 288 rows, which is what a step of a decoder has at most.
const TILES: usize = 48;

/// Bytes of inputs that are found in the second-level cache without being asked for.
const NEAR: usize = 1 << 20;

/// What one instruction multiplies with: four codes of 16 columns.
const LINE: usize = 64;

/// Groups of a block where they are shortest.
const GROUPS: usize = BLOCK / (WIDE * PANEL * 32);

/// What a sum of a group is multiplied with and what is added then, of the columns of a panel.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Scale {
    scale: [f32; PANEL],
    /// [`STARTED`] taken away, scaled.
    started: [f32; PANEL],
}

/// The floats of a tile.
type Total = [f32; MOST * WIDE * PANEL];

/// What lies beside the registers.
#[repr(align(64))]
struct Scratch {
    /// Codes of 4 bits, widened.
    widened: [u8; BLOCK],
    /// Of the groups of a block, `[groups, panels]`.
    scales: [[Scale; WIDE]; GROUPS],
    totals: [MaybeUninit<Total>; TILES],
}

/// Runs `job`.
///
/// # Safety
/// The features are there, and the sizes of the job are checked.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn enabled<const BITS: u32>(job: &mut Job<'_, '_>) {
    let mut scratch = Scratch {
        widened: [0; BLOCK],
        scales: [[Scale {
            scale: [0.0; PANEL],
            started: [0.0; PANEL],
        }; WIDE]; GROUPS],
        totals: [MaybeUninit::uninit(); TILES],
    };
    let inputs = Inputs::of(job);
    let mut panel = job.panels.start;
    while panel < job.panels.end {
        // SAFETY: the features are enabled here, and the panels are in the job.
        panel += unsafe {
            match job.panels.end - panel {
                1 => panels::<BITS, 1>(job, &inputs, panel, &mut scratch),
                2 | 3 => panels::<BITS, 2>(job, &inputs, panel, &mut scratch),
                _ => panels::<BITS, WIDE>(job, &inputs, panel, &mut scratch),
            }
        };
    }
}

/// Asks for the line at `address`, which may be any.
#[inline(always)]
fn ask<const HINT: i32>(address: *const u8) {
    // SAFETY: nothing is read, and every processor of this architecture can.
    unsafe { _mm_prefetch::<HINT>(address.cast()) };
}

/// The rows of a job: codes `[rows, groups · group]`, scales and sums `[rows, groups]`.
struct Inputs {
    codes: *const i8,
    scales: *const f32,
    sums: *const i32,
    groups: usize,
    group: usize,
}

impl Inputs {
    fn of(job: &Job<'_, '_>) -> Inputs {
        let (groups, group) = (job.w.shape().groups(), job.w.shape().group);
        let of = |size: usize| job.rows.start * size..job.rows.end * size;
        Inputs {
            codes: job.x.codes()[of(groups * group)].as_ptr(),
            scales: job.x.scales()[of(groups)].as_ptr(),
            sums: job.x.sums()[of(groups)].as_ptr(),
            groups,
            group,
        }
    }

    /// Asks for the codes of `rows` and `groups`, which lie in a few lines of each row.
    #[inline(always)]
    fn will_read(&self, rows: Range<usize>, groups: &Range<usize>) {
        for row in rows {
            let at = row * self.groups + groups.start;
            let (from, len) = (
                self.codes.wrapping_add(at * self.group),
                groups.len() * self.group,
            );
            for line in (0..len).step_by(LINE) {
                ask::<_MM_HINT_T0>(from.wrapping_add(line).cast());
            }
        }
    }
}

/// `WIDTH` panels from `panel` on with all rows, in tiles of even height; returns `WIDTH`.
///
/// # Safety
/// The panels are in the job, and the features are enabled.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn panels<const BITS: u32, const WIDTH: usize>(
    job: &mut Job<'_, '_>,
    inputs: &Inputs,
    panel: usize,
    scratch: &mut Scratch,
) -> usize {
    let rows = job.rows.len();
    let tiles = rows.div_ceil(MOST);
    let far = rows * inputs.groups * inputs.group > NEAR;
    let at_once = BLOCK / (WIDE * PANEL * inputs.group);
    // The weights of the next panels come from memory while these are worked on.
    let next = (panel + WIDTH).min(job.panels.end)..(panel + 2 * WIDTH).min(job.panels.end);
    let next = job.w.codes(next);
    let mut ahead = Ahead {
        from: next.as_ptr(),
        left: next.len(),
        step: match tiles {
            _ if next.is_empty() => 0,
            ..4 if BITS == 8 => 2 * LINE,
            _ => LINE,
        },
    };
    for start in (0..tiles).step_by(TILES) {
        // Tiles of even height: 7 rows are 3 and 4, not 6 and 1.
        let count = (tiles - start).min(TILES);
        let mut row_of = [0; TILES + 1];
        for (i, first) in row_of.iter_mut().enumerate().take(count + 1) {
            *first = rows * (start + i) / tiles;
        }
        for from in (0..inputs.groups).step_by(at_once) {
            let groups = from..(from + at_once).min(inputs.groups);
            let last = groups.end == inputs.groups;
            let block = Block::of::<BITS>(
                job,
                panel..panel + WIDTH,
                groups,
                &mut scratch.widened,
                &mut scratch.scales,
            );
            for tile in 0..count {
                let (first, height) = (row_of[tile], row_of[tile + 1] - row_of[tile]);
                if far && tile + 1 < count {
                    inputs.will_read(row_of[tile + 1]..row_of[tile + 2], &block.groups);
                }
                if last {
                    will_write(job, first..first + height, panel..panel + WIDTH);
                }
                let total = &mut scratch.totals[tile];
                if from == 0 {
                    total.write([0.0; MOST * WIDE * PANEL]);
                }
                // SAFETY: the caller promises it, the rows are in the job, and floats were written at first.
                unsafe {
                    let total = total.assume_init_mut();
                    match height {
                        6 => add_tile::<6, WIDTH>(inputs, first, &block, &ahead, total),
                        5 => add_tile::<5, WIDTH>(inputs, first, &block, &ahead, total),
                        4 => add_tile::<4, WIDTH>(inputs, first, &block, &ahead, total),
                        3 => add_tile::<3, WIDTH>(inputs, first, &block, &ahead, total),
                        2 => add_tile::<2, WIDTH>(inputs, first, &block, &ahead, total),
                        1 => add_tile::<1, WIDTH>(inputs, first, &block, &ahead, total),
                        _ => unreachable!("no tile is higher than `MOST`"),
                    }
                    ahead.advance(block.groups.len() * inputs.group / 4);
                    if last {
                        write(job, first..first + height, panel..panel + WIDTH, total);
                    }
                }
            }
        }
    }
    WIDTH
}

/// Codes of a few panels and groups, a byte each.
struct Block {
    groups: Range<usize>,
    codes: *const u8,
    /// From one panel's codes to the next one's.
    stride: usize,
    scales: *const [Scale; WIDE],
    /// What a code is more than its weight.
    bias: i32,
}

impl Block {
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    fn of<const BITS: u32>(
        job: &Job<'_, '_>,
        panels: Range<usize>,
        groups: Range<usize>,
        widened: &mut [u8; BLOCK],
        scales: &mut [[Scale; WIDE]; GROUPS],
    ) -> Block {
        debug_assert!(groups.len() <= GROUPS, "a block of {groups:?}");
        let shape = job.w.shape();
        let bytes = shape.group * PANEL * BITS as usize / 8;
        let from = groups.start * bytes..groups.end * bytes;
        let codes = job.w.codes(panels.clone());
        let (codes, stride) = if BITS == 8 {
            (codes[from.start..].as_ptr(), shape.panel_bytes())
        } else {
            let stride = 2 * from.len();
            let panels = codes.chunks_exact(shape.panel_bytes());
            for (codes, to) in panels.zip(widened.chunks_exact_mut(stride)) {
                widen(&codes[from.clone()], to);
            }
            (widened.as_ptr(), stride)
        };
        let halves = job.w.scales(panels);
        for (p, halves) in halves.chunks_exact(shape.groups() * PANEL).enumerate() {
            let halves = halves.as_chunks::<PANEL>().0[groups.clone()].iter();
            for (halves, to) in halves.zip(scales.iter_mut()) {
                // SAFETY: sixteen are read and written.
                unsafe {
                    let scale = _mm512_cvtph_ps(_mm256_loadu_si256(halves.as_ptr().cast()));
                    // Exact: a half has 11 bits.
                    let started = _mm512_mul_ps(scale, _mm512_set1_ps(-STARTED));
                    _mm512_store_ps(to[p].scale.as_mut_ptr(), scale);
                    _mm512_store_ps(to[p].started.as_mut_ptr(), started);
                }
            }
        }
        Block {
            groups,
            codes,
            stride,
            scales: scales.as_ptr(),
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

/// Adds to `total` what the groups of the block give for the `HEIGHT` rows from `first` on.
///
/// # Safety
/// The block has `WIDTH` panels, the rows are among the inputs, and the features are enabled.
#[inline(never)]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn add_tile<const HEIGHT: usize, const WIDTH: usize>(
    inputs: &Inputs,
    first: usize,
    block: &Block,
    ahead: &Ahead,
    total: &mut Total,
) {
    let (groups, group) = (inputs.groups, inputs.group);
    let k = groups * group;
    let (lines, step, total) = (group / 4, ahead.step, total.as_mut_ptr());
    let codes_of = inputs.codes.wrapping_add(first * k);
    let row_scales = inputs.scales.wrapping_add(first * groups);
    let row_sums = inputs.sums.wrapping_add(first * groups);
    for g in block.groups.clone() {
        // What the group before left in `total` is to be read from there: the registers are for the sums.
        compiler_fence(Ordering::SeqCst);
        // SAFETY: group `g < groups`, panel `p < WIDTH`, row `i < HEIGHT` and `line < lines` are within the inputs,
        // the block and the tile.
        unsafe {
            let mut dots: [[__m512i; WIDTH]; HEIGHT] = std::array::from_fn(|i| {
                let offset = block.bias * *row_sums.add(i * groups + g);
                [_mm512_set1_epi32(STARTED.to_bits() as i32 - offset); WIDTH]
            });
            let inputs = codes_of.add(g * group);
            let codes = block.codes.add((g - block.groups.start) * group * PANEL);
            let ahead = ahead
                .from
                .wrapping_add((g - block.groups.start) * lines * ahead.step);
            for line in 0..lines {
                let soon = ahead.wrapping_add(line * step);
                ask::<_MM_HINT_T1>(soon);
                ask::<_MM_HINT_T1>(soon.wrapping_add(LINE));
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
            let scales = &*block.scales.add(g - block.groups.start);
            for p in 0..WIDTH {
                let scale = _mm512_load_ps(scales[p].scale.as_ptr());
                let started = _mm512_load_ps(scales[p].started.as_ptr());
                for i in 0..HEIGHT {
                    let row_scale = _mm512_set1_ps(*row_scales.add(i * groups + g));
                    let total = total.add((i * WIDTH + p) * PANEL);
                    let dot = _mm512_fmadd_ps(_mm512_castsi512_ps(dots[i][p]), scale, started);
                    let sum = _mm512_fmadd_ps(dot, row_scale, _mm512_loadu_ps(total));
                    _mm512_storeu_ps(total, sum);
                }
            }
        }
    }
}

/// Asks for the lines that [`write()`] will fill: they come while the last groups are worked on.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn will_write(job: &mut Job<'_, '_>, rows: Range<usize>, panels: Range<usize>) {
    let columns = columns(job, &panels);
    for row in rows {
        for line in job.out.row(row)[columns.clone()].chunks(PANEL) {
            ask::<_MM_HINT_T0>(line.as_ptr().cast());
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
