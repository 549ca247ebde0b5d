//! New tokens' keys and values into their block.

use super::{KV_TOKENS, KvBlockMut, KvShape, Rope, rotate};
use crate::arch::{Op, Simd};
use crate::rows::steps;
use crate::{Kernels, f32_to_f16};

impl Kernels {
    /// Puts the keys (turned by `rope`) and values that the rows `qkv` (`[tokens, shape.row()]`) have for `head`
    /// into `block`, the first as its token `first`. A value that is not finite, or too large for the block's
    /// type, becomes the largest that fits.
    ///
    /// # Panics
    /// If the sizes do not agree, or the tokens do not fit the block.
    pub fn store_kv(
        self,
        qkv: &[f32],
        shape: KvShape,
        head: usize,
        rope: Rope<'_>,
        first: usize,
        block: KvBlockMut<'_>,
    ) {
        let tokens = qkv.len() / shape.row();
        assert_eq!(qkv.len(), tokens * shape.row(), "rows");
        assert!(
            first + tokens <= KV_TOKENS,
            "{tokens} tokens from {first} on"
        );
        assert!(head < shape.kv_heads, "head {head} of {}", shape.kv_heads);
        assert_eq!(rope.cos.len(), tokens * shape.width / 2, "angles");
        assert_eq!(rope.sin.len(), rope.cos.len(), "angles");
        let sizes = match &block {
            KvBlockMut::F32 { keys, values } => (keys.len(), values.len()),
            KvBlockMut::F16 { keys, values } => (keys.len(), values.len()),
            KvBlockMut::I8 {
                keys,
                values,
                scales,
            } => {
                assert_eq!(scales.len(), 2 * KV_TOKENS, "scales");
                (keys.len(), values.len())
            }
        };
        assert_eq!(sizes, (shape.keys(), shape.values()), "block");
        self.run(StoreKv {
            qkv,
            shape,
            head,
            rope,
            first,
            block,
        });
    }
}

struct StoreKv<'a> {
    qkv: &'a [f32],
    shape: KvShape,
    head: usize,
    rope: Rope<'a>,
    first: usize,
    block: KvBlockMut<'a>,
}

impl Op for StoreKv<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let KvShape {
            heads,
            kv_heads,
            width,
        } = self.shape;
        let mut key = [0.0; 256];
        let mut long;
        let key = if width <= key.len() {
            &mut key[..width]
        } else {
            long = vec![0.0; width];
            &mut long[..]
        };
        for (i, row) in self.qkv.chunks_exact(self.shape.row()).enumerate() {
            let from = &row[(heads + self.head) * width..][..width];
            rotate(s, from, self.rope.row(i, width / 2), 1.0, key);
            let value = &row[(heads + kv_heads + self.head) * width..][..width];
            put(s, &mut self.block, self.first + i, key, value);
        }
    }
}

/// Puts one token into the block.
#[inline(always)]
fn put<S: Simd>(s: S, block: &mut KvBlockMut<'_>, token: usize, key: &[f32], value: &[f32]) {
    match block {
        KvBlockMut::F32 { keys, values } => {
            let columns = values.len() / KV_TOKENS;
            let finite = |v: f32| bounded(v, f32::MAX);
            for (line, v) in keys.chunks_exact_mut(KV_TOKENS).zip(key) {
                line[token] = finite(*v);
            }
            for (to, v) in values[token * columns..].iter_mut().zip(value) {
                *to = finite(*v);
            }
        }
        KvBlockMut::F16 { keys, values } => {
            let columns = values.len() / KV_TOKENS;
            const MOST: f32 = 65504.0;
            for (line, v) in keys.chunks_exact_mut(KV_TOKENS).zip(key) {
                line[token] = f32_to_f16(bounded(*v, MOST));
            }
            let to = &mut values[token * columns..][..value.len()];
            let (whole, rest) = steps(s, value.len());
            for i in whole {
                let v = s.min(s.load(&value[i..]), s.splat(MOST));
                s.store_halves(s.max(v, s.splat(-MOST)), &mut to[i..]);
            }
            for i in rest..value.len() {
                to[i] = f32_to_f16(bounded(value[i], MOST));
            }
        }
        KvBlockMut::I8 {
            keys,
            values,
            scales,
        } => {
            let columns = values.len() / KV_TOKENS;
            let (scale, inverse) = scale_of(key);
            scales[token] = scale;
            for (line, v) in keys.chunks_exact_mut(KV_TOKENS).zip(key) {
                line[token] = code(*v, inverse);
            }
            let (scale, inverse) = scale_of(value);
            scales[KV_TOKENS + token] = scale;
            for (to, v) in values[token * columns..].iter_mut().zip(value) {
                *to = code(*v, inverse);
            }
        }
    }
}

/// `v`, at most `most` in size, and never NaN.
#[inline(always)]
fn bounded(v: f32, most: f32) -> f32 {
    let v = if v < most { v } else { most };
    if v > -most { v } else { -most }
}

/// The step of bytes that hold `values`, and its inverse.
#[inline(always)]
fn scale_of(values: &[f32]) -> (f32, f32) {
    let largest = values.iter().fold(0.0_f32, |m, v| {
        let v = bounded(*v, 1e30).abs();
        if v > m { v } else { m }
    });
    if largest > 1e-30 {
        (largest / 127.0, 127.0 / largest)
    } else {
        (0.0, 0.0)
    }
}

/// `v` in steps, rounded to nearest.
#[inline(always)]
fn code(v: f32, inverse: f32) -> i8 {
    // 1.5 · 2^23 leaves no room for a fraction.
    const ROUNDER: f32 = 12_582_912.0;
    let steps = bounded(bounded(v, 1e30) * inverse, 127.0);
    ((steps + ROUNDER) - ROUNDER) as i8
}

/// A token's keys and values are read back in tests as the attention reads them.
#[cfg(test)]
pub(super) fn read(block: super::KvBlock<'_>, token: usize, width: usize) -> (Vec<f32>, Vec<f32>) {
    use super::KvBlock;
    let key = |at: usize| at * KV_TOKENS + token;
    let columns = width.next_multiple_of(super::PADDING);
    let value = |at: usize| token * columns + at;
    (0..width)
        .map(|at| match block {
            KvBlock::F32 { keys, values } => (keys[key(at)], values[value(at)]),
            KvBlock::F16 { keys, values } => (
                crate::f16_to_f32(keys[key(at)]),
                crate::f16_to_f32(values[value(at)]),
            ),
            KvBlock::I8 {
                keys,
                values,
                scales,
            } => (
                f32::from(keys[key(at)]) * scales[token],
                f32::from(values[value(at)]) * scales[KV_TOKENS + token],
            ),
        })
        .unzip()
}
