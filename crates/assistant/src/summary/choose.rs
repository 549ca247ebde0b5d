//! Which sentences stand for a stretch of entries: maximal marginal relevance (Carbonell and Goldstein 1998) over
//! the evidence of their analyses, spread over days and themes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::load::Read;
use crate::{quote, search::dot, words};

/// Relevance against novelty.
const LAMBDA: f32 = 0.6;
/// What a second sentence costs of the same entry, of the same day, and for a theme that has one already.
const SAME_ENTRY: f32 = 0.35;
const SAME_DAY: f32 = 0.12;
const SAME_THEME: f32 = 0.08;
/// Quotes longer than this many bytes are cut at a whole word.
const LONGEST_QUOTE: usize = 280;
/// Candidates beyond this many are not compared with each other: a year has thousands.
const POOL: usize = 240;

/// The sentences of an entry with their vectors.
type SentenceVectors = Vec<(Range<usize>, Vec<f32>)>;

/// A sentence that may be quoted.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Index of its entry.
    pub(super) entry: usize,
    /// Byte span in the entry's text.
    pub(super) span: Range<usize>,
    /// What it is evidence for: "sentiment", themes; empty where the entry has no analysis yet.
    pub(super) claims: BTreeSet<String>,
    relevance: f32,
    vector: Option<Vec<f32>>,
    words: BTreeSet<String>,
}

/// The sentences of `read` that are evidence for something; the first sentence of an entry without analysis.
pub(super) fn candidates(read: &[Read], themes: &BTreeMap<String, usize>) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = read
        .iter()
        .enumerate()
        .flat_map(|(i, r)| of_entry(i, r, themes))
        .collect();
    all.sort_by(|a, b| {
        b.relevance
            .total_cmp(&a.relevance)
            .then(a.entry.cmp(&b.entry))
            .then(a.span.start.cmp(&b.span.start))
    });
    all.truncate(POOL);
    all
}

fn of_entry(index: usize, read: &Read, themes: &BTreeMap<String, usize>) -> Vec<Candidate> {
    let text = read.entry.text.as_str();
    let mut spans: BTreeMap<(usize, usize), BTreeSet<String>> = BTreeMap::new();
    if let Some(analysis) = &read.analysis {
        for e in &analysis.evidence {
            spans
                .entry((e.start, e.end))
                .or_default()
                .insert(e.claim.clone());
        }
    }
    if spans.is_empty() {
        spans.extend(
            crate::sentences(text)
                .first()
                .map(|s| ((s.start, s.end), BTreeSet::new())),
        );
    }
    // A span that is not one of the text's own (the entry changed under us) is no quote.
    let checked = spans.into_iter().filter_map(|((start, end), claims)| {
        let sentence = text.get(start..end)?;
        let span = start..start + quote::shorten(sentence, LONGEST_QUOTE);
        let relevance = relevance(read, &text[span.clone()], &claims, themes);
        Some(Candidate {
            entry: index,
            words: words::content(&text[span.clone()]).into_iter().collect(),
            span,
            claims,
            relevance,
            vector: None,
        })
    });
    checked.collect()
}

/// How much a sentence says about the span: strong feeling, a theme that the span is about, a length that reads well.
fn relevance(
    read: &Read,
    sentence: &str,
    claims: &BTreeSet<String>,
    themes: &BTreeMap<String, usize>,
) -> f32 {
    let Some(analysis) = &read.analysis else {
        return 0.2;
    };
    let most = themes.values().max().copied().unwrap_or(1).max(1) as f32;
    let theme = claims
        .iter()
        .filter_map(|c| {
            let probability = analysis.themes.iter().find(|t| t.name == **c)?.probability;
            Some(probability * *themes.get(c)? as f32 / most)
        })
        .fold(0.0, f32::max);
    let feeling = if claims.contains("sentiment") {
        analysis.valence.abs()
    } else {
        0.0
    };
    let length = match words::spans(sentence).count() {
        0..=2 => -0.4,
        3..=4 => -0.1,
        5..=35 => 0.1,
        _ => 0.0,
    };
    0.2 + 0.5 * feeling + 0.35 * theme + length + if read.entry.starred { 0.2 } else { 0.0 }
}

/// Gives the candidates the vectors of their sentences, as `vectors` finds them for the entry of an index.
pub(super) fn attach(
    candidates: &mut [Candidate],
    mut vectors: impl FnMut(usize) -> SentenceVectors,
) {
    let mut known: BTreeMap<usize, SentenceVectors> = BTreeMap::new();
    for c in candidates {
        let of_entry = known.entry(c.entry).or_insert_with(|| vectors(c.entry));
        c.vector = of_entry
            .iter()
            .find(|(s, _)| s.start == c.span.start)
            .map(|(_, v)| v.clone());
    }
}

/// At most `most` of the candidates, the best mix first; never one that says what another one said already.
pub(super) fn pick(mut pool: Vec<Candidate>, read: &[Read], most: usize) -> Vec<Candidate> {
    let mut picked: Vec<Candidate> = Vec::new();
    while picked.len() < most {
        let score = |c: &Candidate| {
            LAMBDA * c.relevance - (1.0 - LAMBDA) * nearest(c, &picked) - crowding(c, &picked, read)
        };
        let best = (0..pool.len()).fold(None, |best: Option<(usize, f32)>, i| {
            let s = score(&pool[i]);
            if best.is_some_and(|(_, b)| b >= s) {
                best
            } else {
                Some((i, s))
            }
        });
        let Some((index, _)) = best else { break };
        let next = pool.remove(index);
        if nearest(&next, &picked) < 0.95 {
            picked.push(next);
        }
    }
    picked
}

/// Similarity to the most similar sentence picked so far.
fn nearest(c: &Candidate, picked: &[Candidate]) -> f32 {
    picked.iter().map(|p| similarity(c, p)).fold(0.0, f32::max)
}

/// Cosine where both sentences have vectors, else the share of words in common.
fn similarity(a: &Candidate, b: &Candidate) -> f32 {
    if let (Some(x), Some(y)) = (&a.vector, &b.vector) {
        return dot(x, y).max(0.0);
    }
    let common = a.words.intersection(&b.words).count();
    common as f32 / (a.words.len() + b.words.len() - common).max(1) as f32
}

/// The cost of what is picked already for the same entry, day and themes.
fn crowding(c: &Candidate, picked: &[Candidate], read: &[Read]) -> f32 {
    let day = |c: &Candidate| read[c.entry].entry.when.date();
    let theme = |p: &Candidate| {
        p.claims
            .iter()
            .filter(|t| *t != "sentiment" && c.claims.contains(*t))
            .count() as f32
    };
    picked
        .iter()
        .map(|p| {
            let entry = if p.entry == c.entry { SAME_ENTRY } else { 0.0 };
            let day = if day(p) == day(c) { SAME_DAY } else { 0.0 };
            entry + day + SAME_THEME * theme(p)
        })
        .sum()
}
