//! Sentences of the last days that a question can quote.

use std::ops::Range;

use jiff::ZonedDateTime;
use journal::EntryId;
use serde::Serialize;

use super::bank::{Mood, QUOTE_SLOT, Question};
use super::state::State;
use crate::{care, quote, stats, style};

/// Entries older than this (freshness below) are not followed up.
const STALE: f32 = 0.18;
/// Valence from which an entry feels enough for a question that presupposes it.
const FELT: f32 = 0.3;
/// How far chance moves the worth of a sentence: else the newest entry would be followed up for days.
const CHANCE: f32 = 0.4;
/// Hours after which one can ask what came of something.
const LATER_HOURS: f64 = 8.0;
/// A quote keeps at least this many words however long the question is.
const FEWEST_WORDS: usize = 6;

/// The entry, and the words in it, that a question follows up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Follow {
    /// The entry.
    pub entry: EntryId,
    /// When it was written.
    #[serde(serialize_with = "crate::rfc3339")]
    pub date: ZonedDateTime,
    /// Its sentence that the question is about.
    pub sentence: String,
    /// The words of the sentence that the question quotes, exactly as written; empty where it quotes none.
    pub quote: String,
    /// Byte offset of `quote` (of `sentence` where nothing is quoted) in the entry's text.
    pub start: usize,
    /// End of the same.
    pub end: usize,
}

/// A sentence that speaks for something in a recent entry.
pub(super) struct Passage {
    pub(super) entry: usize,
    pub(super) span: Range<usize>,
    pub(super) claim: String,
}

/// The evidence sentences of the latest entries, newest entry first. An entry that speaks of danger is answered with a
/// card when it is saved; no clever question ever quotes it.
pub(super) fn passages(state: &State) -> Vec<Passage> {
    let fresh = (0..state.entries.len()).filter(|i| {
        state.freshness(*i) >= STALE && !care::speaks_of_danger(&state.entries[*i].entry.text, None)
    });
    let of_entry = |entry: usize| {
        let read = &state.entries[entry];
        read.analysis
            .iter()
            .flat_map(|a| &a.evidence)
            .filter(|e| read.entry.text.get(e.start..e.end).is_some())
            .map(move |e| Passage {
                entry,
                span: e.start..e.end,
                claim: e.claim.clone(),
            })
    };
    fresh.flat_map(of_entry).collect()
}

/// The passage that `question` can follow up, with what it is worth, about 0 to 1; nothing where none fits.
pub(super) fn passage<'a>(
    question: &Question,
    passages: &'a [Passage],
    state: &State,
    seed: u64,
) -> Option<(&'a Passage, f32)> {
    let quotes = question.text.contains(QUOTE_SLOT);
    let worth = |p: &Passage| -> Option<f32> {
        let read = &state.entries[p.entry];
        let analysis = read.analysis.as_ref()?;
        let mood = match question.mood {
            Mood::Any => true,
            Mood::Low => !analysis.unsure && analysis.valence < -FELT,
            Mood::Good => !analysis.unsure && analysis.valence > FELT,
            Mood::Mixed => analysis.mixed,
        };
        let theme = question.themes.is_empty() || question.themes.contains(&p.claim);
        let ripe = !question.later || hours_between(&read.entry.when, &state.now) >= LATER_HOURS;
        let quotable = !quotes || quote_in(question, &read.entry.text[p.span.clone()]).is_some();
        if !(mood && theme && ripe && quotable) {
            return None;
        }
        let strength = if p.claim == "sentiment" {
            analysis.valence.abs()
        } else {
            0.5
        };
        let place = stats::mix((p.entry as u64) << 32 | p.span.start as u64);
        Some(0.6 * state.freshness(p.entry) + 0.4 * strength + CHANCE * stats::unit(seed ^ place))
    };
    passages.iter().filter_map(|p| Some((p, worth(p)?))).fold(
        None,
        |best: Option<(&Passage, f32)>, next| {
            if best.is_some_and(|(_, worth)| worth >= next.1) {
                best
            } else {
                Some(next)
            }
        },
    )
}

fn hours_between(then: &ZonedDateTime, now: &ZonedDateTime) -> f64 {
    now.timestamp()
        .duration_since(then.timestamp())
        .as_secs_f64()
        / 3600.0
}

/// The words of `sentence` that `question` has room for.
pub(crate) fn quote_in(question: &Question, sentence: &str) -> Option<Range<usize>> {
    let words = question.text.split_whitespace().count();
    let room = (style::QUESTION_WORDS + 1).saturating_sub(words);
    quote::clause(sentence, room.clamp(FEWEST_WORDS, quote::QUOTE_WORDS))
}

/// The reference to `passage`, with the quote where `question` has a place for one.
pub(super) fn follow(question: &Question, passage: &Passage, state: &State) -> Follow {
    let entry = &state.entries[passage.entry].entry;
    let sentence = &entry.text[passage.span.clone()];
    let quote = if question.text.contains(QUOTE_SLOT) {
        quote_in(question, sentence)
    } else {
        None
    };
    let shown = quote.clone().unwrap_or(0..sentence.len());
    Follow {
        entry: entry.id,
        date: entry.when.clone(),
        sentence: sentence[..quote::shorten(sentence, 400)].to_owned(),
        quote: quote.map(|q| sentence[q].to_owned()).unwrap_or_default(),
        start: passage.span.start + shown.start,
        end: passage.span.start + shown.end,
    }
}
