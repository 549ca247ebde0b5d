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
    /// Whether the person has corrected it: then it says what they said.
    #[serde(default)]
    pub corrected: bool,
}

/// What a person says an entry feels like and is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Correction {
    /// How it feels, where they said so.
    pub sentiment: Option<Sentiment>,
    /// What it is about, where they said so; empty: none of the themes.
    pub themes: Option<Vec<String>>,
}

impl Correction {
    /// How good or bad an entry is taken to be of which only the sentiment is known: about the middle of what people
    /// write under that word.
    const VALENCE: f32 = 0.5;
    /// Beyond this a valence has a sign.
    const POLE: f32 = 0.2;

    /// `said` with the person's word in place of the model's. Evidence stays where the claim stays.
    pub fn over(&self, said: &Analysis) -> Analysis {
        let mut holds = said.clone();
        holds.corrected = true;
        if let Some(sentiment) = self.sentiment {
            if sentiment != said.sentiment {
                holds.evidence.retain(|e| e.claim != "sentiment");
            }
            holds.sentiment = sentiment;
            holds.confidence = 1.0;
            holds.unsure = false;
            let agrees = match sentiment {
                Sentiment::Positive => said.valence > Self::POLE,
                Sentiment::Neutral => said.valence.abs() <= Self::POLE,
                Sentiment::Negative => said.valence < -Self::POLE,
            };
            if !agrees {
                holds.valence = match sentiment {
                    Sentiment::Positive => Self::VALENCE,
                    Sentiment::Neutral => 0.0,
                    Sentiment::Negative => -Self::VALENCE,
                };
            }
        }
        if let Some(themes) = &self.themes {
            let scored = |name: &String| ThemeScore {
                name: name.clone(),
                probability: 1.0,
            };
            holds.themes = themes.iter().map(scored).collect();
            holds
                .evidence
                .retain(|e| e.claim == "sentiment" || themes.contains(&e.claim));
        }
        holds
    }
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
