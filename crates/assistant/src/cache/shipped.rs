//! Answers that came with the program: their vectors are made once, their questions take turns.

use jiff::{SignedDuration, Timestamp};
use journal::NewAnswer;

use super::SemanticCache;
use super::common::common_prompts;
use super::key::shipped_key;
use super::same::same_words;
use super::shown::{Shown, rests};
use super::store::StoreResult;
use super::vectors::pack;
use crate::prompt;

impl SemanticCache {
    /// Puts the shipped prompts into the store, with their vectors; gives how many phrasings are there. What is there
    /// already stays.
    pub fn warm(&self, language: &str) -> StoreResult<usize> {
        let Some(embed) = self.embed.as_deref() else {
            return Ok(0);
        };
        let key = shipped_key(language, embed.id());
        let now = self.clock.now().timestamp();
        let mut state = self.state();
        state.refresh(now)?;
        // Those of an older program or another encoder.
        let is_old = |e: &&super::state::Entry| e.answer.pinned && e.answer.key.as_slice() != key;
        let old: Vec<i64> = state
            .entries
            .iter()
            .filter(is_old)
            .map(|e| e.answer.id)
            .collect();
        state.remove(&old)?;
        let wishes = common_prompts().iter();
        let all: Vec<(&str, &str)> = wishes
            .flat_map(|wish| {
                wish.phrasings
                    .iter()
                    .map(|p| (wish.id.as_str(), p.as_str()))
            })
            .collect();
        let is_there = |phrasing: &str| !state.with_words(key, &same_words(phrasing)).is_empty();
        let mut missing = all.clone();
        missing.retain(|(_, phrasing)| !is_there(phrasing));
        if missing.is_empty() {
            return Ok(all.len());
        }
        let phrasings: Vec<&str> = missing.iter().map(|(_, phrasing)| *phrasing).collect();
        let vectors = embed.embed_all(&phrasings);
        let packed: Vec<(Vec<i8>, f32)> = vectors.iter().map(|vector| pack(vector)).collect();
        let mut new = Vec::with_capacity(missing.len());
        for ((id, phrasing), (vector, scale)) in missing.iter().zip(&packed) {
            new.push(NewAnswer {
                task: super::Task::Question.name(),
                key: &key,
                request: phrasing,
                answer: id,
                vector,
                scale: *scale,
                made: now,
                expires: None,
                used: 0,
                shown: None,
                size_bytes: 0,
                pinned: true,
                sources: &[],
            });
        }
        // In one transaction: 700 of them would wait for the disk 700 times.
        state.store.insert_all(&new)?;
        state.reload_now()?;
        Ok(all.len())
    }
}

/// The question of a shipped prompt that waits longest, and does not rest: its id and its text.
pub(super) fn shipped(
    shown: &Shown,
    common: &str,
    now: Timestamp,
    rest: SignedDuration,
) -> Option<(String, String)> {
    let common = common_prompts().iter().find(|c| c.id == common)?;
    let waits = |question: &&prompt::Question| !rests(shown.question(&question.id), now, rest);
    let questions = common.questions();
    // From another place each day, so that the first day of every user is not the same.
    let start = usize::try_from(now.as_second().unsigned_abs() / 86_400).unwrap_or(0)
        % questions.len().max(1);
    let question = questions[start..]
        .iter()
        .chain(&questions[..start])
        .copied()
        .filter(waits)
        .min_by_key(|q| shown.question(&q.id))?;
    Some((question.id.clone(), prompt::embedded_text(question)))
}
