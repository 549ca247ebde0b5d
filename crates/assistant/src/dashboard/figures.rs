//! Figures as they are told: with their n, and nothing where n is too small.

use metrics::{Histogram, Measure, Measured};
use serde::Serialize;

/// Percentiles of a time, in milliseconds. `None`: not measured, or n too small for it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Latency {
    /// Half took no longer.
    pub p50: Option<f64>,
    /// 95 of 100 took no longer; from n = 100 on.
    pub p95: Option<f64>,
    /// 99 of 100 took no longer; from n = 1000 on.
    pub p99: Option<f64>,
    /// How often it was measured.
    pub n: u64,
}

/// Percentiles of a speed. The slow end is what is felt, so the fifth and the first in a hundred are told.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Rate {
    /// Half were faster.
    pub p50: Option<f64>,
    /// 95 of 100 were faster; from n = 100 on.
    pub p5: Option<f64>,
    /// 99 of 100 were faster; from n = 1000 on.
    pub p1: Option<f64>,
    /// How often it was measured.
    pub n: u64,
}

/// Sizes: mean and most.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Spread {
    /// Their mean.
    pub mean: Option<f64>,
    /// The largest.
    pub max: Option<u64>,
    /// How often it was measured.
    pub n: u64,
}

impl Latency {
    /// That of `measure`, which is one of times.
    pub(super) fn of(all: &Measured, measure: Measure) -> Latency {
        all.histogram(measure)
            .map_or_else(Latency::default, Latency::shown)
    }

    /// That of all `measures` together.
    pub(super) fn together(all: &Measured, measures: &[Measure]) -> Latency {
        let mut sum = Histogram::default();
        let found = measures
            .iter()
            .filter_map(|measure| all.histogram(*measure));
        found.for_each(|one| sum.merge(one));
        Latency::shown(&sum)
    }

    fn shown(found: &Histogram) -> Latency {
        let at = |q| found.quantile(q).map(thousandths);
        Latency {
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            n: found.n(),
        }
    }
}

impl Rate {
    /// That of `measure`, which is one of rates.
    pub(super) fn of(all: &Measured, measure: Measure) -> Rate {
        let Some(found) = all.histogram(measure) else {
            return Rate::default();
        };
        let at = |q| found.quantile(q).map(thousandths);
        Rate {
            p50: at(0.5),
            p5: at(0.05),
            p1: at(0.01),
            n: found.n(),
        }
    }
}

impl Spread {
    /// That of `measure`.
    pub(super) fn of(all: &Measured, measure: Measure) -> Spread {
        let found = all.histogram(measure);
        Spread {
            mean: found.and_then(Histogram::mean).map(|mean| places(mean, 2)),
            max: found.map(Histogram::max),
            n: found.map_or(0, Histogram::n),
        }
    }
}

/// Both units of times and rates are stored as thousandths of what is told.
fn thousandths(value: u64) -> f64 {
    value as f64 / 1e3
}

/// `count` a second, where `micros` were spent on it.
pub(super) fn a_second(count: u64, micros: u64) -> Option<f64> {
    (count > 0 && micros > 0).then(|| places(count as f64 * 1e6 / micros as f64, 2))
}

/// `value` to so many decimal places: what is beyond them is noise.
pub(super) fn places(value: f64, places: i32) -> f64 {
    let scale = 10f64.powi(places);
    (value * scale).round() / scale
}
