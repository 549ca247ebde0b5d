//! Many texts at once: word pieces, then batches of whole texts, then vectors.

use std::ops::Range;
use std::sync::Mutex;

use super::chunks::{self, Chunk};
use super::{Embedding, Inner};
use crate::pool::{Pool, Team};

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
    let batches = batches(sequences.iter().map(|s| s.chunk.range.len() + 2));
    let mut tasks = Vec::with_capacity(batches.len());
    let mut rest = means.as_mut_slice();
    for batch in batches {
        let (here, others) = rest.split_at_mut(batch.len() * inner.dim);
        rest = others;
        tasks.push((&sequences[batch], here));
    }
    share(&inner.pool, tasks, |team, (batch, means)| {
        forward(inner, team, &pieces, batch, means);
    });
    pool_chunks(inner, &pieces, &chunks, &sequences, &means)
}

/// Runs all `batches`, each by the team that it is given.
pub(super) fn share<T: Send>(pool: &Pool, batches: Vec<T>, run: impl Fn(Team<'_>, T) + Sync) {
    // Whole batches a thread need no meeting point at all; a few batches are shared layer by layer.
    if batches.len() >= 2 * pool.threads() {
        pool.for_each(batches, |batch| run(Team::Alone, batch));
    } else {
        batches
            .into_iter()
            .for_each(|batch| run(Team::All(pool), batch));
    }
}

/// The word pieces of each of `texts`, without the special ones.
pub(super) fn word_pieces(inner: &Inner, texts: &[&str]) -> Vec<Vec<u32>> {
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

/// Neighbouring sequences of these lengths, about [`BATCH_TOKENS`] tokens to a batch.
pub(super) fn batches(lengths: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let (mut start, mut end, mut tokens) = (0, 0, 0);
    for length in lengths {
        if end > start && tokens + length > BATCH_TOKENS {
            batches.push(start..end);
            (start, tokens) = (end, 0);
        }
        (end, tokens) = (end + 1, tokens + length);
    }
    if start < end {
        batches.push(start..end);
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
