//! When each question of the bank was shown last: one record for kept and for shipped ones, since two wishes may find the
//! same question, and with it those that other commands asked: today's question and that of a summary.
//!
//! It stands among the counts, as `shown.ID`, and outlives them: `cache clear --counts` must not bring a question back.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::state::State;
use super::store::StoreResult;
use crate::prompt;

const PREFIX: &str = "shown.";

/// The record, read once for a look.
pub(super) struct Shown(HashMap<String, Timestamp>);

impl Shown {
    /// What was shown within `rest` before `now`, by this cache or by a command that asks without one.
    pub(super) fn read(
        state: &mut State,
        now: Timestamp,
        rest: SignedDuration,
    ) -> StoreResult<Shown> {
        let counts = state.store.counts()?.into_iter();
        let by_cache = counts.filter_map(|(name, at)| {
            let id = name.strip_prefix(PREFIX)?.to_owned();
            Some((id, Timestamp::from_microsecond(at).ok()?))
        });
        let mut shown: HashMap<String, Timestamp> = by_cache.collect();
        let since = now.saturating_sub(rest).unwrap_or(Timestamp::MIN);
        for (id, at) in state.store.asked_since(since)? {
            let last = shown.entry(id).or_insert(at);
            *last = at.max(*last);
        }
        Ok(Shown(shown))
    }

    /// When the question with this id was shown.
    pub(super) fn question(&self, id: &str) -> Option<Timestamp> {
        self.0.get(id).copied()
    }

    /// When the question with this text was shown; nothing where it is none of the bank.
    pub(super) fn text(&self, text: &str) -> Option<Timestamp> {
        self.question(&prompt::with_text(text)?.id)
    }
}

/// Whether what was shown last at `shown` rests, where that takes `rest`. A showing in the future is one that is not over.
pub(super) fn rests(shown: Option<Timestamp>, now: Timestamp, rest: SignedDuration) -> bool {
    shown.is_some_and(|at| now.duration_since(at) < rest)
}

/// Notes that the question of the bank with this id is shown.
pub(super) fn note(state: &mut State, id: &str, now: Timestamp) -> StoreResult<()> {
    let name = format!("{PREFIX}{id}");
    state.store.set_count(&name, now.as_microsecond())
}

/// The same of a text; one that is not of the bank has only the row that keeps it.
pub(super) fn note_text(state: &mut State, text: &str, now: Timestamp) -> StoreResult<()> {
    match prompt::with_text(text) {
        Some(question) => note(state, &question.id, now),
        None => Ok(()),
    }
}
