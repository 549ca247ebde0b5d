//! The little statistics that an honest journal needs: a seeded generator, bootstrap intervals, a permutation
//! test, and control of the false-discovery rate. Everything is a function of its input: the same entries give
//! the same numbers on every machine and every run.

use serde::Serialize;

/// Resamples behind every bootstrap interval.
const RESAMPLES: usize = 2_000;
/// Permutations behind every exact-ish p-value; the smallest p that can be reported is `1 / (PERMUTATIONS + 1)`.
const PERMUTATIONS: usize = 1_999;
/// Samples beyond this size are large enough for the normal approximation, and too large to resample for a chart.
const LARGE: usize = 500;

/// A mean with the interval that holds it in 95 of 100 resamples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Arithmetic mean of the sample.
    pub mean: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
    /// Sample size.
    pub n: usize,
}

/// SplitMix64 (Steele, Lea, Flood 2014): enough for resampling, and ten lines that give the same stream everywhere.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number in `0..n`; the bias of the multiplication is below 2^-32 for every `n` a journal can have.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (((self.next() >> 32) * n as u64) >> 32) as usize
    }
}

/// The finaliser of SplitMix64: spreads every bit of `z` over all 64.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number from 0 to 1 that only `seed` decides.
pub(crate) fn unit(seed: u64) -> f32 {
    (mix(seed) >> 40) as f32 / (1_u64 << 24) as f32
}

/// FNV-1a, 64 bits: names things (an asset, a choice of the day), protects nothing.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Mean of `values`; 0 when there are none.
pub(crate) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        0.0
    } else {
        values.iter().sum::<f64>() / values.len() as f64
    }
}

/// Sample standard deviation (n - 1); 0 for fewer than two values.
pub(crate) fn deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let m = mean(values);
    (values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (values.len() - 1) as f64).sqrt()
}

/// The mean of `values` with its 95 % percentile-bootstrap interval, or nothing when there are no values.
///
/// Above [`LARGE`] values the interval is the normal one, which the bootstrap has converged to by then.
pub(crate) fn interval(values: &[f64], seed: u64) -> Option<Interval> {
    let n = values.len();
    if n == 0 {
        return None;
    }
    let m = mean(values);
    if n > LARGE {
        let half = 1.96 * deviation(values) / (n as f64).sqrt();
        return Some(Interval {
            mean: m,
            low: m - half,
            high: m + half,
            n,
        });
    }
    let mut rng = Rng::new(seed ^ n as u64);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| (0..n).map(|_| values[rng.below(n)]).sum::<f64>() / n as f64)
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    let cut = tail(n);
    Some(Interval {
        mean: m,
        low: means[cut],
        high: means[RESAMPLES - 1 - cut],
        n,
    })
}

/// The 95 % bootstrap interval of `mean(now) - mean(before)`; nothing when either side is empty.
pub(crate) fn difference(before: &[f64], now: &[f64], seed: u64) -> Option<Interval> {
    if before.is_empty() || now.is_empty() {
        return None;
    }
    let m = mean(now) - mean(before);
    let n = before.len().min(now.len());
    if before.len() + now.len() > 2 * LARGE {
        let variance = deviation(before).powi(2) / before.len() as f64
            + deviation(now).powi(2) / now.len() as f64;
        let half = 1.96 * variance.sqrt();
        return Some(Interval {
            mean: m,
            low: m - half,
            high: m + half,
            n,
        });
    }
    let mut rng = Rng::new(seed ^ ((before.len() as u64) << 32 | now.len() as u64));
    let mut draw =
        |v: &[f64]| (0..v.len()).map(|_| v[rng.below(v.len())]).sum::<f64>() / v.len() as f64;
    let mut means: Vec<f64> = (0..RESAMPLES).map(|_| draw(now) - draw(before)).collect();
    means.sort_unstable_by(f64::total_cmp);
    let cut = tail(n);
    Some(Interval {
        mean: m,
        low: means[cut],
        high: means[RESAMPLES - 1 - cut],
        n,
    })
}

/// How many resampled means lie outside of the interval at either end. For few values the plain 2.5 % are too many:
/// the percentiles are widened to the t quantile (Hesterberg 2015, "expanded percentile").
fn tail(n: usize) -> usize {
    let (df, z) = ((n.max(3) - 1) as f64, 1.959_964_f64);
    // Cornish-Fisher expansion of the t quantile, good to 1 % from 3 degrees of freedom on.
    let t = z
        + (z.powi(3) + z) / (4.0 * df)
        + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * df * df);
    let wide = t * ((df + 1.0) / df).sqrt();
    (two_sided(wide) / 2.0 * RESAMPLES as f64) as usize
}

/// Two-sided p-value for "the means of `with` and `without` are the same": a seeded permutation test, or Welch's
/// statistic against the normal where the samples are large. 1 when either side is empty.
pub(crate) fn p_value(with: &[f64], without: &[f64], seed: u64) -> f64 {
    let (a, b) = (with.len(), without.len());
    if a == 0 || b == 0 {
        return 1.0;
    }
    let observed = (mean(with) - mean(without)).abs();
    if a + b > LARGE {
        let error =
            (deviation(with).powi(2) / a as f64 + deviation(without).powi(2) / b as f64).sqrt();
        return if error == 0.0 {
            f64::from(observed == 0.0)
        } else {
            two_sided(observed / error)
        };
    }
    let mut all: Vec<f64> = with.iter().chain(without).copied().collect();
    let total: f64 = all.iter().sum();
    let mut rng = Rng::new(seed);
    let mut extreme = 0;
    for _ in 0..PERMUTATIONS {
        for i in 0..a {
            let j = i + rng.below(all.len() - i);
            all.swap(i, j);
        }
        let part: f64 = all[..a].iter().sum();
        // The tiny slack counts permutations that are equal up to the order of the additions.
        extreme +=
            usize::from((part / a as f64 - (total - part) / b as f64).abs() >= observed - 1e-12);
    }
    (extreme + 1) as f64 / (PERMUTATIONS + 1) as f64
}

/// Probability that a standard normal lies beyond `±z` (Abramowitz and Stegun 26.2.17, error below 1e-7).
fn two_sided(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let poly = [
        1.330_274_429,
        -1.821_255_978,
        1.781_477_937,
        -0.356_563_782,
        0.319_381_530,
    ]
    .iter()
    .fold(0.0, |sum, c| (sum + c) * t);
    (2.0 * (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * poly).clamp(0.0, 1.0)
}

/// Benjamini-Hochberg q-values, in the order of `p`: keeping those ≤ 0.05 keeps false discoveries at 5 % of them.
pub(crate) fn q_values(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
    let (mut q, mut least) = (vec![1.0; p.len()], 1.0_f64);
    for (done, i) in order.into_iter().enumerate() {
        let rank = p.len() - done;
        least = least.min(p[i] * p.len() as f64 / rank as f64);
        q[i] = least;
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_mean_and_narrows_with_n() {
        let wave = |n: usize| (0..n).map(|i| (i as f64 * 0.7).sin()).collect::<Vec<_>>();
        let (small, large) = (
            interval(&wave(10), 1).unwrap(),
            interval(&wave(400), 1).unwrap(),
        );
        for i in [small, large] {
            assert!(i.low <= i.mean && i.mean <= i.high, "{i:?}");
        }
        assert!(large.high - large.low < small.high - small.low);
        assert_eq!(interval(&[], 1), None);
        assert_eq!(interval(&wave(10), 1), interval(&wave(10), 1));
    }

    #[test]
    fn bootstrap_and_normal_interval_meet_where_one_takes_over() {
        let wave: Vec<f64> = (0..LARGE + 1).map(|i| (i as f64 * 0.7).sin()).collect();
        let (boot, normal) = (
            interval(&wave[..LARGE], 3).unwrap(),
            interval(&wave, 3).unwrap(),
        );
        assert!(
            (boot.low - normal.low).abs() < 0.02 && (boot.high - normal.high).abs() < 0.02,
            "{boot:?} {normal:?}"
        );
    }

    #[test]
    fn a_clear_difference_has_a_small_p_and_none_has_a_large_one() {
        let (low, high) = (
            [-0.6, -0.5, -0.7, -0.4, -0.6, -0.5],
            [0.5, 0.6, 0.4, 0.7, 0.5, 0.6],
        );
        assert!(p_value(&low, &high, 1) < 0.01);
        assert!(p_value(&low, &low, 1) > 0.9);
        assert_eq!(p_value(&[], &low, 1), 1.0);
        assert!((two_sided(1.959_964) - 0.05).abs() < 1e-5);
        assert_eq!(
            (tail(7), tail(400)),
            (8, 49),
            "0.41 % and 2.48 % of the resamples"
        );
    }

    #[test]
    fn q_values_follow_benjamini_and_hochberg() {
        // Reference: R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "BH").
        let q = q_values(&[0.01, 0.04, 0.03, 0.005]);
        for (got, want) in q.iter().zip([0.02, 0.04, 0.04, 0.02]) {
            assert!((got - want).abs() < 1e-12, "{q:?}");
        }
    }
}
