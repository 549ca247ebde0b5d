//! The second [`Reader`]: sentences in context, as the encoder's adapted upper layers read them, pooled by what was
//! learned instead of by a fixed rule. `tools/train/adapter/model.py` and `apply.py` are its definition.

use engine::encoder::{AdaptedEncoder, Encoder, InContext, Sentences};

use super::adapter::{Asset, Heads, Meta};
use super::math::{gelu, loudest, sigmoid, softmax};
use super::reading::{Passage, Reader, Reading};
use crate::Result;

const WEIGHTS: &[u8] = include_bytes!("../../assets/adapter.safetensors");
const META: &str = include_str!("../../assets/adapter.json");

/// Reads entries with the adapted encoder and its heads.
pub struct AdaptedReader {
    encoder: AdaptedEncoder,
    asset: Asset,
}

/// The heads' raw numbers for one entry.
struct Scores {
    /// Logits of positive, neutral, negative.
    sentiment: Vec<f32>,
    valence: f32,
    /// One logit an emotion.
    emotions: Vec<f32>,
    mixed: f32,
    /// One logit a theme.
    themes: Vec<f32>,
    /// One logit a theme, for each unit.
    unit_themes: Vec<Vec<f32>>,
    /// How much each unit speaks for each sentiment.
    unit_evidence: Vec<Vec<f32>>,
}

impl AdaptedReader {
    /// The reader that this build carries, over `encoder`; none where it was trained on other weights than those
    /// that `encoder` has or was quantized from.
    pub fn committed(encoder: &Encoder) -> Result<Option<Self>> {
        let asset = Asset::parse(WEIGHTS, META)?;
        if !asset.fits(encoder) {
            return Ok(None);
        }
        Self::over(encoder, asset).map(Some)
    }

    /// A reader from the bytes of the two files of another asset, over `encoder`, whatever that was trained on.
    pub fn parse(encoder: &Encoder, weights: &[u8], meta: &str) -> Result<Self> {
        Self::over(encoder, Asset::parse(weights, meta)?)
    }

    fn over(encoder: &Encoder, asset: Asset) -> Result<Self> {
        Ok(Self {
            encoder: asset.adapt(encoder)?,
            asset,
        })
    }

    fn reading(&self, units: &InContext) -> Reading {
        if units.sentence_of.is_empty() {
            return Reading::blank();
        }
        let dim = units.vectors.len() / units.sentence_of.len();
        let vectors: Vec<&[f32]> = units.vectors.chunks_exact(dim).collect();
        self.asset
            .heads
            .scores(&vectors)
            .reading(&self.asset.meta, &units.sentence_of)
    }
}

impl Reader for AdaptedReader {
    fn id(&self) -> &str {
        &self.asset.id
    }

    fn needs_vectors(&self) -> bool {
        false
    }

    fn read(&self, passages: &[Passage<'_>]) -> Vec<Reading> {
        let texts: Vec<Sentences<'_>> = passages
            .iter()
            .map(|p| Sentences {
                text: p.text,
                spans: p.sentences,
            })
            .collect();
        let read = self.encoder.read(&texts);
        read.iter().map(|units| self.reading(units)).collect()
    }
}

impl Heads {
    /// The heads over the vectors of an entry's units, of which there is at least one.
    fn scores(&self, units: &[&[f32]]) -> Scores {
        let last = units.len() - 1;
        let attention: Vec<f32> = units
            .iter()
            .enumerate()
            .map(|(i, h)| {
                let inner: Vec<f32> = self.attend_in.apply(h).into_iter().map(f32::tanh).collect();
                let first = if i == 0 { self.attend_place[0] } else { 0.0 };
                let end = if i == last { self.attend_place[1] } else { 0.0 };
                self.attend_out.apply(&inner)[0] + first + end
            })
            .collect();
        let mut mood = vec![0.0; units[0].len()];
        for (weight, h) in softmax(&attention).into_iter().zip(units) {
            mood.iter_mut().zip(*h).for_each(|(m, h)| *m += weight * h);
        }
        let g: Vec<f32> = self.hidden.apply(&mood).into_iter().map(gelu).collect();

        let unit_themes: Vec<Vec<f32>> = units.iter().map(|h| self.themes.apply(h)).collect();
        let attention: Vec<Vec<f32>> = units.iter().map(|h| self.theme_attend.apply(h)).collect();
        let theme = |t: usize| {
            let weights = softmax(&attention.iter().map(|a| a[t]).collect::<Vec<_>>());
            weights
                .iter()
                .zip(&unit_themes)
                .map(|(w, z)| w * z[t])
                .sum()
        };
        Scores {
            sentiment: self.sentiment.apply(&g),
            valence: self.valence.apply(&g)[0].tanh(),
            emotions: self.emotions.apply(&g),
            mixed: self.mixed.apply(&g)[0],
            themes: (0..crate::THEMES.len()).map(theme).collect(),
            unit_themes,
            unit_evidence: units.iter().map(|h| self.evidence.apply(h)).collect(),
        }
    }
}

impl Scores {
    /// The calibrated reading; `sentence_of` names the sentence of each unit.
    fn reading(&self, meta: &Meta, sentence_of: &[usize]) -> Reading {
        let tempered: Vec<f32> = self
            .sentiment
            .iter()
            .map(|z| z / meta.sentiment_temperature)
            .collect();
        let p = softmax(&tempered);
        let sentence = |scores: &[Vec<f32>], column: usize| {
            loudest(scores.iter().map(|s| s[column]))
                .and_then(|unit| sentence_of.get(unit).copied())
        };
        let themes = self.themes.iter().zip(&meta.theme_offset);
        Reading {
            sentiment: [p[0], p[1], p[2]],
            valence: self.valence,
            mixed: sigmoid(self.mixed) >= meta.mixed_from,
            unsure: p.iter().all(|p| *p < meta.unsure_below),
            themes: themes
                .map(|(z, offset)| sigmoid(meta.theme_scale * z + offset))
                .collect(),
            emotions: self
                .emotions
                .iter()
                .map(|z| sigmoid(z + meta.emotion_offset))
                .collect(),
            // A plain day has no sentence that says so.
            sentiment_sentence: [
                sentence(&self.unit_evidence, 0),
                None,
                sentence(&self.unit_evidence, 2),
            ],
            theme_sentence: (0..crate::THEMES.len())
                .map(|t| sentence(&self.unit_themes, t))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// What `tools/train/adapter/fixture.py` computed with PyTorch, in f32.
    #[derive(Deserialize)]
    struct Expected {
        sentences: Vec<String>,
        /// Of the first four units, where the fixture has them.
        vectors: Option<Vec<Vec<f32>>>,
        logits: Logits,
        raw_valence: f32,
        probabilities: Vec<f32>,
        theme_probabilities: Vec<f32>,
        mixed: bool,
        unsure: bool,
    }

    #[derive(Deserialize)]
    struct Logits {
        sentiment: Vec<f32>,
        themes: Vec<f32>,
        emotions: Vec<f32>,
        mixed: f32,
    }

    fn near(got: &[f32], want: &[f32]) -> bool {
        got.len() == want.len() && got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-4)
    }

    #[test]
    fn the_heads_say_what_the_training_tool_says_of_the_same_vectors() {
        let json = include_str!("../../tests/fixtures/adapter_expected.json");
        let rows: Vec<Expected> = serde_json::from_str(json).unwrap();
        let asset = Asset::parse(WEIGHTS, META).unwrap();
        let mut checked = 0;
        for row in rows {
            let Some(vectors) = row.vectors.filter(|v| v.len() == row.sentences.len()) else {
                continue;
            };
            let units: Vec<&[f32]> = vectors.iter().map(Vec::as_slice).collect();
            let scores = asset.heads.scores(&units);
            assert!(
                near(&scores.sentiment, &row.logits.sentiment),
                "{:?}",
                scores.sentiment
            );
            assert!(
                near(&scores.themes, &row.logits.themes),
                "{:?}",
                scores.themes
            );
            assert!(
                near(&scores.emotions, &row.logits.emotions),
                "{:?}",
                scores.emotions
            );
            assert!(near(
                &[scores.mixed, scores.valence],
                &[row.logits.mixed, row.raw_valence]
            ));
            let every: Vec<usize> = (0..units.len()).collect();
            let reading = scores.reading(&asset.meta, &every);
            assert!(near(&reading.sentiment, &row.probabilities));
            assert!(near(&reading.themes, &row.theme_probabilities));
            assert_eq!((reading.mixed, reading.unsure), (row.mixed, row.unsure));
            checked += 1;
        }
        assert!(
            checked >= 2,
            "{checked} entries have all their vectors in the fixture"
        );
    }

    #[test]
    fn the_asset_is_small_enough_to_carry() {
        assert!(WEIGHTS.len() <= 3_000_000, "{} bytes", WEIGHTS.len());
    }

    #[test]
    fn a_damaged_asset_is_refused_with_the_name_of_what_does_not_fit() {
        let refused = |weights: &[u8], meta: &str| match Asset::parse(weights, meta) {
            Ok(_) => panic!("it was taken"),
            Err(e) => e.to_string(),
        };
        assert!(refused(&WEIGHTS[..1000], META).contains("adapter.safetensors"));
        assert!(refused(WEIGHTS, "{}").contains("adapter.json"));
        let wrong = META.replacen("\"work\"", "\"labour\"", 1);
        assert!(refused(WEIGHTS, &wrong).contains("labour"));
        let mut hidden: serde_json::Value = serde_json::from_str(META).unwrap();
        hidden["hidden"] = 7.into();
        assert!(refused(WEIGHTS, &hidden.to_string()).contains("mood.hidden"));
    }
}
