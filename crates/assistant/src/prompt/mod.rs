//! The next question: from the bank, by what was lately written, the mood, the clock, and what was asked before.
//!
//! Choosing is a pure function of the journal, the time and a seed. The caller records what it shows with
//! [`Journal::record_prompt`]; what is recorded is not asked again for 30 days.

mod about;
mod bank;
mod follow;
mod state;

use std::collections::HashMap;

use jiff::{Timestamp, ZonedDateTime};
use journal::Journal;
use serde::Serialize;

pub use about::{about, with_text};
pub use bank::{
    Kind, Mood, QUOTE_SLOT, Question, Time, bank, bank_digest, embedded_text, question,
};
pub use follow::Follow;

use bank::BankVectors;
use follow::Passage;
pub(crate) use follow::quote_in;
use state::State;

use crate::summary::Read;
use crate::{Instant, Result, stats};

/// How the parts of a question's score weigh. Found by reading the choices for the demo journal, not by training.
const FIT: f32 = 1.0;
const THEME: f32 = 0.35;
const STRANGE_THEME: f32 = -0.4;
const TIMELY: f32 = 0.15;
const IN_MOOD: f32 = 0.2;
const FOLLOWS: f32 = 0.25;
/// After each of the last two questions that followed something up: someone always quoted feels watched.
const FOLLOWED: f32 = -0.25;
const SAME_KIND: f32 = -0.12;
const ASKED_ONCE: f32 = -0.1;
/// Chance decides among questions that fit about equally, so that not every good day gets the same one.
const CHANCE: f32 = 0.25;

/// The mood of the last two days' entries, where they are analysed with confidence: what a question may presuppose.
pub fn mood(journal: &Journal, now: &ZonedDateTime) -> Result<Option<Mood>> {
    Ok(state::mood(&state::latest(journal, now)?, now))
}

/// A question to show.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prompt {
    /// Id in the bank, to be recorded when it is shown.
    pub id: String,
    /// The question, ready to show.
    pub text: String,
    /// What it asks the writer to do.
    pub kind: Kind,
    /// What it is about; empty for anything.
    pub themes: Vec<String>,
    /// Why this one, in a sentence.
    pub why: String,
    /// The entry and sentence that it follows up, if it does.
    pub follows: Option<Follow>,
    /// It was asked within the last 30 days already, because all that fit were.
    pub repeated: bool,
}

/// Today's question. The same journal, day, time of day and seed give the same question; another `seed` another one.
/// Without a model (`instant` is `None`) the clock, the stored analyses and what was asked before decide.
pub fn choose(
    journal: &Journal,
    instant: Option<&Instant>,
    now: &ZonedDateTime,
    seed: u64,
) -> Result<Prompt> {
    let state = State::load(journal, instant, now, None)?;
    let asked = state::last_asked(journal, Timestamp::MIN)?;
    Ok(pick(&asked, instant, &state, seed, true))
}

/// A question for somebody who has no journal yet: what [`choose`] says of an empty one.
pub fn first(now: &ZonedDateTime, seed: u64) -> Prompt {
    pick(&HashMap::new(), None, &State::of_nothing(now), seed, true)
}

/// A question that closes a look back at `about` (entries in order of time): about those entries, at any time of day.
pub(crate) fn closing(
    journal: &Journal,
    instant: Option<&Instant>,
    now: &ZonedDateTime,
    about: &[Read],
) -> Result<Prompt> {
    let newest_first: Vec<Read> = about.iter().rev().cloned().collect();
    let state = State::load(journal, instant, now, Some(&newest_first))?;
    let asked = state::last_asked(journal, Timestamp::MIN)?;
    Ok(pick(&asked, instant, &state, 0, false))
}

/// The best question for `state`; `asked` are all that ever were, with the last time.
fn pick(
    asked: &HashMap<String, Timestamp>,
    instant: Option<&Instant>,
    state: &State,
    seed: u64,
    of_the_hour: bool,
) -> Prompt {
    let passages = follow::passages(state);
    let recent = recent(&state.resting);
    let chooser = Chooser {
        state,
        passages: &passages,
        fits: fits(state, instant),
        recent_kinds: recent.iter().map(|q| q.kind).collect(),
        followed: FOLLOWED * recent.iter().take(2).filter(|q| q.follows).count() as f32,
        asked,
        seed: stats::mix(seed ^ stats::fnv(state.now.date().to_string().as_bytes())),
        of_the_hour,
    };
    let candidates: Vec<Candidate<'_>> = (0..bank().len())
        .filter_map(|i| chooser.candidate(i))
        .collect();
    let rested = candidates
        .iter()
        .filter(|c| !state.resting.contains_key(&c.question.id));
    let best = rested.reduce(|best, c| if c.score > best.score { c } else { best });
    let longest_ago = || {
        candidates
            .iter()
            .min_by_key(|c| (asked.get(&c.question.id), &c.question.id))
    };
    let chosen = best
        .or_else(longest_ago)
        .expect("a test asserts that the bank has questions that always fit");
    chooser.prompt(chosen, best.is_none())
}

/// Everything that the score of a question depends on.
struct Chooser<'a> {
    state: &'a State,
    passages: &'a [Passage],
    /// Semantic fit of every question; empty without vectors.
    fits: Vec<(f32, usize)>,
    recent_kinds: Vec<Kind>,
    /// What following something up costs after the last questions did.
    followed: f32,
    asked: &'a HashMap<String, Timestamp>,
    seed: u64,
    of_the_hour: bool,
}

/// A question that can be asked now.
struct Candidate<'a> {
    question: &'static Question,
    index: usize,
    score: f32,
    passage: Option<&'a Passage>,
}

impl<'a> Chooser<'a> {
    /// The question of the index with its score; nothing where it presupposes what is not so.
    fn candidate(&self, index: usize) -> Option<Candidate<'a>> {
        let question = &bank()[index];
        let state = self.state;
        let timely = if self.of_the_hour {
            state.is_time(question.time)
        } else {
            question.time == Time::Any
        };
        let in_mood =
            question.mood == Mood::Any || question.follows || state.mood == Some(question.mood);
        if !timely || !in_mood {
            return None;
        }
        let mut score = 0.0;
        let mut passage = None;
        if question.follows && (question.text.contains(QUOTE_SLOT) || !question.themes.is_empty()) {
            let (found, worth) = follow::passage(question, self.passages, state, self.seed)?;
            passage = Some(found);
            score += FOLLOWS * (0.5 + worth) + self.followed;
        } else if question.follows && state.entries.len() < 3 {
            return None;
        }
        score += FIT * self.fits.get(index).map_or(0.0, |(fit, _)| *fit);
        score += self.theme(question);
        score += if question.time == Time::Any {
            0.0
        } else {
            TIMELY
        };
        score += if question.mood == Mood::Any {
            0.0
        } else {
            IN_MOOD
        };
        score += if self.recent_kinds.contains(&question.kind) {
            SAME_KIND
        } else {
            0.0
        };
        score += if self.asked.contains_key(&question.id) {
            ASKED_ONCE
        } else {
            0.0
        };
        score += CHANCE * stats::unit(self.seed ^ stats::fnv(question.id.as_bytes()));
        Some(Candidate {
            question,
            index,
            score,
            passage,
        })
    }

    fn theme(&self, question: &Question) -> f32 {
        if question.themes.is_empty() {
            return 0.0;
        }
        let weights = question
            .themes
            .iter()
            .filter_map(|t| self.state.themes.get(t));
        weights
            .copied()
            .reduce(f32::max)
            .map_or(STRANGE_THEME, |w| THEME * w)
    }

    fn prompt(&self, chosen: &Candidate<'a>, repeated: bool) -> Prompt {
        let question = chosen.question;
        let follows = chosen
            .passage
            .map(|p| follow::follow(question, p, self.state));
        let text = match &follows {
            Some(follow) => question.text.replace(QUOTE_SLOT, &follow.quote),
            None => question.text.clone(),
        };
        Prompt {
            id: question.id.clone(),
            text,
            kind: question.kind,
            themes: question.themes.clone(),
            why: self.why(chosen, follows.as_ref(), repeated),
            follows,
            repeated,
        }
    }

    /// The strongest reason, in words.
    fn why(&self, chosen: &Candidate<'a>, follows: Option<&Follow>, repeated: bool) -> String {
        let question = chosen.question;
        if repeated {
            return "every question that fits was asked in the last 30 days; this one waited longest".to_owned();
        }
        if let Some(follow) = follows {
            return format!("it follows up what you wrote on {}", day(&follow.date));
        }
        let theme = question
            .themes
            .iter()
            .find(|t| self.state.themes.contains_key(*t));
        if let Some(theme) = theme {
            return format!("your last entries speak of {theme}");
        }
        match self.fits.get(chosen.index) {
            Some((fit, entry)) if *fit >= 0.3 => {
                return format!(
                    "it is close to what you wrote on {}",
                    day(&self.state.entries[*entry].entry.when)
                );
            }
            _ => {}
        }
        match question.time {
            Time::Morning => "a question for the morning",
            Time::Evening => "a question for the evening",
            Time::Night => "a question for the night",
            Time::Weekend => "a question for the weekend",
            Time::Any if self.asked.contains_key(&question.id) => {
                "it has not been asked for a month"
            }
            Time::Any => "it has not been asked before",
        }
        .to_owned()
    }
}

/// For every question its cosine with the nearest sentence of the latest entries, faded by age, and that entry.
fn fits(state: &State, instant: Option<&Instant>) -> Vec<(f32, usize)> {
    let model = instant.map(|i| i.encoder().model_id());
    let Some(bank_vectors) =
        BankVectors::committed().filter(|b| model.is_some_and(|m| b.serves(m)))
    else {
        return Vec::new();
    };
    let fit = |question: usize| {
        let of_entry = |entry: usize| {
            let vectors = &state.vectors[entry];
            let all = vectors
                .whole
                .iter()
                .chain(vectors.sentences.iter().map(|(_, v)| v));
            let nearest = all
                .map(|v| bank_vectors.cosine(question, v))
                .fold(0.0, f32::max);
            (nearest * (0.5 + 0.5 * state.freshness(entry)), entry)
        };
        (0..state.entries.len())
            .map(of_entry)
            .fold(
                (0.0, 0),
                |best, next| if next.0 > best.0 { next } else { best },
            )
    };
    (0..bank().len()).map(fit).collect()
}

/// The last three questions asked, the latest first.
fn recent(resting: &HashMap<String, Timestamp>) -> Vec<&'static Question> {
    let mut last: Vec<(&Timestamp, &String)> = resting.iter().map(|(id, at)| (at, id)).collect();
    last.sort();
    last.iter()
        .rev()
        .filter_map(|(_, id)| question(id))
        .take(3)
        .collect()
}

fn day(date: &ZonedDateTime) -> String {
    date.strftime("%-d %B").to_string()
}
