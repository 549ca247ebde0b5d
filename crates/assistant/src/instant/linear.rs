//! The first [`Reader`]: linear heads over frozen sentence embeddings, pooled by the rule in `heads.json`.

use super::heads::{Heads, Mean, Meta};
use super::math::{self, loudest, sigmoid};
use super::reading::{Passage, Reader, Reading};
use crate::{Result, THEMES};

/// Reads entries with the committed linear heads.
#[derive(Debug)]
pub struct LinearReader {
    heads: Heads,
}

/// What the heads say about one embedding, before pooling and calibration.
struct Scores {
    /// Logits of positive, neutral, negative.
    sentiment: Vec<f32>,
    valence: f32,
    /// One logit a theme.
    themes: Vec<f32>,
}

impl LinearReader {
    /// The reader over the heads that this build carries.
    pub fn committed() -> Result<Self> {
        Ok(Self {
            heads: Heads::committed()?,
        })
    }

    /// Width of the embeddings that it reads.
    pub fn dim(&self) -> usize {
        self.heads.meta.dim
    }

    /// Name of the encoder whose embeddings it was trained on; its quantized forms serve as well.
    pub fn encoder(&self) -> &str {
        &self.heads.meta.encoder
    }

    fn scores(&self, x: &[f32]) -> Scores {
        let h = &self.heads;
        Scores {
            sentiment: h.sentiment.apply(x),
            valence: h.valence.apply(x)[0],
            themes: h.themes.apply(x),
        }
    }

    fn passage(&self, passage: &Passage<'_>) -> Reading {
        if passage.sentences.is_empty() || passage.vectors.is_empty() {
            return Reading::blank();
        }
        let meta = &self.heads.meta;
        let whole = self.scores(passage.entry);
        let parts: Vec<Scores> = passage.vectors.iter().map(|v| self.scores(v)).collect();
        let words: Vec<usize> = passage
            .sentences
            .iter()
            .map(|s| {
                passage
                    .text
                    .get(s.clone())
                    .map_or(1, |t| t.split_whitespace().count())
            })
            .collect();

        let weights = weights(&meta.pooling.sentiment, &words);
        let class = |c: usize| {
            let sentences = parts.iter().map(|p| p.sentiment[c]);
            pooled(
                &meta.pooling.sentiment,
                &weights,
                sentences,
                whole.sentiment[c],
            ) / meta.sentiment_temperature
        };
        let sentiment = softmax([class(0), class(1), class(2)]);
        let by_sentence: Vec<[f32; 3]> = parts
            .iter()
            .map(|p| softmax([0, 1, 2].map(|c| p.sentiment[c] / meta.sentiment_temperature)))
            .collect();

        let weights_valence = self::weights(&meta.pooling.valence, &words);
        let valence = pooled(
            &meta.pooling.valence,
            &weights_valence,
            parts.iter().map(|p| p.valence),
            whole.valence,
        );

        let themes: Vec<f32> = (0..THEMES.len())
            .map(|t| {
                sigmoid(meta.theme_scale[t] * self.theme(t, &parts, &whole) + meta.theme_offset[t])
            })
            .collect();
        let pole = |c: usize| loudest(by_sentence.iter().map(|p| p[c]));
        Reading {
            sentiment,
            valence: (valence.tanh() * meta.valence_scale).clamp(-1.0, 1.0),
            mixed: mixed(meta, &sentiment, &by_sentence),
            unsure: sentiment.iter().all(|p| *p < meta.unsure_below),
            themes,
            // A plain day has no sentence that says so.
            sentiment_sentence: [pole(0), None, pole(2)],
            emotions: Vec::new(),
            theme_sentence: (0..THEMES.len())
                .map(|t| loudest(parts.iter().map(|p| p.themes[t])))
                .collect(),
        }
    }

    /// Logit of theme `t` for the entry: a soft maximum over its sentences beside the whole.
    fn theme(&self, t: usize, parts: &[Scores], whole: &Scores) -> f32 {
        let rule = &self.heads.meta.pooling.themes;
        let k = rule.sharpness;
        let top = parts
            .iter()
            .map(|p| p.themes[t])
            .fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = parts.iter().map(|p| (k * (p.themes[t] - top)).exp()).sum();
        let peak = top + (sum / parts.len() as f32).ln() / k;
        rule.entry * whole.themes[t] + (1.0 - rule.entry) * peak
    }
}

impl Reader for LinearReader {
    fn id(&self) -> &str {
        &self.heads.id
    }

    fn read(&self, passages: &[Passage<'_>]) -> Vec<Reading> {
        passages.iter().map(|p| self.passage(p)).collect()
    }
}

/// Weights of the sentences, summing to 1.
fn weights(rule: &Mean, words: &[usize]) -> Vec<f32> {
    let last = words.len().saturating_sub(1);
    let raw = words.iter().enumerate().map(|(i, w)| {
        let boost = if i == last {
            1.0 + rule.last_boost
        } else {
            1.0
        };
        ((*w).max(1) as f32).powf(rule.length_power) * boost
    });
    let raw: Vec<f32> = raw.collect();
    let total: f32 = raw.iter().sum();
    raw.into_iter().map(|w| w / total).collect()
}

fn pooled(rule: &Mean, weights: &[f32], sentences: impl Iterator<Item = f32>, whole: f32) -> f32 {
    let mean: f32 = weights.iter().zip(sentences).map(|(w, z)| w * z).sum();
    rule.entry * whole + (1.0 - rule.entry) * mean
}

/// Both poles likely in the whole, or each of them loud in some sentence.
fn mixed(meta: &Meta, whole: &[f32; 3], sentences: &[[f32; 3]]) -> bool {
    let rule = &meta.mixed;
    let loud = |pole: usize| sentences.iter().any(|p| p[pole] >= rule.sentence_pole);
    (whole[0] >= rule.positive_above && whole[2] >= rule.negative_above) || (loud(0) && loud(2))
}

/// The probabilities of the three sentiments.
fn softmax(z: [f32; 3]) -> [f32; 3] {
    let p = math::softmax(&z);
    [p[0], p[1], p[2]]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use journal::Sentiment;
    use serde::Deserialize;

    use super::*;

    /// What `tools/train/heads_fixture.py` computed with NumPy, from f32 embeddings.
    #[derive(Deserialize)]
    struct Reference {
        text: String,
        sentences: Vec<String>,
        entry: Vec<f32>,
        vectors: Vec<Vec<f32>>,
        probabilities: [f32; 3],
        valence: f32,
        themes: Vec<f32>,
        sentiment: Sentiment,
        mixed: bool,
        unsure: bool,
        evidence: BTreeMap<String, usize>,
    }

    fn near(a: f32, b: f32) -> bool {
        (a - b).abs() < 1e-4
    }

    #[test]
    fn the_heads_say_what_the_reference_says() {
        let json = include_str!("../../tests/fixtures/heads_reference.json");
        let references: Vec<Reference> = serde_json::from_str(json).unwrap();
        let reader = LinearReader::committed().unwrap();
        for r in references {
            let mut at = 0;
            let spans: Vec<_> = r
                .sentences
                .iter()
                .map(|s| {
                    let start = at + r.text[at..].find(s.as_str()).unwrap();
                    at = start + s.len();
                    start..at
                })
                .collect();
            let passage = Passage {
                text: &r.text,
                sentences: &spans,
                entry: &r.entry,
                vectors: &r.vectors,
            };
            let got = reader.read(&[passage]).remove(0);
            assert!(
                got.sentiment
                    .iter()
                    .zip(r.probabilities)
                    .all(|(a, b)| near(*a, b)),
                "{} {got:?}",
                r.text
            );
            assert!(
                got.themes.iter().zip(&r.themes).all(|(a, b)| near(*a, *b)),
                "{} {got:?}",
                r.text
            );
            let analysis = got.analysis(&spans, "m");
            assert!(
                near(analysis.valence, r.valence),
                "{} {}",
                r.text,
                analysis.valence
            );
            assert_eq!(
                (analysis.sentiment, analysis.mixed, analysis.unsure),
                (r.sentiment, r.mixed, r.unsure),
                "{}",
                r.text
            );
            let evidence: BTreeMap<String, usize> = analysis
                .evidence
                .iter()
                .map(|e| {
                    (
                        e.claim.clone(),
                        spans.iter().position(|s| s.start == e.start).unwrap(),
                    )
                })
                .collect();
            assert_eq!(evidence, r.evidence, "{}", r.text);
        }
    }

    #[test]
    fn without_a_sentence_there_is_nothing_to_read() {
        let reader = LinearReader::committed().unwrap();
        let passage = Passage {
            text: " ",
            sentences: &[],
            entry: &[0.0; 384],
            vectors: &[],
        };
        assert_eq!(reader.read(&[passage]), [Reading::blank()]);
    }
}
