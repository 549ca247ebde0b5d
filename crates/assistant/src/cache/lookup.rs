//! Looking up.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};
use metrics::Count;

use super::decide::{Decision, Side};
use super::gates::Verdict;
use super::key::{Prepared, Request};
use super::lessons::Lessons;
use super::policy::Task;
use super::same::same_words;
use super::shipped::shipped;
use super::shown::{self, Shown, rests};
use super::state::{Entry, State};
use super::store::StoreResult;
use super::{How, SemanticCache, Served};

/// Answers that may be kept for one request and stand side by side among the nearest.
const TOGETHER: usize = 5;

/// A kept request that is compared with the one at hand. It is held by its id: while the judge reads the lock is open, and
/// another thread may change the places.
pub(super) struct Compared {
    pub(super) id: i64,
    request: String,
    raised: f32,
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
        let mut compared = self.compare(request, &vector, prepared);
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
            let served = self.serve(request, found, now);
            if served.is_some() {
                return served;
            }
        }
        None
    }

    /// The candidates for a request, the most similar first, each with the decision about it: gates, then the judge for the
    /// best that they let through. What the judge does not get to read does not serve, so that those behind are not even
    /// looked at; but of wishes for a question each is, since a rule may say yes to one that is less similar.
    fn compare(&self, request: &Request<'_>, vector: &[f32], prepared: &Prepared) -> Vec<Compared> {
        let asked = Side {
            text: request.intent,
            read: &prepared.read,
        };
        let by_rule = request.task == Task::Question;
        let state = self.state();
        let may = |at: usize| {
            let key = state.entries[at].answer.key.as_slice();
            key == prepared.key || prepared.shipped.is_some_and(|shipped| key == shipped)
        };
        let near = state
            .vectors
            .nearest(vector, self.options.candidates * TOGETHER, may);
        let mut compared: Vec<Compared> = Vec::new();
        let mut seen: Vec<(&[u8], &str)> = Vec::new();
        for (at, similarity) in near {
            let entry = &state.entries[at];
            // The answers that are kept for one request stand and fall together.
            let request = (entry.answer.key.as_slice(), entry.answer.request.as_str());
            if seen.contains(&request) {
                continue;
            }
            seen.push(request);
            compared.push(self.weigh(entry, &state.lessons, asked, similarity));
            let open = compared.iter().filter(|c| c.decision.serves()).count();
            if compared.len() == self.options.candidates || !by_rule && open == self.options.judged
            {
                break;
            }
        }
        drop(state);
        self.judge(request.intent, &mut compared);
        compared
    }

    /// What the gates say of a kept request.
    pub(super) fn weigh(
        &self,
        entry: &Entry,
        lessons: &Lessons,
        asked: Side<'_>,
        similarity: f32,
    ) -> Compared {
        let (task, request) = (&entry.answer.task, &entry.answer.request);
        let stored = Side {
            text: request,
            read: &entry.read,
        };
        let mut decision = self.decider.weigh(stored, asked, similarity);
        if decision.serves() && lessons.is_wrong(task, request, asked.text) {
            decision.refused_by = Some("verdict");
        }
        Compared {
            id: entry.answer.id,
            request: request.clone(),
            raised: lessons.raised(task, request) as f32,
            decision,
        }
    }

    /// Has the judge read the best of those that the gates let through, which come in order of similarity.
    pub(super) fn judge(&self, intent: &str, compared: &mut [Compared]) {
        let mut open: Vec<usize> = (0..compared.len())
            .filter(|i| compared[*i].decision.serves())
            .collect();
        // What a rule says yes to comes first, whatever the similarity.
        open.sort_by_key(|i| !compared[*i].decision.by_rule);
        let (to_judge, beyond) = open.split_at(open.len().min(self.options.judged));
        let scores = self.decider.judge().map(|judge| {
            let pairs: Vec<(&str, &str, f32)> = to_judge
                .iter()
                .map(|i| &compared[*i])
                .map(|c| (c.request.as_str(), intent, c.decision.similarity))
                .collect();
            judge.scores(&pairs)
        });
        for (place, i) in to_judge.iter().enumerate() {
            let score = scores.as_ref().and_then(|s| s.get(place).copied());
            let Compared {
                decision, raised, ..
            } = &mut compared[*i];
            self.decider.settle(decision, score, *raised);
        }
        for i in beyond {
            compared[*i].decision.refused_by = Some("not judged");
        }
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
            let places = state.with_words(key, &prepared.words).to_vec();
            if let Some(served) = give(&mut state, request, &places, now, How::Exact) {
                return Some(served);
            }
        }
        None
    }

    /// The answer of a candidate that the decision is for, or, of a question, another one kept for the same request.
    fn serve(&self, request: &Request<'_>, found: Compared, now: Timestamp) -> Option<Served> {
        let mut state = self.state();
        let entry = &state.entries[state.place(found.id)?].answer;
        let key = <[u8; 32]>::try_from(entry.key.as_slice()).ok()?;
        let words = same_words(&entry.request);
        let places = state.with_words(key, &words).to_vec();
        let mut served = give(&mut state, request, &places, now, How::Semantic)?;
        state.count("by_meaning", 1);
        let decision = found.decision;
        if let Some(id) = served.id {
            let (similarity, score) = (f64::from(decision.similarity), f64::from(decision.score()));
            // Which questions answer a shipped wish is written down: that is not audited either.
            let text = request.task.policy().audited && served.how != How::Shipped;
            if let Err(error) =
                state
                    .store
                    .add_hit(id, request.intent, now, (similarity, score), text)
            {
                failed(&mut state, &error);
            }
        }
        served.decision = Some(decision);
        Some(served)
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
    let served = try_give(state, request, places, now, how);
    served.unwrap_or_else(|error| {
        failed(state, &error);
        None
    })
}

fn try_give(
    state: &mut State,
    request: &Request<'_>,
    places: &[usize],
    now: Timestamp,
    how: How,
) -> StoreResult<Option<Served>> {
    let rest = request.task.policy().rest;
    let fresh: Vec<i64> = places
        .iter()
        .map(|at| &state.entries[*at])
        .filter(|entry| entry.is_fresh(now))
        .map(|entry| entry.answer.id)
        .collect();
    let chosen = match (rest, fresh.last()) {
        (_, None) => None,
        (None, Some(latest)) => text_of(state, *latest)?.map(|text| (*latest, text)),
        (Some(rest), Some(_)) => {
            let shown = Shown::read(state, now, rest)?;
            match state.entries[places[0]].answer.pinned {
                true => return give_shipped(state, fresh[0], &shown, now, rest),
                false => longest_waiting(state, &fresh, &shown, now, rest)?,
            }
        }
    };
    let Some((id, answer)) = chosen else {
        return Ok(None);
    };
    if rest.is_some() {
        shown::note_text(state, &answer, now)?;
    }
    let served = Served {
        answer,
        how,
        id: Some(id),
        question: None,
        decision: None,
        sources: state.store.sources(id)?,
    };
    used(state, id, rest.map(|_| now));
    Ok(Some(served))
}

/// A question of the shipped wish `id`.
fn give_shipped(
    state: &mut State,
    id: i64,
    shown: &Shown,
    now: Timestamp,
    rest: SignedDuration,
) -> StoreResult<Option<Served>> {
    let wish = text_of(state, id)?;
    let Some((question, answer)) = wish.and_then(|wish| shipped(shown, &wish, now, rest)) else {
        return Ok(None);
    };
    shown::note(state, &question, now)?;
    used(state, id, Some(now));
    Ok(Some(Served {
        answer,
        how: How::Shipped,
        id: Some(id),
        question: Some(question),
        decision: None,
        sources: Vec::new(),
    }))
}

/// Of these kept questions the one that was shown longest ago and does not rest, and of those never shown the latest
/// kept: its id and its text.
fn longest_waiting(
    state: &mut State,
    ids: &[i64],
    record: &Shown,
    now: Timestamp,
    rest: SignedDuration,
) -> StoreResult<Option<(i64, String)>> {
    let mut waiting = Vec::new();
    for id in ids {
        let own = state
            .place(*id)
            .and_then(|at| state.entries[at].answer.shown);
        let Some(text) = text_of(state, *id)? else {
            continue;
        };
        let last = own.max(record.text(&text));
        if !rests(last, now, rest) {
            waiting.push((last, Reverse(*id), text));
        }
    }
    let longest = waiting.into_iter().min();
    Ok(longest.map(|(_, Reverse(id), text)| (id, text)))
}

/// The text of a kept answer; an answer whose source was edited since it was loaded has none, and is let go of.
fn text_of(state: &mut State, id: i64) -> StoreResult<Option<String>> {
    let text = state.store.text(id)?;
    if text.is_none() {
        state.forget(&[id]);
    }
    Ok(text)
}

/// Notes that the answer served.
fn used(state: &mut State, id: i64, shown: Option<Timestamp>) {
    if let Some(at) = state.place(id) {
        state.used(at, shown);
    }
    if state.is_due()
        && let Err(error) = state.flush()
    {
        failed(state, &error);
    }
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
        "language" => Count::RefusedLanguage,
        "scope" => Count::RefusedScope,
        "wording" => Count::RefusedWording,
        "similarity" => Count::RefusedSimilarity,
        "doubt" => Count::RefusedDoubt,
        "judge" => Count::RefusedJudge,
        "verdict" => Count::RefusedVerdict,
        "not judged" => Count::RefusedNotJudged,
        _ => Count::RefusedOther,
    }
}

/// A store that fails makes a miss.
pub(super) fn failed(state: &mut State, _: &journal::Error) {
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
