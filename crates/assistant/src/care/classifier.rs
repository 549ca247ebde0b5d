//! The second opinion: one linear map over the mean of neighbouring sentences' vectors and over their words, trained by
//! `tools/train/care.py`.

use std::collections::{BTreeSet, HashMap};

use engine::encoder::Encoder;
use serde::Deserialize;

use crate::{Error, Result, words};

const ASSET: &str = include_str!("../../assets/care.json");

/// Scores vectors of the encoder that it was trained on.
#[derive(Clone, Debug, Deserialize)]
pub struct Classifier {
    encoder_sha256: String,
    /// One a number of the vector.
    weights: Vec<f32>,
    /// Of words and of pairs of neighbouring words, folded, a space between them.
    words: HashMap<String, f32>,
    bias: f32,
    /// Log-odds from which it notices by itself.
    alone: f32,
    /// Log-odds from which it agrees with a phrase that can mean it.
    beside_a_phrase: f32,
}

impl Classifier {
    /// The one that this build carries, where it was trained on the weights that `encoder` has or was quantized from.
    pub fn committed(encoder: &Encoder) -> Result<Option<Self>> {
        let classifier: Self = serde_json::from_str(ASSET).map_err(|e| Error::Heads {
            reason: format!("care.json: {e}"),
        })?;
        let digits = encoder.made_from();
        let fits = !digits.is_empty()
            && classifier.encoder_sha256.starts_with(digits)
            && classifier.weights.len() == encoder.dim();
        Ok(fits.then_some(classifier))
    }

    /// Log-odds that neighbouring sentences speak of danger; each comes with its vector, of as many numbers as the map has.
    pub(super) fn score(&self, run: &[(&str, &[f32])]) -> f32 {
        let mut sum = vec![0.0f32; self.weights.len()];
        for (_, vector) in run {
            sum.iter_mut().zip(*vector).for_each(|(s, v)| *s += v);
        }
        // The mean at length 1 points as the sum does.
        let length = sum.iter().map(|s| s * s).sum::<f32>().sqrt().max(1e-12);
        let products = self.weights.iter().zip(&sum).map(|(w, s)| w * s);
        self.bias
            + products.sum::<f32>() / length
            + self.of_words(run.iter().map(|(text, _)| *text))
    }

    /// What the words say: the mean of the known ones' weights, times the root of how many there are.
    fn of_words<'a>(&self, sentences: impl Iterator<Item = &'a str>) -> f32 {
        let mut seen = BTreeSet::new();
        for sentence in sentences {
            let words: Vec<String> = words::folded(sentence).collect();
            let pairs = words.windows(2).map(|pair| pair.join(" "));
            seen.extend(pairs.chain(words.iter().cloned()));
        }
        // In order, so that the sum is the same every time.
        let known: Vec<f32> = seen
            .iter()
            .filter_map(|w| self.words.get(w).copied())
            .collect();
        known.iter().sum::<f32>() / (known.len().max(1) as f32).sqrt()
    }

    /// Whether a score is enough, alone or beside a phrase.
    pub(super) fn notices(&self, score: f32, phrase: bool) -> bool {
        let enough = if phrase {
            self.beside_a_phrase
        } else {
            self.alone
        };
        score >= enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_asset_is_whole_and_agrees_sooner_than_it_speaks() {
        let classifier: Classifier = serde_json::from_str(ASSET).unwrap();
        assert_eq!(classifier.weights.len(), 384);
        let all = classifier.weights.iter().chain(classifier.words.values());
        assert!(all.copied().all(f32::is_finite));
        assert!(classifier.words.len() > 500);
        assert!(classifier.beside_a_phrase <= classifier.alone);
        assert_eq!(classifier.encoder_sha256.len(), 64);
    }

    #[test]
    fn a_run_is_scored_by_the_direction_of_its_vectors_and_by_each_word_once() {
        let classifier = Classifier {
            encoder_sha256: String::new(),
            weights: vec![1.0, 0.0],
            words: [("rain", 2.0), ("rain again", 4.0)]
                .map(|(w, x)| (w.to_owned(), x))
                .into(),
            bias: 0.5,
            alone: 1.0,
            beside_a_phrase: 0.0,
        };
        let run: [(&str, &[f32]); 2] = [("Rain, again rain.", &[3.0, 0.0]), ("Sun.", &[0.0, 4.0])];
        // Known: the word and the pair, once each.
        let expected = 0.5 + 0.6 + 6.0 / 2f32.sqrt();
        assert!((classifier.score(&run) - expected).abs() < 1e-6);
    }
}
