//! What verdicts teach: an entry's own threshold, and whether the semantic tier keeps its bound at all.

use journal::{AnswerHit, Lesson};
use serde::Serialize;

use super::SemanticCache;
use super::counters::{Audit, Complaints};
use super::lessons;
use super::same::same_words;
use super::store::StoreResult;

/// How far above the score of a false hit the entry's threshold is put, in logits of the judge.
const MARGIN: f64 = 0.5;
/// What one right hit takes back of what false ones added.
const FORGIVEN: f64 = 0.25;
/// One wrong hit is a slip: the tier is not switched off for less than so many.
const WRONG_AT_LEAST: u64 = 2;

/// Who judged a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// An audit, which chooses by chance: its share is that of all hits.
    Audit,
    /// Somebody who was served, and speaks up mostly where it was wrong.
    Person,
}

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
    /// What audits say.
    pub audit: Audit,
    /// What people say.
    pub complaints: Complaints,
}

impl SemanticCache {
    /// Says of the last hit by meaning of answer `id` whether it was right. A wrong one raises the threshold of the request
    /// that the answer was made for above the score that it had, and the pair is remembered as wrong; a right one takes part
    /// of that back. Both hold for every answer that is kept for these words, now and later. `None` where the answer served
    /// nobody yet.
    pub fn verdict(&self, id: i64, verdict: Verdict) -> StoreResult<Option<f64>> {
        let hits = self.state().store.hits(Some(id))?;
        let Some(hit) = hits.into_iter().next() else {
            return Ok(None);
        };
        self.judge_hit(&hit, verdict, By::Person).map(Some)
    }

    /// Records the verdict on a hit; gives by how much the answer's threshold is raised now. A second verdict on the
    /// same hit takes the place of the first.
    pub(super) fn judge_hit(&self, hit: &AnswerHit, verdict: Verdict, by: By) -> StoreResult<f64> {
        let now = self.clock.now().timestamp();
        let base = match self.decider.judge() {
            Some(judge) => f64::from(judge.threshold(0)),
            None => f64::from(self.decider.thresholds().similarity),
        };
        let mut state = self.state();
        state.refresh(now)?;
        let before = state.lessons.raised(&hit.task, &hit.stored);
        // Without a judge the scores are cosines, of which half is everything.
        let unit = if self.decider.judge().is_some() {
            1.0
        } else {
            0.05
        };
        let raised = match verdict {
            // A hit by rule may have scored below the threshold: raised at all, the rule is off for this request.
            Verdict::Wrong => before.max((hit.score - base).max(0.0) + MARGIN * unit),
            // Never below the threshold that was measured.
            Verdict::Right => (before - FORGIVEN * unit).max(0.0),
        };
        let (right, told) = (verdict == Verdict::Right, by == By::Person);
        let former = state.store.set_verdict(hit.id, right, told)?;
        if former.is_some() && !told {
            return Ok(before); // somebody was faster
        }
        let (one, other) = lessons::pair(&hit.stored, &hit.request);
        let lesson = |stored, asked, raised| Lesson {
            task: hit.task.clone(),
            stored,
            asked,
            raised,
            at: now,
        };
        // An audit compares less than a person does: what somebody called wrong it does not make right.
        let stands = !told && right && state.lessons.is_wrong(&hit.task, &hit.stored, &hit.request);
        if !stands {
            let stored = same_words(&hit.stored);
            // What an older program's threshold became stands under the words as they were written.
            let old =
                (stored != hit.stored).then(|| lesson(hit.stored.clone(), String::new(), 0.0));
            let own = lesson(stored, String::new(), raised);
            let of_both = lesson(one, other, if right { 0.0 } else { raised });
            for lesson in old.into_iter().chain([own, of_both]) {
                state.store.set_lesson(&lesson)?;
                state.lessons.learn(lesson);
            }
        }
        let mut counts = vec![(count_of(right, told).to_owned(), 1)];
        if let Some((right, told)) = former {
            counts.push((count_of(right, told).to_owned(), -1));
        }
        state.store.note(&[], &counts)?;
        Ok(if stands { before } else { raised })
    }

    /// Whether the semantic tier works: not where an audit, or what people complained of, shows with 95 % certainty that
    /// more hits are false than the bound allows. Where that cannot be read it does not.
    pub fn tier(&self) -> TierState {
        let counts = self.state().counted();
        let Ok(counts) = counts else {
            return TierState {
                on: false,
                because: "what was judged so far cannot be read".to_owned(),
                audit: Audit::of(0, 0),
                complaints: Complaints::default(),
            };
        };
        let get = |name: &str| counts.get(name).map_or(0, |value| value.unsigned_abs());
        let audit = Audit::of(get("wrong"), get("wrong") + get("right"));
        // An older program did not count the shipped ones among them.
        let served = get("by_meaning").max(get("semantic"));
        let complaints = Complaints::of(get("told.wrong"), get("told.right"), served);
        let bound = self.options.max_false_hits;
        let beyond = |wrong: u64, lower: f64| wrong >= WRONG_AT_LEAST && lower > bound;
        let (found, told) = (
            beyond(audit.wrong, audit.lower),
            beyond(complaints.wrong, complaints.lower),
        );
        let because = match self.decider.judge() {
            _ if found => off("audited", audit.wrong, audit.judged, bound),
            _ if told => off("semantic", complaints.wrong, complaints.served, bound),
            None => "no judge fits the encoder: only gates and the cosine decide".to_owned(),
            Some(judge) => {
                let m = judge.measured();
                format!(
                    "{} false hits in {} look-alikes that nothing was trained on",
                    m.false_hits, m.look_alikes
                )
            }
        };
        TierState {
            on: !found && !told,
            because,
            audit,
            complaints,
        }
    }
}

/// Where such a verdict is counted. The names without `told` hold the verdicts of older programs too.
fn count_of(right: bool, told: bool) -> &'static str {
    match (right, told) {
        (true, false) => "right",
        (false, false) => "wrong",
        (true, true) => "told.right",
        (false, true) => "told.wrong",
    }
}

fn off(which: &str, wrong: u64, of: u64, bound: f64) -> String {
    format!(
        "{wrong} of {of} {which} hits were wrong: more than {:.1} % with 95 % certainty; \
         `companion cache clear --counts` begins anew",
        100.0 * bound
    )
}
