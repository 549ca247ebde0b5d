//! Why a request was served, or was not.

use std::collections::BTreeMap;

use jiff::Timestamp;
use journal::EntryId;
use serde::Serialize;

use super::SemanticCache;
use super::decide::{Judged, Side};
use super::gates::{Opinion, Verdict};
use super::key::{Prepared, Request};
use super::learn::{self, TierState};
use super::lookup::{Compared, reasons};
use super::store::StoreResult;

/// A kept answer, as `companion cache list` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeptAnswer {
    /// Its id.
    pub id: i64,
    /// The kind of work.
    pub task: String,
    /// What was asked.
    pub request: String,
    /// The answer; only where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// When it was made.
    pub made: Timestamp,
    /// Until when it serves; absent for what was shipped.
    pub expires: Option<Timestamp>,
    /// How often it served.
    pub hits: u64,
    /// By how much verdicts raised its threshold.
    pub raised: f64,
    /// What it counts in the bound of bytes.
    pub size_bytes: u64,
    /// It was shipped with the program.
    pub shipped: bool,
    /// The entries that it was made from, with their versions.
    pub sources: Vec<(EntryId, u32)>,
    /// The requests in other words that it served, the latest first; only where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served: Option<Vec<ServedRequest>>,
}

/// A request that a kept answer served by meaning.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServedRequest {
    /// What was asked.
    pub request: String,
    /// When.
    pub at: Timestamp,
    /// Cosine of the two requests.
    pub similarity: f64,
    /// Whether it was right, where that was judged.
    pub verdict: Option<learn::Verdict>,
}

/// A kept request beside the one asked about.
#[derive(Debug, Clone, Serialize)]
pub struct Candidate {
    /// Its id.
    pub id: i64,
    /// What was asked then.
    pub request: String,
    /// Cosine of the two.
    pub similarity: f32,
    /// Whether the context guards let it be compared at all: task, model, sources, mood, week. It serves where this is so
    /// and nothing refused it.
    pub same_context: bool,
    /// Every gate with what it says: `pass`, `doubt: …`, `refuse: …`.
    pub gates: Vec<(String, String)>,
    /// The judge's score and what it had to reach.
    pub judge: Option<Judged>,
    /// What refused it, by meaning; nothing if it serves where the context is equal.
    pub refused_by: Option<&'static str>,
    /// Doubts and refusals in words.
    pub reasons: Vec<String>,
    /// The entries that its answer was made from.
    pub sources: Vec<(EntryId, u32)>,
}

/// Why a request would be served, or not.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The floor of the cosine.
    pub candidate_similarity: f32,
    /// The threshold of the cosine, where no judge is installed.
    pub similarity: f32,
    /// The judge in use.
    pub judge: Option<String>,
    /// Whether the semantic tier works.
    pub tier: TierState,
    /// Never kept nor reused: it sounds like someone in danger.
    pub crisis: bool,
    /// The best candidates, the most similar first.
    pub candidates: Vec<Candidate>,
}

impl SemanticCache {
    /// What is kept, the latest used first; with `shipped` also what came with the program.
    pub fn list(&self, shipped: bool) -> StoreResult<Vec<KeptAnswer>> {
        let now = self.clock.now().timestamp();
        let mut state = self.state();
        state.refresh(now)?;
        let mut ids: Vec<(i64, i64)> = state
            .entries
            .iter()
            .filter(|e| shipped || !e.answer.pinned)
            .map(|e| (e.answer.used, e.answer.id))
            .collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        drop(state);
        ids.into_iter()
            .filter_map(|(_, id)| self.kept(id, false).transpose())
            .collect()
    }

    /// One kept answer, with its text and the requests that it served where `whole`.
    pub fn kept(&self, id: i64, whole: bool) -> StoreResult<Option<KeptAnswer>> {
        let now = self.clock.now().timestamp();
        let mut state = self.state();
        state.refresh(now)?;
        let Some(answer) = state
            .entries
            .iter()
            .find(|e| e.answer.id == id)
            .map(|e| e.answer.clone())
        else {
            return Ok(None);
        };
        let sources = state.store.sources(id)?;
        let raised = state.lessons.raised(&answer.task, &answer.request);
        let (mut text, mut served) = (None, None);
        if whole {
            text = state.store.text(id)?;
            let hits = state.store.hits(Some(id))?.into_iter();
            let requests = hits.map(|hit| ServedRequest {
                request: hit.request,
                at: hit.at,
                similarity: hit.similarity,
                verdict: hit.verdict.map(|right| match right {
                    true => learn::Verdict::Right,
                    false => learn::Verdict::Wrong,
                }),
            });
            served = Some(requests.collect());
        }
        Ok(Some(KeptAnswer {
            id,
            task: answer.task,
            request: answer.request,
            answer: text,
            made: answer.made,
            expires: answer.expires,
            hits: answer.hits,
            raised,
            size_bytes: answer.size_bytes,
            shipped: answer.pinned,
            sources,
            served,
        }))
    }

    /// Forgets one answer.
    pub fn forget(&self, id: i64) -> StoreResult<()> {
        let mut state = self.state();
        state.store.forget(&[id])?;
        state.forget(&[id]);
        Ok(())
    }

    /// Compares `request` with the `most` nearest kept ones, whatever their context, and says what each gate thinks, and the
    /// judge of those that it would get to read: so many of each task as in a look. Nothing is served, kept or counted.
    pub fn explain(&self, request: &Request<'_>, most: usize) -> StoreResult<Explanation> {
        let now = self.clock.now();
        let prepared = Prepared::new(request, self.encoder_id(), &now);
        let vector = self.embed.as_deref().map(|e| e.embed(request.intent));
        let asked = Side {
            text: request.intent,
            read: &prepared.read,
        };
        let mut state = self.state();
        state.refresh(now.timestamp())?;
        let near = match &vector {
            Some(vector) => state.vectors.nearest(vector, most, |_| true),
            None => Vec::new(),
        };
        let mut found: BTreeMap<String, Vec<Compared>> = BTreeMap::new();
        for (at, similarity) in near {
            let entry = &state.entries[at];
            let of_task = found.entry(entry.answer.task.clone()).or_default();
            of_task.push(self.weigh(entry, &state.lessons, asked, similarity));
        }
        drop(state);
        for of_task in found.values_mut() {
            self.judge(request.intent, of_task);
        }
        let mut candidates = Vec::new();
        let mut state = self.state();
        for Compared { id, decision, .. } in found.into_values().flatten() {
            let Some(at) = state.place(id) else {
                continue; // gone since
            };
            let answer = &state.entries[at].answer;
            let key = answer.key.as_slice();
            candidates.push(Candidate {
                id,
                request: answer.request.clone(),
                similarity: decision.similarity,
                same_context: key == prepared.key || prepared.shipped.is_some_and(|s| key == s),
                gates: decision.gates.iter().map(in_words).collect(),
                judge: decision.judged,
                refused_by: decision.refused_by,
                reasons: reasons(&decision),
                sources: state.store.sources(id)?,
            });
        }
        drop(state);
        candidates.sort_by(|x, y| y.similarity.total_cmp(&x.similarity));
        Ok(Explanation {
            candidate_similarity: self.decider.thresholds().candidate_similarity,
            similarity: self.decider.thresholds().similarity,
            judge: self.decider.judge().map(|j| j.id().to_owned()),
            tier: self.tier(),
            crisis: super::is_crisis(request.intent),
            candidates,
        })
    }
}

fn in_words(opinion: &Opinion) -> (String, String) {
    let said = match &opinion.verdict {
        Verdict::Pass => "pass".to_owned(),
        Verdict::Doubt(why) => format!("doubt: {why}"),
        Verdict::Refuse(why) => format!("refuse: {why}"),
    };
    (opinion.gate.to_owned(), said)
}
