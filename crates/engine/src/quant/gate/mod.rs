//! The quality gate: is a small form of a model good enough to take the place of the float one?
//!
//! The rules are here, and know numbers only. What is measured comes from [`decoder`] for language models, and from
//! whoever knows what an encoder is for. The benchmark's suite of widths holds the same rules.

pub mod decoder;
mod interval;
mod pairs;

use std::time::Instant;

use serde::{Deserialize, Serialize};

pub use pairs::Pairs;
use pairs::Quartiles;

/// File name of the report beside the model.
pub const GATE: &str = "gate.json";

/// What a check came to, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// There was nothing to measure with.
    NotMeasured,
    /// It was measured on too few texts to say.
    TooFew,
    /// Within the threshold.
    Passed,
    /// Within the threshold, and worth knowing.
    Warned,
    /// Beyond it.
    Failed,
}

/// One thing that was compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What, as a word that scripts can rely on.
    pub name: String,
    /// What it came to.
    pub verdict: Verdict,
    /// Of the float model, in `unit`.
    pub before: Option<f64>,
    /// Of the small one.
    pub after: Option<f64>,
    /// `points`, `bytes`, `ms`, `nats`, …
    pub unit: String,
    /// How many samples.
    pub n: usize,
    /// What holds `after` with 95 % confidence, where it is a rate or a mean over texts.
    pub interval: Option<[f64; 2]>,
    /// The rule, the spread, or why it was not measured.
    pub says: String,
}

/// What the gate found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// The float model.
    pub from: String,
    /// The small one.
    pub model: String,
    /// [What the checks come to](overall).
    pub verdict: Verdict,
    /// Whether it was installed although it did not pass.
    pub forced: bool,
    /// Each comparison.
    pub checks: Vec<Check>,
    /// The kernels that ran.
    pub kernel: String,
    /// Threads that ran.
    pub threads: usize,
    /// How long it took.
    pub seconds: f64,
}

impl GateReport {
    /// The report of `checks`.
    pub fn new(
        (from, model): (&str, &str),
        checks: Vec<Check>,
        (kernel, threads): (&str, usize),
        begun: Instant,
    ) -> GateReport {
        GateReport {
            from: from.to_owned(),
            model: model.to_owned(),
            verdict: overall(&checks),
            forced: false,
            checks,
            kernel: kernel.to_owned(),
            threads,
            seconds: begun.elapsed().as_secs_f64(),
        }
    }

    /// The checks that came to `verdict`.
    pub fn that_are(&self, verdict: Verdict) -> impl Iterator<Item = &Check> {
        (self.checks.iter()).filter(move |check| check.verdict == verdict)
    }
}

/// What `checks` of a small form come to: the worst of them, and never that it passed where nothing says how well it
/// answers: a small and fast model can be a wrong one.
pub fn overall(checks: &[Check]) -> Verdict {
    match worst(checks) {
        Verdict::Failed => Verdict::Failed,
        _ if !checks.iter().any(Check::compares_answers) => Verdict::NotMeasured,
        found => found,
    }
}

/// The worst of `checks`.
pub fn worst(checks: &[Check]) -> Verdict {
    let verdicts = checks.iter().map(|check| check.verdict);
    verdicts.max().unwrap_or(Verdict::NotMeasured)
}

/// Points of accuracy that may be lost.
const ACCURACY_POINTS: f64 = 5.0;
/// Points of accuracy whose loss is worth a warning.
const ACCURACY_WARNING: f64 = 1.0;

/// The share of the time that must be saved.
const FASTER: f64 = 0.20;
/// The share of the memory that must be saved.
const SMALLER: f64 = 0.60;

/// A model whose float form takes less than this is mostly program, and its memory is not judged.
const SMALL_BYTES: f64 = 200e6;

/// What takes less than this is mostly overhead, and its time is not judged.
const SHORT_MS: f64 = 1.0;

/// How far perplexity may rise, and how far the distributions may lie apart in nats a token: from where on it is worth a
/// warning, and from where on the model is another one.
const PERPLEXITY: [f64; 2] = [0.05, 0.25];
const DIVERGENCE: [f64; 2] = [0.05, 0.5];

/// The share of prompts whose first token is the same: below it is worth a warning, and too little.
const FIRST_TOKEN: [f64; 2] = [90.0, 50.0];

/// The mean cosine between vectors below which an encoder is another one, and the warning.
const COSINE: [f64; 2] = [0.99, 0.98];

fn graded(bad: bool, doubtful: bool) -> Verdict {
    match (bad, doubtful) {
        (true, _) => Verdict::Failed,
        (false, true) => Verdict::Warned,
        (false, false) => Verdict::Passed,
    }
}

impl Check {
    /// A check that was not made, and why.
    pub fn not_measured(name: &str, reason: impl Into<String>) -> Check {
        Check {
            name: name.to_owned(),
            verdict: Verdict::NotMeasured,
            before: None,
            after: None,
            unit: String::new(),
            n: 0,
            interval: None,
            says: reason.into(),
        }
    }

    /// Whether it was measured and is about what a model says, rather than what it takes.
    fn compares_answers(&self) -> bool {
        self.verdict >= Verdict::Passed && !matches!(self.unit.as_str(), "bytes" | "ms")
    }

    /// With what holds `after` in place of what its kind says.
    fn between(mut self, interval: Option<[f64; 2]>) -> Check {
        self.interval = interval;
        self
    }

    fn of(name: &str, unit: &str, n: usize, [before, after]: [f64; 2]) -> Check {
        Check {
            name: name.to_owned(),
            verdict: Verdict::Passed,
            before: Some(before),
            after: Some(after),
            unit: unit.to_owned(),
            n,
            interval: None,
            says: String::new(),
        }
    }

    fn judged(mut self, verdict: Verdict, says: impl Into<String>) -> Check {
        // A number that is none proves nothing, least of all that the model works.
        let numbers = [self.before, self.after];
        let sound = numbers.iter().flatten().all(|number| number.is_finite());
        self.verdict = if sound { verdict } else { Verdict::Failed };
        self.says = says.into();
        self
    }

    /// Accuracies in percent: points lost.
    pub fn accuracy(name: &str, n: usize, before: f64, after: f64) -> Check {
        let lost = before - after;
        Check::of(name, "points", n, [before, after])
            .judged(
                graded(lost > ACCURACY_POINTS, lost > ACCURACY_WARNING),
                match lost > 0.0 {
                    true => format!("{lost:.1} points lost; at most {ACCURACY_POINTS:.0}"),
                    false => format!("nothing lost; at most {ACCURACY_POINTS:.0} points"),
                },
            )
            .between(interval::wilson(after, n))
    }

    /// How often the two say the same, in percent.
    pub fn agreement(name: &str, n: usize, percent: f64) -> Check {
        let apart = 100.0 - percent;
        Check::of(name, "percent", n, [100.0, percent])
            .judged(
                graded(apart > ACCURACY_POINTS, apart > ACCURACY_WARNING),
                format!("{apart:.1} % differ; at most {ACCURACY_POINTS:.0} %"),
            )
            .between(interval::wilson(percent, n))
    }

    /// The mean cosine between the two models' vectors of the same texts.
    pub fn cosine(n: usize, mean: f64, least: f64) -> Check {
        let [doubtful, bad] = COSINE;
        Check::of("cosine", "", n, [1.0, mean]).judged(
            graded(mean < bad, mean < doubtful),
            format!("mean, the least is {least:.4}; at least {bad}"),
        )
    }

    /// Bytes of the weights, as 32-bit floats and as they are now.
    pub fn weights(before: u64, after: u64) -> Check {
        Check::smaller("weights", [before as f64, after as f64], 0.0)
    }

    /// Bytes that the process grew by when it opened each model and worked with it.
    pub fn memory(before: Option<u64>, after: Option<u64>) -> Check {
        match (before, after) {
            (Some(before), Some(after)) => {
                Check::smaller("memory", [before as f64, after as f64], SMALL_BYTES)
            }
            _ => Check::not_measured("memory", "this system does not tell"),
        }
    }

    fn smaller(name: &str, [before, after]: [f64; 2], small: f64) -> Check {
        let saved = 1.0 - after / before;
        let judged = before >= small;
        let rule = match judged {
            true => format!("at least {:.0} %", 100.0 * SMALLER),
            false => "not judged: at this size it is mostly the program".to_owned(),
        };
        Check::of(name, "bytes", 1, [before, after]).judged(
            graded(judged && saved < SMALLER, saved < SMALLER),
            format!("{:.0} % less; {rule}", 100.0 * saved),
        )
    }

    /// Times in milliseconds, taken in turn.
    pub fn latency(name: &str, times: &Pairs) -> Check {
        let [before, after] = [&times.before, &times.after].map(|times| Quartiles::of(times));
        let mut check = Check::faster(name, times.before.len(), before.middle, after.middle);
        check.says = format!(
            "{}; medians, quartiles {:.2} to {:.2} and {:.2} to {:.2}",
            check.says, before.low, before.high, after.low, after.high
        );
        check
    }

    /// Median times in milliseconds of `n` runs each.
    pub fn faster(name: &str, n: usize, before: f64, after: f64) -> Check {
        let saved = 1.0 - after / before;
        let judged = before >= SHORT_MS;
        let rule = match judged {
            true => format!("at least {:.0} %", 100.0 * FASTER),
            false => "not judged: at this size it is mostly overhead".to_owned(),
        };
        Check::of(name, "ms", n, [before, after]).judged(
            graded(judged && saved < FASTER, saved < FASTER),
            format!("{:.0} % less; {rule}", 100.0 * saved),
        )
    }

    /// Perplexities over the same tokens.
    pub fn perplexity(n: usize, before: f64, after: f64) -> Check {
        let rise = after / before - 1.0;
        let [doubtful, bad] = PERPLEXITY;
        Check::of("perplexity", "", n, [before, after]).judged(
            graded(rise > bad, rise > doubtful),
            format!("{:+.1} %; at most {:+.0} %", 100.0 * rise, 100.0 * bad),
        )
    }

    /// The mean divergence of the small model's distribution from the float one's, in nats a token.
    pub fn divergence(n: usize, mean: f64, p99: f64) -> Check {
        let [doubtful, bad] = DIVERGENCE;
        Check::of("divergence", "nats", n, [0.0, mean]).judged(
            graded(mean > bad, mean > doubtful),
            format!("a token, {p99:.3} at the 99th percentile; at most {bad}"),
        )
    }

    /// The percentage of prompts after which both say the same first.
    pub fn first_token(n: usize, percent: f64) -> Check {
        let [doubtful, bad] = FIRST_TOKEN;
        Check::of("first token", "percent", n, [100.0, percent])
            .judged(
                graded(percent < bad, percent < doubtful),
                format!("the same; at least {bad:.0} %"),
            )
            .between(interval::wilson(percent, n))
    }

    /// How many of `n` replies were incoherent: `looping` of the float model and of the small one, and other, `absurd` ones of the
    /// small one.
    ///
    /// A model may loop of its own, and where it nearly said something else the small one does: then chance says which of the two
    /// loops more. One deviation of that difference, were both independent, is let pass; where the float model never loops it is
    /// nought.
    pub fn coherence(n: usize, looping: [usize; 2], absurd: usize) -> Check {
        let [before, after] = looping.map(|count| count as f64);
        let chance = (2.0 * before * (1.0 - before / n.max(1) as f64)).sqrt();
        Check::of("incoherent", "replies", n, [before, after + absurd as f64]).judged(
            graded(absurd > 0 || after > before + chance, after > before),
            "none may be what the float model finds absurd, nor more loop than of its own, but for chance",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_threshold_passes_warns_and_fails_where_it_says() {
        use Verdict::{Failed, Passed, Warned};
        let pairs = |before: f64, after: f64| Pairs {
            before: vec![before; 5],
            after: vec![after; 5],
        };
        let cases = [
            (Check::accuracy("a", 100, 80.0, 80.0), Passed),
            (Check::accuracy("a", 100, 80.0, 90.0), Passed),
            (Check::accuracy("a", 100, 80.0, 78.5), Warned),
            (Check::accuracy("a", 100, 80.0, 75.0), Warned),
            (Check::accuracy("a", 100, 80.0, 74.9), Failed),
            (Check::agreement("a", 100, 99.5), Passed),
            (Check::agreement("a", 100, 96.0), Warned),
            (Check::agreement("a", 100, 94.0), Failed),
            (Check::weights(400, 100), Passed),
            (Check::weights(400, 160), Passed),
            (Check::weights(400, 170), Failed),
            (
                Check::memory(Some(1_000_000_000), Some(300_000_000)),
                Passed,
            ),
            (
                Check::memory(Some(1_000_000_000), Some(500_000_000)),
                Failed,
            ),
            (Check::memory(Some(10_000_000), Some(9_000_000)), Warned),
            (Check::memory(None, Some(1)), Verdict::NotMeasured),
            (Check::latency("l", &pairs(10.0, 7.9)), Passed),
            (Check::latency("l", &pairs(10.0, 8.1)), Failed),
            (Check::latency("l", &pairs(0.1, 0.2)), Warned),
            (Check::faster("l", 5, 10.0, 7.9), Passed),
            (Check::perplexity(100, 10.0, 10.4), Passed),
            (Check::perplexity(100, 10.0, 11.0), Warned),
            (Check::perplexity(100, 10.0, 13.0), Failed),
            (Check::divergence(100, 0.01, 0.1), Passed),
            (Check::divergence(100, 0.1, 0.5), Warned),
            (Check::divergence(100, 0.6, 2.0), Failed),
            (Check::first_token(20, 95.0), Passed),
            (Check::first_token(20, 60.0), Warned),
            (Check::first_token(20, 40.0), Failed),
            (Check::coherence(8, [1, 0], 0), Passed),
            (Check::coherence(8, [1, 1], 0), Passed),
            (Check::coherence(8, [1, 2], 0), Warned),
            (Check::coherence(8, [1, 3], 0), Failed),
            (Check::coherence(8, [0, 1], 0), Failed),
            (Check::coherence(8, [8, 8], 0), Passed),
            (Check::coherence(8, [8, 0], 1), Failed),
            (Check::cosine(100, 0.995, 0.98), Passed),
            (Check::cosine(100, 0.985, 0.9), Warned),
            (Check::cosine(100, 0.97, 0.9), Failed),
        ];
        for (check, expected) in cases {
            assert_eq!(check.verdict, expected, "{check:?}");
        }
    }

    #[test]
    fn what_is_no_number_fails_and_one_failure_fails_all() {
        assert_eq!(
            Check::perplexity(9, 10.0, f64::NAN).verdict,
            Verdict::Failed
        );
        assert_eq!(
            Check::accuracy("a", 0, f64::NAN, 1.0).verdict,
            Verdict::Failed
        );
        let good = Check::weights(400, 100);
        let open = Check::not_measured("memory", "no way to tell");
        assert_eq!(worst(&[]), Verdict::NotMeasured);
        assert_eq!(worst(&[good.clone(), open.clone()]), Verdict::Passed);
        let bad = Check::coherence(8, [0, 8], 0);
        assert_eq!(worst(&[bad, good, open]), Verdict::Failed);
    }

    #[test]
    fn a_small_and_fast_form_whose_answers_nobody_compared_has_not_passed() {
        let small = Check::weights(400, 100);
        let fast = Check::faster("write a token", 20, 10.0, 5.0);
        let open = Check::not_measured("quality and speed", "the memory does not hold the floats");
        let takes = [small.clone(), fast.clone(), open];
        assert_eq!(overall(&takes), Verdict::NotMeasured);
        assert_eq!(overall(&[]), Verdict::NotMeasured);
        let answers = Check::divergence(100, 0.01, 0.1);
        assert_eq!(overall(&[small.clone(), fast, answers]), Verdict::Passed);
        // What fails without being compared fails.
        let slow = Check::faster("write a token", 20, 10.0, 9.0);
        assert_eq!(overall(&[small, slow]), Verdict::Failed);
    }
}
