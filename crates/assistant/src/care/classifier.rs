//! The second opinion: one linear map over a sentence's vector, trained by `tools/train/care.py`.

use engine::encoder::Encoder;
use serde::Deserialize;

use crate::{Error, Result};

const ASSET: &str = include_str!("../../assets/care.json");

/// Scores vectors of the encoder that it was trained on.
#[derive(Clone, Debug, Deserialize)]
pub struct Classifier {
    encoder_sha256: String,
    weights: Vec<f32>,
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

    /// Log-odds that the text of `vector` (L2-normalised) speaks of danger.
    pub fn score(&self, vector: &[f32]) -> f32 {
        let products = self.weights.iter().zip(vector).map(|(w, v)| w * v);
        self.bias + products.sum::<f32>()
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
        assert!(classifier.weights.iter().all(|w| w.is_finite()));
        assert!(classifier.beside_a_phrase < classifier.alone);
        assert_eq!(classifier.encoder_sha256.len(), 64);
    }
}
