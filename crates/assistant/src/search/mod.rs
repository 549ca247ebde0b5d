//! Finding entries by words and by meaning at once, and entries that resemble another.

mod fuse;
mod snippet;

use std::collections::HashMap;

use jiff::ZonedDateTime;
use journal::{EntryId, Filter, Journal, VectorHit};
use serde::Serialize;

pub(crate) use snippet::dot;

use crate::{Error, Instant, Result, words};

/// Ranks looked at in each of the two lists.
const DEPTH: usize = 100;
/// Entries whose sentences are compared with the query: those nearest by their whole.
const NEAREST: usize = 100;
/// Share of the likeness that the whole entry makes up; the rest is its nearest sentence. On the labelled probes
/// (`tests/search_quality.rs`) recall@10 of meaning alone is 0.88 at 1, 0.94 at 0, and 0.98 from 0.4 to 0.7.
const WHOLE: f32 = 0.5;
/// Entries that hold only some of the words and are looked at.
const PARTIAL: usize = 40;
/// Share of the words from which an entry that lacks the others still counts among the rest; below it comes last.
/// One common word in four is noise: at full weight recall@10 of the probes falls from 0.99 to 0.85.
const ENOUGH_WORDS: f64 = 0.5;
const HARDLY: f64 = 0.02;
/// Likeness below this is none. Rare words are far from everything for the encoder, so more would cut what is right.
const LEAST_COSINE: f32 = 0.05;

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
    /// Likeness in meaning, where it was found by meaning: the mean of the cosines of the whole entry and of its
    /// nearest sentence; of [`similar`] the cosine of the two entries.
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
/// Entries that are still queued are found by their words only: run [`crate::catch_up()`] first.
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
    let text = if mode == Mode::Meaning {
        Vec::new()
    } else {
        by_words(journal, query, &terms, filter, depth)?
    };
    let instant = instant.filter(|_| mode != Mode::Text && !terms.is_empty());
    let vector = instant.map(|i| i.embed(query));
    let meaning = match (instant, &vector) {
        (Some(instant), Some(vector)) => by_meaning(journal, instant, vector, filter, depth)?,
        _ => Vec::new(),
    };
    let cosines: HashMap<EntryId, f32> = meaning.iter().copied().collect();
    let meaning: Vec<EntryId> = meaning.iter().map(|(id, _)| *id).collect();
    fuse::fuse(&text, &meaning)
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

/// Entries with words of the query, best first, each with its weight: 1 where it has all of them, less where not.
fn by_words(
    journal: &Journal,
    query: &str,
    terms: &[String],
    filter: &Filter,
    depth: usize,
) -> Result<Vec<(EntryId, f64)>> {
    if terms.is_empty() {
        return by_signs(journal, query, filter, depth);
    }
    let mut found = Vec::new();
    for (rank, hit) in journal
        .full_text(&text_query(query, terms), filter, depth)?
        .into_iter()
        .enumerate()
    {
        let weight = match hit.all_words {
            true => 1.0,
            false if rank >= PARTIAL => HARDLY,
            false => {
                let share = snippet::coverage(&journal.get(hit.id)?.text, terms);
                if share >= ENOUGH_WORDS {
                    share * share
                } else {
                    HARDLY
                }
            }
        };
        found.push((hit.id, weight));
    }
    Ok(found)
}

/// Entries that hold a query without any word, such as an emoji, as it stands; the latest first.
fn by_signs(
    journal: &Journal,
    query: &str,
    filter: &Filter,
    depth: usize,
) -> Result<Vec<(EntryId, f64)>> {
    let signs = query.trim();
    if signs.is_empty() {
        return Ok(Vec::new());
    }
    let mut filter = Filter {
        limit: Some(depth),
        newest_first: true,
        ..filter.clone()
    };
    filter.contains.push(signs.to_owned());
    Ok(journal
        .list_ids(&filter)?
        .into_iter()
        .map(|id| (id, 1.0))
        .collect())
}

/// Entries near to `query` in meaning, nearest first, with their likeness: of the whole and of the nearest sentence.
fn by_meaning(
    journal: &Journal,
    instant: &Instant,
    query: &[f32],
    filter: &Filter,
    depth: usize,
) -> Result<Vec<(EntryId, f32)>> {
    let model = instant.encoder().model_id();
    let mut found = Vec::new();
    for VectorHit { id, cosine } in
        journal.vector_search(model, query, filter, depth.max(NEAREST))?
    {
        let sentences = journal.sentence_vectors(id, model)?;
        let nearest = sentences
            .iter()
            .map(|(_, v)| dot(v, query))
            .reduce(f32::max)
            .unwrap_or(cosine);
        found.push((id, WHOLE * cosine + (1.0 - WHOLE) * nearest));
    }
    found.retain(|(_, likeness)| *likeness >= LEAST_COSINE);
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
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
