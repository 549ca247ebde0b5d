//! Times of one piece of work, and what can be said about them.

use std::time::{Duration, Instant};

use serde::Serialize;

/// Below this a 95th percentile is the largest value or the one beside it, and says little.
const P95_NEEDS: usize = 100;
/// The same for the 99th.
const P99_NEEDS: usize = 1_000;
/// Samples that are kept; of more, every second, third, … one.
const KEPT: usize = 1_000;
/// Runs before those that count.
pub(crate) const WARM_UP: usize = 2;

/// Wall times of the same work, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Times {
    /// Samples, warm-up not counted.
    pub n: usize,
    /// Median.
    pub p50_ms: f64,
    /// 95th percentile; absent below 100 samples.
    pub p95_ms: Option<f64>,
    /// 99th percentile; absent below 1,000 samples.
    pub p99_ms: Option<f64>,
    /// Arithmetic mean.
    pub mean_ms: f64,
    /// Shortest.
    pub min_ms: f64,
    /// Longest.
    pub max_ms: f64,
    /// From the first to the third quartile.
    pub spread_ms: f64,
    /// The samples in their order, to the tenth of a microsecond; of more than 1,000, evenly chosen ones.
    pub samples_ms: Vec<f64>,
}

impl Times {
    /// The figures of `samples` in milliseconds; of none they are all 0.
    pub fn of(samples: &[f64]) -> Times {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        Times {
            n,
            p50_ms: percentile(&sorted, 0.5),
            p95_ms: (n >= P95_NEEDS).then(|| percentile(&sorted, 0.95)),
            p99_ms: (n >= P99_NEEDS).then(|| percentile(&sorted, 0.99)),
            mean_ms: sorted.iter().sum::<f64>() / n.max(1) as f64,
            min_ms: sorted.first().copied().unwrap_or(0.0),
            max_ms: sorted.last().copied().unwrap_or(0.0),
            spread_ms: percentile(&sorted, 0.75) - percentile(&sorted, 0.25),
            samples_ms: (samples.iter().step_by(n.div_ceil(KEPT).max(1)))
                .map(|ms| (ms * 1e4).round() / 1e4)
                .collect(),
        }
    }
}

/// Linear interpolation between the neighbours, as the peers' scripts do it.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let at = share * last as f64;
    let low = (at as usize).min(last);
    let high = (low + 1).min(last);
    sorted[low] + (sorted[high] - sorted[low]) * (at - low as f64)
}

/// The middle of `samples`; 0 of none.
pub(crate) fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    percentile(&sorted, 0.5)
}

/// Times `work` `n` times after two times that do not count.
pub(crate) fn time<T>(
    n: usize,
    mut work: impl FnMut(usize) -> crate::Result<T>,
) -> crate::Result<Times> {
    let mut samples = Vec::with_capacity(n);
    for round in 0..n + WARM_UP {
        let (ms, result) = once(|| work(round))?;
        drop(result); // not part of the time
        if round >= WARM_UP {
            samples.push(ms);
        }
    }
    Ok(Times::of(&samples))
}

/// Milliseconds that `work` takes, and what it gives.
pub(crate) fn once<T>(work: impl FnOnce() -> crate::Result<T>) -> crate::Result<(f64, T)> {
    let begun = Instant::now();
    let result = work()?;
    Ok((begun.elapsed().as_secs_f64() * 1e3, result))
}

/// How many samples are taken of work whose length is not known before: `most`, or as many as end within `budget`, but
/// not fewer than `least`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) least: usize,
    pub(crate) most: usize,
    pub(crate) budget: Duration,
}

impl Patience {
    /// Whether to go on after `taken` samples since `begun`.
    pub(crate) fn goes_on(self, taken: usize, begun: Instant) -> bool {
        taken < self.least || (taken < self.most && begun.elapsed() < self.budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_interpolate_as_numpy_does() {
        let sorted = [1.0, 2.0, 3.0, 4.0];
        for (share, expected) in [(0.0, 1.0), (0.5, 2.5), (0.95, 3.85), (1.0, 4.0)] {
            assert!(
                (percentile(&sorted, share) - expected).abs() < 1e-12,
                "{share}"
            );
        }
        assert_eq!(percentile(&[], 0.5), 0.0);
    }

    #[test]
    fn a_percentile_is_absent_without_enough_samples() {
        let samples: Vec<f64> = (0..1_000).map(f64::from).collect();
        let has = |n: usize| {
            let times = Times::of(&samples[..n]);
            (times.p95_ms.is_some(), times.p99_ms.is_some())
        };
        assert_eq!(has(99), (false, false));
        assert_eq!(has(100), (true, false));
        assert_eq!(has(999), (true, false));
        assert_eq!(has(1_000), (true, true));
        assert!((Times::of(&samples[..100]).p95_ms.unwrap() - 94.05).abs() < 1e-9);
    }

    #[test]
    fn of_many_samples_evenly_chosen_ones_are_kept() {
        let samples: Vec<f64> = (0..2_500).map(f64::from).collect();
        let times = Times::of(&samples);
        assert_eq!((times.n, times.samples_ms.len()), (2_500, 834));
        assert_eq!(times.samples_ms[..3], [0.0, 3.0, 6.0]);
    }

    #[test]
    fn warm_up_is_not_counted() {
        let mut runs = 0;
        let times = time(5, |_| {
            runs += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!((times.n, runs), (5, 7));
    }

    #[test]
    fn patience_ends_by_number_or_by_time_and_never_below_the_least() {
        let patience = |budget| Patience {
            least: 3,
            most: 10,
            budget,
        };
        let (now, none) = (Instant::now(), Duration::ZERO);
        let long = Duration::from_secs(60);
        assert!(patience(none).goes_on(2, now) && !patience(none).goes_on(3, now));
        assert!(patience(long).goes_on(9, now) && !patience(long).goes_on(10, now));
    }
}
