//! Attention of one text, in floats: softmax(q · kᵀ / √width) · v, head by head.

use std::ops::Range;

use crate::Kernels;
use crate::arch::{Op, Simd};
use crate::math::exp2;
use crate::matrix::MatMut;

/// How queries, keys and values lie in memory: in one row of a token `q | k | v`, each of
/// `heads · width` floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttentionShape {
    /// Heads.
    pub heads: usize,
    /// Floats of a head.
    pub width: usize,
}

impl AttentionShape {
    /// Floats of a token's queries, which is the width of the network.
    pub fn hidden(self) -> usize {
        self.heads * self.width
    }
}

impl Kernels {
    /// Every token's mix of all tokens' values, for the heads `heads` of one text.
    ///
    /// `qkv` is `[tokens, 3 · hidden]`, `out` `[tokens, heads.len() · width]`. `scratch` is kept from one
    /// call to the next to save the allocation.
    ///
    /// # Panics
    /// If the sizes do not agree.
    pub fn attention(
        self,
        qkv: &[f32],
        shape: AttentionShape,
        heads: Range<usize>,
        scratch: &mut Vec<f32>,
        out: &mut MatMut<'_>,
    ) {
        assert_eq!(qkv.len(), out.rows() * 3 * shape.hidden(), "tokens");
        assert!(
            heads.end <= shape.heads,
            "heads {heads:?} of {}",
            shape.heads
        );
        assert_eq!(
            out.cols(),
            heads.len() * shape.width,
            "columns of the result"
        );
        if out.rows() > 0 && shape.width > 0 {
            self.run(Attention {
                qkv,
                shape,
                heads,
                scratch,
                out,
            });
        }
    }
}

struct Attention<'a, 'b> {
    qkv: &'a [f32],
    shape: AttentionShape,
    heads: Range<usize>,
    scratch: &'a mut Vec<f32>,
    out: &'a mut MatMut<'b>,
}

/// One head's keys, values and room for scores, padded to whole pairs of registers.
struct Head<'a> {
    tokens: usize,
    width: usize,
    /// `tokens`, padded.
    keys: usize,
    /// `width`, padded.
    columns: usize,
    /// `[width, keys]`: transposed, so that a register holds many keys.
    k: &'a mut [f32],
    /// `[tokens, columns]`.
    v: &'a mut [f32],
    /// `[BLOCK, keys]`.
    scores: &'a mut [f32],
    /// `[BLOCK, columns]`.
    mixed: &'a mut [f32],
}

/// Query rows that are scored together at most.
const BLOCK: usize = 8;

impl Op for Attention<'_, '_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Attention {
            qkv,
            shape,
            heads,
            scratch,
            out,
        } = self;
        let (tokens, width, hidden) = (out.rows(), shape.width, shape.hidden());
        let (keys, columns) = (
            tokens.next_multiple_of(2 * S::LANES),
            width.next_multiple_of(2 * S::LANES),
        );
        let needed = width * keys + tokens * columns + BLOCK * (keys + columns);
        if scratch.len() < needed {
            scratch.resize(needed, 0.0);
        }
        let (k, rest) = scratch.split_at_mut(width * keys);
        let (v, rest) = rest.split_at_mut(tokens * columns);
        let (scores, rest) = rest.split_at_mut(BLOCK * keys);
        let mixed = &mut rest[..BLOCK * columns];
        let mut head = Head {
            tokens,
            width,
            keys,
            columns,
            k,
            v,
            scores,
            mixed,
        };
        for (index, at) in heads.enumerate() {
            head.fill(qkv, hidden, at * width);
            let mut row = 0;
            while row < tokens {
                let q = |i: usize| &qkv[(row + i) * 3 * hidden + at * width..][..width];
                let left = tokens - row;
                // Wider blocks need the 32 registers of AVX-512.
                let block = if S::LANES == 16 && left >= 8 {
                    head.mix::<S, 8>(s, std::array::from_fn(q));
                    8
                } else if left >= 4 {
                    head.mix::<S, 4>(s, std::array::from_fn(q));
                    4
                } else {
                    head.mix::<S, 1>(s, [q(0)]);
                    1
                };
                for i in 0..block {
                    let to = &mut out.row(row + i)[index * width..][..width];
                    to.copy_from_slice(&head.mixed[i * columns..][..width]);
                }
                row += block;
            }
        }
    }
}

impl Head<'_> {
    /// Takes the keys and values that begin at float `at` of their part of each token's row.
    #[inline(always)]
    fn fill(&mut self, qkv: &[f32], hidden: usize, at: usize) {
        for (token, row) in qkv.chunks_exact(3 * hidden).enumerate() {
            let key = &row[hidden + at..][..self.width];
            for (line, value) in self.k.chunks_exact_mut(self.keys).zip(key) {
                line[token] = *value;
            }
            let to = &mut self.v[token * self.columns..][..self.columns];
            to[..self.width].copy_from_slice(&row[2 * hidden + at..][..self.width]);
            to[self.width..].fill(0.0);
        }
        for line in self.k.chunks_exact_mut(self.keys) {
            line[self.tokens..].fill(0.0);
        }
    }

    /// The mixes of `N` query rows, into the first rows of `mixed`.
    #[inline(always)]
    fn mix<S: Simd, const N: usize>(&mut self, s: S, q: [&[f32]; N]) {
        self.score(s, q);
        let mut inverse = [0.0; N];
        for (i, inverse) in inverse.iter_mut().enumerate() {
            *inverse = 1.0 / self.softmax_without_division(s, i);
        }
        self.weigh(s, inverse);
    }

    /// `scores = q · kᵀ`; minus infinity behind the last token.
    #[inline(always)]
    fn score<S: Simd, const N: usize>(&mut self, s: S, q: [&[f32]; N]) {
        assert!(
            N <= BLOCK
                && self.scores.len() == BLOCK * self.keys
                && self.k.len() == self.width * self.keys
        );
        assert!(q.iter().all(|q| q.len() == self.width) && self.keys.is_multiple_of(2 * S::LANES));
        for key in (0..self.keys).step_by(2 * S::LANES) {
            let mut sums = [[s.splat(0.0); 2]; N];
            for i in 0..self.width {
                // SAFETY: `i < width` and `key + 2 * LANES <= keys`, so both registers lie in line `i` of
                // `k`; each `q` has `width` floats. Sizes are checked above.
                unsafe {
                    let at = self.k.as_ptr().add(i * self.keys + key);
                    let k = [s.load_at(at), s.load_at(at.add(S::LANES))];
                    for (sums, q) in sums.iter_mut().zip(q) {
                        let q = s.splat(*q.get_unchecked(i));
                        sums[0] = s.fma(q, k[0], sums[0]);
                        sums[1] = s.fma(q, k[1], sums[1]);
                    }
                }
            }
            for (i, sums) in sums.iter().enumerate() {
                let to = &mut self.scores[i * self.keys + key..][..2 * S::LANES];
                s.store(sums[0], to);
                s.store(sums[1], &mut to[S::LANES..]);
            }
        }
        for line in self.scores.chunks_exact_mut(self.keys).take(N) {
            line[self.tokens..].fill(f32::NEG_INFINITY);
        }
    }

    /// Replaces row `i` of the scores by `e^((score - max) / √width)`; the sum of them.
    #[inline(always)]
    fn softmax_without_division<S: Simd>(&mut self, s: S, i: usize) -> f32 {
        let row = &mut self.scores[i * self.keys..][..self.keys];
        let mut max = s.splat(f32::NEG_INFINITY);
        for part in row.chunks_exact(S::LANES) {
            max = s.max(max, s.load(part));
        }
        let scale = std::f32::consts::LOG2_E / (self.width as f32).sqrt();
        let (shift, scale) = (s.splat(-s.max_lane(max) * scale), s.splat(scale));
        let mut sum = s.splat(0.0);
        for part in row.chunks_exact_mut(S::LANES) {
            let e = exp2(s, s.fma(s.load(part), scale, shift));
            sum = s.add(sum, e);
            s.store(e, part);
        }
        s.sum_lanes(sum)
    }

    /// `mixed = inverse · scores · v`.
    #[inline(always)]
    fn weigh<S: Simd, const N: usize>(&mut self, s: S, inverse: [f32; N]) {
        assert!(N <= BLOCK && self.scores.len() == BLOCK * self.keys && self.tokens <= self.keys);
        assert!(
            self.v.len() == self.tokens * self.columns && self.columns.is_multiple_of(2 * S::LANES)
        );
        for column in (0..self.columns).step_by(2 * S::LANES) {
            let mut sums = [[s.splat(0.0); 2]; N];
            for token in 0..self.tokens {
                // SAFETY: `token < tokens <= keys` and `column + 2 * LANES <= columns`, so the registers
                // lie in row `token` of `v`, and the weights in rows `i < N <= BLOCK` of `scores`.
                unsafe {
                    let at = self.v.as_ptr().add(token * self.columns + column);
                    let v = [s.load_at(at), s.load_at(at.add(S::LANES))];
                    for (i, sums) in sums.iter_mut().enumerate() {
                        let weight = s.splat(*self.scores.get_unchecked(i * self.keys + token));
                        sums[0] = s.fma(weight, v[0], sums[0]);
                        sums[1] = s.fma(weight, v[1], sums[1]);
                    }
                }
            }
            for (i, (sums, inverse)) in sums.iter().zip(inverse).enumerate() {
                let to = &mut self.mixed[i * self.columns + column..][..2 * S::LANES];
                let inverse = s.splat(inverse);
                s.store(s.mul(sums[0], inverse), to);
                s.store(s.mul(sums[1], inverse), &mut to[S::LANES..]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, every_kernel};

    #[test]
    fn agrees_with_its_definition_at_every_length() {
        for (kernels, tokens) in every_kernel((1..36).chain([63, 64, 65, 130])) {
            for (heads, width) in [(2, 32), (3, 8), (1, 20), (2, 64)] {
                let shape = AttentionShape { heads, width };
                let hidden = shape.hidden();
                let qkv: Vec<f32> = Random::new(9)
                    .floats(tokens * 3 * hidden)
                    .iter()
                    .map(|v| v * 3.0)
                    .collect();
                let mut out = vec![0.0; tokens * hidden];
                kernels.attention(
                    &qkv,
                    shape,
                    0..heads,
                    &mut Vec::new(),
                    &mut MatMut::new(&mut out, hidden),
                );
                let at = |part: usize, token: usize, i: usize| {
                    f64::from(qkv[token * 3 * hidden + part * hidden + i])
                };
                for token in 0..tokens {
                    for head in 0..heads {
                        let dot = |other: usize| -> f64 {
                            (head * width..(head + 1) * width)
                                .map(|i| at(0, token, i) * at(1, other, i))
                                .sum()
                        };
                        let e: Vec<f64> = (0..tokens)
                            .map(|o| (dot(o) / (width as f64).sqrt()).exp())
                            .collect();
                        let sum: f64 = e.iter().sum();
                        for i in head * width..(head + 1) * width {
                            let want: f64 = (0..tokens).map(|o| e[o] / sum * at(2, o, i)).sum();
                            let got = f64::from(out[token * hidden + i]);
                            assert!(
                                (got - want).abs() < 2e-5,
                                "{kernels:?} {tokens} {width}: {got} {want}"
                            );
                        }
                    }
                }
                // One head alone, with old numbers in the scratch: the same bits.
                let mut alone = vec![0.0; tokens * width];
                let mut scratch = vec![f32::NAN; 50_000];
                let last = heads - 1;
                kernels.attention(
                    &qkv,
                    shape,
                    last..heads,
                    &mut scratch,
                    &mut MatMut::new(&mut alone, width),
                );
                for token in 0..tokens {
                    assert_eq!(
                        alone[token * width..][..width],
                        out[token * hidden + last * width..][..width]
                    );
                }
            }
        }
    }
}
