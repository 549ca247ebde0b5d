//! The seam between "what reads an entry" and "what an analysis promises".
//!
//! A [`Reader`] turns entries into [`Reading`]s: plain calibrated numbers. [`Reading::analysis`] turns a reading
//! into a [`journal::Analysis`] that keeps the promises of the interface whatever read it: the sentiment is the
//! likeliest of three, the valence agrees with it in sign, only themes at or above 0.5 are named, and every piece
//! of evidence is a sentence of the entry. The adapted encoder takes the place of the heads behind this trait.

use std::ops::Range;

use journal::{Analysis, Evidence, Sentiment, ThemeScore};
use serde::Serialize;

use crate::{EMOTIONS, THEMES, TIER};

/// Beyond this the valence has a sign; below it the entry is neutral.
const POLE: f32 = 0.2;
/// How far inside its band a valence is put that disagreed with the sentiment.
const INSIDE: f32 = 0.01;
/// From this probability a theme is present: the heads are calibrated so that it is the decision point.
const PRESENT: f32 = 0.5;

/// At most so many emotion words are named.
const EMOTION_WORDS: usize = 3;

/// A word for what is felt in an entry, with its calibrated probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EmotionScore {
    /// One of [`EMOTIONS`].
    pub name: &'static str,
    /// 0 to 1.
    pub probability: f32,
}

/// One entry as a reader gets it: its text, its sentences, and the embeddings that search needs anyway.
#[derive(Clone, Copy, Debug)]
pub struct Passage<'a> {
    /// The whole text.
    pub text: &'a str,
    /// Byte spans of its sentences, in order; empty only for blank text.
    pub sentences: &'a [Range<usize>],
    /// Embedding of the whole text, `[dim]`, L2-normalised; empty for a reader that needs none.
    pub entry: &'a [f32],
    /// Embeddings of the sentences, each `[dim]`, in the order of `sentences`; none for a reader that needs none.
    pub vectors: &'a [Vec<f32>],
}

/// What was read in one entry: numbers, already calibrated.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Probabilities of positive, neutral, negative.
    pub sentiment: [f32; 3],
    /// Valence from -1 to 1, before it is made to agree with the sentiment.
    pub valence: f32,
    /// Both poles are strong.
    pub mixed: bool,
    /// The reader does not trust its own sentiment.
    pub unsure: bool,
    /// Probability of each of [`THEMES`], in their order.
    pub themes: Vec<f32>,
    /// Probability of each of [`EMOTIONS`], in their order; empty where the reader knows no emotion words.
    pub emotions: Vec<f32>,
    /// Index of the sentence that speaks most for each of the three sentiments; none for a plain neutral.
    pub sentiment_sentence: [Option<usize>; 3],
    /// Index of the sentence that speaks most for each theme, in the order of [`THEMES`].
    pub theme_sentence: Vec<Option<usize>>,
}

/// Reads entries. Implementations are pure: the same passage gives the same reading, alone or among others.
pub trait Reader: Send + Sync {
    /// Names the weights, so that an analysis records what made it.
    fn id(&self) -> &str;
    /// Whether it reads the embeddings of a passage, which are then there; else they may be missing.
    fn needs_vectors(&self) -> bool {
        true
    }
    /// One reading a passage, in order.
    fn read(&self, passages: &[Passage<'_>]) -> Vec<Reading>;
}

impl Reading {
    /// The reading of a text in which there is nothing to read.
    pub fn blank() -> Self {
        Self {
            sentiment: [0.0, 1.0, 0.0],
            valence: 0.0,
            mixed: false,
            unsure: true,
            themes: vec![0.0; THEMES.len()],
            emotions: Vec::new(),
            sentiment_sentence: [None; 3],
            theme_sentence: vec![None; THEMES.len()],
        }
    }

    /// The emotion words that it amounts to: the three likeliest, where they are more likely than not.
    pub fn emotion_words(&self) -> Vec<EmotionScore> {
        let scores = EMOTIONS.iter().zip(&self.emotions);
        let mut words: Vec<EmotionScore> = scores
            .map(|(name, probability)| EmotionScore {
                name,
                probability: *probability,
            })
            .filter(|word| word.probability >= PRESENT)
            .collect();
        words.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        words.truncate(EMOTION_WORDS);
        words
    }

    /// The analysis that this reading amounts to, by the rules at the top of this module.
    pub fn analysis(&self, sentences: &[Range<usize>], model: &str) -> Analysis {
        let likeliest = (0..3).fold(0, |best, i| {
            if self.sentiment[i] > self.sentiment[best] {
                i
            } else {
                best
            }
        });
        let sentiment = [Sentiment::Positive, Sentiment::Neutral, Sentiment::Negative][likeliest];
        let mut themes: Vec<(usize, f32)> = self
            .themes
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, p)| *p >= PRESENT)
            .collect();
        themes.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let quote = |claim: &str, sentence: Option<usize>| {
            let span = sentences.get(sentence?)?;
            Some(Evidence {
                claim: claim.to_owned(),
                start: span.start,
                end: span.end,
            })
        };
        let evidence = std::iter::once(quote("sentiment", self.sentiment_sentence[likeliest]))
            .chain(
                themes
                    .iter()
                    .map(|(t, _)| quote(THEMES[*t], self.theme_sentence[*t])),
            )
            .flatten()
            .collect();
        Analysis {
            sentiment,
            confidence: self.sentiment[likeliest].clamp(0.0, 1.0),
            valence: agree(self.valence, sentiment),
            mixed: self.mixed,
            unsure: self.unsure,
            themes: themes
                .into_iter()
                .map(|(t, p)| ThemeScore {
                    name: THEMES[t].to_owned(),
                    probability: p.min(1.0),
                })
                .collect(),
            evidence,
            tier: TIER.to_owned(),
            model: model.to_owned(),
            truncated: false,
            corrected: false,
        }
    }
}

/// `valence` moved, by as little as it takes, into the band of `sentiment`.
fn agree(valence: f32, sentiment: Sentiment) -> f32 {
    let valence = if valence.is_finite() { valence } else { 0.0 };
    match sentiment {
        Sentiment::Positive => valence.clamp(POLE + INSIDE, 1.0),
        Sentiment::Neutral => valence.clamp(-POLE, POLE),
        Sentiment::Negative => valence.clamp(-1.0, -POLE - INSIDE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valence_agrees_in_sign_with_the_sentiment_whatever_was_read() {
        for valence in [-2.0, -0.2, 0.0, 0.2, 0.21, 1.0, f32::NAN, f32::INFINITY] {
            for (i, p) in [[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7]]
                .into_iter()
                .enumerate()
            {
                let a = Reading {
                    sentiment: p,
                    valence,
                    ..Reading::blank()
                }
                .analysis(&[], "m");
                let fits = match i {
                    0 => a.valence > 0.2,
                    1 => a.valence.abs() <= 0.2,
                    _ => a.valence < -0.2,
                };
                assert!(
                    fits && a.valence.abs() <= 1.0,
                    "{valence} {p:?} {}",
                    a.valence
                );
                assert_eq!(a.confidence, p[i]);
            }
        }
    }

    #[test]
    fn only_themes_from_one_half_on_are_named_the_likeliest_first() {
        let mut reading = Reading::blank();
        reading.themes[0] = 0.5;
        reading.themes[7] = 0.9;
        reading.themes[8] = 0.499;
        reading.theme_sentence[7] = Some(1);
        let a = reading.analysis(&[0..3, 4..9], "m");
        let names: Vec<&str> = a.themes.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, [THEMES[7], THEMES[0]]);
        assert_eq!(
            a.evidence.len(),
            1,
            "a theme without a sentence has no evidence"
        );
        assert_eq!(
            (
                a.evidence[0].claim.as_str(),
                a.evidence[0].start,
                a.evidence[0].end
            ),
            (THEMES[7], 4, 9)
        );
    }

    #[test]
    fn the_three_likeliest_emotions_are_named_where_they_are_more_likely_than_not() {
        let mut reading = Reading::blank();
        assert_eq!(reading.emotion_words(), []);
        reading.emotions = vec![0.1; EMOTIONS.len()];
        for (emotion, probability) in [(3, 0.6), (5, 0.9), (11, 0.5), (20, 0.55)] {
            reading.emotions[emotion] = probability;
        }
        let words = reading.emotion_words();
        let names: Vec<&str> = words.iter().map(|w| w.name).collect();
        assert_eq!(names, [EMOTIONS[5], EMOTIONS[3], EMOTIONS[20]]);
    }
}
