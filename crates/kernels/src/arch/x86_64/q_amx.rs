//! The quantized product with AMX: 16 x 16 sums of 64 byte products in 16 cycles.
//!
//! The tile unit is so fast that scaling the sums of each group takes longer than making them, so what
//! surrounds it decides. Three things were measured to matter:
//!
//! - Storing a tile right behind its product waits for all of the product's latency (52 cycles). Each tile is
//!   therefore stored three products later, when its successor is about to be made.
//! - What is stored must stay in the first-level cache until it is scaled, so work goes by small *items* (up to
//!   32 rows, two panels, two groups), and those of the item before are scaled between the products.
//! - Weights are read once: eight groups of eight panels become signed bytes in a buffer that stays in the cache
//!   while all rows pass by, each block of rows meeting all eight before the next. With few rows that costs more than it saves; 8-bit codes are then multiplied as
//!   they lie, unsigned, and `bias · Σ a` is subtracted with AVX-512.

#![allow(clippy::needless_range_loop)] // Lines and panels index several arrays at once.

use std::arch::asm;
use std::arch::x86_64::*;
use std::cell::Cell;
use std::mem::MaybeUninit;

use super::STARTED;
use super::amx::{Amx, Tiles};
use crate::PANEL;
use crate::quantized::Job;

/// Groups of an item, at most.
const STEPS: usize = 2;

/// Parts in which the sums of an item are scaled.
const PARTS: usize = 4;

/// Groups of weights that are expanded at a time.
const EXPANDED: usize = 8;

/// Pairs of panels that a block of rows meets one behind the other, while its inputs are in the first-level cache and the
/// pages of its results are known to the processor.
const PAIRS: usize = 4;

/// Fewer rows are left to VNNI, which reads weights as fast as memory gives them: 8 rows are multiplied at 40 GB/s of
/// weights a thread, more than there is to get.
const LEAST_ROWS: usize = 9;

/// How far ahead codes are asked for where they are not expanded, in groups.
const AHEAD: usize = 4;

/// Rows from which codes are turned into signed bytes first.
const EXPAND_FROM: usize = 33;

/// Bytes of activations that stay in the second-level cache (2 MB on every CPU with AMX) while the panels pass by: 128 rows
/// of the widest layer of a 1.5 B model.
const ROW_BYTES: usize = 5 << 18;

/// Most rows of a pass: what the sums of their blocks leave of the stack.
const MOST_ROWS: usize = 512;

/// Rows of a block.
const BLOCK: usize = 32;

thread_local! {
    /// See [`Marks`]; kept from one product to the next.
    static MARKS: Cell<Marks> = Cell::default();
}

/// Runs `job`.
pub(crate) fn matmul(simd: Amx, mut job: Job<'_, '_>) {
    if job.rows.len() < LEAST_ROWS {
        return super::q_avx512::matmul(simd.avx512(), job);
    }
    let shape = job.w.shape();
    let most = (ROW_BYTES / shape.padded_k()).clamp(64, MOST_ROWS);
    let passes = job.rows.len().div_ceil(most);
    let mut marks = MARKS.take();
    for pass in 0..passes {
        let rows = job.rows.len();
        let part = rows * pass / passes..rows * (pass + 1) / passes;
        let blocks = part.len().div_ceil(BLOCK);
        // Up to 16 rows are one tile; more are two a block, all of one height, the last overlapping.
        let (height, tiles) = if part.len() <= 16 {
            (part.len(), 1)
        } else {
            (part.len().div_ceil(2 * blocks), 2)
        };
        let plan = Plan {
            first: part.start,
            rows: part.len(),
            blocks,
            height,
            tiles,
        };
        let expand = shape.bits == 4 || part.len() >= EXPAND_FROM;
        marks.fill(&job, &plan);
        let _configured = Tiles::configure(simd, height, shape.group.min(64));
        // SAFETY: `Amx` exists only if detection found the instructions, the sizes of a `Job` are checked, and
        // tiles are configured for the plan.
        unsafe {
            match (tiles, expand, shape.group == 128) {
                (1, false, false) => enabled::<1, false, false>(&mut job, &plan, &marks),
                (1, false, true) => enabled::<1, false, true>(&mut job, &plan, &marks),
                (1, true, false) => enabled::<1, true, false>(&mut job, &plan, &marks),
                (1, true, true) => enabled::<1, true, true>(&mut job, &plan, &marks),
                (_, false, false) => enabled::<2, false, false>(&mut job, &plan, &marks),
                (_, false, true) => enabled::<2, false, true>(&mut job, &plan, &marks),
                (_, true, false) => enabled::<2, true, false>(&mut job, &plan, &marks),
                (_, true, true) => enabled::<2, true, true>(&mut job, &plan, &marks),
            }
        }
    }
    MARKS.set(marks);
}

/// How the rows of a pass are cut.
struct Plan {
    /// The first row, counted from the job's.
    first: usize,
    rows: usize,
    blocks: usize,
    /// Rows of a tile.
    height: usize,
    /// Tiles of a block, one or two.
    tiles: usize,
}

impl Plan {
    /// The first row of a tile, counted from the job's.
    fn tile_row(&self, block: usize, tile: usize) -> usize {
        let row = (block * self.tiles + tile) * self.height;
        self.first + row.min(self.rows - self.height)
    }
}

/// Scales and offsets of a pass's rows, those of a group side by side: `[block][group][2 tiles][16 rows]`.
#[derive(Default)]
struct Marks {
    scales: Vec<f32>,
    /// `bias · Σ a`.
    offsets: Vec<i32>,
}

impl Marks {
    fn fill(&mut self, job: &Job<'_, '_>, plan: &Plan) {
        let groups = job.w.shape().groups();
        let bias = job.w.shape().bias();
        let size = plan.blocks * groups * BLOCK;
        self.scales.resize(size.max(self.scales.len()), 0.0);
        self.offsets.resize(size.max(self.offsets.len()), 0);
        for block in 0..plan.blocks {
            for tile in 0..plan.tiles {
                let first = job.rows.start + plan.tile_row(block, tile);
                for line in 0..plan.height {
                    let from = (first + line) * groups..(first + line + 1) * groups;
                    let at = block * groups * BLOCK + tile * 16 + line;
                    let to = self.scales[at..].iter_mut().step_by(BLOCK);
                    to.zip(&job.x.scales()[from.clone()])
                        .for_each(|(to, scale)| *to = *scale);
                    let to = self.offsets[at..].iter_mut().step_by(BLOCK);
                    to.zip(&job.x.sums()[from])
                        .for_each(|(to, sum)| *to = bias * sum);
                }
            }
        }
    }
}

/// What is multiplied at one time: a block of rows, two panels, up to [`STEPS`] groups.
#[derive(Clone, Copy)]
struct Item {
    block: usize,
    /// Which of the pairs of panels that are worked on together, and its first panel.
    pair: usize,
    panel: usize,
    first_group: usize,
    groups: usize,
    /// Which of the buffers of sums it has.
    turn: usize,
}

/// `[row tile][16 rows][panel][16 columns]`
type Totals = [[[[f32; PANEL]; 2]; 16]; 2];

#[repr(align(64))]
struct Buffers {
    /// Sums of two items as they are stored: `[group][row tile][panel][16 rows][16 columns]`.
    sums: [[[[[i32; 256]; 2]; 2]; STEPS]; 2],
    /// Weights as signed bytes: `[pair][group][panel][64 or 128 inputs / 4][16][4]`.
    weights: [[[[u8; 2048]; 2]; EXPANDED]; PAIRS],
    /// Running f32 sums: `[pair][block]`.
    totals: [[Totals; MOST_ROWS / BLOCK]; PAIRS],
}

/// One pass over the panels.
///
/// # Safety
/// The features are enabled, tiles are configured for `plan`, and the plan's rows are in the job.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn enabled<const TILES: usize, const EXPAND: bool, const WIDE: bool>(
    job: &mut Job<'_, '_>,
    plan: &Plan,
    marks: &Marks,
) {
    let mut buffers = MaybeUninit::<Buffers>::uninit();
    let buffers = buffers.as_mut_ptr();
    let groups = job.w.shape().groups();
    let mut before: Option<Item> = None;
    let mut turn = 0;
    // SAFETY: within the buffer, which the first store of a tile only seems to need.
    let mut last = unsafe { (&raw mut (*buffers).sums).cast::<i32>() };
    // Weights that are not expanded come from memory, in its order.
    let together = if EXPAND { 2 * PAIRS } else { 2 };
    for first_panel in job.panels.clone().step_by(together) {
        let panels = together.min(job.panels.end - first_panel);
        for chunk in (0..groups).step_by(EXPANDED) {
            let end = groups.min(chunk + EXPANDED);
            if EXPAND {
                for p in 0..panels {
                    for group in chunk..end {
                        // SAFETY: the panel and the group are in the matrix, and the buffer has room for a group.
                        unsafe {
                            let to = &raw mut (*buffers).weights[p / 2][group - chunk][p % 2];
                            expand(job, first_panel + p, group, to.cast());
                        }
                    }
                }
            }
            let pairs = panels.div_ceil(2);
            for at in 0..plan.blocks * pairs {
                let (block, pair) = (at / pairs, at % pairs);
                for first_group in (chunk..end).step_by(STEPS) {
                    let item = Item {
                        block,
                        pair,
                        panel: first_panel + 2 * pair,
                        first_group,
                        groups: STEPS.min(end - first_group),
                        turn,
                    };
                    turn ^= 1;
                    // SAFETY: as the caller promises; `before` was multiplied in the round before, and the first
                    // product of this one stores what is left of it.
                    unsafe {
                        let operands = Operands::of::<EXPAND>(job, plan, buffers, &item, chunk);
                        for step in 0..STEPS {
                            if step < item.groups {
                                last = multiply::<TILES, EXPAND, WIDE>(&operands, step, last);
                            }
                            if let Some(before) = &before {
                                for part in step * PARTS / STEPS..(step + 1) * PARTS / STEPS {
                                    scale::<TILES, EXPAND>(job, plan, marks, buffers, before, part);
                                }
                            }
                        }
                    }
                    before = Some(item);
                }
            }
        }
    }
    if let Some(before) = &before {
        // SAFETY: as above.
        unsafe {
            store_rest::<TILES>(last);
            for part in 0..PARTS {
                scale::<TILES, EXPAND>(job, plan, marks, buffers, before, part);
            }
        }
    }
}

/// Turns one group of a panel into signed bytes.
///
/// # Safety
/// The features are enabled, panel and group are in the matrix, and `to` has room for `group * 16` bytes.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
#[inline]
unsafe fn expand(job: &Job<'_, '_>, panel: usize, group: usize, to: *mut u8) {
    let shape = job.w.shape();
    let bytes = shape.group * PANEL * shape.bits as usize / 8;
    let from = job.w.codes(panel..panel + 1)[group * bytes..][..bytes].as_ptr();
    // SAFETY: `bytes` are read, `16 * group` are written.
    unsafe {
        if shape.bits == 8 {
            let sign = _mm512_set1_epi8(-128);
            for at in (0..bytes).step_by(64) {
                let codes = _mm512_loadu_si512(from.add(at).cast());
                _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(at + EXPANDED * bytes).cast());
                _mm512_store_si512(to.add(at).cast(), _mm512_xor_si512(codes, sign));
            }
        } else {
            let (low_bits, eight) = (_mm512_set1_epi8(15), _mm512_set1_epi8(8));
            for at in (0..bytes).step_by(64) {
                let codes = _mm512_loadu_si512(from.add(at).cast());
                _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(at + EXPANDED * bytes).cast());
                let low = _mm512_and_si512(codes, low_bits);
                let high = _mm512_and_si512(_mm512_srli_epi16::<4>(codes), low_bits);
                let to = to.add(2 * at);
                _mm512_store_si512(to.cast(), _mm512_sub_epi8(low, eight));
                _mm512_store_si512(to.add(64).cast(), _mm512_sub_epi8(high, eight));
            }
        }
    }
}

/// What every sum starts with, a line that is loaded with no stride; 512-bit arithmetic beside tiles gets only one port, so
/// that what [`STARTED`] saves is worth most here.
static START: Line = Line([STARTED.to_bits(); 16]);

#[repr(align(64))]
struct Line(#[expect(dead_code, reason = "read by tile loads, through its address")] [u32; 16]);

/// The instructions for one group: `$op` multiplies bytes; sums begin as `{start}`; `{last}` is where the tiles of the
/// group before belong, `{sums}` where those of this one do. `{b}` is 64: bytes of a line of weights and of sums.
macro_rules! group {
    (one, $op:literal, $($second:expr)?) => {
        concat!(
            "/* one tile of rows: {a1} has no part */\n",
            "tileloadd tmm4, [{a0} + {a}]\n",
            "tileloadd tmm6, [{b0} + {b}]\n",
            "tileloadd tmm7, [{b1} + {b}]\n",
            "tileloadd tmm0, [{start} + {none}]\n", $op, " tmm0, tmm4, tmm6\n",
            "tilestored [{last} + {b} + 1024], tmm1\n",
            "tileloadd tmm1, [{start} + {none}]\n", $op, " tmm1, tmm4, tmm7\n",
            $($second,)?
            "tilestored [{sums} + {b}], tmm0\n",
        )
    };
    (two, $op:literal, $($second:expr)?) => {
        concat!(
            "tileloadd tmm4, [{a0} + {a}]\n",
            "tileloadd tmm6, [{b0} + {b}]\n",
            "tileloadd tmm7, [{b1} + {b}]\n",
            "tileloadd tmm5, [{a1} + {a}]\n",
            "tileloadd tmm0, [{start} + {none}]\n", $op, " tmm0, tmm4, tmm6\n",
            "tilestored [{last} + {b} + 1024], tmm1\n",
            "tileloadd tmm1, [{start} + {none}]\n", $op, " tmm1, tmm4, tmm7\n",
            "tilestored [{last} + {b} + 2048], tmm2\n",
            "tileloadd tmm2, [{start} + {none}]\n", $op, " tmm2, tmm5, tmm6\n",
            "tilestored [{last} + {b} + 3072], tmm3\n",
            "tileloadd tmm3, [{start} + {none}]\n", $op, " tmm3, tmm5, tmm7\n",
            $($second,)?
            "tilestored [{sums} + {b}], tmm0\n",
        )
    };
}

/// The second 64 inputs of a group of 128.
macro_rules! second {
    (one, $op:literal) => {
        concat!(
            "tileloadd tmm4, [{a0} + {a} + 64]\n",
            "tileloadd tmm6, [{b0} + {b} + 1024]\n",
            "tileloadd tmm7, [{b1} + {b} + 1024]\n",
            $op,
            " tmm0, tmm4, tmm6\n",
            $op,
            " tmm1, tmm4, tmm7\n",
        )
    };
    (two, $op:literal) => {
        concat!(
            second!(one, $op),
            "tileloadd tmm5, [{a1} + {a} + 64]\n",
            $op,
            " tmm2, tmm5, tmm6\n",
            $op,
            " tmm3, tmm5, tmm7\n",
        )
    };
}

/// Where an item's operands and sums are.
struct Operands {
    /// The first input of the item's groups, of each tile's first row.
    inputs: [*const i8; 2],
    /// Bytes from one row of inputs to the next, from one group to the next.
    row: usize,
    group: usize,
    weights: [*const u8; 2],
    /// Bytes from one group of weights to the next.
    weight_step: usize,
    sums: *mut i32,
}

impl Operands {
    /// Those of `item`; `chunk` is the first group of those that are expanded.
    ///
    /// # Safety
    /// The item is one of the plan's; `buffers` is valid.
    #[inline(always)]
    unsafe fn of<const EXPAND: bool>(
        job: &Job<'_, '_>,
        plan: &Plan,
        buffers: *mut Buffers,
        item: &Item,
        chunk: usize,
    ) -> Operands {
        let shape = job.w.shape();
        let k = shape.padded_k();
        let inputs = |tile: usize| {
            let row = job.rows.start + plan.tile_row(item.block, tile);
            job.x.codes()[row * k..][..plan.height * k][item.first_group * shape.group..].as_ptr()
        };
        // An odd last panel stands for two; the second result is not used.
        let second = usize::from(item.panel + 1 < job.panels.end);
        let weights = |p: usize| {
            if EXPAND {
                let group = item.first_group - chunk;
                // SAFETY: within the buffer.
                unsafe { (&raw const (*buffers).weights[item.pair][group][p]).cast::<u8>() }
            } else {
                let panel = item.panel + p;
                let at = item.first_group * shape.group * PANEL;
                job.w.codes(panel..panel + 1)[at..].as_ptr()
            }
        };
        Operands {
            inputs: [inputs(0), inputs(plan.tiles - 1)],
            row: k,
            group: shape.group,
            weights: [weights(0), weights(second)],
            weight_step: if EXPAND { 4096 } else { shape.group * PANEL },
            // SAFETY: within the buffer.
            sums: unsafe { (&raw mut (*buffers).sums[item.turn]).cast() },
        }
    }
}

/// Makes the integer sums of one group of an item. All tiles but the first are left in their registers, for the
/// next call to store at `last`, which is what this call returns.
///
/// # Safety
/// Tiles are configured for the plan, `step` is less than the item's groups, with `EXPAND` the weights of the
/// item's groups were expanded, and `last` is valid for the sums of a group.
#[inline(always)]
unsafe fn multiply<const TILES: usize, const EXPAND: bool, const WIDE: bool>(
    operands: &Operands,
    step: usize,
    last: *mut i32,
) -> *mut i32 {
    if !EXPAND {
        for weights in operands.weights {
            let ahead = weights.wrapping_add((step + AHEAD) * operands.weight_step);
            for line in (0..operands.weight_step).step_by(64) {
                // SAFETY: SSE, which has this instruction, is part of x86-64; it may be given any address.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(line).cast()) };
            }
        }
    }
    // SAFETY: the sums of an item have room for `STEPS` groups.
    let sums = unsafe { operands.sums.add(step * 1024) };
    macro_rules! run {
        ($template:expr) => {
            // SAFETY: `height` rows of inputs and the weights of a group are within what `Operands::of` sliced; 16
            // rows of 64 bytes are written to each of up to four tiles of `sums` and `last`. Tiles are configured.
            unsafe {
                asm!(
                    $template,
                    a0 = in(reg) operands.inputs[0].add(step * operands.group),
                    a1 = in(reg) operands.inputs[1].add(step * operands.group),
                    a = in(reg) operands.row,
                    b0 = in(reg) operands.weights[0].add(step * operands.weight_step),
                    b1 = in(reg) operands.weights[1].add(step * operands.weight_step),
                    b = in(reg) 64_usize,
                    start = in(reg) &raw const START,
                    none = in(reg) 0_usize,
                    sums = in(reg) sums,
                    last = in(reg) last,
                    // Nothing but these blocks touches tiles, so what is left in them is there for the next.
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack, preserves_flags),
                )
            }
        };
    }
    match (TILES, EXPAND, WIDE) {
        (1, true, false) => run!(group!(one, "tdpbssd",)),
        (1, false, false) => run!(group!(one, "tdpbsud",)),
        (_, true, false) => run!(group!(two, "tdpbssd",)),
        (_, false, false) => run!(group!(two, "tdpbsud",)),
        (1, true, true) => run!(group!(one, "tdpbssd", second!(one, "tdpbssd"))),
        (1, false, true) => run!(group!(one, "tdpbsud", second!(one, "tdpbsud"))),
        (_, true, true) => run!(group!(two, "tdpbssd", second!(two, "tdpbssd"))),
        (_, false, true) => run!(group!(two, "tdpbsud", second!(two, "tdpbsud"))),
    }
    sums
}

/// Stores the tiles that the last call of [`multiply`] left.
///
/// # Safety
/// Tiles are configured, and `last` is what that call returned.
unsafe fn store_rest<const TILES: usize>(last: *mut i32) {
    // SAFETY: `last` is valid for the sums of a group.
    unsafe {
        asm!(
            "tilestored [{last} + {b} + 1024], tmm1",
            last = in(reg) last,
            b = in(reg) 64_usize,
            options(nostack, preserves_flags),
        );
        if TILES == 2 {
            asm!(
                "tilestored [{last} + {b} + 2048], tmm2",
                "tilestored [{last} + {b} + 3072], tmm3",
                last = in(reg) last,
                b = in(reg) 64_usize,
                options(nostack, preserves_flags),
            );
        }
    }
}

/// Scales one of the [`PARTS`] of the sums of an item, and adds them up; after the last group of a panel they go to
/// the result.
///
/// # Safety
/// The features are enabled, and all groups of the item were multiplied.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
#[inline]
unsafe fn scale<const TILES: usize, const EXPAND: bool>(
    job: &mut Job<'_, '_>,
    plan: &Plan,
    marks: &Marks,
    buffers: *mut Buffers,
    item: &Item,
    part: usize,
) {
    // Halves of two tiles, or quarters of one.
    let parts = PARTS / TILES;
    let (tile, part) = (part / parts, part % parts);
    let (first, end) = (plan.height * part / parts, plan.height * (part + 1) / parts);
    macro_rules! pick {
        ($($lines:literal)*) => {
            match end - first {
                // SAFETY: the lines are the tile's, and the caller promises the rest.
                $($lines => unsafe {
                    scale_lines::<$lines, EXPAND>(job, plan, marks, buffers, item, tile, first)
                },)*
                _ => (),
            }
        };
    }
    pick!(1 2 3 4 5 6 7 8);
}

/// Scales `LINES` lines of a tile, from line `first` on.
///
/// # Safety
/// As for [`scale`].
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn scale_lines<const LINES: usize, const EXPAND: bool>(
    job: &mut Job<'_, '_>,
    plan: &Plan,
    marks: &Marks,
    buffers: *mut Buffers,
    item: &Item,
    tile: usize,
    first: usize,
) {
    let shape = job.w.shape();
    let groups = shape.groups();
    let panels = 2.min(job.panels.end - item.panel);
    let weight_scales = &job.w.scales(item.panel..item.panel + panels)[item.first_group * PANEL..];
    let at = (item.block * groups + item.first_group) * BLOCK + tile * 16 + first;
    let row_scales = marks.scales[at..].as_ptr();
    let row_offsets = marks.offsets[at..].as_ptr();
    // SAFETY: sums and totals are the item's, in their buffers; scales and offsets are read at the item's groups and
    // rows, which are in the matrix and in the marks; the results are written through slices of `out`.
    unsafe {
        let totals = (&raw mut (*buffers).totals[item.pair][item.block][tile][first]).cast::<f32>();
        let mut total = [[_mm512_setzero_ps(); 2]; LINES];
        if item.first_group > 0 {
            for i in 0..LINES {
                for p in 0..2 {
                    total[i][p] = _mm512_load_ps(totals.add((i * 2 + p) * PANEL));
                }
            }
        }
        let mut sums =
            (&raw const (*buffers).sums[item.turn][0][tile][0][first * 16]).cast::<i32>();
        let scales = weight_scales.as_ptr();
        let second = (panels - 1) * groups * PANEL;
        for g in 0..item.groups {
            let scale = [
                _mm512_cvtph_ps(_mm256_loadu_si256(scales.add(g * PANEL).cast())),
                _mm512_cvtph_ps(_mm256_loadu_si256(scales.add(second + g * PANEL).cast())),
            ];
            // Exact: a half has 11 bits.
            let minus = _mm512_set1_ps(-STARTED);
            let started = [
                _mm512_mul_ps(scale[0], minus),
                _mm512_mul_ps(scale[1], minus),
            ];
            for i in 0..LINES {
                let row_scale = _mm512_set1_ps(*row_scales.add(g * BLOCK + i));
                for p in 0..2 {
                    let mut dot = _mm512_load_si512(sums.add(p * 256 + i * 16).cast());
                    if !EXPAND {
                        let offset = _mm512_set1_epi32(*row_offsets.add(g * BLOCK + i));
                        dot = _mm512_sub_epi32(dot, offset);
                    }
                    let dot = _mm512_fmadd_ps(_mm512_castsi512_ps(dot), scale[p], started[p]);
                    total[i][p] = _mm512_fmadd_ps(dot, row_scale, total[i][p]);
                }
            }
            sums = sums.add(1024);
        }
        if item.first_group + item.groups < groups {
            for i in 0..LINES {
                for p in 0..2 {
                    _mm512_store_ps(totals.add((i * 2 + p) * PANEL), total[i][p]);
                }
            }
            return;
        }
        let row = plan.tile_row(item.block, tile) + first;
        for p in 0..panels {
            let column = (item.panel + p) * PANEL;
            let count = (shape.n - column).min(PANEL);
            let mask = ((1_u32 << count) - 1) as __mmask16;
            let bias = job.bias.map(|bias| bias[column..column + count].as_ptr());
            let bias = bias.map(|bias| _mm512_maskz_loadu_ps(mask, bias));
            let at = column - job.panels.start * PANEL;
            for i in 0..LINES {
                let v = bias.map_or(total[i][p], |bias| _mm512_add_ps(total[i][p], bias));
                let out = &mut job.out.row(row + i)[at..at + count];
                _mm512_mask_storeu_ps(out.as_mut_ptr(), mask, v);
            }
        }
    }
}
