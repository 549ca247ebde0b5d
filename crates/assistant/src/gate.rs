//! The quality gate of an encoder: what the instant tier says through the float model, and through its small form.
//!
//! [`labelled`] compares both with labels that people gave to entries of the project's own; [`agreement`] compares
//! them with each other on texts without labels, such as somebody's own journal. Numbers come back, never a text.

use engine::encoder::Encoder;
use engine::quant::gate::{Check, Pairs};
use journal::{Analysis, Sentiment};
use serde::Deserialize;

use crate::{Error, Instant, Result};

/// 99 entries with their labels; tools/quant/gate_entries.py.
const ENTRIES: &str = include_str!("../assets/gate-entries.jsonl");

/// An entry with what a person says about it.
#[derive(Debug, Clone, Deserialize)]
pub struct Labelled {
    /// The entry.
    pub text: String,
    /// How it feels.
    pub sentiment: Sentiment,
    /// What it is about.
    pub themes: Vec<String>,
}

/// The labelled entries that the gate reads. Nothing was trained or calibrated on them.
pub fn entries() -> Vec<Labelled> {
    let lines = ENTRIES.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("the asset is JSON lines"))
        .collect()
}

/// Texts that are read before progress is told.
const BATCH: usize = 8;

/// Rounds of the comparison of speed, of a sentence and of a page.
const ROUNDS: [usize; 2] = [15, 7];

/// Texts whose vectors are compared: a cosine varies far less from text to text than being right does.
const COSINES: usize = 33;

/// A text of about nine word pieces, as a search is.
const SENTENCE: &str = "a slow walk by the river at dusk";

/// Words of a long text, as a full page is.
const PAGE_WORDS: usize = 200;

/// Compares two encoders on the labelled entries: sentiment, themes, vectors and speed. `progress` gets (done, total)
/// entries.
pub fn labelled(
    before: &Encoder,
    after: &Encoder,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<Check>> {
    let entries = entries();
    let texts: Vec<&str> = entries.iter().map(|entry| entry.text.as_str()).collect();
    let mut checks = match (opened(before)?, opened(after)?) {
        (Some(one), Some(other)) => {
            let (one, other) = read_both(&one, &other, &texts, progress)?;
            let right = |read: &[Analysis]| {
                let same = read
                    .iter()
                    .zip(&entries)
                    .filter(|(a, e)| a.sentiment == e.sentiment);
                100.0 * same.count() as f64 / entries.len() as f64
            };
            let themes = [&one, &other].map(|read| {
                let found = read.iter().map(names);
                let labels = entries
                    .iter()
                    .map(|e| e.themes.iter().map(String::as_str).collect());
                Overlap::of(found, labels)
            });
            vec![
                Check::accuracy("sentiment", entries.len(), right(&one), right(&other)),
                Check::accuracy(
                    "theme precision",
                    themes[0].found,
                    themes[0].precision(),
                    themes[1].precision(),
                ),
                Check::accuracy(
                    "theme recall",
                    themes[0].wanted,
                    themes[0].recall(),
                    themes[1].recall(),
                ),
            ]
        }
        _ => ["sentiment", "theme precision", "theme recall"]
            .map(|name| {
                Check::not_measured(name, "the heads of this build do not fit this encoder")
            })
            .to_vec(),
    };
    checks.push(cosine(before, after, &texts[..COSINES]));
    checks.extend(speed(before, after, &texts)?);
    Ok(checks)
}

/// Compares two encoders with each other on `texts`: the same sentiment, the same themes, the same vectors.
pub fn agreement(
    before: &Encoder,
    after: &Encoder,
    texts: &[&str],
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<Check>> {
    let n = texts.len();
    if n == 0 {
        return Ok(vec![Check::not_measured(
            "agreement",
            "there are no entries",
        )]);
    }
    let (one, other) = (
        Instant::open(before.clone())?,
        Instant::open(after.clone())?,
    );
    let (one, other) = read_both(&one, &other, texts, progress)?;
    let same = one
        .iter()
        .zip(&other)
        .filter(|(a, b)| a.sentiment == b.sentiment);
    let same = 100.0 * same.count() as f64 / n as f64;
    let themes = Overlap::of(other.iter().map(names), one.iter().map(names));
    Ok(vec![
        Check::agreement("sentiment", n, same),
        match themes.found + themes.wanted {
            0 => Check::not_measured("themes", "no entry has a theme"),
            _ => Check::agreement("themes", themes.wanted, themes.dice()),
        },
        cosine(before, after, texts),
    ])
}

/// The instant tier over `encoder`; `None` where no heads fit it.
fn opened(encoder: &Encoder) -> Result<Option<Instant>> {
    match Instant::open(encoder.clone()) {
        Err(Error::Heads { .. }) => Ok(None),
        other => other.map(Some),
    }
}

/// What both say, without what a journal has taught either.
fn read_both(
    before: &Instant,
    after: &Instant,
    texts: &[&str],
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(Vec<Analysis>, Vec<Analysis>)> {
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for batch in texts.chunks(BATCH) {
        progress(one.len() as u64, texts.len() as u64);
        one.extend(before.read(batch)?.into_iter().map(|said| said.analysis));
        other.extend(after.read(batch)?.into_iter().map(|said| said.analysis));
    }
    Ok((one, other))
}

fn names(analysis: &Analysis) -> Vec<&str> {
    analysis
        .themes
        .iter()
        .map(|theme| theme.name.as_str())
        .collect()
}

/// How two lists of themes of many entries agree.
#[derive(Debug, Default, PartialEq, Eq)]
struct Overlap {
    found: usize,
    wanted: usize,
    both: usize,
}

impl Overlap {
    fn of<'a>(
        found: impl Iterator<Item = Vec<&'a str>>,
        wanted: impl Iterator<Item = Vec<&'a str>>,
    ) -> Overlap {
        let mut sum = Overlap::default();
        for (found, wanted) in found.zip(wanted) {
            sum.found += found.len();
            sum.wanted += wanted.len();
            sum.both += found.iter().filter(|name| wanted.contains(name)).count();
        }
        sum
    }

    fn precision(&self) -> f64 {
        100.0 * self.both as f64 / self.found as f64
    }

    fn recall(&self) -> f64 {
        100.0 * self.both as f64 / self.wanted as f64
    }

    fn dice(&self) -> f64 {
        200.0 * self.both as f64 / (self.found + self.wanted) as f64
    }
}

fn cosine(before: &Encoder, after: &Encoder, texts: &[&str]) -> Check {
    let (one, other) = (before.embed(texts), after.embed(texts));
    let cosines = one.iter().zip(&other).map(|(a, b)| {
        let products = a.vector.iter().zip(&b.vector);
        products.map(|(a, b)| f64::from(a * b)).sum::<f64>()
    });
    let (sum, least) = cosines.fold((0.0, 1.0_f64), |(sum, least), c| (sum + c, least.min(c)));
    Check::cosine(texts.len(), sum / texts.len() as f64, least)
}

/// One sentence and one page, alone, in turn.
fn speed(before: &Encoder, after: &Encoder, texts: &[&str]) -> Result<[Check; 2]> {
    let words = texts.iter().flat_map(|text| text.split_whitespace());
    let page = words.take(PAGE_WORDS).collect::<Vec<_>>().join(" ");
    let timed = |text: &str, rounds| {
        let read = |encoder: &Encoder| {
            std::hint::black_box(encoder.embed(&[text]));
            Ok::<(), Error>(())
        };
        Pairs::time(rounds, &mut || read(before), &mut || read(after))
    };
    Ok([
        Check::latency("read a sentence", &timed(SENTENCE, ROUNDS[0])?),
        Check::latency("read 200 words", &timed(&page, ROUNDS[1])?),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labelled_entries_are_balanced_and_unlike_those_of_the_calibration() {
        let entries = entries();
        assert_eq!(entries.len(), 99);
        for sentiment in [Sentiment::Positive, Sentiment::Neutral, Sentiment::Negative] {
            let of = entries.iter().filter(|entry| entry.sentiment == sentiment);
            assert_eq!(of.count(), 33);
        }
        let calibration = engine::quant::decoder::calibration_entries();
        assert!(
            !entries
                .iter()
                .any(|entry| calibration.contains(&entry.text))
        );
    }

    #[test]
    fn overlap_counts_what_both_name() {
        let found = [vec!["work", "sleep"], vec![]].into_iter();
        let wanted = [vec!["work"], vec!["food"]].into_iter();
        let overlap = Overlap::of(found, wanted);
        assert_eq!(
            (overlap.precision(), overlap.recall(), overlap.dice()),
            (50.0, 50.0, 50.0)
        );
    }
}
