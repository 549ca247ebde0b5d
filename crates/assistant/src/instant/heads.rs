//! The trained heads: linear maps from a sentence embedding to sentiment, valence and themes, and the rule that
//! pools sentences into an entry. Made by `tools/` from labelled text; committed with the report of their accuracy.
//!
//! `heads.safetensors` holds f32 tensors, `x` being an L2-normalised embedding `[dim]`:
//!
//! | tensor | shape | meaning |
//! | --- | --- | --- |
//! | `sentiment.w`, `sentiment.b` | `[3, dim]`, `[3]` | logits of positive, neutral, negative |
//! | `valence.w`, `valence.b` | `[1, dim]`, `[1]` | valence before `tanh` |
//! | `themes.w`, `themes.b` | `[20, dim]`, `[20]` | one logit a theme |
//!
//! `heads.json` holds everything else: names, pooling, calibration, and what they were trained on.

use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use crate::{Error, Result, THEMES, stats};

const WEIGHTS: &[u8] = include_bytes!("../../assets/heads.safetensors");
const META: &str = include_str!("../../assets/heads.json");

/// What `heads.json` says.
#[derive(Debug, Deserialize)]
pub(super) struct Meta {
    pub(super) dim: usize,
    pub(super) encoder: String,
    sentiment: [String; 3],
    pub(super) sentiment_temperature: f32,
    themes: Vec<String>,
    pub(super) theme_scale: Vec<f32>,
    pub(super) theme_offset: Vec<f32>,
    pub(super) valence_scale: f32,
    pub(super) pooling: Pooling,
    pub(super) unsure_below: f32,
    pub(super) mixed: Mixed,
}

/// How sentences become an entry, head by head.
#[derive(Debug, Deserialize)]
pub(super) struct Pooling {
    pub(super) sentiment: Mean,
    pub(super) valence: Mean,
    pub(super) themes: Peak,
}

/// A weighted mean of the sentences, mixed with the reading of the entry as a whole.
#[derive(Debug, Deserialize)]
pub(super) struct Mean {
    /// Weight of the entry's own embedding; the sentences share the rest.
    pub(super) entry: f32,
    /// A sentence of `w` words weighs `w` to this power.
    pub(super) length_power: f32,
    /// The last sentence weighs `1 + last_boost` times as much: a turn at the end outweighs the beginning.
    pub(super) last_boost: f32,
}

/// A soft maximum over the sentences, mixed with the reading of the entry as a whole: one sentence makes a theme.
#[derive(Debug, Deserialize)]
pub(super) struct Peak {
    /// Weight of the entry's own embedding.
    pub(super) entry: f32,
    /// `k` in `(logsumexp(k z) - ln n) / k`: 0 would be the mean, infinity the maximum.
    pub(super) sharpness: f32,
}

/// When an entry holds both poles.
#[derive(Debug, Deserialize)]
pub(super) struct Mixed {
    pub(super) positive_above: f32,
    pub(super) negative_above: f32,
    /// Both poles reached in some sentence with at least this probability.
    pub(super) sentence_pole: f32,
}

/// A linear map `[rows, dim]` with bias `[rows]`.
#[derive(Debug)]
pub(super) struct Linear {
    w: Vec<f32>,
    b: Vec<f32>,
}

impl Linear {
    /// `w x + b`, `[rows]`.
    pub(super) fn apply(&self, x: &[f32]) -> Vec<f32> {
        let rows = self.w.chunks_exact(x.len().max(1)).zip(&self.b);
        rows.map(|(row, b)| b + row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>())
            .collect()
    }
}

/// Weights and rules of the heads, checked at the door.
#[derive(Debug)]
pub(super) struct Heads {
    pub(super) id: String,
    pub(super) meta: Meta,
    pub(super) sentiment: Linear,
    pub(super) valence: Linear,
    pub(super) themes: Linear,
}

impl Heads {
    /// The heads that this build carries.
    pub(super) fn committed() -> Result<Self> {
        Self::parse(WEIGHTS, META)
    }

    /// Heads from the bytes of the two files; an error names what does not fit.
    pub(super) fn parse(weights: &[u8], meta: &str) -> Result<Self> {
        let id = format!(
            "heads-{:08x}",
            stats::fnv(&[weights, meta.as_bytes()].concat()) as u32
        );
        let meta: Meta =
            serde_json::from_str(meta).map_err(|e| broken(format!("heads.json: {e}")))?;
        meta.check()?;
        let tensors = SafeTensors::deserialize(weights)
            .map_err(|e| broken(format!("heads.safetensors: {e}")))?;
        let linear = |name: &str, rows: usize| -> Result<Linear> {
            Ok(Linear {
                w: floats(&tensors, &format!("{name}.w"), &[rows, meta.dim])?,
                b: floats(&tensors, &format!("{name}.b"), &[rows])?,
            })
        };
        let (sentiment, valence, themes) = (
            linear("sentiment", 3)?,
            linear("valence", 1)?,
            linear("themes", THEMES.len())?,
        );
        Ok(Self {
            id,
            sentiment,
            valence,
            themes,
            meta,
        })
    }
}

impl Meta {
    fn check(&self) -> Result<()> {
        let n = THEMES.len();
        if self.sentiment != ["positive", "neutral", "negative"] {
            return Err(broken(format!("sentiment order is {:?}", self.sentiment)));
        }
        if self.themes != THEMES {
            return Err(broken(format!("themes are {:?}", self.themes)));
        }
        if (self.theme_scale.len(), self.theme_offset.len()) != (n, n) {
            return Err(broken(format!(
                "{} theme scales, {} offsets, not {n}",
                self.theme_scale.len(),
                self.theme_offset.len()
            )));
        }
        let numbers = [
            self.sentiment_temperature,
            self.valence_scale,
            self.pooling.themes.sharpness,
        ];
        if numbers.iter().any(|v| !v.is_finite() || *v <= 0.0) {
            return Err(broken(format!(
                "temperature, scale and sharpness are {numbers:?}, not above 0"
            )));
        }
        Ok(())
    }
}

/// The f32 tensor `name` of shape `shape`, every value finite.
fn floats(tensors: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
    let view = tensors
        .tensor(name)
        .map_err(|e| broken(format!("{name}: {e}")))?;
    if view.dtype() != Dtype::F32 || view.shape() != shape {
        return Err(broken(format!(
            "{name} is {:?} {:?}, not F32 {shape:?}",
            view.dtype(),
            view.shape()
        )));
    }
    let (bytes, _) = view.data().as_chunks::<4>();
    let values: Vec<f32> = bytes.iter().map(|b| f32::from_le_bytes(*b)).collect();
    match values.iter().position(|v| !v.is_finite()) {
        Some(at) => Err(broken(format!("{name}[{at}] is {}", values[at]))),
        None => Ok(values),
    }
}

fn broken(reason: String) -> Error {
    Error::Heads { reason }
}
