//! The INT8 product with AVX-512 VNNI: `vpdpbusd` adds four byte products to each of 16 sums, exactly.
//!
//! A tile is up to 12 rows by 2 panels, or 6 by 4: 24 sums of the 32 registers, which hides the
//! instruction's latency of 5 at two a cycle, with 14 (10) loads for 24 products. Sums of a group are turned
//! into floats and scaled at the end of the group.

#![allow(clippy::needless_range_loop)] // Rows and panels index several arrays at once.

use std::arch::x86_64::*;

use super::Avx512Vnni;
use crate::math;
use crate::q8::{Activation, Job, PANEL};

/// Runs `job`.
pub(crate) fn matmul(simd: Avx512Vnni, mut job: Job<'_, '_>) {
    // SAFETY: `Avx512Vnni` exists only if detection found the instructions, and the sizes of a `Job` are checked.
    unsafe { enabled(simd, &mut job) }
}

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn enabled(simd: Avx512Vnni, job: &mut Job<'_, '_>) {
    let rows = job.rows.len();
    // Tiles of even height: 13 rows are 7 and 6, not 12 and 1.
    let tiles = rows.div_ceil(12);
    let wide = if rows.div_ceil(tiles.max(1)) <= 6 {
        4
    } else {
        2
    };
    // Rows that stay in the first-level cache while the panels pass by.
    let block = (ROW_BYTES / (12 * job.w.k)).max(1);
    for start in (0..tiles).step_by(block) {
        let mut panel = job.panels.start;
        while panel < job.panels.end {
            let left = job.panels.end - panel;
            let width = if left >= wide {
                wide
            } else if left >= 2 {
                2
            } else {
                1
            };
            for tile in start..(start + block).min(tiles) {
                let (first, last) = (rows * tile / tiles, rows * (tile + 1) / tiles);
                // SAFETY: the features are enabled here, and the rows and panels are in the job.
                unsafe { pick_tile(simd, job, first, last - first, panel, width) };
            }
            panel += width;
        }
    }
}

/// Bytes of activations that are worked on at a time: a third of the first-level cache (48 KB).
const ROW_BYTES: usize = 16 << 10;

/// The tile of `height` rows and `width` panels.
///
/// # Safety
/// The rows and panels are in the job, and the features are enabled.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn pick_tile(
    simd: Avx512Vnni,
    job: &mut Job<'_, '_>,
    first: usize,
    height: usize,
    panel: usize,
    width: usize,
) {
    let grouped = job.x.groups() > 1;
    macro_rules! pick {
        ($(($height:literal, $width:literal)),*) => {
            match (height, width) {
                // SAFETY: the caller promises what `run_tile` asks for.
                $(($height, $width) if grouped => unsafe {
                    run_tile::<$height, $width, true>(simd, job, first, panel)
                },
                // SAFETY: as above.
                ($height, $width) => unsafe {
                    run_tile::<$height, $width, false>(simd, job, first, panel)
                },)*
                _ => unreachable!("tiles have 1 to 12 rows and 1, 2 or 4 panels"),
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
        (9, 1),
        (10, 1),
        (11, 1),
        (12, 1),
        (1, 2),
        (2, 2),
        (3, 2),
        (4, 2),
        (5, 2),
        (6, 2),
        (7, 2),
        (8, 2),
        (9, 2),
        (10, 2),
        (11, 2),
        (12, 2),
        (1, 4),
        (2, 4),
        (3, 4),
        (4, 4),
        (5, 4),
        (6, 4)
    );
}

/// One tile: `HEIGHT` rows from `first` on (counted from the job's), `WIDTH` panels from `panel` on.
///
/// # Safety
/// The rows and panels are in the job, and the features are enabled.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn run_tile<const HEIGHT: usize, const WIDTH: usize, const GROUPED: bool>(
    simd: Avx512Vnni,
    job: &mut Job<'_, '_>,
    first: usize,
    panel: usize,
) {
    let (w, x, row) = (job.w, job.x, job.rows.start + first);
    let (k, group, groups) = (w.k, w.group, w.k / w.group);
    let codes = x.codes()[row * k..][..HEIGHT * k].as_ptr();
    let weights = w.codes[panel * k * PANEL..][..WIDTH * k * PANEL].as_ptr();
    let scales = &w.scales[panel * groups * PANEL..][..WIDTH * groups * PANEL];
    let sums = &w.sums[panel * groups * PANEL..][..WIDTH * groups * PANEL];
    let row_scales = &x.scales()[row * x.groups()..][..HEIGHT * x.groups()];
    let row_offsets = &x.offsets()[row * x.groups()..][..HEIGHT * x.groups()];
    // SAFETY: every index below is within the slices above: group `g < groups`, panel `p < WIDTH`, row
    // `i < HEIGHT`, input `g * group + quad * 4 + 3 < k`.
    unsafe {
        let load = |from: &[f32], p: usize, g: usize| {
            _mm512_loadu_ps(from.as_ptr().add((p * groups + g) * PANEL))
        };
        let mut total = [[_mm512_setzero_ps(); WIDTH]; HEIGHT];
        for g in 0..groups {
            let mut dots = [[_mm512_setzero_si512(); WIDTH]; HEIGHT];
            for quad in g * group / 4..(g + 1) * group / 4 {
                let mut b = [_mm512_setzero_si512(); WIDTH];
                for (p, b) in b.iter_mut().enumerate() {
                    *b = _mm512_loadu_si512(weights.add(p * k * PANEL + quad * 64).cast());
                }
                for (i, dots) in dots.iter_mut().enumerate() {
                    let four = codes.add(i * k + quad * 4).cast::<i32>().read_unaligned();
                    let a = _mm512_set1_epi32(four);
                    for (dot, b) in dots.iter_mut().zip(b) {
                        *dot = _mm512_dpbusd_epi32(*dot, a, b);
                    }
                }
            }
            for p in 0..WIDTH {
                let scale = load(scales, p, g);
                for i in 0..HEIGHT {
                    let dot = _mm512_cvtepi32_ps(dots[i][p]);
                    if GROUPED {
                        let row_scale = _mm512_set1_ps(*row_scales.get_unchecked(i * groups + g));
                        let row_offset = _mm512_set1_ps(*row_offsets.get_unchecked(i * groups + g));
                        let part =
                            _mm512_fmadd_ps(_mm512_mul_ps(dot, scale), row_scale, total[i][p]);
                        total[i][p] = _mm512_fnmadd_ps(row_offset, load(sums, p, g), part);
                    } else {
                        total[i][p] = _mm512_fmadd_ps(dot, scale, total[i][p]);
                    }
                }
            }
        }
        for p in 0..WIDTH {
            let column = (panel + p) * PANEL;
            let count = (w.n - column).min(PANEL);
            let mask = ((1_u32 << count) - 1) as __mmask16;
            let bias = _mm512_maskz_loadu_ps(mask, job.bias.as_ptr().add(column));
            let mut sum = _mm512_setzero_ps();
            if !GROUPED {
                for g in 0..groups {
                    sum = _mm512_add_ps(sum, load(sums, p, g));
                }
            }
            for i in 0..HEIGHT {
                let mut v = total[i][p];
                if !GROUPED {
                    v = _mm512_mul_ps(v, _mm512_set1_ps(row_scales[i]));
                    v = _mm512_fnmadd_ps(_mm512_set1_ps(row_offsets[i]), sum, v);
                }
                v = _mm512_add_ps(v, bias);
                if job.then == Activation::Gelu {
                    v = math::gelu_for_bytes(simd, v);
                }
                let at = column - job.panels.start * PANEL;
                let out = &mut job.out.row(first + i)[at..at + count];
                _mm512_mask_storeu_ps(out.as_mut_ptr(), mask, v);
            }
        }
    }
}
