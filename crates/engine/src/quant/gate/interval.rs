//! How sure a figure of the gate is: 95 % intervals.

use crate::generate::SplitMix64;

/// Two-sided 95 % of a normal distribution.
const Z: f64 = 1.959_964;

/// Resamples behind a bootstrap, and the texts below which it only repeats its few samples.
const RESAMPLES: usize = 2_000;
const ENOUGH: usize = 5;

/// Wilson's interval of a share in percent of `n` things that do not depend on one another.
pub(super) fn wilson(percent: f64, n: usize) -> Option<[f64; 2]> {
    if n == 0 || !percent.is_finite() {
        return None;
    }
    let (share, n) = ((percent / 100.0).clamp(0.0, 1.0), n as f64);
    let scale = 1.0 + Z * Z / n;
    let middle = (share + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let [low, high] = [middle - half, middle + half];
    Some([100.0 * low.max(0.0), 100.0 * high.min(1.0)])
}

/// What holds a mean over tokens in 95 of 100 resamples; `texts` are the sum and the number of the tokens of each. Whole
/// texts are drawn, because the tokens of one depend on one another. `None` of fewer than five.
pub(super) fn over_texts(texts: &[(f64, usize)]) -> Option<[f64; 2]> {
    if texts.len() < ENOUGH {
        return None;
    }
    let mut random = SplitMix64(20_261_126);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let drawn = texts.iter().map(|_| {
                let at = random.next() % texts.len() as u64;
                texts[at as usize]
            });
            let (sum, n) = drawn.fold((0.0, 0), |(sum, n), (more, of)| (sum + more, n + of));
            sum / n as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| means[(share * (RESAMPLES - 1) as f64).round() as usize];
    Some([at(0.025), at(0.975)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_is_as_published_and_stays_within_what_can_be() {
        let close = |found: Option<[f64; 2]>, [low, high]: [f64; 2]| {
            let [l, h] = found.expect("there are samples");
            assert!(
                (l - low).abs() < 0.01 && (h - high).abs() < 0.01,
                "{found:?}"
            );
        };
        // Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        close(wilson(100.0 * 81.0 / 263.0, 263), [25.53, 36.62]);
        close(wilson(100.0 * 15.0 / 148.0, 148), [6.24, 16.05]);
        close(wilson(0.0, 20), [0.0, 16.11]);
        close(wilson(100.0 / 29.0, 29), [0.61, 17.18]);
        assert_eq!(wilson(50.0, 0), None);
        assert_eq!(wilson(f64::NAN, 9), None);
    }

    #[test]
    fn tokens_of_one_text_count_as_one_and_few_texts_say_nothing() {
        let texts: Vec<(f64, usize)> = (0..40).map(|i| (f64::from(i % 4) * 10.0, 10)).collect();
        let [low, high] = over_texts(&texts).expect("there are enough");
        assert!(low < 1.5 && 1.5 < high, "{low} {high}");
        // The standard error of 40 values of spread 1.118, not of 400.
        assert!((high - low - 2.0 * 1.96 * 1.118 / 40f64.sqrt()).abs() < 0.1);
        assert_eq!(over_texts(&texts), over_texts(&texts));
        assert_eq!(over_texts(&texts[..4]), None);
    }
}
