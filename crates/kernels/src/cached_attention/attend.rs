//! The mix of values that a query gets.

use std::ops::Range;

use super::{KV_TOKENS, KvBlock, KvShape, Rope, rotate};
use crate::arch::{Op, Simd};
use crate::decoder_rows::sum_wide;
use crate::math::exp2_fused;
use crate::{Kernels, MatMut};

/// Queries that are worked on together at most: 8 x 2 sums fit the 32 registers of AVX-512.
const TILE: usize = 8;

impl Kernels {
    /// For each row of `qkv` (`[tokens, shape.row()]`) and each query head `heads` of the group that reads the keys
    /// of `kv_head`: `softmax(q · kᵀ / √width) · v` over the row's position and all before it.
    ///
    /// The first row is the token at `position`, the others follow; `blocks` hold every token up to the last
    /// row's. `heads` counts within the group. `out` is `[tokens, heads.len() · width]`. `scratch` is kept from
    /// one call to the next to save the allocation.
    ///
    /// # Panics
    /// If the sizes do not agree.
    #[allow(clippy::too_many_arguments)] // Queries, where they are, what they read, where the result goes.
    pub fn attend(
        self,
        qkv: &[f32],
        shape: KvShape,
        kv_head: usize,
        heads: Range<usize>,
        rope: Rope<'_>,
        position: usize,
        blocks: &[KvBlock<'_>],
        scratch: &mut Vec<f32>,
        out: &mut MatMut<'_>,
    ) {
        let rows = out.rows();
        assert_eq!(qkv.len(), rows * shape.row(), "rows");
        assert!(kv_head < shape.kv_heads && heads.end <= shape.group());
        assert_eq!(out.cols(), heads.len() * shape.width, "columns");
        assert_eq!(rope.cos.len(), rows * shape.width / 2, "angles");
        assert_eq!(rope.sin.len(), rope.cos.len(), "angles");
        assert!(
            blocks.len() * KV_TOKENS >= position + rows,
            "blocks of {} tokens",
            position + rows
        );
        for block in blocks {
            let sizes = match block {
                KvBlock::F32 { keys, values } => (keys.len(), values.len()),
                KvBlock::F16 { keys, values } => (keys.len(), values.len()),
                KvBlock::I8 {
                    keys,
                    values,
                    scales,
                } => {
                    assert_eq!(scales.len(), 2 * KV_TOKENS, "scales");
                    (keys.len(), values.len())
                }
            };
            assert_eq!(sizes, (shape.keys(), shape.values()), "block");
        }
        self.run(Attend {
            qkv,
            shape,
            kv_head,
            heads,
            rope,
            position,
            blocks,
            scratch,
            out,
        });
    }
}

struct Attend<'a, 'b> {
    qkv: &'a [f32],
    shape: KvShape,
    kv_head: usize,
    heads: Range<usize>,
    rope: Rope<'a>,
    position: usize,
    blocks: &'a [KvBlock<'a>],
    scratch: &'a mut Vec<f32>,
    out: &'a mut MatMut<'b>,
}

impl Op for Attend<'_, '_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let (width, columns) = (self.shape.width, self.shape.columns());
        let needed = TILE * (width + columns) + width;
        if self.scratch.len() < needed {
            self.scratch.resize(needed, 0.0);
        }
        let mut room = std::mem::take(self.scratch);
        let queries = self.out.rows() * self.heads.len();
        let mut at = 0;
        while at < queries {
            let left = queries - at;
            // A query's numbers do not depend on its tile, so any cut is right.
            at += if S::LANES == 16 && left >= 8 {
                self.tile::<S, 8>(s, at, &mut room)
            } else if S::LANES == 16 && left >= 6 {
                self.tile::<S, 6>(s, at, &mut room)
            } else if left >= 4 {
                self.tile::<S, 4>(s, at, &mut room)
            } else if left >= 2 {
                self.tile::<S, 2>(s, at, &mut room)
            } else {
                self.tile::<S, 1>(s, at, &mut room)
            };
        }
        *self.scratch = room;
    }
}

/// `N` queries on their way over the blocks.
struct Tile<'a, const N: usize> {
    /// `[width]` of `N` queries side by side.
    q: &'a [f32],
    /// `[N, columns]`: what was mixed so far, weighted as if `max` were the largest score.
    mixed: &'a mut [f32],
    /// Each query's position.
    positions: [usize; N],
    max: [f32; N],
    sum: [f32; N],
}

impl Attend<'_, '_> {
    /// The results of `N` queries from the one `first` on; `N`. Queries are counted row by row, heads within.
    #[inline(always)]
    fn tile<S: Simd, const N: usize>(&mut self, s: S, first: usize, room: &mut [f32]) -> usize {
        let KvShape { heads, width, .. } = self.shape;
        let columns = self.shape.columns();
        let per_row = self.heads.len();
        let (q, rest) = room.split_at_mut(TILE * width);
        let (mixed, turned) = rest.split_at_mut(TILE * columns);
        let turned = &mut turned[..width];
        // Scores are exponents of two: one multiplication here saves one a key.
        let scale = std::f32::consts::LOG2_E / (width as f32).sqrt();
        for n in 0..N {
            let (row, head) = ((first + n) / per_row, (first + n) % per_row);
            let head = self.kv_head * (heads / self.shape.kv_heads) + self.heads.start + head;
            let from = &self.qkv[row * self.shape.row() + head * width..][..width];
            rotate(s, from, self.rope.row(row, width / 2), scale, turned);
            for (i, v) in turned.iter().enumerate() {
                q[i * N + n] = *v;
            }
        }
        let mixed = &mut mixed[..N * columns];
        mixed.fill(0.0);
        let mut tile = Tile::<N> {
            q: &q[..N * width],
            mixed,
            positions: std::array::from_fn(|n| self.position + (first + n) / per_row),
            max: [f32::NEG_INFINITY; N],
            sum: [0.0; N],
        };
        let last = tile.positions[N - 1];
        for (index, block) in self.blocks[..last / KV_TOKENS + 1].iter().enumerate() {
            let from = index * KV_TOKENS;
            match *block {
                KvBlock::F32 { keys, values } => tile.read(s, from, keys, values, None),
                KvBlock::F16 { keys, values } => tile.read(s, from, keys, values, None),
                KvBlock::I8 {
                    keys,
                    values,
                    scales,
                } => tile.read(s, from, keys, values, Some(scales)),
            }
        }
        for n in 0..N {
            let (row, head) = ((first + n) / per_row, (first + n) % per_row);
            let inverse = 1.0 / tile.sum[n];
            let to = &mut self.out.row(row)[head * width..][..width];
            for (to, v) in to.iter_mut().zip(&tile.mixed[n * columns..]) {
                *to = v * inverse;
            }
        }
        N
    }
}

impl<const N: usize> Tile<'_, N> {
    /// Takes in the block whose first token is `from`.
    #[inline(always)]
    fn read<S: Simd, T: Element>(
        &mut self,
        s: S,
        from: usize,
        keys: &[T],
        values: &[T],
        scales: Option<&[f32]>,
    ) {
        let mut weights = [[0.0_f32; KV_TOKENS]; N];
        self.score(s, keys, &mut weights);
        for (n, line) in weights.iter_mut().enumerate() {
            if let Some(scales) = scales {
                for i in (0..KV_TOKENS).step_by(S::LANES) {
                    let v = s.mul(s.load(&line[i..]), s.load(&scales[i..]));
                    s.store(v, &mut line[i..]);
                }
            }
            let visible = (self.positions[n] + 1).saturating_sub(from).min(KV_TOKENS);
            line[visible..].fill(f32::NEG_INFINITY);
            let mut max = s.splat(f32::NEG_INFINITY);
            for i in (0..KV_TOKENS).step_by(S::LANES) {
                max = s.max(max, s.load(&line[i..]));
            }
            let max = s.max_lane(max);
            if max > self.max[n] {
                let factor = exp2_of(s, self.max[n] - max);
                self.max[n] = max;
                self.sum[n] *= factor;
                let columns = self.mixed.len() / N;
                let factor = s.splat(factor);
                for part in self.mixed[n * columns..][..columns].chunks_exact_mut(S::LANES) {
                    s.store(s.mul(s.load(part), factor), part);
                }
            }
            let shift = s.splat(self.max[n]);
            for i in (0..KV_TOKENS).step_by(S::LANES) {
                let e = exp2_fused(s, s.sub(s.load(&line[i..]), shift));
                s.store(e, &mut line[i..]);
            }
            line[visible..].fill(0.0);
            let mut sums = [s.splat(0.0); KV_TOKENS / 4];
            for (i, sum) in sums.iter_mut().take(KV_TOKENS / S::LANES).enumerate() {
                *sum = s.load(&line[i * S::LANES..]);
            }
            self.sum[n] += sum_wide(s, &mut sums[..KV_TOKENS / S::LANES]);
            if let Some(scales) = scales {
                for i in (0..KV_TOKENS).step_by(S::LANES) {
                    let v = s.mul(s.load(&line[i..]), s.load(&scales[KV_TOKENS + i..]));
                    s.store(v, &mut line[i..]);
                }
            }
        }
        let tokens = (self.positions[N - 1] + 1 - from).min(KV_TOKENS);
        self.mix(s, tokens, values, &weights);
    }

    /// `scores = q · kᵀ`.
    #[inline(always)]
    fn score<S: Simd, T: Element>(&self, s: S, keys: &[T], scores: &mut [[f32; KV_TOKENS]; N]) {
        for at in (0..KV_TOKENS).step_by(2 * S::LANES) {
            let mut sums = [[s.splat(0.0); 2]; N];
            let lines = keys.as_chunks::<KV_TOKENS>().0;
            for (line, q) in lines.iter().zip(self.q.as_chunks::<N>().0) {
                let k = [T::load(s, &line[at..]), T::load(s, &line[at + S::LANES..])];
                for (sums, q) in sums.iter_mut().zip(q) {
                    let q = s.splat(*q);
                    sums[0] = s.fused(q, k[0], sums[0]);
                    sums[1] = s.fused(q, k[1], sums[1]);
                }
            }
            for (line, sums) in scores.iter_mut().zip(sums) {
                s.store(sums[0], &mut line[at..]);
                s.store(sums[1], &mut line[at + S::LANES..]);
            }
        }
    }

    /// `mixed += weights · v` over the first `tokens` of the block.
    #[inline(always)]
    fn mix<S: Simd, T: Element>(
        &mut self,
        s: S,
        tokens: usize,
        values: &[T],
        weights: &[[f32; KV_TOKENS]; N],
    ) {
        let columns = self.mixed.len() / N;
        for at in (0..columns).step_by(2 * S::LANES) {
            let mut sums = [[s.splat(0.0); 2]; N];
            for (n, sums) in sums.iter_mut().enumerate() {
                let from = &self.mixed[n * columns + at..][..2 * S::LANES];
                *sums = [s.load(from), s.load(&from[S::LANES..])];
            }
            for (token, line) in values.chunks_exact(columns).take(tokens).enumerate() {
                let line = &line[at..][..2 * S::LANES];
                let v = [T::load(s, line), T::load(s, &line[S::LANES..])];
                for (sums, weights) in sums.iter_mut().zip(weights) {
                    let weight = s.splat(weights[token % KV_TOKENS]);
                    sums[0] = s.fused(weight, v[0], sums[0]);
                    sums[1] = s.fused(weight, v[1], sums[1]);
                }
            }
            for (n, sums) in sums.iter().enumerate() {
                let to = &mut self.mixed[n * columns + at..][..2 * S::LANES];
                s.store(sums[0], to);
                s.store(sums[1], &mut to[S::LANES..]);
            }
        }
    }
}

/// `2^x` of one number.
#[inline(always)]
fn exp2_of<S: Simd>(s: S, x: f32) -> f32 {
    s.max_lane(exp2_fused(s, s.splat(x)))
}

/// What keys and values are stored as.
trait Element: Copy {
    fn load<S: Simd>(s: S, from: &[Self]) -> S::F;
}

impl Element for f32 {
    #[inline(always)]
    fn load<S: Simd>(s: S, from: &[f32]) -> S::F {
        s.load(from)
    }
}

/// The bits of an f16.
impl Element for u16 {
    #[inline(always)]
    fn load<S: Simd>(s: S, from: &[u16]) -> S::F {
        s.load_halves(from)
    }
}

impl Element for i8 {
    #[inline(always)]
    fn load<S: Simd>(s: S, from: &[i8]) -> S::F {
        s.load_signed_bytes(from)
    }
}
