//! Questions for a wish in the writer's own words: "ask me something about my brother".

use jiff::ZonedDateTime;
use journal::Journal;

use super::bank::{BankVectors, Mood, Time, bank};
use super::state::State;
use super::{Prompt, embedded_text};
use crate::{Instant, Result};

/// The `most` questions of the bank that are nearest to `wish`, the nearest first: none that was asked in the last 30 days,
/// none for another time of day or that presupposes another mood than the last days had, none that quotes. Empty where the encoder has no vectors of
/// the bank. Without a journal nothing was asked yet. `mood` is that of the last days, see [`mood`](super::mood).
pub fn about(
    journal: Option<&Journal>,
    instant: &Instant,
    now: &ZonedDateTime,
    mood: Option<Mood>,
    wish: &str,
    most: usize,
) -> Result<Vec<Prompt>> {
    let model = instant.encoder().model_id();
    let Some(vectors) = BankVectors::committed().filter(|b| b.serves(model)) else {
        return Ok(Vec::new());
    };
    let state = match journal {
        Some(journal) => State::load(journal, Some(instant), now, None)?,
        None => State::of_nothing(now),
    };
    let wished = instant.embed(wish);
    let mut near: Vec<(f32, usize)> = bank()
        .iter()
        .enumerate()
        .filter(|(_, q)| !q.follows && !state.resting.contains_key(&q.id))
        .filter(|(_, q)| q.mood == Mood::Any || mood == Some(q.mood))
        .filter(|(_, q)| q.time == Time::Any || state.is_time(q.time))
        .map(|(index, _)| (vectors.cosine(index, &wished), index))
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.truncate(most);
    Ok(near
        .into_iter()
        .map(|(_, index)| {
            let question = &bank()[index];
            Prompt {
                id: question.id.clone(),
                text: embedded_text(question),
                kind: question.kind,
                themes: question.themes.clone(),
                why: "it is close to what you asked for".to_owned(),
                follows: None,
                repeated: false,
            }
        })
        .collect())
}

/// The question of the bank with this text, as it is shown; nothing where no question has it.
pub fn with_text(text: &str) -> Option<Prompt> {
    let question = bank().iter().find(|q| embedded_text(q) == text)?;
    Some(Prompt {
        id: question.id.clone(),
        text: text.to_owned(),
        kind: question.kind,
        themes: question.themes.clone(),
        why: "you asked for something like it, and it waited longest".to_owned(),
        follows: None,
        repeated: false,
    })
}
