//! Why a request was served, or was not.

use jiff::Timestamp;
use journal::EntryId;
use serde::Serialize;

use super::SemanticCache;
use super::decide::Judged;
use super::gates::{Opinion, Read, Verdict};
use super::key::{Prepared, Request};
use super::learn::TierState;
use super::lookup::reasons;
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
    /// Whether the context guards let it be compared at all: task, model, sources, mood, week.
    pub same_context: bool,
    /// Every gate with what it says: `pass`, `doubt: …`, `refuse: …`.
    pub gates: Vec<(String, String)>,
    /// The judge's score and what it had to reach.
    pub judge: Option<Judged>,
    /// What refused it; nothing if it serves.
    pub refused_by: Option<String>,
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

    /// One kept answer, with its text where `whole`.
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
        let text = state.store.text(id)?;
        let sources = state.store.sources(id)?;
        Ok(Some(KeptAnswer {
            id,
            task: answer.task,
            request: answer.request,
            answer: if whole { text } else { None },
            made: answer.made,
            expires: answer.expires,
            hits: answer.hits,
            raised: answer.raised,
            size_bytes: answer.size_bytes,
            shipped: answer.pinned,
            sources,
        }))
    }

    /// Forgets one answer.
    pub fn forget(&self, id: i64) -> StoreResult<()> {
        self.state().remove(&[id])
    }

    /// Compares `request` with the `most` nearest kept ones, whatever their context, and says what each gate and the
    /// judge think. Nothing is served, kept or counted.
    pub fn explain(&self, request: &Request<'_>, most: usize) -> StoreResult<Explanation> {
        let now = self.clock.now();
        let prepared = Prepared::new(request, self.encoder_id(), &now);
        let read = Read::new(request.intent);
        let mut candidates = Vec::new();
        let vector = self.embed.as_deref().map(|e| e.embed(request.intent));
        let mut state = self.state();
        state.refresh(now.timestamp())?;
        let near = match &vector {
            Some(vector) => state.vectors.nearest(vector, most, |_| true),
            None => Vec::new(),
        };
        let mut found = Vec::new();
        for (at, similarity) in near {
            let entry = &state.entries[at];
            let key = entry.answer.key.as_slice();
            let same = key == prepared.key || prepared.shipped.is_some_and(|s| key == s);
            found.push((entry.answer.clone(), entry.read.clone(), similarity, same));
        }
        drop(state);
        for (answer, stored_read, similarity, same_context) in found {
            let (stored, asked) = (
                super::Side {
                    text: &answer.request,
                    read: &stored_read,
                },
                super::Side {
                    text: request.intent,
                    read: &read,
                },
            );
            let decision = self
                .decider
                .decide(stored, asked, similarity, answer.raised as f32);
            candidates.push(Candidate {
                id: answer.id,
                similarity,
                same_context,
                gates: decision.gates.iter().map(in_words).collect(),
                judge: decision.judged,
                refused_by: match decision.refused_by {
                    None if !same_context => Some("context".to_owned()),
                    by => by.map(str::to_owned),
                },
                reasons: reasons(&decision),
                sources: self.state().store.sources(answer.id)?,
                request: answer.request,
            });
        }
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
