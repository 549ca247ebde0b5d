//! The settings of the cache.

use jiff::SignedDuration;

use super::decide::Thresholds;

/// Settings; the defaults are those of the program.
#[derive(Debug, Clone, PartialEq)]
pub struct CacheOptions {
    /// Off: every request is computed and nothing is kept.
    pub enabled: bool,
    /// How long an answer serves.
    pub ttl: SignedDuration,
    /// Answers kept, at most.
    pub max_entries: usize,
    /// Bytes kept, at most: requests, answers, vectors and what is stored beside them.
    pub max_bytes: u64,
    /// What decides.
    pub thresholds: Thresholds,
    /// The rate of false hits that is kept; where verdicts show that it is not, the semantic tier switches itself off.
    pub max_false_hits: f64,
    /// Candidates that gates look at.
    pub candidates: usize,
    /// Candidates that the judge reads.
    pub judged: usize,
}

impl CacheOptions {
    /// Whether an answer can be kept at all.
    pub(super) fn can_keep(&self) -> bool {
        self.ttl.is_positive() && self.max_entries > 0 && self.max_bytes > 0
    }
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            enabled: true,
            ttl: SignedDuration::from_hours(1),
            max_entries: 100,
            max_bytes: 8_000_000,
            thresholds: Thresholds::default(),
            max_false_hits: 0.01,
            candidates: 8,
            judged: 1,
        }
    }
}
