//! The rule between the tiers. The encoder's heads are calibrated on labelled entries, the labels' probabilities are not.
//! So the heads' word stands, and the model overrules it only where the heads say themselves that they are unsure and the
//! model is not ([`SURE`]), or where they are hardly better than chance ([`HARDLY`]) and it is nearly certain
//! ([`CERTAIN`]). What a person corrected is never overruled. Filters and trends count the stored analysis, the heads'.

use journal::{Analysis, Sentiment, ThemeScore};
use serde::Serialize;

use super::Reading;
use crate::THEMES;
use crate::language::Usage;

/// From this probability the model decides where the heads are unsure.
pub const SURE: f32 = 0.6;
/// Below this confidence the heads can be overruled,
pub const HARDLY: f32 = 0.55;
/// by a label that is at least so likely.
pub const CERTAIN: f32 = 0.9;
/// A theme that the heads do not name is added from this share of the labels' probability on; one that they name with
/// less than [`HARDLY`] goes where its share is below a tenth of an even one.
pub const THEME: f32 = 0.5;
/// In the order of the probabilities.
pub(super) const LABELS: [Sentiment; 3] =
    [Sentiment::Positive, Sentiment::Neutral, Sentiment::Negative];

/// How the model's word on the feeling stands to the heads'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The same.
    Agrees,
    /// Another, and it holds.
    Overrules,
    /// Another, and the heads' holds.
    Overruled,
}

/// What [`labels`](super::labels) found.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// Probabilities of positive, neutral and negative.
    pub feeling: [f32; 3],
    /// Of the themes, in the order of [`THEMES`].
    pub themes: Vec<f32>,
    /// What it cost.
    pub usage: Usage,
}

impl Labels {
    /// The likeliest sentiment with its probability.
    pub fn sentiment(&self) -> (Sentiment, f32) {
        likeliest(self.feeling)
    }

    /// What holds of `heads` after the model's word, by the rule of this module.
    pub fn over(&self, heads: &Analysis) -> Analysis {
        over(Some(self.feeling), Some(&self.themes), heads)
    }
}

fn likeliest(p: [f32; 3]) -> (Sentiment, f32) {
    let best = (0..3).fold(0, |best, i| if p[i] > p[best] { i } else { best });
    (LABELS[best], p[best])
}

impl Reading {
    /// How the model's word on the feeling stands to that of `heads`; nothing where it has none.
    pub fn verdict(&self, heads: &Analysis) -> Option<Verdict> {
        verdict(self.feeling, heads)
    }

    /// The likeliest label with its probability.
    pub fn label(&self) -> Option<(Sentiment, f32)> {
        self.feeling.map(likeliest)
    }

    /// What holds of `heads` after the model's word, by the rule of this module.
    pub fn over(&self, heads: &Analysis) -> Analysis {
        over(self.feeling, self.themes.as_deref(), heads)
    }
}

fn verdict(feeling: Option<[f32; 3]>, heads: &Analysis) -> Option<Verdict> {
    let (label, p) = feeling.map(likeliest)?;
    Some(if label == heads.sentiment {
        Verdict::Agrees
    } else if heads.corrected {
        Verdict::Overruled
    } else if (heads.unsure && p >= SURE) || (heads.confidence < HARDLY && p >= CERTAIN) {
        Verdict::Overrules
    } else {
        Verdict::Overruled
    })
}

fn over(feeling: Option<[f32; 3]>, themes: Option<&[f32]>, heads: &Analysis) -> Analysis {
    let mut holds = heads.clone();
    // A person's word on sentiment or themes is the last one.
    if heads.corrected {
        return holds;
    }
    let label = feeling.map(likeliest);
    if let (Some(Verdict::Overrules), Some((label, p))) = (verdict(feeling, heads), label) {
        holds.sentiment = label;
        holds.confidence = p;
        holds.unsure = false;
        holds.tier = "language".to_owned();
        holds.evidence.retain(|e| e.claim != "sentiment");
        let agrees = match label {
            Sentiment::Positive => holds.valence > 0.0,
            Sentiment::Neutral => holds.valence.abs() <= 0.2,
            Sentiment::Negative => holds.valence < 0.0,
        };
        if !agrees {
            // Nothing measured says how much; the mildest value that does not contradict the word.
            holds.valence = match label {
                Sentiment::Positive => 0.2,
                Sentiment::Neutral => 0.0,
                Sentiment::Negative => -0.2,
            };
        }
    }
    if let Some(shares) = themes {
        let share = |name: &str| {
            let at = THEMES.iter().position(|t| *t == name);
            at.and_then(|at| shares.get(at)).copied().unwrap_or(0.0)
        };
        let even = 1.0 / THEMES.len() as f32;
        holds
            .themes
            .retain(|t| t.probability >= HARDLY || share(&t.name) >= 0.1 * even);
        for name in THEMES {
            let known = holds.themes.iter().any(|t| t.name == name);
            if !known && share(name) >= THEME {
                holds.themes.push(ThemeScore {
                    name: name.to_owned(),
                    probability: share(name),
                });
                holds.tier = "language".to_owned();
            }
        }
    }
    holds
}
