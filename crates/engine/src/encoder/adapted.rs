//! An encoder whose upper layers read differently: sentences in context, for heads that were trained on them.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use super::windows::{self, Layout, Window};
use super::{Encoder, Inner, batch};
use crate::measure;
use crate::model::adapter::Adapter;
use crate::model::minilm::Batch;
use crate::pool::Team;
use crate::weights::{WeightError, Weights};

/// A text and where its sentences are.
#[derive(Debug, Clone, Copy)]
pub struct Sentences<'a> {
    /// The whole text.
    pub text: &'a str,
    /// Spans of its sentences in bytes, in order.
    pub spans: &'a [Range<usize>],
}

/// The sentences of one text as they were read in context.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InContext {
    /// The sentence of each unit, ascending. A sentence is one unit; one of more than 254 word pieces is several.
    pub sentence_of: Vec<usize>,
    /// One vector a unit, `[units, dim]`: the mean of its pieces' states, not normalised.
    pub vectors: Vec<f32>,
}

/// An [`Encoder`] with low-rank additions. Cloning is cheap and shares both.
#[derive(Clone)]
pub struct AdaptedEncoder {
    encoder: Encoder,
    adapter: Arc<Adapter>,
}

impl Encoder {
    /// This encoder with the additions in `weights` to its layers from `first` on, of rank `rank`; see
    /// [`Adapter`] for their names and shapes. The plain encoder stays as it is.
    ///
    /// # Panics
    /// If `rank` is 0.
    pub fn adapt(
        &self,
        weights: &Weights,
        first: usize,
        rank: usize,
    ) -> Result<AdaptedEncoder, WeightError> {
        let adapter = Adapter::load(weights, &self.inner.config, first, rank)?;
        Ok(AdaptedEncoder {
            encoder: self.clone(),
            adapter: Arc::new(adapter),
        })
    }
}

impl AdaptedEncoder {
    /// The encoder beneath.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Reads each text's sentences in windows of up to 254 word pieces that are cut at their borders.
    ///
    /// A text's vectors do not depend on what else is in `texts`, to the bit.
    ///
    /// # Panics
    /// If a span is not one of its text.
    pub fn read(&self, texts: &[Sentences<'_>]) -> Vec<InContext> {
        let inner = &*self.encoder.inner;
        let mut all = Vec::with_capacity(texts.len());
        for group in texts.chunks(batch::WINDOW) {
            let begun = Instant::now();
            inner.pool.wake();
            all.extend(self.read_group(inner, group));
            measure::encoded(group.len(), begun);
        }
        all
    }

    fn read_group(&self, inner: &Inner, texts: &[Sentences<'_>]) -> Vec<InContext> {
        let layouts = lay_out(inner, texts);
        let windows: Vec<&Window> = layouts.iter().flat_map(|layout| &layout.windows).collect();
        let units = layouts.iter().map(|layout| layout.sentence_of.len());
        let mut vectors = vec![0.0; units.sum::<usize>() * inner.dim];
        let mut jobs = Vec::new();
        let mut rest = vectors.as_mut_slice();
        for range in batch::batches(windows.iter().map(|window| window.pieces.len() + 2)) {
            let windows = &windows[range];
            let units: usize = windows.iter().map(|window| window.units.len()).sum();
            let (here, others) = rest.split_at_mut(units * inner.dim);
            rest = others;
            jobs.push((windows, here));
        }
        batch::share(&inner.pool, jobs, |team, (windows, vectors)| {
            self.forward(inner, team, windows, vectors);
        });
        let mut rest = vectors.as_slice();
        let take = |layout: Layout| {
            let (here, others) = rest.split_at(layout.sentence_of.len() * inner.dim);
            rest = others;
            InContext {
                sentence_of: layout.sentence_of,
                vectors: here.to_vec(),
            }
        };
        layouts.into_iter().map(take).collect()
    }

    fn forward(&self, inner: &Inner, team: Team<'_>, windows: &[&Window], vectors: &mut [f32]) {
        let (mut ids, mut lengths, mut groups) = (Vec::new(), Vec::new(), Vec::new());
        for window in windows {
            ids.push(inner.tokenizer.cls());
            let first = ids.len();
            groups.extend(window.units.iter().map(|u| first + u.start..first + u.end));
            ids.extend(&window.pieces);
            ids.push(inner.tokenizer.sep());
            lengths.push(window.pieces.len() + 2);
        }
        let batch = Batch {
            ids: &ids,
            lengths: &lengths,
            groups: &groups,
            second: None,
        };
        let adapter = &self.adapter;
        inner
            .model
            .forward_adapted(inner.kernels, team, batch, adapter, vectors);
    }
}

/// Units and windows of each text.
fn lay_out(inner: &Inner, texts: &[Sentences<'_>]) -> Vec<Layout> {
    let sentences: Vec<&str> = texts
        .iter()
        .flat_map(|t| t.spans.iter().map(|span| &t.text[span.clone()]))
        .collect();
    let pieces = batch::word_pieces(inner, &sentences);
    let mut rest = pieces.as_slice();
    let unknown = inner.tokenizer.unknown();
    texts
        .iter()
        .map(|text| {
            let (here, others) = rest.split_at(text.spans.len());
            rest = others;
            windows::lay_out(here, unknown)
        })
        .collect()
}
