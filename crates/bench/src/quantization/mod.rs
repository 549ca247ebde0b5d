//! What fewer bits cost and save: the encoder in f32 beside INT8 on labelled entries, and a small language model in floats
//! beside INT8, INT4 and mixed on the same texts. All widths of a model are measured in turn in the same run.
//! The thresholds are held by the gate of `companion model quantize` itself.

mod decoder;
mod encoder;
mod memory;
pub(crate) mod table;

use engine::quant::gate::{self, Verdict};
use serde::{Deserialize, Serialize};

use crate::stats::{Mean, Ratio};
use crate::{Kinds, Options, Result, Times};

/// 200 entries by 35 voices that nothing was trained, tuned or calibrated on; `data/README.md` says how they were labelled.
const ENTRIES: &str = include_str!("../../../../data/journal-200/entries.jsonl");

/// A labelled entry.
#[derive(Debug, Deserialize)]
struct Labelled {
    text: String,
    sentiment: String,
    themes: Vec<String>,
}

fn entries(count: usize) -> Vec<Labelled> {
    let lines = ENTRIES.lines().take(count);
    lines
        .map(|line| serde_json::from_str(line).expect("the committed file is read by a test"))
        .collect()
}

/// One model in several widths.
#[derive(Debug, Clone, Serialize)]
pub struct QuantizationFigures {
    /// The model in floats.
    pub model: String,
    /// `encoder` or `decoder`.
    pub kind: &'static str,
    /// What accuracy is: `sentiment` of entries, or the `next token`.
    pub accuracy_of: &'static str,
    /// What latency is.
    pub latency_of: &'static str,
    /// Entries or texts behind accuracy and divergence.
    pub texts: usize,
    /// The float form first.
    pub widths: Vec<Width>,
}

/// One width.
#[derive(Debug, Clone, Serialize)]
pub struct Width {
    /// `f32`, `bf16`, `int8`, `int4`, `mixed`.
    pub name: String,
    /// Bits of the weight file for each weight.
    pub bits: f64,
    /// Bytes of the weight file.
    pub bytes: u64,
    /// Bytes that a fresh process grew by when it opened the model and read a text.
    pub memory_bytes: Option<u64>,
    /// Share that is right, 0 to 1.
    pub accuracy: Mean,
    /// Of the themes that were named, how many are right; of an encoder only.
    pub precision: Option<Mean>,
    /// Of the themes that are right, how many were named; of an encoder only.
    pub recall: Option<Mean>,
    /// Share that is as the float form says.
    pub agreement: Mean,
    /// Divergence from the float form, in nats: of the sentiment, or of the next token.
    pub kl: Mean,
    /// `exp` of the mean surprise at the next token; of a language model only.
    pub perplexity: Option<f64>,
    /// How long it takes, in turn with the others.
    pub latency: Times,
    /// The same in that of the float form; below 1 is faster.
    pub latency_ratio: Ratio,
    /// The thresholds, held against the float form; none for that itself.
    pub checks: Vec<Check>,
}

/// A threshold, held against what was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// What it is about.
    pub what: &'static str,
    /// What was measured, in words.
    pub measured: String,
    /// What is asked for, in words.
    pub asked: String,
    /// What the gate makes of it.
    pub verdict: Verdict,
    /// Whether it holds, with a warning or without; absent where it was not measured.
    pub passed: Option<bool>,
}

/// Measures the encoder, and every small language model in floats. What is not installed is told with its reason.
pub(crate) fn suite(
    options: &Options,
    on_step: &mut dyn FnMut(&str),
) -> Result<(Vec<QuantizationFigures>, Vec<String>)> {
    let (mut all, mut missing) = (Vec::new(), Vec::new());
    if options.kinds != Kinds::Decoders {
        match encoder::measure(options, on_step)? {
            Ok(figures) => all.push(figures),
            Err(reason) => missing.push(reason),
        }
    }
    if options.kinds != Kinds::Encoder {
        let (figures, reason) = decoder::measure(options, on_step)?;
        all.extend(figures);
        missing.extend(reason);
    }
    Ok((all, missing))
}

/// Holds every width against the first.
fn check_all(widths: &mut [Width]) {
    let Some((float, others)) = widths.split_first_mut() else {
        return;
    };
    for width in others {
        width.checks = checks(float, width);
    }
}

fn checks(float: &Width, width: &Width) -> Vec<Check> {
    let percent = |of: &Width| 100.0 * of.accuracy.mean;
    let held = [
        gate::Check::accuracy("accuracy", width.accuracy.n, percent(float), percent(width)),
        gate::Check::faster(
            "latency",
            width.latency.n,
            float.latency.p50_ms,
            width.latency.p50_ms,
        ),
        gate::Check::memory(float.memory_bytes, width.memory_bytes),
    ];
    let what = ["accuracy", "latency", "memory"];
    what.into_iter()
        .zip(held)
        .map(|(what, held)| Check::told(what, &held))
        .collect()
}

impl Check {
    /// What the gate says, in two parts: the figure, and the rule.
    fn told(what: &'static str, held: &gate::Check) -> Check {
        let (measured, asked) = held.says.split_once("; ").unwrap_or((&held.says, ""));
        Check {
            what,
            measured: measured.to_owned(),
            asked: asked.to_owned(),
            verdict: held.verdict,
            passed: match held.verdict {
                Verdict::Passed | Verdict::Warned => Some(true),
                Verdict::Failed => Some(false),
                Verdict::NotMeasured | Verdict::TooFew => None,
            },
        }
    }
}

/// `Σ p ln(p / q)`, from the distribution `of` to `to`, in nats.
fn divergence(of: &[f64], to: &[f64]) -> f64 {
    let part = |(p, q): (&f64, &f64)| match *p > 0.0 {
        true => p * (p.ln() - q.max(1e-30).ln()),
        false => 0.0,
    };
    of.iter().zip(to).map(part).sum::<f64>().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn width(accuracy: f64, latency: f64, memory: Option<u64>) -> Width {
        Width {
            name: String::new(),
            bits: 8.0,
            bytes: 1,
            memory_bytes: memory,
            accuracy: Mean::of(&[accuracy]),
            precision: None,
            recall: None,
            agreement: Mean::of(&[1.0]),
            kl: Mean::of(&[0.0]),
            perplexity: None,
            latency: Times::of(&[latency]),
            latency_ratio: Ratio::of(&[latency], &[10.0]),
            checks: Vec::new(),
        }
    }

    #[test]
    fn a_form_that_loses_accuracy_time_or_memory_fails_that_threshold_alone() {
        use Verdict::{Failed, NotMeasured, Passed, Warned};
        let verdicts = |float: u64, accuracy, latency, memory| {
            let mut all = [
                width(0.9, 10.0, Some(float)),
                width(accuracy, latency, memory),
            ];
            check_all(&mut all);
            assert!(all[0].checks.is_empty());
            all[1].checks.iter().map(|c| c.verdict).collect::<Vec<_>>()
        };
        let large = 1_000_000_000;
        let of_it = |percent: u64| Some(large / 100 * percent);
        assert_eq!(verdicts(large, 0.895, 5.0, of_it(30)), [Passed; 3]);
        assert_eq!(
            verdicts(large, 0.84, 5.0, of_it(30)),
            [Failed, Passed, Passed]
        );
        assert_eq!(
            verdicts(large, 0.90, 8.5, of_it(30)),
            [Passed, Failed, Passed]
        );
        assert_eq!(
            verdicts(large, 0.90, 5.0, of_it(41)),
            [Passed, Passed, Failed]
        );
        assert_eq!(
            verdicts(large, 0.90, 5.0, None),
            [Passed, Passed, NotMeasured]
        );
        // A small model is mostly the program, to the suite as to the gate.
        assert_eq!(
            verdicts(30_000_000, 0.88, 5.0, Some(24_000_000)),
            [Warned, Passed, Warned]
        );
    }

    #[test]
    fn divergence_is_zero_of_the_same_and_as_defined_of_others() {
        assert_eq!(divergence(&[0.2, 0.8], &[0.2, 0.8]), 0.0);
        let found = divergence(&[0.5, 0.5, 0.0], &[0.25, 0.5, 0.25]);
        assert!((found - 0.5 * 2_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn the_labelled_entries_are_readable() {
        let all = entries(usize::MAX);
        assert_eq!(all.len(), 200);
        let known = |name: &String| assistant::THEMES.contains(&name.as_str());
        assert!(
            all.iter()
                .all(|e| !e.text.is_empty() && e.themes.iter().all(known))
        );
    }
}
