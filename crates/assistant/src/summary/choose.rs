//! Which sentences stand for a stretch of entries: maximal marginal relevance (Carbonell and Goldstein 1998) over
//! the evidence of their analyses, spread over days and themes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::load::Read;
use crate::{Result, quote, search::dot, words};

/// Relevance against novelty.
const LAMBDA: f32 = 0.6;
/// What a second sentence costs of the same entry, of the same day, and for a theme that has one already.
const SAME_ENTRY: f32 = 0.35;
const SAME_DAY: f32 = 0.12;
const SAME_THEME: f32 = 0.08;
/// Quotes longer than this many bytes are cut at a whole word.
const LONGEST_QUOTE: usize = 280;
/// What being like the rest of its entry adds.
const CENTRAL: f32 = 0.25;
/// Candidates beyond this many are not compared with each other: a year has thousands.
const POOL: usize = 240;

/// The sentences of an entry with their vectors.
pub(super) type SentenceVectors = Vec<(Range<usize>, Vec<f32>)>;

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

/// The sentences of `read` that are evidence for something, and from each entry the one that is most like the rest of
/// it; `vectors` gives those of the sentences of an entry, or none.
pub(super) fn candidates(
    read: &[Read],
    themes: &BTreeMap<String, usize>,
    mut vectors: impl FnMut(usize) -> Result<SentenceVectors>,
) -> Result<Vec<Candidate>> {
    let mut all = Vec::new();
    for (index, one) in read.iter().enumerate() {
        all.extend(of_entry(index, one, themes, vectors(index)?));
    }
    all.sort_by(|a, b| {
        let place = |c: &Candidate| (c.entry, c.span.start);
        b.relevance
            .total_cmp(&a.relevance)
            .then(place(a).cmp(&place(b)))
    });
    all.truncate(POOL);
    Ok(all)
}

fn of_entry(
    index: usize,
    read: &Read,
    themes: &BTreeMap<String, usize>,
    vectors: SentenceVectors,
) -> Vec<Candidate> {
    let text = read.entry.text.as_str();
    let mut spans: BTreeMap<(usize, usize), BTreeSet<String>> = BTreeMap::new();
    for e in read.analysis.iter().flat_map(|a| &a.evidence) {
        spans
            .entry((e.start, e.end))
            .or_default()
            .insert(e.claim.clone());
    }
    let centre = centre(&vectors);
    let likeness = |v: &[f32]| dot(v, &centre);
    let central = vectors
        .iter()
        .filter(|(s, _)| text.get(s.clone()).is_some_and(says_something));
    let central = central
        .max_by(|a, b| likeness(&a.1).total_cmp(&likeness(&b.1)))
        .map(|(s, _)| s.clone());
    let first = || {
        crate::sentences(text)
            .into_iter()
            .next()
            .filter(|_| spans.is_empty())
    };
    if let Some(span) = central.or_else(first) {
        spans.entry((span.start, span.end)).or_default();
    }
    let mut found = Vec::new();
    for ((start, end), claims) in spans {
        // A span that is not one of the text's own (the entry changed under us) is no quote.
        let Some(sentence) = text.get(start..end) else {
            continue;
        };
        let span = start..start + quote::shorten(sentence, LONGEST_QUOTE);
        let vector = vectors
            .iter()
            .find(|(s, _)| s.start == start)
            .map(|(_, v)| v.clone());
        let quote = &text[span.clone()];
        let central = vector.as_deref().map_or(0.0, likeness).max(0.0);
        found.push(Candidate {
            entry: index,
            words: words::content(quote).into_iter().collect(),
            relevance: relevance(read, quote, &claims, themes) + CENTRAL * central,
            span,
            claims,
            vector,
        });
    }
    found
}

/// Direction of the mean of the sentences, L2-normalised; empty where there are none.
fn centre(vectors: &SentenceVectors) -> Vec<f32> {
    let mut sum = vec![0.0; vectors.first().map_or(0, |(_, v)| v.len())];
    for (_, vector) in vectors {
        sum.iter_mut().zip(vector).for_each(|(s, v)| *s += v);
    }
    let length = dot(&sum, &sum).sqrt().max(f32::MIN_POSITIVE);
    sum.iter_mut().for_each(|s| *s /= length);
    sum
}

/// Long enough to stand alone.
fn says_something(sentence: &str) -> bool {
    words::spans(sentence).count() >= 5
}

/// How much a sentence says about the span: strong feeling, a theme that the span is about, a length that reads well.
fn relevance(
    read: &Read,
    sentence: &str,
    claims: &BTreeSet<String>,
    themes: &BTreeMap<String, usize>,
) -> f32 {
    let length = match words::spans(sentence).count() {
        0..=2 => -0.4,
        3..=4 => -0.15,
        5..=7 => 0.0,
        8..=40 => 0.12,
        _ => 0.0,
    };
    let starred = if read.entry.starred { 0.2 } else { 0.0 };
    let Some(analysis) = &read.analysis else {
        return 0.2 + length + starred;
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
    0.2 + 0.5 * feeling + 0.35 * theme + length + starred
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
