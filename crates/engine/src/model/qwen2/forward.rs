//! The forward pass.

use std::cell::RefCell;
use std::sync::Arc;

use kernels::{KV_TOKENS, Kernels, KvBlock, KvShape, MatMut, QRows};

use super::gated::Gated;
use super::matrix::{ROWS_A_TASK, by_rows};
use super::rope::Angles;
use super::{Layer, Qwen2};
use crate::kv_cache::Page;
use crate::pool::Team;

/// One sequence's part of a step.
pub(crate) struct Part<'a> {
    /// The new tokens.
    pub(crate) tokens: &'a [u32],
    /// Where the first of them stands in its sequence.
    pub(crate) position: usize,
    /// The pages of the whole sequence; those of the new tokens are held by nobody else.
    pub(crate) pages: &'a mut [Arc<Page>],
    /// Which logits are wanted.
    pub(crate) logits: Logits,
}

/// Which tokens of a part lead to logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logits {
    None,
    Last,
    All,
}

/// The matrices between the layers, kept from one step to the next.
#[derive(Default)]
pub(crate) struct Work {
    hidden: Vec<f32>,
    normed: Vec<f32>,
    qkv: Vec<f32>,
    context: Vec<f32>,
    /// Where [`Gated`] does without it, of few rows alone.
    gate_up: Vec<f32>,
    /// Of float models alone.
    inner: Vec<f32>,
    outer: Vec<f32>,
    angles: Angles,
    bytes: QRows,
    /// Of `down`, where `bytes` are still needed.
    gated: QRows,
}

thread_local! {
    static SCRATCH: RefCell<Vec<f32>> = RefCell::default();
}

/// Rows of a task of attention.
const ATTENTION_ROWS: usize = 16;

/// Tokens of context from which on attention of a single row is worth sharing among threads.
const LONG: usize = 48;

/// Who computes, and with what.
#[derive(Clone, Copy)]
struct Hands<'a> {
    kernels: Kernels,
    team: Team<'a>,
}

/// A sequence's rows among those of the step.
#[derive(Clone, Copy)]
struct Rows {
    /// Its first row.
    first: usize,
    count: usize,
    /// The position of the first row.
    position: usize,
}

impl Qwen2 {
    /// Reads the new tokens of every part into its pages. The logits after the tokens that ask for them,
    /// `[those tokens, vocab_size]`.
    ///
    /// # Panics
    /// If a token is not in the vocabulary, a part is empty, or its pages do not suffice or are shared.
    pub(crate) fn forward(
        &self,
        kernels: Kernels,
        team: Team<'_>,
        parts: &mut [Part<'_>],
        work: &mut Work,
    ) -> Vec<f32> {
        self.forward_marked(kernels, team, parts, work, &mut || ())
    }

    /// [`Qwen2::forward`], with `begins` called as each layer begins, and the head.
    pub(crate) fn forward_marked(
        &self,
        kernels: Kernels,
        team: Team<'_>,
        parts: &mut [Part<'_>],
        work: &mut Work,
        begins: &mut dyn FnMut(),
    ) -> Vec<f32> {
        let hands = Hands { kernels, team };
        let h = self.config.hidden_size;
        let eps = self.config.rms_norm_eps;
        let mut rows = rows_of(parts);
        let mut count: usize = parts.iter().map(|part| part.tokens.len()).sum();
        self.embed(hands, parts, &mut work.hidden);
        let positions = rows.iter().flat_map(|r| r.position..r.position + r.count);
        work.angles.set(&self.rotation, positions);

        resize(&mut work.normed, count * h);
        resize(&mut work.outer, count * h);
        let first = &self.layers[0].attention_norm;
        hands.norm(&mut work.hidden, &[], first, eps, &mut work.normed);
        for (l, layer) in self.layers.iter().enumerate() {
            begins();
            resize(&mut work.qkv, count * self.config.qkv_size());
            layer.qkv.apply(
                kernels,
                team,
                &work.normed,
                h,
                &mut work.bytes,
                &mut work.qkv,
            );
            self.store(hands, l, parts, &rows, work);
            if l + 1 == self.layers.len() {
                // Behind the last keys and values only the rows that lead to logits matter.
                keep_wanted_rows(parts, &mut rows, work, h, self.config.qkv_size());
                count = rows.iter().map(|rows| rows.count).sum();
                let positions = rows.iter().flat_map(|r| r.position..r.position + r.count);
                work.angles.set(&self.rotation, positions);
                if count == 0 {
                    return Vec::new();
                }
            }
            self.attend(hands, l, parts, &rows, work);
            let heads = self.config.num_attention_heads * self.config.head_dim;
            layer.output.apply(
                kernels,
                team,
                &work.context,
                heads,
                &mut work.bytes,
                &mut work.outer,
            );
            let next = (self.layers.get(l + 1)).map_or(&self.norm, |next| &next.attention_norm);
            let norm = &layer.mlp_norm;
            hands.norm(&mut work.hidden, &work.outer, norm, eps, &mut work.normed);
            self.feed_forward(hands, layer, count, work);
            hands.norm(&mut work.hidden, &work.outer, next, eps, &mut work.normed);
        }
        begins();
        let mut logits = vec![0.0; count * self.config.vocab_size];
        let head = self.head.as_ref().unwrap_or(&self.embeddings);
        head.apply(kernels, team, &work.normed, h, &mut work.bytes, &mut logits);
        logits
    }

    /// `hidden` becomes the embeddings of all new tokens.
    fn embed(&self, hands: Hands<'_>, parts: &[Part<'_>], hidden: &mut Vec<f32>) {
        let h = self.config.hidden_size;
        let ids: Vec<u32> = parts.iter().flat_map(|part| part.tokens).copied().collect();
        resize(hidden, ids.len() * h);
        by_rows(hands.team, hidden, h, |first, rows| {
            for (row, id) in rows.chunks_exact_mut(h).zip(&ids[first..]) {
                self.embeddings.row(*id as usize, row);
            }
        });
    }

    /// Puts the keys and values of the new tokens into their pages.
    fn store(
        &self,
        hands: Hands<'_>,
        layer: usize,
        parts: &mut [Part<'_>],
        rows: &[Rows],
        work: &Work,
    ) {
        let shape = self.kv_shape();
        let (qkv, angles) = (&work.qkv, &work.angles);
        let mut tasks = Vec::new();
        for (part, rows) in parts.iter_mut().zip(rows) {
            let mut done = 0;
            for page in &mut part.pages[rows.position / KV_TOKENS..] {
                if done == rows.count {
                    break;
                }
                let at = (rows.position + done) % KV_TOKENS;
                let count = (KV_TOKENS - at).min(rows.count - done);
                let page = Arc::get_mut(page).expect("pages of new tokens are held by nobody else");
                for (head, block) in page.layer_mut(layer).into_iter().enumerate() {
                    tasks.push((rows.first + done, count, at, head, block));
                }
                done += count;
            }
        }
        let few = rows.iter().map(|rows| rows.count).sum::<usize>() < ROWS_A_TASK;
        let team = if few { Team::Alone } else { hands.team };
        team.for_each(tasks, |(first, count, at, head, block)| {
            let qkv = &qkv[first * shape.row()..(first + count) * shape.row()];
            let rope = angles.of(first, count);
            (hands.kernels).store_kv(qkv, shape, head, rope, at, block);
        });
    }

    /// Attention of each row over its sequence: `context` becomes `[rows, heads · head_dim]`.
    fn attend(
        &self,
        hands: Hands<'_>,
        layer: usize,
        parts: &[Part<'_>],
        rows: &[Rows],
        work: &mut Work,
    ) {
        let shape = self.kv_shape();
        let group = shape.group();
        let (qkv, angles) = (&work.qkv, &work.angles);
        resize(
            &mut work.context,
            qkv.len() / shape.row() * shape.heads * shape.width,
        );
        let mut rest = MatMut::new(&mut work.context, shape.heads * shape.width);
        let mut tasks = Vec::new();
        let mut short = true;
        for (part, rows) in parts.iter().zip(rows) {
            let (mut mine, others) = rest.split_rows(rows.count);
            rest = others;
            short &= rows.count * (rows.position + rows.count) < LONG;
            for at in (0..rows.count).step_by(ATTENTION_ROWS) {
                let count = ATTENTION_ROWS.min(rows.count - at);
                let (mut block, others) = mine.split_rows(count);
                mine = others;
                for head in 0..shape.kv_heads {
                    let (columns, others) = block.split_cols(group * shape.width);
                    block = others;
                    let end = rows.position + at + count;
                    let pages = &part.pages[..end.div_ceil(KV_TOKENS)];
                    tasks.push((rows.first + at, rows.position + at, head, pages, columns));
                }
            }
        }
        let team = if short { Team::Alone } else { hands.team };
        team.for_each(tasks, |(first, position, head, pages, mut out)| {
            let blocks: Vec<KvBlock<'_>> =
                pages.iter().map(|page| page.block(layer, head)).collect();
            let count = out.rows();
            let qkv = &qkv[first * shape.row()..(first + count) * shape.row()];
            let mut scratch = SCRATCH.take();
            hands.kernels.attend(
                qkv,
                shape,
                head,
                0..group,
                angles.of(first, count),
                position,
                &blocks,
                &mut scratch,
                &mut out,
            );
            SCRATCH.set(scratch);
        });
    }

    /// `outer = down(silu(gate(normed)) · up(normed))`.
    fn feed_forward(&self, hands: Hands<'_>, layer: &Layer, rows: usize, work: &mut Work) {
        let (h, width) = (self.config.hidden_size, self.config.intermediate_size);
        let Hands { kernels, team } = hands;
        let matrices = [&layer.gate_up, &layer.down];
        if let Some(gated) = Gated::of(kernels, team, matrices, rows) {
            let bytes = [&mut work.bytes, &mut work.gated];
            gated.apply(&work.normed, bytes, &mut work.outer);
            return;
        }
        resize(&mut work.gate_up, rows * 2 * width);
        layer.gate_up.apply(
            kernels,
            team,
            &work.normed,
            h,
            &mut work.bytes,
            &mut work.gate_up,
        );
        let gate_up = &work.gate_up;
        layer.down.apply_made(
            kernels,
            team,
            |first, rows| {
                let gate_up = &gate_up[first * 2 * width..][..2 * rows.len()];
                kernels.silu_mul(gate_up, width, rows);
            },
            (width, &mut work.inner),
            &mut work.bytes,
            &mut work.outer,
        );
    }

    fn kv_shape(&self) -> KvShape {
        KvShape {
            heads: self.config.num_attention_heads,
            kv_heads: self.config.num_key_value_heads,
            width: self.config.head_dim,
        }
    }
}

impl Hands<'_> {
    /// `x += residual`, then `out = norm(x)`.
    fn norm(self, x: &mut [f32], residual: &[f32], gamma: &[f32], eps: f32, out: &mut [f32]) {
        let h = gamma.len();
        let mut tasks = Vec::new();
        let (mut x, mut out) = (x, out);
        for range in self.team.split(out.len() / h, ROWS_A_TASK) {
            let (here, others) = std::mem::take(&mut x).split_at_mut(range.len() * h);
            let (to, more) = std::mem::take(&mut out).split_at_mut(range.len() * h);
            (x, out) = (others, more);
            let residual = match residual.is_empty() {
                true => residual,
                false => &residual[range.start * h..range.end * h],
            };
            tasks.push((here, residual, to));
        }
        self.team.for_each(tasks, |(x, residual, out)| {
            self.kernels.rms_norm(x, residual, gamma, eps, out);
        });
    }
}

/// Where each part's rows lie.
fn rows_of(parts: &[Part<'_>]) -> Vec<Rows> {
    let mut first = 0;
    parts
        .iter()
        .map(|part| {
            assert!(!part.tokens.is_empty(), "a part has tokens");
            let rows = Rows {
                first,
                count: part.tokens.len(),
                position: part.position,
            };
            first += rows.count;
            rows
        })
        .collect()
}

/// Moves the rows that lead to logits to the front, and forgets the others.
fn keep_wanted_rows(
    parts: &[Part<'_>],
    rows: &mut [Rows],
    work: &mut Work,
    hidden: usize,
    qkv: usize,
) {
    let mut kept = 0;
    for (part, rows) in parts.iter().zip(rows.iter_mut()) {
        let count = match part.logits {
            Logits::None => 0,
            Logits::Last => 1,
            Logits::All => rows.count,
        };
        let skipped = rows.count - count;
        let from = rows.first + skipped;
        for (matrix, width) in [(&mut work.hidden, hidden), (&mut work.qkv, qkv)] {
            matrix.copy_within(from * width..(from + count) * width, kept * width);
        }
        *rows = Rows {
            first: kept,
            count,
            position: rows.position + skipped,
        };
        kept += count;
    }
    work.hidden.truncate(kept * hidden);
    work.qkv.truncate(kept * qkv);
    work.normed.truncate(kept * hidden);
    work.outer.truncate(kept * hidden);
}

/// Makes `matrix` that long; its content does not matter.
fn resize(matrix: &mut Vec<f32>, length: usize) {
    matrix.resize(length, 0.0);
}
