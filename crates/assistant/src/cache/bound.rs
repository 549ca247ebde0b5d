//! What can be said about a rate of mistakes from a few counted ones: exact one-sided bounds (Clopper and Pearson 1934).

/// One-sided upper bound at 95 % of a rate of which `wrong` were seen in `n`; 1 where nothing was seen.
pub fn upper_95(wrong: u64, n: u64) -> f64 {
    if wrong >= n {
        return 1.0;
    }
    // The rate at which so few would be seen in 5 % of cases.
    bisect(|p| at_most(wrong, n, p) > 0.05)
}

/// One-sided lower bound at 95 % of the same; 0 where nothing wrong was seen.
pub fn lower_95(wrong: u64, n: u64) -> f64 {
    if wrong == 0 || n == 0 {
        return 0.0;
    }
    let wrong = wrong.min(n);
    bisect(|p| 1.0 - at_most(wrong - 1, n, p) < 0.05)
}

/// The rate in 0..1 up to which `below` holds.
fn bisect(below: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if below(middle) {
            low = middle
        } else {
            high = middle
        }
    }
    (low + high) / 2.0
}

/// Probability of at most `k` in `n` at rate `p`.
fn at_most(k: u64, n: u64, p: f64) -> f64 {
    if p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return if k >= n { 1.0 } else { 0.0 };
    }
    let (n, odds) = (n as f64, (p / (1.0 - p)).ln());
    let mut term = n * (1.0 - p).ln(); // logarithm of the probability of none
    let mut sum = term.exp();
    for i in 0..k {
        let i = i as f64;
        term += ((n - i) / (i + 1.0)).ln() + odds;
        sum += term.exp();
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_scipy() {
        // scipy.stats.beta.ppf(0.95, k + 1, n - k) and beta.ppf(0.05, k, n - k + 1).
        for (k, n, low, high) in [
            (0, 299, 0.0, 0.009_969_2),
            (0, 1, 0.0, 0.95),
            (1, 10, 0.005_116_2, 0.394_163_3),
            (3, 1000, 0.000_818_2, 0.007_735_2),
            (20, 3000, 0.004_422_5, 0.009_672_7),
        ] {
            assert!(
                (upper_95(k, n) - high).abs() < 2e-6,
                "{k} of {n}: {}",
                upper_95(k, n)
            );
            assert!(
                (lower_95(k, n) - low).abs() < 2e-6,
                "{k} of {n}: {}",
                lower_95(k, n)
            );
        }
        assert_eq!((upper_95(0, 0), lower_95(0, 0)), (1.0, 0.0));
    }
}
