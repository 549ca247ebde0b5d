//! Many texts at once: word pieces, then batches of whole texts, then vectors.

use std::ops::Range;
use std::sync::Mutex;

use super::chunks::{self, Chunk};
use super::{Embedding, Inner};
use crate::pool::Team;

/// Texts that are taken up together: enough to keep all threads busy, few enough to report progress.
pub(super) const WINDOW: usize = 256;

/// Tokens of a batch that one thread takes through the whole network. Large enough that the weights are
/// read from the cache once for many rows, small enough that the rows stay in the second-level cache.
const BATCH_TOKENS: usize = 128;

/// A chunk of a text on its way through the network.
struct Sequence {
    text: usize,
    chunk: Chunk,
}

/// The vectors of `texts`, in their order.
pub(super) fn embed(inner: &Inner, texts: &[&str]) -> Vec<Embedding> {
    let pieces = word_pieces(inner, texts);
    let chunks: Vec<Vec<Chunk>> = pieces
        .iter()
        .map(|pieces| chunks::split(pieces.len()))
        .collect();
    let sequences: Vec<Sequence> = chunks
        .iter()
        .enumerate()
        .flat_map(|(text, chunks)| {
            chunks.iter().map(move |chunk| Sequence {
                text,
                chunk: chunk.clone(),
            })
        })
        .collect();
    let mut means = vec![0.0; sequences.len() * inner.dim];
    let batches = batches(&sequences);
    let mut tasks = Vec::with_capacity(batches.len());
    let mut rest = means.as_mut_slice();
    for batch in batches {
        let (here, others) = rest.split_at_mut(batch.len() * inner.dim);
        rest = others;
        tasks.push((&sequences[batch], here));
    }
    // Whole batches a thread need no meeting point at all; a few batches are shared layer by layer.
    if tasks.len() >= 2 * inner.pool.threads() {
        inner.pool.for_each(tasks, |(batch, means)| {
            forward(inner, Team::Alone, &pieces, batch, means)
        });
    } else {
        for (batch, means) in tasks {
            forward(inner, Team::All(&inner.pool), &pieces, batch, means);
        }
    }
    pool_chunks(inner, &pieces, &chunks, &sequences, &means)
}

fn word_pieces(inner: &Inner, texts: &[&str]) -> Vec<Vec<u32>> {
    let pieces: Vec<Mutex<Vec<u32>>> = texts.iter().map(|_| Mutex::default()).collect();
    let encode = |index: usize| {
        let encoded = inner.tokenizer.encode(texts[index]);
        *pieces[index]
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = encoded;
    };
    inner.pool.run(texts.len(), &encode);
    let take = |cell: Mutex<Vec<u32>>| {
        cell.into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    };
    pieces.into_iter().map(take).collect()
}

/// Neighbouring sequences, about [`BATCH_TOKENS`] tokens to a batch.
fn batches(sequences: &[Sequence]) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let (mut start, mut tokens) = (0, 0);
    for (index, sequence) in sequences.iter().enumerate() {
        let length = sequence.chunk.range.len() + 2;
        if index > start && tokens + length > BATCH_TOKENS {
            batches.push(start..index);
            (start, tokens) = (index, 0);
        }
        tokens += length;
    }
    if start < sequences.len() {
        batches.push(start..sequences.len());
    }
    batches
}

fn forward(
    inner: &Inner,
    team: Team<'_>,
    pieces: &[Vec<u32>],
    batch: &[Sequence],
    means: &mut [f32],
) {
    let lengths: Vec<usize> = batch.iter().map(|s| s.chunk.range.len() + 2).collect();
    let mut ids = Vec::with_capacity(lengths.iter().sum());
    for Sequence { text, chunk } in batch {
        ids.push(inner.tokenizer.cls());
        ids.extend(&pieces[*text][chunk.range.clone()]);
        ids.push(inner.tokenizer.sep());
    }
    inner
        .model
        .forward(inner.kernels, team, &ids, &lengths, means);
}

/// One vector a text, from the means of its chunks.
fn pool_chunks(
    inner: &Inner,
    pieces: &[Vec<u32>],
    chunks: &[Vec<Chunk>],
    sequences: &[Sequence],
    means: &[f32],
) -> Vec<Embedding> {
    let mut embeddings: Vec<Embedding> = pieces
        .iter()
        .zip(chunks)
        .map(|(pieces, chunks)| Embedding {
            vector: vec![0.0; inner.dim],
            tokens: pieces.len(),
            chunks: chunks.len(),
        })
        .collect();
    for (sequence, mean) in sequences.iter().zip(means.chunks_exact(inner.dim)) {
        inner.kernels.add_scaled(
            &mut embeddings[sequence.text].vector,
            sequence.chunk.weight,
            mean,
        );
    }
    for embedding in &mut embeddings {
        inner.kernels.normalize(&mut embedding.vector);
    }
    embeddings
}
