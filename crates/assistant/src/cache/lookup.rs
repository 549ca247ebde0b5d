//! Looking up and keeping.

use jiff::Timestamp;
use journal::NewAnswer;
use metrics::Count;

use super::common::common_prompts;
use super::decide::{Decision, Side};
use super::gates::{Read, Verdict};
use super::key::{Prepared, Request, shipped_key};
use super::state::State;
use super::store::StoreResult;
use super::vectors::pack;
use super::{Computed, How, Mode, SemanticCache, Served, computed};
use crate::prompt;

/// What an entry takes beside its texts and its vector: its row, its place in the indices, its key.
const OVERHEAD_BYTES: u64 = 320;

/// A kept entry that was compared with the request.
pub(super) struct Compared {
    /// Its place in the state.
    pub(super) at: usize,
    pub(super) decision: Decision,
}

impl SemanticCache {
    /// A kept answer that serves. Without `by_meaning` only one with the same words.
    pub(super) fn look_up(
        &self,
        request: &Request<'_>,
        prepared: &Prepared,
        by_meaning: bool,
    ) -> Option<Served> {
        let now = self.clock.now().timestamp();
        let exact = self.exact(request, prepared, now);
        if exact.is_some() || !by_meaning || !request.task.policy().semantic {
            return exact;
        }
        let embed = self.embed.as_deref()?;
        if !self.tier().on {
            self.state().count("bypassed.tier off", 1);
            return None;
        }
        // Outside of the lock: this is most of the time that a look takes.
        let vector = embed.embed(request.intent);
        let mut compared = self.compare(request.intent, &prepared.read, &vector, prepared);
        compared.sort_by(|x, y| y.decision.score().total_cmp(&x.decision.score()));
        let mut state = self.state();
        for found in &compared {
            if let Some(by) = found.decision.refused_by {
                state.count(&format!("refused.{by}"), 1);
                metrics::add(refused_by(by), 1);
            }
        }
        drop(state);
        for found in compared.into_iter().filter(|c| c.decision.serves()) {
            let served = self.serve(request, prepared, found, now);
            if served.is_some() {
                return served;
            }
        }
        None
    }

    /// The candidates for a text, each with the decision about it: gates for all, the judge for the best that they let
    /// through. What the judge did not get to read does not serve.
    pub(super) fn compare(
        &self,
        intent: &str,
        read: &Read,
        vector: &[f32],
        prepared: &Prepared,
    ) -> Vec<Compared> {
        let asked = Side { text: intent, read };
        let state = self.state();
        let may = |at: usize| {
            let key = state.entries[at].answer.key.as_slice();
            key == prepared.key || prepared.shipped.is_some_and(|shipped| key == shipped)
        };
        let near = state.vectors.nearest(vector, self.options.candidates, may);
        let mut compared: Vec<Compared> = Vec::with_capacity(near.len());
        for (at, similarity) in near {
            let entry = &state.entries[at];
            let stored = Side {
                text: &entry.answer.request,
                read: &entry.read,
            };
            let decision = self.decider.weigh(stored, asked, similarity);
            compared.push(Compared { at, decision });
        }
        let texts: Vec<String> = compared
            .iter()
            .map(|c| state.entries[c.at].answer.request.clone())
            .collect();
        let raised: Vec<f32> = compared
            .iter()
            .map(|c| state.entries[c.at].answer.raised as f32)
            .collect();
        drop(state);
        let mut open: Vec<usize> = (0..compared.len())
            .filter(|i| compared[*i].decision.serves())
            .collect();
        // What a rule says yes to comes first, whatever the similarity.
        open.sort_by_key(|i| !compared[*i].decision.by_rule);
        let (to_judge, beyond) = open.split_at(open.len().min(self.options.judged));
        let scores = self.decider.judge().map(|judge| {
            let pairs: Vec<(&str, &str, f32)> = to_judge
                .iter()
                .map(|i| (texts[*i].as_str(), intent, compared[*i].decision.similarity))
                .collect();
            judge.scores(&pairs)
        });
        for (place, i) in to_judge.iter().enumerate() {
            let score = scores.as_ref().and_then(|s| s.get(place).copied());
            self.decider
                .settle(&mut compared[*i].decision, score, raised[*i]);
        }
        for i in beyond {
            compared[*i].decision.refused_by = Some("not judged");
        }
        compared
    }

    /// The answer kept for the same words.
    fn exact(&self, request: &Request<'_>, prepared: &Prepared, now: Timestamp) -> Option<Served> {
        let mut state = self.state();
        if let Err(error) = state.refresh(now) {
            failed(&mut state, &error);
            return None;
        }
        let keys = [Some(prepared.key), prepared.shipped];
        for key in keys.into_iter().flatten() {
            let places = state.with_words(key, &prepared.normal).to_vec();
            if let Some(served) = give(&mut state, request, &places, now, How::Exact) {
                return Some(served);
            }
        }
        None
    }

    /// The answer of a candidate that the decision is for, or, of a question, another one kept for the same request.
    fn serve(
        &self,
        request: &Request<'_>,
        prepared: &Prepared,
        found: Compared,
        now: Timestamp,
    ) -> Option<Served> {
        let mut state = self.state();
        // The lock was open while the judge read: another thread may have changed the places.
        let entry = state.entries.get(found.at)?;
        let key = entry.answer.key.as_slice();
        let known = key == prepared.key || prepared.shipped.is_some_and(|s| key == s);
        if !known {
            return None;
        }
        let (key, words) = (
            <[u8; 32]>::try_from(key).ok()?,
            super::normalised(&entry.answer.request),
        );
        let places = state.with_words(key, &words).to_vec();
        if !places.contains(&found.at) {
            return None;
        }
        let mut served = give(&mut state, request, &places, now, How::Semantic)?;
        let decision = found.decision;
        if let (How::Semantic, Some(id)) = (served.how, served.id) {
            let (similarity, score) = (f64::from(decision.similarity), f64::from(decision.score()));
            if let Err(error) = state
                .store
                .add_hit(id, request.intent, now, similarity, score)
            {
                failed(&mut state, &error);
            }
        }
        served.decision = Some(decision);
        Some(served)
    }

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
        let places = state.with_words(prepared.key, &prepared.normal).to_vec();
        let mut resting = Vec::new();
        for at in &places {
            let entry = &state.entries[*at];
            if rest.is_some_and(|rest| entry.rests(now, rest)) {
                let id = entry.answer.id;
                resting.extend(state.store.text(id)?);
            }
        }
        // A question that rests is not computed into being asked again, unless there is no other.
        let mut answers: Vec<&String> = found
            .answers
            .iter()
            .filter(|a| !resting.contains(a))
            .collect();
        if answers.is_empty() {
            answers = found.answers.iter().take(1).collect();
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
        for (place, answer) in answers.iter().enumerate() {
            let size_bytes = OVERHEAD_BYTES
                + 2 * bytes.len() as u64
                + 2 * request.intent.len() as u64
                + answer.len() as u64;
            if size_bytes > self.options.max_bytes || self.options.max_entries == 0 {
                continue; // it would push everything out and still not fit
            }
            let gone =
                state.in_the_way(size_bytes, self.options.max_entries, self.options.max_bytes);
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
            state.take_in(journal::Answer {
                id,
                task: new.task.to_owned(),
                key: new.key.to_vec(),
                request: new.request.to_owned(),
                vector: bytes.clone(),
                scale,
                made: new.made,
                expires: new.expires,
                used: new.used,
                shown: new.shown,
                hits: 0,
                raised: 0.0,
                size_bytes,
                pinned: false,
            });
            state.count("kept", 1);
            state.count("pushed_out", gone.len() as u64);
            if place == 0 {
                served.id = Some(id);
            }
        }
        Ok(served)
    }

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
        let mut count = 0;
        for common in common_prompts() {
            for phrasing in &common.phrasings {
                count += 1;
                if !state
                    .with_words(key, &super::normalised(phrasing))
                    .is_empty()
                {
                    continue;
                }
                let (bytes, scale) = pack(&embed.embed(phrasing));
                let new = NewAnswer {
                    task: super::Task::Question.name(),
                    key: &key,
                    request: phrasing,
                    answer: &common.id,
                    vector: &bytes,
                    scale,
                    made: now,
                    expires: None,
                    used: 0,
                    shown: None,
                    size_bytes: 0,
                    pinned: true,
                    sources: &[],
                };
                state.store.insert(&new, &[])?;
            }
        }
        state.reload_now()?;
        Ok(count)
    }
}

/// The answer at one of `places`: of a question the one that was shown longest ago and does not rest.
fn give(
    state: &mut State,
    request: &Request<'_>,
    places: &[usize],
    now: Timestamp,
    how: How,
) -> Option<Served> {
    let rest = request.task.policy().rest;
    let fresh = |at: &&usize| {
        let entry = &state.entries[**at];
        entry.is_fresh(now)
            && (entry.answer.pinned || !rest.is_some_and(|rest| entry.rests(now, rest)))
    };
    let order = |at: &&usize| {
        let answer = &state.entries[**at].answer;
        (answer.shown, std::cmp::Reverse(answer.id))
    };
    let at = match rest {
        Some(_) => *places.iter().filter(fresh).min_by_key(order)?,
        None => *places.iter().rfind(fresh)?,
    };
    let id = state.entries[at].answer.id;
    let text = match state.store.text(id) {
        Ok(Some(text)) => text,
        // A source was edited since this was loaded.
        Ok(None) => {
            state.forget(&[id]);
            return None;
        }
        Err(error) => {
            failed(state, &error);
            return None;
        }
    };
    let mut served = Served {
        answer: text,
        how,
        id: Some(id),
        question: None,
        decision: None,
        sources: state.store.sources(id).unwrap_or_default(),
    };
    if state.entries[at].answer.pinned {
        let (question, text) = shipped(state, &served.answer, now)?;
        served = Served {
            answer: text,
            how: How::Shipped,
            question: Some(question),
            ..served
        };
    }
    state.used(at, rest.map(|_| now));
    if state.is_due()
        && let Err(error) = state.flush()
    {
        failed(state, &error);
    }
    Some(served)
}

/// The question of a shipped prompt that waits longest, and does not rest: its id and its text.
fn shipped(state: &mut State, common: &str, now: Timestamp) -> Option<(String, String)> {
    let common = common_prompts().iter().find(|c| c.id == common)?;
    let counts = state.store.counts().ok()?;
    let shown = |id: &str| {
        let name = format!("shown.{id}");
        let found = counts.iter().find(|(n, _)| *n == name);
        found.and_then(|(_, at)| Timestamp::from_microsecond(*at).ok())
    };
    let waits = |question: &&prompt::Question| {
        shown(&question.id).is_none_or(|at| now.duration_since(at) >= super::REST)
    };
    let questions = common.questions();
    // From another place each day, so that the first day of every user is not the same.
    let start = usize::try_from(now.as_second().unsigned_abs() / 86_400).unwrap_or(0)
        % questions.len().max(1);
    let question = questions[start..]
        .iter()
        .chain(&questions[..start])
        .copied()
        .filter(waits)
        .min_by_key(|q| shown(&q.id))?;
    state
        .store
        .set_count(&format!("shown.{}", question.id), now.as_microsecond())
        .ok()?;
    Some((question.id.clone(), prompt::embedded_text(question)))
}

/// Where a refusal is counted.
fn refused_by(gate: &str) -> Count {
    match gate {
        "negation" => Count::RefusedNegation,
        "numbers" => Count::RefusedNumbers,
        "dates" => Count::RefusedDates,
        "people" => Count::RefusedPeople,
        "roles" => Count::RefusedRoles,
        "modality" => Count::RefusedModality,
        "question" => Count::RefusedQuestion,
        "scope" => Count::RefusedScope,
        "similarity" => Count::RefusedSimilarity,
        "doubt" => Count::RefusedDoubt,
        "judge" => Count::RefusedJudge,
        _ => Count::RefusedOther,
    }
}

/// A store that fails makes a miss.
fn failed(state: &mut State, _: &journal::Error) {
    state.count("failed", 1);
}

/// The doubts and refusals in words, for an explanation.
pub(super) fn reasons(decision: &Decision) -> Vec<String> {
    let rule = decision
        .by_rule
        .then(|| "the same wish but for words that say nothing".to_owned());
    let gates = decision.gates.iter().filter_map(|o| match &o.verdict {
        Verdict::Pass => None,
        Verdict::Doubt(why) => Some(format!("{} doubts: {why}", o.gate)),
        Verdict::Refuse(why) => Some(format!("{} refuses: {why}", o.gate)),
    });
    rule.into_iter().chain(gates).collect()
}
