//! Checking oneself in idle time: some hits are computed after all, to see whether the kept answer would have done.

use jiff::Timestamp;
use serde::Serialize;

use super::SemanticCache;
use super::counters::Audit;
use super::learn::{By, Verdict};
use super::store::StoreResult;
use crate::stats;

/// A hit to compute anew.
#[derive(Clone)]
pub struct AuditCase {
    /// The kind of work: [`Task::name`](super::Task::name).
    pub task: String,
    /// What was asked.
    pub asked: String,
    /// When.
    pub at: Timestamp,
    /// The request whose answer served.
    pub stored: String,
    /// That answer.
    pub answer: String,
    /// Digest of the guards that it stands under.
    key: Vec<u8>,
}

impl std::fmt::Debug for AuditCase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditCase").finish_non_exhaustive()
    }
}

/// What an audit found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AuditReport {
    /// Hits without a verdict before, also of answers that have run out. Those of shipped wishes are not among them: which
    /// questions answer such a wish is written down.
    pub open: usize,
    /// Computed anew now.
    pub checked: usize,
    /// Of those, wrong.
    pub wrong: usize,
    /// Could not be computed.
    pub failed: usize,
    /// The verdicts of all audits so far, with their interval.
    pub audit: Audit,
}

impl SemanticCache {
    /// Computes `share` (0 to 1) of the hits that nobody judged yet, chosen by `seed`, and records whether each was right.
    ///
    /// `served` computes the answer to [`AuditCase::asked`] and says whether the kept answer would have done as well
    /// ([`SemanticCache::answers_agree`] is one way to tell); `None` where it could not be computed. It is asked without a
    /// lock held, so that the cache goes on working.
    pub fn audit(
        &self,
        share: f64,
        seed: u64,
        mut served: impl FnMut(&AuditCase) -> Option<bool>,
    ) -> StoreResult<AuditReport> {
        let now = self.clock.now().timestamp();
        let open: Vec<_> = {
            let mut state = self.state();
            state.refresh(now)?;
            let mut hits = state.store.hits(None)?;
            hits.retain(|hit| hit.verdict.is_none() && !hit.pinned);
            hits
        };
        let (mut checked, mut wrong, mut failed) = (0, 0, 0);
        for hit in &open {
            let chance = f64::from(stats::unit(seed ^ stats::mix(hit.id.unsigned_abs())));
            if chance >= share {
                continue;
            }
            let case = AuditCase {
                task: hit.task.clone(),
                asked: hit.request.clone(),
                at: hit.at,
                stored: hit.stored.clone(),
                answer: hit.text.clone(),
                key: hit.key.clone(),
            };
            match served(&case) {
                Some(right) => {
                    checked += 1;
                    wrong += usize::from(!right);
                    let verdict = match right {
                        true => Verdict::Right,
                        false => Verdict::Wrong,
                    };
                    self.judge_hit(hit, verdict, By::Audit)?;
                }
                None => failed += 1,
            }
        }
        Ok(AuditReport {
            open: open.len(),
            checked,
            wrong,
            failed,
            audit: self.tier().audit,
        })
    }

    /// Whether `request`, made now, stands under the same guards as the kept answer: else its answer is another one by
    /// right, and nothing can be told from that.
    pub fn is_for(&self, case: &AuditCase, request: &super::Request<'_>) -> bool {
        let prepared = super::Prepared::new(request, self.encoder_id(), &self.clock.now());
        prepared.key.as_slice() == case.key
    }

    /// Whether two answers say the same, as far as an encoder can tell: the cosine of their vectors is at least 0.8. Without
    /// an encoder only those do that are equal but for case and punctuation.
    pub fn answers_agree(&self, one: &str, other: &str) -> bool {
        if super::normalised(one) == super::normalised(other) {
            return true;
        }
        let Some(embed) = self.embed.as_deref() else {
            return false;
        };
        super::cosine(&embed.embed(one), &embed.embed(other)) >= 0.8
    }
}
