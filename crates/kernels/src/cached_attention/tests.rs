use super::*;
use crate::testing::{Random, every_kernel};
use crate::{Kernels, MatMut};

/// The types of a cache.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    F32,
    F16,
    I8,
}

/// One head's blocks.
struct Cache {
    kind: Kind,
    shape: KvShape,
    floats: Vec<(Vec<f32>, Vec<f32>)>,
    halves: Vec<(Vec<u16>, Vec<u16>)>,
    bytes: Vec<(Vec<i8>, Vec<i8>, Vec<f32>)>,
}

impl Cache {
    /// Room for `tokens`, full of old numbers.
    fn new(kind: Kind, shape: KvShape, tokens: usize) -> Cache {
        let (k, v, n) = (shape.keys(), shape.values(), tokens.div_ceil(KV_TOKENS));
        Cache {
            kind,
            shape,
            floats: vec![(vec![1e3; k], vec![1e3; v]); n],
            halves: vec![(vec![0x7bff; k], vec![0x7bff; v]); n],
            bytes: vec![(vec![127; k], vec![127; v], vec![1e3; 2 * KV_TOKENS]); n],
        }
    }

    fn blocks(&self) -> Vec<KvBlock<'_>> {
        match self.kind {
            Kind::F32 => self
                .floats
                .iter()
                .map(|(keys, values)| KvBlock::F32 { keys, values })
                .collect(),
            Kind::F16 => self
                .halves
                .iter()
                .map(|(keys, values)| KvBlock::F16 { keys, values })
                .collect(),
            Kind::I8 => self
                .bytes
                .iter()
                .map(|(keys, values, scales)| KvBlock::I8 {
                    keys,
                    values,
                    scales,
                })
                .collect(),
        }
    }

    fn block_mut(&mut self, at: usize) -> KvBlockMut<'_> {
        match self.kind {
            Kind::F32 => {
                let (keys, values) = &mut self.floats[at];
                KvBlockMut::F32 { keys, values }
            }
            Kind::F16 => {
                let (keys, values) = &mut self.halves[at];
                KvBlockMut::F16 { keys, values }
            }
            Kind::I8 => {
                let (keys, values, scales) = &mut self.bytes[at];
                KvBlockMut::I8 {
                    keys,
                    values,
                    scales,
                }
            }
        }
    }

    /// Stores the rows, a few at a time as `step` says, for `head`.
    fn fill(&mut self, kernels: Kernels, qkv: &[f32], angles: &Angles, head: usize, step: usize) {
        let (row, half) = (self.shape.row(), self.shape.width / 2);
        let (shape, tokens) = (self.shape, qkv.len() / self.shape.row());
        let mut at = 0;
        while at < tokens {
            let n = step.min(KV_TOKENS - at % KV_TOKENS).min(tokens - at);
            let rope = angles.rope(at..at + n, half);
            kernels.store_kv(
                &qkv[at * row..(at + n) * row],
                shape,
                head,
                rope,
                at % KV_TOKENS,
                self.block_mut(at / KV_TOKENS),
            );
            at += n;
        }
    }
}

struct Angles {
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Angles {
    fn new(tokens: usize, half: usize) -> Angles {
        let angle = |i: usize| (i / half) as f32 * 0.7_f32.powi((i % half) as i32);
        Angles {
            cos: (0..tokens * half).map(|i| angle(i).cos()).collect(),
            sin: (0..tokens * half).map(|i| angle(i).sin()).collect(),
        }
    }

    fn rope(&self, rows: std::ops::Range<usize>, half: usize) -> Rope<'_> {
        Rope {
            cos: &self.cos[rows.start * half..rows.end * half],
            sin: &self.sin[rows.start * half..rows.end * half],
        }
    }
}

const SHAPES: [KvShape; 4] = [
    KvShape {
        heads: 6,
        kv_heads: 2,
        width: 16,
    },
    KvShape {
        heads: 7,
        kv_heads: 1,
        width: 64,
    },
    KvShape {
        heads: 2,
        kv_heads: 2,
        width: 6,
    },
    KvShape {
        heads: 12,
        kv_heads: 2,
        width: 128,
    },
];

fn rows(shape: KvShape, tokens: usize) -> Vec<f32> {
    let mut qkv = Random::new(tokens as u64).floats(tokens * shape.row());
    qkv.iter_mut().for_each(|v| *v *= 2.0);
    qkv
}

/// What `attend` is to give for the row `token`, in double precision.
fn want(
    qkv: &[f32],
    shape: KvShape,
    angles: &Angles,
    cache: &Cache,
    kv: usize,
    token: usize,
) -> Vec<f64> {
    let (width, half) = (shape.width, shape.width / 2);
    let mut all = Vec::new();
    for head in kv * shape.group()..(kv + 1) * shape.group() {
        let q = &qkv[token * shape.row() + head * width..][..width];
        let turned: Vec<f64> = (0..width)
            .map(|i| {
                let (c, s) = (
                    angles.cos[token * half + i % half],
                    angles.sin[token * half + i % half],
                );
                let other = if i < half { -q[i + half] } else { q[i - half] };
                f64::from(q[i]) * f64::from(c) + f64::from(other) * f64::from(s)
            })
            .collect();
        let mut mixed = vec![0.0; width];
        let mut sum = 0.0;
        for other in 0..=token {
            let (k, v) = store::read(cache.blocks()[other / KV_TOKENS], other % KV_TOKENS, width);
            let dot: f64 = turned.iter().zip(&k).map(|(q, k)| q * f64::from(*k)).sum();
            let e = (dot / (width as f64).sqrt()).exp();
            sum += e;
            mixed
                .iter_mut()
                .zip(v)
                .for_each(|(m, v)| *m += e * f64::from(v));
        }
        all.extend(mixed.iter().map(|m| m / sum));
    }
    all
}

#[test]
fn agrees_with_its_definition_for_every_type_and_shape() {
    for (kernels, tokens) in every_kernel([1, 2, 31, 32, 33, 70]) {
        for shape in SHAPES {
            let qkv = rows(shape, tokens);
            let angles = Angles::new(tokens, shape.width / 2);
            for kind in [Kind::F32, Kind::F16, Kind::I8] {
                for kv in 0..shape.kv_heads {
                    let mut cache = Cache::new(kind, shape, tokens);
                    cache.fill(kernels, &qkv, &angles, kv, 7);
                    let out = attend(
                        kernels,
                        &qkv,
                        shape,
                        &angles,
                        &cache,
                        kv,
                        0..tokens,
                        0..shape.group(),
                    );
                    for token in [0, tokens / 2, tokens - 1] {
                        let want = want(&qkv, shape, &angles, &cache, kv, token);
                        let got = &out[token * want.len()..][..want.len()];
                        for (got, want) in got.iter().zip(&want) {
                            assert!(
                                (f64::from(*got) - want).abs() < 1e-5,
                                "{kernels:?} {kind:?} {shape:?} {token}: {got} {want}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[allow(clippy::too_many_arguments)] // As the function under test.
fn attend(
    kernels: Kernels,
    qkv: &[f32],
    shape: KvShape,
    angles: &Angles,
    cache: &Cache,
    kv: usize,
    tokens: std::ops::Range<usize>,
    heads: std::ops::Range<usize>,
) -> Vec<f32> {
    let mut out = vec![0.0; tokens.len() * heads.len() * shape.width];
    let columns = heads.len() * shape.width;
    kernels.attend(
        &qkv[tokens.start * shape.row()..tokens.end * shape.row()],
        shape,
        kv,
        heads,
        angles.rope(tokens.clone(), shape.width / 2),
        tokens.start,
        &cache.blocks()[..tokens.end.div_ceil(KV_TOKENS)],
        &mut vec![f32::NAN; 3],
        &mut MatMut::new(&mut out, columns),
    );
    out
}

#[test]
fn a_query_gives_the_same_bits_alone_in_a_chunk_and_on_every_machine() {
    for shape in SHAPES {
        let tokens = 75;
        let qkv = rows(shape, tokens);
        let angles = Angles::new(tokens, shape.width / 2);
        for kind in [Kind::F32, Kind::F16, Kind::I8] {
            let mut first: Option<Vec<f32>> = None;
            for (kernels, step) in every_kernel([1, 5, 32]) {
                let mut cache = Cache::new(kind, shape, tokens);
                cache.fill(kernels, &qkv, &angles, 0, step);
                let group = shape.group();
                let all = attend(
                    kernels,
                    &qkv,
                    shape,
                    &angles,
                    &cache,
                    0,
                    0..tokens,
                    0..group,
                );
                let mut parts = Vec::new();
                for from in (0..tokens).step_by(step) {
                    let part = from..(from + step).min(tokens);
                    parts.extend(attend(
                        kernels,
                        &qkv,
                        shape,
                        &angles,
                        &cache,
                        0,
                        part,
                        0..group,
                    ));
                }
                assert_eq!(all, parts, "{kernels:?} {kind:?} {shape:?} {step}");
                let last = attend(
                    kernels,
                    &qkv,
                    shape,
                    &angles,
                    &cache,
                    0,
                    0..tokens,
                    group - 1..group,
                );
                for token in 0..tokens {
                    let row = &all[token * group * shape.width..][(group - 1) * shape.width..];
                    assert_eq!(
                        last[token * shape.width..][..shape.width],
                        row[..shape.width]
                    );
                }
                let first = first.get_or_insert_with(|| all.clone());
                assert_eq!(*first, all, "{kernels:?} {kind:?} {shape:?}");
            }
        }
    }
}

#[test]
fn what_is_not_finite_stays_out_of_the_cache() {
    let shape = SHAPES[0];
    let mut qkv = rows(shape, 3);
    let value = (shape.heads + shape.kv_heads) * shape.width;
    for (row, bad) in [f32::NAN, f32::INFINITY, -1e38].into_iter().enumerate() {
        qkv[row * shape.row() + value] = bad;
        qkv[row * shape.row() + shape.heads * shape.width] = bad;
    }
    let angles = Angles::new(3, shape.width / 2);
    for (kernels, _) in every_kernel([0]) {
        for kind in [Kind::F32, Kind::F16, Kind::I8] {
            let mut cache = Cache::new(kind, shape, 3);
            cache.fill(kernels, &qkv, &angles, 0, 3);
            for token in 0..3 {
                let (k, v) = store::read(cache.blocks()[0], token, shape.width);
                assert!(
                    k.iter().chain(&v).all(|v| v.is_finite()),
                    "{kind:?} {k:?} {v:?}"
                );
            }
        }
    }
}

/// 16 floats to f16 and back.
struct Both([f32; 16]);

impl crate::arch::Op for Both {
    type Out = ([u16; 16], [f32; 16]);

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Out {
        let (mut halves, mut floats) = ([0; 16], [0.0; 16]);
        for i in (0..16).step_by(S::LANES) {
            s.store_halves(s.load(&self.0[i..]), &mut halves[i..]);
            s.store(s.load_halves(&halves[i..]), &mut floats[i..]);
        }
        (halves, floats)
    }
}

#[test]
fn every_machine_rounds_to_the_same_half() {
    use crate::{f16_to_f32, f32_to_f16};
    let mut x = Vec::new();
    for half in (0..0x7c00_u16).step_by(3) {
        let (low, high) = (f16_to_f32(half), f16_to_f32(half + 1));
        if high.is_finite() {
            let middle = low + (high - low) / 2.0;
            x.extend([low, middle, middle.next_up(), middle.next_down(), -middle]);
        }
    }
    x.extend([65504.0, 65519.9, 65520.0, 1e9, 1e-9, f32::MIN_POSITIVE, 0.0]);
    for (kernels, _) in every_kernel([0]) {
        for part in x.chunks_exact(16) {
            let part: [f32; 16] = part.try_into().expect("sixteen");
            let (halves, floats) = kernels.run(Both(part));
            assert_eq!(halves, part.map(f32_to_f16), "{kernels:?} {part:?}");
            assert_eq!(floats, halves.map(f16_to_f32));
        }
    }
}
