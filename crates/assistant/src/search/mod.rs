//! Finding entries by words and by meaning at once, and entries that resemble another.

mod fuse;
mod snippet;

use std::collections::HashMap;

use jiff::ZonedDateTime;
use journal::{EntryId, Filter, Journal, TextHit, VectorHit};
use serde::Serialize;

pub(crate) use snippet::dot;

use crate::{Error, Instant, Result, words};

/// Ranks looked at in each of the two lists.
const DEPTH: usize = 100;
/// Weights of the text and the meaning list, measured on the labelled probes (see `tests/search_quality.rs`).
const WEIGHTS: [f64; 2] = [1.0, 1.0];
/// Cosines below this are no likeness: a query about nothing in the journal finds nothing.
const LEAST_COSINE: f32 = 0.15;

/// Which of the two ways of searching are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Both, fused; text alone where there is no model.
    #[default]
    Hybrid,
    /// Words only.
    Text,
    /// Meaning only; finds nothing without a model.
    Meaning,
}

/// An entry found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hit {
    /// The entry.
    pub id: EntryId,
    /// The id that it was imported with.
    pub source_id: Option<String>,
    /// When it was written.
    #[serde(serialize_with = "crate::rfc3339")]
    pub date: ZonedDateTime,
    /// Its title.
    pub title: Option<String>,
    /// From 1 for the best possible towards 0; of [`similar`] the cosine.
    pub score: f64,
    /// The sentence that matches, exactly as written.
    pub snippet: String,
    /// Byte offset of the snippet in the entry's text.
    pub start: usize,
    /// End of the same.
    pub end: usize,
    /// How it was found.
    pub matched_by: MatchedBy,
    /// Cosine of the entry with the query, where it was found by meaning.
    pub cosine: Option<f32>,
}

/// How an entry was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MatchedBy {
    /// By its words.
    Text,
    /// By its meaning.
    Meaning,
    /// By both.
    Both,
}

/// Entries that `filter` lets through and that match `query`, best first, at most `limit`.
///
/// Entries that are still queued are found by their words only: run [`crate::catch_up`] first.
pub fn search(
    journal: &Journal,
    instant: Option<&Instant>,
    query: &str,
    filter: &Filter,
    limit: usize,
    mode: Mode,
) -> Result<Vec<Hit>> {
    let terms = words::content(query);
    let depth = DEPTH.max(limit);
    let text = match mode {
        Mode::Meaning => Vec::new(),
        _ if terms.is_empty() => Vec::new(),
        _ => journal.full_text(&text_query(query, &terms), filter, depth)?,
    };
    let instant = instant.filter(|_| mode != Mode::Text && !query.trim().is_empty());
    let vector = instant.map(|i| i.embed(query));
    let meaning = match (instant, &vector) {
        (Some(instant), Some(vector)) => nearest(journal, instant, vector, filter, depth)?,
        _ => Vec::new(),
    };
    let cosines: HashMap<EntryId, f32> = meaning.iter().map(|h| (h.id, h.cosine)).collect();
    let text: Vec<EntryId> = text.iter().map(|h: &TextHit| h.id).collect();
    let meaning: Vec<EntryId> = meaning.iter().map(|h| h.id).collect();
    fuse::fuse(&text, &meaning, WEIGHTS)
        .into_iter()
        .take(limit)
        .map(|found| {
            let matched_by = match (found.text, found.meaning) {
                (Some(_), Some(_)) => MatchedBy::Both,
                (Some(_), None) => MatchedBy::Text,
                _ => MatchedBy::Meaning,
            };
            let shown = Shown {
                terms: &terms,
                vector: vector.as_deref(),
                score: found.score,
                matched_by,
            };
            hit(
                journal,
                instant,
                found.id,
                &shown,
                cosines.get(&found.id).copied(),
            )
        })
        .collect()
}

/// Entries that `filter` lets through and that resemble the entry `id`, most alike first, at most `limit`.
pub fn similar(
    journal: &Journal,
    instant: &Instant,
    id: EntryId,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<Hit>> {
    let model = instant.encoder().model_id();
    journal.get(id)?;
    let vector = journal
        .entry_vector(id, model)?
        .ok_or_else(|| Error::NotEmbedded {
            id,
            model: model.to_owned(),
        })?;
    let found = journal.vector_search(model, &vector, filter, limit + 1)?;
    found
        .into_iter()
        .filter(|h| h.id != id && h.cosine >= LEAST_COSINE)
        .take(limit)
        .map(|h| {
            let score = f64::from(h.cosine);
            let shown = Shown {
                terms: &[],
                vector: Some(&vector),
                score,
                matched_by: MatchedBy::Meaning,
            };
            hit(journal, Some(instant), h.id, &shown, Some(h.cosine))
        })
        .collect()
}

/// What the text index is asked for: the words that mean something, or the query as it is where it quotes a phrase.
fn text_query(query: &str, terms: &[String]) -> String {
    if query.contains('"') {
        query.to_owned()
    } else {
        terms.join(" ")
    }
}

/// The entries nearest to `query`, without those that are near to nothing.
fn nearest(
    journal: &Journal,
    instant: &Instant,
    query: &[f32],
    filter: &Filter,
    depth: usize,
) -> Result<Vec<VectorHit>> {
    let mut found = journal.vector_search(instant.encoder().model_id(), query, filter, depth)?;
    found.retain(|h| h.cosine >= LEAST_COSINE);
    Ok(found)
}

/// What a hit is shown with.
struct Shown<'a> {
    terms: &'a [String],
    vector: Option<&'a [f32]>,
    score: f64,
    matched_by: MatchedBy,
}

fn hit(
    journal: &Journal,
    instant: Option<&Instant>,
    id: EntryId,
    shown: &Shown<'_>,
    cosine: Option<f32>,
) -> Result<Hit> {
    let entry = journal.get(id)?;
    let vectors = match instant {
        Some(instant) => journal.sentence_vectors(id, instant.encoder().model_id())?,
        None => Vec::new(),
    };
    let span = snippet::snippet(&entry.text, shown.terms, &vectors, shown.vector);
    Ok(Hit {
        id,
        source_id: entry.source_id,
        date: entry.when,
        title: entry.title,
        score: shown.score,
        snippet: entry.text[span.clone()].to_owned(),
        start: span.start,
        end: span.end,
        matched_by: shown.matched_by,
        cosine,
    })
}
