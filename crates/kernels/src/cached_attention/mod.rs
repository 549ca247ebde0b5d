//! Attention of new tokens over cached ones, as decoders do it: grouped queries, rotary positions, causal.
//!
//! Keys and values lie in blocks of [`KV_TOKENS`] tokens ([`KvBlock`]). A query reads its blocks in their
//! order and keeps a running maximum (Milakov and Gimelshein 2018, "Online normalizer calculation for
//! softmax"), so its result depends on the query and its keys alone, to the bit: not on what other
//! queries are worked on with it, nor on the machine.

mod attend;
mod store;

/// Tokens of a block: two AVX-512 registers of scores.
pub const KV_TOKENS: usize = 32;

/// Floats that a row of values is padded to.
const PADDING: usize = 32;

/// Heads of a decoder's attention. A token's row is `q | k | v`: `heads`, `kv_heads`, `kv_heads` times `width`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvShape {
    /// Heads of the queries, a multiple of `kv_heads`.
    pub heads: usize,
    /// Heads of keys and values.
    pub kv_heads: usize,
    /// Floats of a head; even.
    pub width: usize,
}

impl KvShape {
    /// Query heads that share a head of keys and values.
    pub fn group(self) -> usize {
        self.heads / self.kv_heads
    }

    /// Floats of a token's row.
    pub fn row(self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.width
    }

    /// Elements of a token's values in a block.
    pub fn columns(self) -> usize {
        self.width.next_multiple_of(PADDING)
    }

    /// Elements of a block's keys.
    pub fn keys(self) -> usize {
        self.width * KV_TOKENS
    }

    /// Elements of a block's values.
    pub fn values(self) -> usize {
        KV_TOKENS * self.columns()
    }
}

/// Keys and values of one head and [`KV_TOKENS`] tokens.
///
/// Keys are `[width, KV_TOKENS]`, so that a register holds many tokens; values `[KV_TOKENS, columns]`. What
/// lies beyond the tokens that were stored is finite, whatever it is.
#[derive(Debug, Clone, Copy)]
pub enum KvBlock<'a> {
    /// As computed.
    F32 {
        /// `[width, KV_TOKENS]`.
        keys: &'a [f32],
        /// `[KV_TOKENS, columns]`.
        values: &'a [f32],
    },
    /// Half precision.
    F16 {
        /// `[width, KV_TOKENS]`.
        keys: &'a [u16],
        /// `[KV_TOKENS, columns]`.
        values: &'a [u16],
    },
    /// Bytes with a scale for each token.
    I8 {
        /// `[width, KV_TOKENS]`.
        keys: &'a [i8],
        /// `[KV_TOKENS, columns]`.
        values: &'a [i8],
        /// Scales of the keys, then of the values, `[2, KV_TOKENS]`.
        scales: &'a [f32],
    },
}

/// A [`KvBlock`] to write to.
#[derive(Debug)]
pub enum KvBlockMut<'a> {
    /// As computed.
    F32 {
        /// `[width, KV_TOKENS]`.
        keys: &'a mut [f32],
        /// `[KV_TOKENS, columns]`.
        values: &'a mut [f32],
    },
    /// Half precision.
    F16 {
        /// `[width, KV_TOKENS]`.
        keys: &'a mut [u16],
        /// `[KV_TOKENS, columns]`.
        values: &'a mut [u16],
    },
    /// Bytes with a scale for each token.
    I8 {
        /// `[width, KV_TOKENS]`.
        keys: &'a mut [i8],
        /// `[KV_TOKENS, columns]`.
        values: &'a mut [i8],
        /// Scales of the keys, then of the values, `[2, KV_TOKENS]`.
        scales: &'a mut [f32],
    },
}

/// Rotary positions (Su et al. 2021) of some tokens: cosine and sine of each angle, `[tokens, width / 2]` each.
///
/// The halves of a head are turned against each other, as Hugging Face lays them out: `x[i]` with
/// `x[i + width / 2]`.
#[derive(Debug, Clone, Copy)]
pub struct Rope<'a> {
    /// Cosines.
    pub cos: &'a [f32],
    /// Sines.
    pub sin: &'a [f32],
}

impl<'a> Rope<'a> {
    /// The angles of the token `row`.
    #[inline(always)]
    fn row(self, row: usize, half: usize) -> (&'a [f32], &'a [f32]) {
        (
            &self.cos[row * half..][..half],
            &self.sin[row * half..][..half],
        )
    }
}

use crate::arch::Simd;
use crate::rows::{at, steps};

/// `out = scale · turned x`, the head `x` turned by the angles.
#[inline(always)]
fn rotate<S: Simd>(s: S, x: &[f32], (cos, sin): (&[f32], &[f32]), scale: f32, out: &mut [f32]) {
    let half = x.len() / 2;
    let (x, y) = x.split_at(half);
    let (left, right) = out.split_at_mut(half);
    let scale = s.splat(scale);
    let (whole, rest) = steps(s, half);
    // Written out twice: a closure that is not inlined would lose the instruction set.
    for i in whole {
        let (x, y, c, d) = (
            s.load(&x[i..]),
            s.load(&y[i..]),
            s.load(&cos[i..]),
            s.load(&sin[i..]),
        );
        let (a, b) = (
            s.sub(s.mul(x, c), s.mul(y, d)),
            s.add(s.mul(y, c), s.mul(x, d)),
        );
        s.store(s.mul(a, scale), &mut left[i..]);
        s.store(s.mul(b, scale), &mut right[i..]);
    }
    if rest < half {
        let (x, y, c, d) = (
            at(s, x, rest),
            at(s, y, rest),
            at(s, cos, rest),
            at(s, sin, rest),
        );
        let (a, b) = (
            s.sub(s.mul(x, c), s.mul(y, d)),
            s.add(s.mul(y, c), s.mul(x, d)),
        );
        s.store_some(s.mul(a, scale), &mut left[rest..]);
        s.store_some(s.mul(b, scale), &mut right[rest..]);
    }
}

#[cfg(test)]
mod tests;
