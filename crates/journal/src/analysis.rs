//! What a model said about an entry. The journal stores it beside the id of that model and knows no more of it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// How an entry feels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sentiment {
    /// Rather good.
    Positive,
    /// Neither.
    Neutral,
    /// Rather bad.
    Negative,
}

impl Sentiment {
    /// `positive`, `neutral` or `negative`.
    pub fn as_str(self) -> &'static str {
        match self {
            Sentiment::Positive => "positive",
            Sentiment::Neutral => "neutral",
            Sentiment::Negative => "negative",
        }
    }
}

impl std::fmt::Display for Sentiment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Sentiment {
    type Err = crate::Error;

    fn from_str(text: &str) -> crate::Result<Sentiment> {
        match text.to_lowercase().as_str() {
            "positive" => Ok(Sentiment::Positive),
            "neutral" => Ok(Sentiment::Neutral),
            "negative" => Ok(Sentiment::Negative),
            _ => Err(crate::Error::Invalid {
                what: "sentiment",
                value: text.into(),
                reason: "it is one of positive, neutral, negative",
            }),
        }
    }
}

/// A theme that is present, with its calibrated probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThemeScore {
    /// One of the twenty names.
    pub name: String,
    /// Calibrated, so that 0.5 is the point of decision.
    pub probability: f32,
}

/// The part of the text that a claim rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// `sentiment`, or the name of a theme.
    pub claim: String,
    /// First byte of the span in the entry's text.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// One analysis of one version of one entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// The likeliest of the three.
    pub sentiment: Sentiment,
    /// Its calibrated probability, 0 to 1.
    pub confidence: f32,
    /// How good or bad, -1 to 1.
    pub valence: f32,
    /// Both good and bad in one entry.
    pub mixed: bool,
    /// Too close to call.
    pub unsure: bool,
    /// The themes present, likeliest first.
    pub themes: Vec<ThemeScore>,
    /// What the claims rest on.
    pub evidence: Vec<Evidence>,
    /// `instant` or `language`.
    pub tier: String,
    /// The id of the model that made it.
    pub model: String,
    /// Whether part of the text was not read.
    pub truncated: bool,
}

/// The embeddings of one version of one entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    /// The id of the model that made them.
    pub model: String,
    /// Of the whole entry.
    pub entry: Vec<f32>,
    /// Of each sentence, with its span in bytes of the text.
    pub sentences: Vec<(Range<usize>, Vec<f32>)>,
}
