//! How sure a figure is: bootstrap intervals, seeded, so that the same samples always give the same interval.

use serde::Serialize;

use crate::sample::Random;
use crate::times::{median, percentile};

/// Resamples behind every interval.
const RESAMPLES: usize = 2_000;
/// Below this a bootstrap only repeats its few samples.
const ENOUGH: usize = 5;

/// A ratio of two medians.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ratio {
    /// The ratio.
    pub ratio: f64,
    /// What holds it in 95 of 100 resamples; none below 5 samples on either side.
    pub interval: Option<[f64; 2]>,
}

impl Ratio {
    /// The median of `over` in those of `under`.
    pub(crate) fn of(over: &[f64], under: &[f64]) -> Ratio {
        let enough = over.len() >= ENOUGH && under.len() >= ENOUGH;
        Ratio {
            ratio: median(over) / median(under),
            interval: enough.then(|| {
                interval(|random| median(&again(over, random)) / median(&again(under, random)))
            }),
        }
    }

    /// `1.52 (1.49 to 1.55)`.
    pub(crate) fn text(&self) -> String {
        let interval = (self.interval).map_or_else(
            || " (n too small for an interval)".to_owned(),
            |[low, high]| format!(" ({low:.2} to {high:.2})"),
        );
        format!("{:.2}{interval}", self.ratio)
    }
}

/// A mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// What holds it in 95 of 100 resamples; none below 5 samples.
    pub interval: Option<[f64; 2]>,
    /// Samples.
    pub n: usize,
}

impl Mean {
    /// The mean of `values`; 0 of none.
    pub(crate) fn of(values: &[f64]) -> Mean {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        Mean {
            mean: mean(values),
            interval: (values.len() >= ENOUGH)
                .then(|| interval(|random| mean(&again(values, random)))),
            n: values.len(),
        }
    }

    /// `0.412 (0.391 to 0.433)`, with so many digits.
    pub(crate) fn text(&self, digits: usize) -> String {
        let interval = (self.interval).map_or_else(String::new, |[low, high]| {
            format!(" ({low:.digits$} to {high:.digits$})")
        });
        format!("{:.digits$}{interval}", self.mean)
    }
}

/// The middle 95 % of what `one` gives.
fn interval(mut one: impl FnMut(&mut Random) -> f64) -> [f64; 2] {
    let mut random = Random(20_261_126);
    let mut found: Vec<f64> = (0..RESAMPLES).map(|_| one(&mut random)).collect();
    found.sort_by(f64::total_cmp);
    [percentile(&found, 0.025), percentile(&found, 0.975)]
}

/// As many of `values`, drawn with replacement.
fn again(values: &[f64], random: &mut Random) -> Vec<f64> {
    (0..values.len())
        .map(|_| values[random.below(values.len())])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noisy(middle: f64, seed: u64, n: usize) -> Vec<f64> {
        let mut random = Random(seed);
        (0..n)
            .map(|_| middle * (0.95 + random.below(1_001) as f64 / 10_000.0))
            .collect()
    }

    #[test]
    fn the_interval_of_a_ratio_holds_it_and_is_absent_of_few_samples() {
        let ratio = Ratio::of(&noisy(20.0, 1, 40), &noisy(10.0, 2, 40));
        let [low, high] = ratio.interval.unwrap();
        assert!(low < 2.0 && 2.0 < high && high - low < 0.1, "{ratio:?}");
        assert_eq!(Ratio::of(&[2.0, 2.0], &[1.0; 9]).interval, None);
    }

    #[test]
    fn equal_samples_differ_from_themselves_in_few_of_many_tries() {
        let wrong = (0..100).filter(|seed| {
            let ratio = Ratio::of(&noisy(10.0, *seed, 20), &noisy(10.0, seed + 1_000, 20));
            ratio
                .interval
                .is_some_and(|[low, high]| low > 1.0 || high < 1.0)
        });
        assert!(wrong.count() <= 12);
    }

    #[test]
    fn the_interval_of_a_mean_narrows_with_its_samples() {
        let width = |n| {
            let [low, high] = Mean::of(&noisy(1.0, 3, n)).interval.unwrap();
            high - low
        };
        assert!(width(400) < 0.5 * width(40));
        assert_eq!(Mean::of(&[]).mean, 0.0);
    }
}
