//! What is counted, across processes: names and numbers, never a word of a request.

use std::collections::BTreeMap;

use serde::Serialize;

use super::bound::{lower_95, upper_95};
use super::gates::GATES;
use super::policy::Task;

/// Everything counted so far.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Counters {
    /// Requests that came with leave to look.
    pub looked_up: u64,
    /// Served: the same request in other letters.
    pub exact: u64,
    /// Served: another wording of it.
    pub semantic: u64,
    /// Served: a question that was shipped with the program.
    pub shipped: u64,
    /// Served: an equal request was just being computed.
    pub joined: u64,
    /// Computed.
    pub missed: u64,
    /// Not looked up, by reason.
    pub bypassed: BTreeMap<String, u64>,
    /// Candidates refused, by gate, `similarity`, `doubt` or `judge`.
    pub refused: BTreeMap<String, u64>,
    /// Answers kept, pushed out by newer ones, and past their time.
    pub kept: u64,
    /// See `kept`.
    pub pushed_out: u64,
    /// See `kept`.
    pub expired: u64,
    /// Failures of the store; each was a miss, none reached the user.
    pub failed: u64,
    /// Mean time of a hit, in milliseconds.
    pub hit_ms: Option<f64>,
    /// Mean time of a miss, in milliseconds.
    pub miss_ms: Option<f64>,
    /// Seconds that hits saved: of each kind of work their number times what a miss of it takes on average more.
    pub saved_s: Option<f64>,
    /// What audits found out about the semantic hits.
    pub audit: Audit,
}

/// What audits say about semantic hits; in a store of an older program also what people said.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Audit {
    /// Hits with a verdict.
    pub judged: u64,
    /// Of those, wrong.
    pub wrong: u64,
    /// One-sided bounds at 95 % of the rate of false hits, from below and above.
    pub lower: f64,
    /// See `lower`.
    pub upper: f64,
}

/// What people said of hits that came to them by meaning. Who is content says nothing, so the complaints are counted among
/// all of those hits.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Complaints {
    /// Hits by meaning so far, of kept and of shipped answers.
    pub served: u64,
    /// Of those, said to be wrong.
    pub wrong: u64,
    /// Said to be right.
    pub right: u64,
    /// One-sided lower bound at 95 % of the share of wrong ones.
    pub lower: f64,
}

impl Complaints {
    /// What can be said of so many.
    pub fn of(wrong: u64, right: u64, served: u64) -> Complaints {
        let served = served.max(wrong + right);
        Complaints {
            served,
            wrong,
            right,
            lower: lower_95(wrong, served),
        }
    }
}

impl Audit {
    /// The interval that so many verdicts allow.
    pub fn of(wrong: u64, judged: u64) -> Audit {
        Audit {
            judged,
            wrong,
            lower: lower_95(wrong, judged),
            upper: upper_95(wrong, judged),
        }
    }
}

impl Counters {
    pub(super) fn of(counts: &[(String, i64)]) -> Counters {
        let get = |name: &str| {
            let found = counts.iter().find(|(n, _)| n == name);
            found.map_or(0, |(_, value)| value.unsigned_abs())
        };
        let group = |prefix: &str| -> BTreeMap<String, u64> {
            let of = counts.iter().filter_map(|(name, value)| {
                Some((name.strip_prefix(prefix)?.to_owned(), value.unsigned_abs()))
            });
            of.collect()
        };
        let mut refused: BTreeMap<String, u64> =
            GATES.iter().map(|g| (g.name.to_owned(), 0)).collect();
        refused.extend(group("refused."));
        let (exact, semantic, shipped) = (get("exact"), get("semantic"), get("shipped"));
        let (hits, missed) = (exact + semantic + shipped, get("missed"));
        let mean = |us: u64, n: u64| (n > 0).then(|| us as f64 / n as f64 / 1e3);
        let (hit_ms, miss_ms) = (mean(get("hit_us"), hits), mean(get("miss_us"), missed));
        Counters {
            looked_up: get("looked_up"),
            exact,
            semantic,
            shipped,
            joined: get("joined"),
            missed,
            bypassed: group("bypassed."),
            refused,
            kept: get("kept"),
            pushed_out: get("pushed_out"),
            expired: get("expired"),
            failed: get("failed"),
            hit_ms,
            miss_ms,
            saved_s: saved_s(&get),
            audit: Audit::of(get("wrong"), get("wrong") + get("right")),
        }
    }
}

/// A hit on a question of the bank does not save what a reply of a language model takes: each kind counts by itself. Absent
/// where no kind had both a hit and a miss.
fn saved_s(get: &dyn Fn(&str) -> u64) -> Option<f64> {
    let mut saved = None;
    for task in Task::ALL {
        let of = |name: &str| get(&format!("{name}.{}", task.name())) as f64;
        let (hits, missed) = (of("hits"), of("missed"));
        if hits > 0.0 && missed > 0.0 {
            let more = of("miss_us") / missed - of("hit_us") / hits;
            *saved.get_or_insert(0.0) += hits * more.max(0.0) / 1e6;
        }
    }
    saved
}
