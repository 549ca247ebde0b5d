//! Times of one piece of work, and what can be said about them.

use std::time::Instant;

use serde::Serialize;

/// Below this a 95th percentile is the largest value or the one beside it, and says little.
const P95_NEEDS: usize = 100;

/// Wall times of the same work, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Times {
    /// Samples, warm-up not counted.
    pub n: usize,
    /// Median.
    pub p50_ms: f64,
    /// 95th percentile; absent below 100 samples.
    pub p95_ms: Option<f64>,
    /// Arithmetic mean.
    pub mean_ms: f64,
    /// Shortest.
    pub min_ms: f64,
    /// Longest.
    pub max_ms: f64,
    /// From the first to the third quartile.
    pub spread_ms: f64,
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
            mean_ms: sorted.iter().sum::<f64>() / n.max(1) as f64,
            min_ms: sorted.first().copied().unwrap_or(0.0),
            max_ms: sorted.last().copied().unwrap_or(0.0),
            spread_ms: percentile(&sorted, 0.75) - percentile(&sorted, 0.25),
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

/// Times `work` `n` times after two times that do not count.
pub(crate) fn time<T>(
    n: usize,
    mut work: impl FnMut(usize) -> crate::Result<T>,
) -> crate::Result<Times> {
    let mut samples = Vec::with_capacity(n);
    for round in 0..n + 2 {
        let begun = Instant::now();
        let result = work(round)?;
        let spent = begun.elapsed();
        drop(result); // not part of the time
        if round >= 2 {
            samples.push(spent.as_secs_f64() * 1e3);
        }
    }
    Ok(Times::of(&samples))
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
    fn p95_is_absent_below_a_hundred_samples() {
        let samples: Vec<f64> = (0..100).map(f64::from).collect();
        assert!(Times::of(&samples[..99]).p95_ms.is_none());
        assert!((Times::of(&samples).p95_ms.unwrap() - 94.05).abs() < 1e-9);
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
}
