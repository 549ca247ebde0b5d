//! Two texts read together: what a judge of pairs stands on.
//!
//! A sentence vector is made before anybody knows what it will be compared with, so "I can sleep" and "I can't
//! sleep" lie close together. Read as one sequence, `[CLS] a [SEP] b [SEP]`, every word of one text attends to every
//! word of the other. The network is the encoder's own with low-rank additions; what tells the second text from the
//! first is a vector of the adapter's, because the encoder was published for lone texts only.

use std::sync::Arc;

use super::{Encoder, Inner, batch};
use crate::model::adapter::Adapter;
use crate::model::minilm::{Batch, Second};
use crate::pool::Team;
use crate::weights::{WeightError, Weights};

/// Word pieces that are read of each text of a pair; what follows is not.
const EACH: usize = 125;

/// An [`Encoder`] with low-rank additions that reads pairs. Cloning is cheap and shares both.
#[derive(Clone)]
pub struct PairEncoder {
    encoder: Encoder,
    adapter: Arc<Adapter>,
    /// Added to the embeddings of the second text, `[dim]`.
    mark: Arc<Vec<f32>>,
}

/// The last layer's states of one pair.
#[derive(Debug, Clone, PartialEq)]
pub struct PairStates {
    /// State of `[CLS]`, then the mean over the first text's pieces, then over the second's: `[3, dim]`.
    pub states: Vec<f32>,
    /// A text was longer than what is read of it.
    pub truncated: bool,
}

impl Encoder {
    /// This encoder reading pairs, with the additions in `weights` to its layers from `first` on, of rank `rank`
    /// ([`Adapter`] has their names), and the tensor `segment`, `[dim]`. The plain encoder stays as it is.
    ///
    /// # Panics
    /// If `rank` is 0.
    pub fn adapt_for_pairs(
        &self,
        weights: &Weights,
        first: usize,
        rank: usize,
    ) -> Result<PairEncoder, WeightError> {
        let adapter = Adapter::load(weights, &self.inner.config, first, rank)?;
        let mark = weights.floats("segment", &[self.inner.dim])?;
        Ok(PairEncoder {
            encoder: self.clone(),
            adapter: Arc::new(adapter),
            mark: Arc::new(mark),
        })
    }
}

impl PairEncoder {
    /// The encoder beneath.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Reads each pair. A pair's states do not depend on what else is in `pairs`, to the bit; they do depend on
    /// which text stands first.
    pub fn read(&self, pairs: &[(&str, &str)]) -> Vec<PairStates> {
        let inner = &*self.encoder.inner;
        let mut all = Vec::with_capacity(pairs.len());
        for group in pairs.chunks(batch::WINDOW) {
            inner.pool.wake();
            all.extend(self.read_group(inner, group));
        }
        all
    }

    fn read_group(&self, inner: &Inner, pairs: &[(&str, &str)]) -> Vec<PairStates> {
        let texts: Vec<&str> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
        let mut pieces = batch::word_pieces(inner, &texts);
        let mut truncated = vec![false; pairs.len()];
        for (at, text) in pieces.iter_mut().enumerate() {
            truncated[at / 2] |= text.len() > EACH;
            text.truncate(EACH);
            if text.is_empty() {
                text.push(inner.tokenizer.unknown());
            }
        }
        let dim = inner.dim;
        let mut states = vec![0.0; pairs.len() * 3 * dim];
        let mut jobs = Vec::new();
        let (mut rest, mut pieces) = (states.as_mut_slice(), pieces.as_slice());
        for range in batch::batches(pieces.chunks(2).map(|p| p[0].len() + p[1].len() + 3)) {
            let (here, others) = rest.split_at_mut(range.len() * 3 * dim);
            let (texts, later) = pieces.split_at(2 * range.len());
            (rest, pieces) = (others, later);
            jobs.push((texts, here));
        }
        batch::share(&inner.pool, jobs, |team, (texts, states)| {
            self.forward(inner, team, texts, states);
        });
        let states = states.chunks_exact(3 * dim).zip(truncated);
        states
            .map(|(states, truncated)| PairStates {
                states: states.to_vec(),
                truncated,
            })
            .collect()
    }

    /// `texts` are first and second of each pair in turn; `states` is `[pairs, 3, dim]`.
    fn forward(&self, inner: &Inner, team: Team<'_>, texts: &[Vec<u32>], states: &mut [f32]) {
        let (mut ids, mut belongs) = (Vec::new(), Vec::new());
        let (mut lengths, mut groups) = (Vec::new(), Vec::new());
        for pair in texts.chunks_exact(2) {
            let start = ids.len();
            ids.push(inner.tokenizer.cls());
            ids.extend(&pair[0]);
            ids.push(inner.tokenizer.sep());
            let middle = ids.len();
            ids.extend(&pair[1]);
            ids.push(inner.tokenizer.sep());
            belongs.resize(middle, false);
            belongs.resize(ids.len(), true);
            lengths.push(ids.len() - start);
            groups.extend([
                start..start + 1,
                start + 1..middle - 1,
                middle..ids.len() - 1,
            ]);
        }
        let batch = Batch {
            ids: &ids,
            lengths: &lengths,
            groups: &groups,
            second: Some(Second {
                belongs: &belongs,
                mark: &self.mark,
            }),
        };
        inner
            .model
            .forward_adapted(inner.kernels, team, batch, &self.adapter, states);
    }
}
