//! What was measured together: by a process, on a day, or in a span of days.

use std::collections::BTreeMap;

use crate::{Count, Histogram, Measure};

/// Histograms and sums that belong together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    histograms: BTreeMap<Measure, Histogram>,
    counts: BTreeMap<Count, u64>,
}

impl Measured {
    /// The distribution of `measure`; `None` where nothing was recorded.
    pub fn histogram(&self, measure: Measure) -> Option<&Histogram> {
        self.histograms.get(&measure).filter(|found| found.n() > 0)
    }

    /// The sum that is kept of `count`.
    pub fn count(&self, count: Count) -> u64 {
        self.counts.get(&count).copied().unwrap_or(0)
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.histograms.values().all(|h| h.n() == 0) && self.counts.values().all(|n| *n == 0)
    }

    /// Everything that was recorded as distributions.
    pub fn histograms(&self) -> impl Iterator<Item = (Measure, &Histogram)> {
        let all = self.histograms.iter().filter(|(_, found)| found.n() > 0);
        all.map(|(measure, found)| (*measure, found))
    }

    /// Everything that was added up.
    pub fn counts(&self) -> impl Iterator<Item = (Count, u64)> {
        let all = self.counts.iter().filter(|(_, sum)| **sum > 0);
        all.map(|(count, sum)| (*count, *sum))
    }

    /// Records one number.
    pub fn record(&mut self, measure: Measure, value: u64) {
        self.histograms.entry(measure).or_default().record(value);
    }

    /// Adds a distribution.
    pub fn put(&mut self, measure: Measure, histogram: &Histogram) {
        self.histograms.entry(measure).or_default().merge(histogram);
    }

    /// Adds to a sum.
    pub fn add(&mut self, count: Count, more: u64) {
        let sum = self.counts.entry(count).or_default();
        *sum = sum.saturating_add(more);
    }

    /// Adds all that `other` holds.
    pub fn merge(&mut self, other: &Measured) {
        other.histograms().for_each(|(m, h)| self.put(m, h));
        other.counts().for_each(|(c, n)| self.add(c, n));
    }
}
