//! The quantized product of few rows with AVX-512 VNNI: `vpdpbusd` adds four byte products to each of 16 sums, exactly.
//!
//! They are bound by the memory that the weights come from. One thread that reads one stream gets 13.5 GB/s
//! where eight streams side by side get 22 (Sapphire Rapids, 4 KB pages), so one row reads eight panels at
//! once, and 2 to 4 rows read four. More rows share what was loaded, a tile of up to 8 rows by 2 panels
//! keeping 16 sums of the 32 registers; what is best for many rows is in [`super::q_avx512_many`].

#![allow(clippy::needless_range_loop)] // Rows and panels index several arrays at once.

use std::arch::x86_64::*;

use super::{Avx512Vnni, q_avx512_many};
use crate::PANEL;
use crate::quantized::Job;

/// Runs `job`.
pub(crate) fn matmul(_: Avx512Vnni, mut job: Job<'_, '_>) {
    // SAFETY: `Avx512Vnni` exists only if detection found the instructions, and the sizes of a `Job` are checked.
    unsafe {
        match (job.w.shape().bits, job.rows.len()) {
            (8, ..=FEW_BYTES) => enabled::<8>(&mut job),
            (8, _) => q_avx512_many::enabled::<8>(&mut job),
            (_, ..=FEW_NIBBLES) => enabled::<4>(&mut job),
            (_, _) => q_avx512_many::enabled::<4>(&mut job),
        }
    }
}

/// Rows for which this is faster, with codes of 8 bits: one tile has them all, so the weights are read once.
const FEW_BYTES: usize = 8;

/// The same with 4 bits, which would have to be widened.
const FEW_NIBBLES: usize = 16;

/// Bytes of activations that are worked on at a time: a third of the first-level cache (48 KB).
const ROW_BYTES: usize = 16 << 10;

/// How far ahead weights are asked for in each panel, in bytes.
const AHEAD: usize = 2048;

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn enabled<const BITS: u32>(job: &mut Job<'_, '_>) {
    let rows = job.rows.len();
    // Tiles of even height: 9 rows are 5 and 4, not 8 and 1.
    let tiles = rows.div_ceil(8);
    // Rows that stay in the first-level cache while the panels pass by.
    let block = (ROW_BYTES / (8 * job.w.shape().padded_k())).max(1);
    for start in (0..tiles).step_by(block) {
        let mut panel = job.panels.start;
        while panel < job.panels.end {
            let width = widest(rows.div_ceil(tiles), job.panels.end - panel);
            for tile in start..(start + block).min(tiles) {
                let (first, last) = (rows * tile / tiles, rows * (tile + 1) / tiles);
                // SAFETY: the features are enabled here, and the rows and panels are in the job.
                unsafe { pick_tile::<BITS>(job, first, last - first, panel, width) };
            }
            panel += width;
        }
    }
}

/// The panels of a tile of `height` rows where `left` are left.
fn widest(height: usize, left: usize) -> usize {
    let most = match height {
        1 => 8,
        2..=4 => 4,
        _ => 2,
    };
    [8, 4, 2, 1]
        .into_iter()
        .find(|width| *width <= most.min(left))
        .unwrap_or(1)
}

/// The tile of `height` rows and `width` panels.
///
/// # Safety
/// The rows and panels are in the job, and the features are enabled.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn pick_tile<const BITS: u32>(
    job: &mut Job<'_, '_>,
    first: usize,
    height: usize,
    panel: usize,
    width: usize,
) {
    macro_rules! pick {
        ($(($height:literal, $width:literal)),*) => {
            match (height, width) {
                // SAFETY: the caller promises what `run_tile` asks for.
                $(($height, $width) => unsafe {
                    run_tile::<BITS, $height, $width>(job, first, panel)
                },)*
                _ => unreachable!("see `widest`"),
            }
        };
    }
    pick!(
        (1, 1),
        (2, 1),
        (3, 1),
        (4, 1),
        (5, 1),
        (6, 1),
        (7, 1),
        (8, 1),
        (1, 2),
        (2, 2),
        (3, 2),
        (4, 2),
        (5, 2),
        (6, 2),
        (7, 2),
        (8, 2),
        (1, 4),
        (2, 4),
        (3, 4),
        (4, 4),
        (1, 8)
    );
}

/// One tile: `HEIGHT` rows from `first` on (counted from the job's), `WIDTH` panels from `panel` on.
///
/// # Safety
/// The rows and panels are in the job, and the features are enabled.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn run_tile<const BITS: u32, const HEIGHT: usize, const WIDTH: usize>(
    job: &mut Job<'_, '_>,
    first: usize,
    panel: usize,
) {
    let shape = job.w.shape();
    let (groups, group) = (shape.groups(), shape.group);
    let k = groups * group;
    let row = job.rows.start + first;
    let inputs = job.x.codes()[row * k..][..HEIGHT * k].as_ptr();
    let row_scales = job.x.scales()[row * groups..][..HEIGHT * groups].as_ptr();
    let row_sums = job.x.sums()[row * groups..][..HEIGHT * groups].as_ptr();
    let codes = job.w.codes(panel..panel + WIDTH).as_ptr();
    let scales = job.w.scales(panel..panel + WIDTH).as_ptr();
    let panel_bytes = shape.panel_bytes();
    let turns = if HEIGHT * WIDTH < 8 { 2 } else { 1 };
    // 64 bytes of codes are 4 inputs of 8 bits or 8 of 4 bits.
    let lines = group * BITS as usize / 32;
    // SAFETY: every index below is within the slices above: group `g < groups`, panel `p < WIDTH`, row
    // `i < HEIGHT`, line `lines * g + line` of `panel_bytes / 64`, and the inputs of that line.
    unsafe {
        let low_bits = _mm512_set1_epi8(15);
        let mut total = [[_mm512_setzero_ps(); WIDTH]; HEIGHT];
        for g in 0..groups {
            // With few sums each has two halves, so that one instruction does not wait for the one before.
            let mut dots = [[[_mm512_setzero_si512(); 2]; WIDTH]; HEIGHT];
            for (i, dots) in dots.iter_mut().enumerate() {
                let offset = -(shape.bias() * *row_sums.add(i * groups + g));
                dots.iter_mut()
                    .for_each(|turns| turns[0] = _mm512_set1_epi32(offset));
            }
            for line in (0..lines).step_by(2) {
                for half in 0..2 {
                    let (at, turn) = (g * lines + line + half, half % turns);
                    for p in 0..WIDTH {
                        let from = codes.add(p * panel_bytes + at * 64);
                        _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(AHEAD).cast());
                        let bytes = _mm512_loadu_si512(from.cast());
                        let four = |i: usize, quad: usize| {
                            let from = inputs.add(i * k + quad * 4).cast::<i32>();
                            _mm512_set1_epi32(from.read_unaligned())
                        };
                        if BITS == 8 {
                            for i in 0..HEIGHT {
                                let dot = &mut dots[i][p][turn];
                                *dot = _mm512_dpbusd_epi32(*dot, bytes, four(i, at));
                            }
                        } else {
                            let low = _mm512_and_si512(bytes, low_bits);
                            let high = _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), low_bits);
                            for i in 0..HEIGHT {
                                let dot = &mut dots[i][p][turn];
                                *dot = _mm512_dpbusd_epi32(*dot, low, four(i, 2 * at));
                                let dot = &mut dots[i][p][turn];
                                *dot = _mm512_dpbusd_epi32(*dot, high, four(i, 2 * at + 1));
                            }
                        }
                    }
                }
            }
            for p in 0..WIDTH {
                let scale = scales.add((p * groups + g) * PANEL);
                _mm_prefetch::<_MM_HINT_T0>(scale.wrapping_add(512).cast());
                let scale = _mm512_cvtph_ps(_mm256_loadu_si256(scale.cast()));
                for i in 0..HEIGHT {
                    let dot = _mm512_add_epi32(dots[i][p][0], dots[i][p][1]);
                    let dot = _mm512_mul_ps(_mm512_cvtepi32_ps(dot), scale);
                    let row_scale = _mm512_set1_ps(*row_scales.add(i * groups + g));
                    total[i][p] = _mm512_fmadd_ps(dot, row_scale, total[i][p]);
                }
            }
        }
        for p in 0..WIDTH {
            let column = (panel + p) * PANEL;
            let count = (shape.n - column).min(PANEL);
            let mask = ((1_u32 << count) - 1) as __mmask16;
            for i in 0..HEIGHT {
                let mut v = total[i][p];
                if let Some(bias) = job.bias {
                    let bias = _mm512_maskz_loadu_ps(mask, bias.as_ptr().add(column));
                    v = _mm512_add_ps(v, bias);
                }
                let at = column - job.panels.start * PANEL;
                let out = &mut job.out.row(first + i)[at..at + count];
                _mm512_mask_storeu_ps(out.as_mut_ptr(), mask, v);
            }
        }
    }
}
