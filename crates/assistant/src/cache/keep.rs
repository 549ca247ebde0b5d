//! Keeping what was computed.

use jiff::{SignedDuration, Timestamp};
use journal::NewAnswer;

use super::key::{Prepared, Request};
use super::lookup::failed;
use super::policy::is_crisis_in_answer;
use super::shown::{self, Shown, rests};
use super::state::State;
use super::store::StoreResult;
use super::vectors::pack;
use super::{Computed, How, Mode, SemanticCache, Served, computed};

/// What an entry takes beside its texts and its vector: its row, its place in the indices, its key.
const OVERHEAD_BYTES: u64 = 320;

impl SemanticCache {
    /// Keeps what was computed, where that is possible, and gives its first answer that does not rest.
    pub(super) fn keep(
        &self,
        request: &Request<'_>,
        prepared: &Prepared,
        found: Computed,
        mode: Mode,
    ) -> Served {
        let vector = match self.embed.as_deref() {
            Some(embed) => embed.embed(request.intent),
            None => Vec::new(),
        };
        let now = self.clock.now().timestamp();
        let mut state = self.state();
        match self.try_keep(&mut state, request, prepared, &vector, &found, mode, now) {
            Ok(served) => served,
            Err(error) => {
                failed(&mut state, &error);
                computed(found, How::Miss)
            }
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one step of `keep`, split off for its errors"
    )]
    fn try_keep(
        &self,
        state: &mut State,
        request: &Request<'_>,
        prepared: &Prepared,
        vector: &[f32],
        found: &Computed,
        mode: Mode,
        now: Timestamp,
    ) -> StoreResult<Served> {
        state.refresh(now)?;
        let rest = request.task.policy().rest;
        let places = state.with_words(prepared.key, &prepared.words).to_vec();
        let mut answers: Vec<&String> = found.answers.iter().collect();
        if let Some(rest) = rest {
            let resting = resting(state, &places, &found.answers, now, rest)?;
            // A question that rests is not computed into being asked again, unless there is no other.
            answers.retain(|a| !resting.contains(a));
            if answers.is_empty() {
                answers = found.answers.iter().take(1).collect();
            }
        }
        if mode == Mode::Refresh || rest.is_none() {
            let old: Vec<i64> = places
                .iter()
                .map(|at| state.entries[*at].answer.id)
                .collect();
            state.remove(&old)?;
        }
        let (bytes, scale) = pack(vector);
        let mut served = computed(found.clone(), How::Miss);
        served.answer = answers.first().map(|a| (*a).clone()).unwrap_or_default();
        served.sources.extend(&request.context.sources);
        served.sources.sort_unstable();
        served.sources.dedup();
        if rest.is_some() {
            shown::note_text(state, &served.answer, now)?;
        }
        for (place, answer) in answers.iter().enumerate() {
            if is_crisis_in_answer(answer) {
                state.count("bypassed.crisis", 1);
                continue;
            }
            let size_bytes = OVERHEAD_BYTES
                + 2 * bytes.len() as u64
                + 2 * request.intent.len() as u64
                + answer.len() as u64;
            if size_bytes > self.options.max_bytes {
                continue; // it would push everything out and still not fit
            }
            let gone = state.in_the_way(1, size_bytes);
            let new = NewAnswer {
                task: request.task.name(),
                key: &prepared.key,
                request: request.intent,
                answer,
                vector: &bytes,
                scale,
                made: now,
                expires: now.checked_add(self.options.ttl).ok(),
                used: state.next_use(),
                shown: (place == 0 && rest.is_some()).then_some(now),
                size_bytes,
                pinned: false,
                sources: &served.sources,
            };
            if new.expires.is_none_or(|end| end <= now) {
                continue;
            }
            let Some(id) = state.store.insert(&new, &gone)? else {
                state.count("bypassed.source changed", 1);
                break;
            };
            state.forget(&gone);
            state.take_in(new.kept_as(id));
            state.count("kept", 1);
            state.count("pushed_out", gone.len() as u64);
            if place == 0 {
                served.id = Some(id);
            }
        }
        Ok(served)
    }
}

/// Which of `answers` rest: by the record of questions, or, where they are not of the bank, by the rows at `places`.
fn resting(
    state: &mut State,
    places: &[usize],
    answers: &[String],
    now: Timestamp,
    rest: SignedDuration,
) -> StoreResult<Vec<String>> {
    let record = Shown::read(state, now, rest)?;
    let by_record = |a: &&String| rests(record.text(a), now, rest);
    let mut resting: Vec<String> = answers.iter().filter(by_record).cloned().collect();
    for at in places {
        let answer = &state.entries[*at].answer;
        let (id, shown) = (answer.id, answer.shown);
        if rests(shown, now, rest) {
            resting.extend(state.store.text(id)?);
        }
    }
    Ok(resting)
}
