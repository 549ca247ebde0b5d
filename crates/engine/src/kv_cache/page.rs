//! Keys and values of a few tokens, all layers and heads.

use std::fmt;
use std::str::FromStr;

use kernels::{KV_TOKENS, KvBlock, KvBlockMut, KvShape};

/// What keys and values are stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum KvKind {
    /// Half precision: 2 bytes a number.
    #[default]
    F16,
    /// Bytes with a scale for each token and head: a little more than 1 byte a number.
    U8,
    /// As computed: 4 bytes a number.
    F32,
}

impl KvKind {
    /// Every kind.
    pub const ALL: [KvKind; 3] = [KvKind::F16, KvKind::U8, KvKind::F32];

    /// The word that options use for it.
    pub fn word(self) -> &'static str {
        match self {
            KvKind::F16 => "f16",
            KvKind::U8 => "u8",
            KvKind::F32 => "f32",
        }
    }
}

impl fmt::Display for KvKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for KvKind {
    type Err = String;

    fn from_str(word: &str) -> Result<KvKind, String> {
        KvKind::ALL
            .into_iter()
            .find(|kind| kind.word() == word)
            .ok_or_else(|| format!("unknown type {word:?} of the KV cache; use f16, u8 or f32"))
    }
}

/// What a page has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageShape {
    /// Layers of the network.
    pub layers: usize,
    /// Heads of a layer.
    pub heads: KvShape,
    /// The type of the numbers.
    pub kind: KvKind,
}

impl PageShape {
    /// Elements of one head in one layer, keys and values.
    fn block(self) -> usize {
        self.heads.keys() + self.heads.values()
    }

    fn blocks(self) -> usize {
        self.layers * self.heads.kv_heads
    }

    /// Bytes of a page.
    pub fn bytes(self) -> usize {
        let numbers = self.blocks() * self.block();
        match self.kind {
            KvKind::F32 => 4 * numbers,
            KvKind::F16 => 2 * numbers,
            KvKind::U8 => numbers + self.blocks() * SCALES * 4,
        }
    }

    /// Bytes for `tokens` tokens, in whole pages.
    pub fn bytes_for(self, tokens: usize) -> usize {
        tokens.div_ceil(KV_TOKENS).saturating_mul(self.bytes())
    }
}

/// Scales of a block of bytes: of the keys, then of the values.
const SCALES: usize = 2 * KV_TOKENS;

/// Keys and values of [`KV_TOKENS`] tokens, `[layers, kv_heads, keys | values]`.
///
/// Numbers of tokens that were never stored are those of an earlier use: finite, and never read.
pub(crate) struct Page {
    shape: PageShape,
    numbers: Numbers,
}

#[derive(Clone)]
enum Numbers {
    F32(Vec<f32>),
    F16(Vec<u16>),
    I8(Vec<i8>, Vec<f32>),
}

impl Page {
    /// A page of zeros.
    pub(super) fn new(shape: PageShape) -> Page {
        let count = shape.blocks() * shape.block();
        Page {
            shape,
            numbers: match shape.kind {
                KvKind::F32 => Numbers::F32(vec![0.0; count]),
                KvKind::F16 => Numbers::F16(vec![0; count]),
                KvKind::U8 => Numbers::I8(vec![0; count], vec![0.0; shape.blocks() * SCALES]),
            },
        }
    }

    /// Takes over what `other`, of the same shape, holds.
    pub(super) fn copy_from(&mut self, other: &Page) {
        match (&mut self.numbers, &other.numbers) {
            (Numbers::F32(to), Numbers::F32(from)) => to.copy_from_slice(from),
            (Numbers::F16(to), Numbers::F16(from)) => to.copy_from_slice(from),
            (Numbers::I8(to, to_scales), Numbers::I8(from, scales)) => {
                to.copy_from_slice(from);
                to_scales.copy_from_slice(scales);
            }
            _ => unreachable!("all pages of a cache have one shape"),
        }
    }

    /// Keys and values of one head of one layer.
    pub(crate) fn block(&self, layer: usize, head: usize) -> KvBlock<'_> {
        let at = layer * self.shape.heads.kv_heads + head;
        let (size, keys) = (self.shape.block(), self.shape.heads.keys());
        match &self.numbers {
            Numbers::F32(all) => {
                let (keys, values) = all[at * size..][..size].split_at(keys);
                KvBlock::F32 { keys, values }
            }
            Numbers::F16(all) => {
                let (keys, values) = all[at * size..][..size].split_at(keys);
                KvBlock::F16 { keys, values }
            }
            Numbers::I8(all, scales) => {
                let (keys, values) = all[at * size..][..size].split_at(keys);
                KvBlock::I8 {
                    keys,
                    values,
                    scales: &scales[at * SCALES..][..SCALES],
                }
            }
        }
    }

    /// Keys and values of every head of one layer, to write to.
    pub(crate) fn layer_mut(&mut self, layer: usize) -> Vec<KvBlockMut<'_>> {
        let heads = self.shape.heads.kv_heads;
        let (size, keys) = (self.shape.block(), self.shape.heads.keys());
        let part = layer * heads * size..(layer + 1) * heads * size;
        match &mut self.numbers {
            Numbers::F32(all) => all[part]
                .chunks_exact_mut(size)
                .map(|block| {
                    let (keys, values) = block.split_at_mut(keys);
                    KvBlockMut::F32 { keys, values }
                })
                .collect(),
            Numbers::F16(all) => all[part]
                .chunks_exact_mut(size)
                .map(|block| {
                    let (keys, values) = block.split_at_mut(keys);
                    KvBlockMut::F16 { keys, values }
                })
                .collect(),
            Numbers::I8(all, scales) => all[part]
                .chunks_exact_mut(size)
                .zip(scales[layer * heads * SCALES..].chunks_exact_mut(SCALES))
                .map(|(block, scales)| {
                    let (keys, values) = block.split_at_mut(keys);
                    KvBlockMut::I8 {
                        keys,
                        values,
                        scales,
                    }
                })
                .collect(),
        }
    }
}
