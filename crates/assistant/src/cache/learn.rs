//! What verdicts teach: an entry's own threshold, and whether the semantic tier keeps its bound at all.

use journal::AnswerHit;
use serde::Serialize;

use super::SemanticCache;
use super::counters::Audit;
use super::store::StoreResult;

/// How far above the score of a false hit the entry's threshold is put, in logits of the judge.
const MARGIN: f64 = 0.5;
/// What one right hit takes back of what false ones added.
const FORGIVEN: f64 = 0.25;

/// Somebody's word on the last hit of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It served.
    Right,
    /// It did not.
    Wrong,
}

/// Whether the semantic tier works, and what it knows of itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TierState {
    /// It answers.
    pub on: bool,
    /// Why not, or what it stands on.
    pub because: String,
    /// What verdicts say.
    pub audit: Audit,
}

impl SemanticCache {
    /// Says of the last semantic hit of answer `id` whether it was right. A wrong one raises the answer's own threshold
    /// above the score that it had, and the pair is remembered as wrong; a right one takes part of that back. `None`
    /// where the answer served nobody yet.
    pub fn verdict(&self, id: i64, verdict: Verdict) -> StoreResult<Option<f64>> {
        let hits = self.state().store.hits(Some(id))?;
        let Some(hit) = hits.into_iter().next() else {
            return Ok(None);
        };
        self.judge_hit(&hit, verdict).map(Some)
    }

    /// Records the verdict on a hit; gives by how much the answer's threshold is raised now. A second verdict on the
    /// same hit takes the place of the first.
    pub(super) fn judge_hit(&self, hit: &AnswerHit, verdict: Verdict) -> StoreResult<f64> {
        let now = self.clock.now().timestamp();
        let base = match self.decider.judge() {
            Some(judge) => f64::from(judge.threshold(0)),
            None => f64::from(self.decider.thresholds().similarity),
        };
        let mut state = self.state();
        state.refresh(now)?;
        let before = state
            .entries
            .iter()
            .find(|e| e.answer.id == hit.answer)
            .map_or(0.0_f64, |e| e.answer.raised);
        // Without a judge the scores are cosines, of which half is everything.
        let unit = if self.decider.judge().is_some() {
            1.0
        } else {
            0.05
        };
        let raised = match verdict {
            Verdict::Wrong => before.max(hit.score - base + MARGIN * unit),
            // Never below the threshold that was measured.
            Verdict::Right => (before - FORGIVEN * unit).max(0.0),
        };
        state.store.set_raised(hit.answer, raised)?;
        state.store.set_verdict(hit.id, verdict == Verdict::Right)?;
        if let Some(entry) = state.entries.iter_mut().find(|e| e.answer.id == hit.answer) {
            entry.answer.raised = raised;
        }
        let name = |right: bool| if right { "right" } else { "wrong" };
        let right = verdict == Verdict::Right;
        if hit.verdict != Some(right) {
            let mut counts = vec![(name(right).to_owned(), 1)];
            if let Some(former) = hit.verdict {
                counts.push((name(former).to_owned(), -1));
            }
            state.store.note(&[], &counts)?;
        }
        Ok(raised)
    }

    /// Whether the semantic tier works: not where verdicts show, with 95 % certainty, that more hits are false than the
    /// bound allows.
    pub fn tier(&self) -> TierState {
        let counts = self.state().store.counts().unwrap_or_default();
        let get = |name: &str| {
            counts
                .iter()
                .find(|(n, _)| n == name)
                .map_or(0, |(_, v)| v.unsigned_abs())
        };
        let audit = Audit::of(get("wrong"), get("wrong") + get("right"));
        let bound = self.options.max_false_hits;
        let on = audit.lower <= bound;
        let because = match self.decider.judge() {
            _ if !on => format!(
                "{} of {} judged hits were wrong: more than {:.1} % with 95 % certainty; \
                 `companion cache clear --counts` begins anew",
                audit.wrong,
                audit.judged,
                100.0 * bound
            ),
            None => "no judge fits the encoder: only gates and the cosine decide".to_owned(),
            Some(judge) => {
                let m = judge.measured();
                format!(
                    "{} false hits in {} look-alikes that nothing was trained on",
                    m.false_hits, m.look_alikes
                )
            }
        };
        TierState { on, because, audit }
    }
}
