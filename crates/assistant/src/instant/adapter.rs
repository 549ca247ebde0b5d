//! The asset behind the adapted reader: low-rank layers for the engine, and the heads on top of them. Made by
//! `tools/train/adapter/` from labelled text and our own entries; committed with the report of what it came from.
//!
//! Beside the layers, which [`engine::model::adapter`] documents, `adapter.safetensors` holds these tensors (f16), `d`
//! being the width of a sentence vector:
//!
//! | tensors | shape | meaning |
//! | --- | --- | --- |
//! | `attend.in.{w,b}` | `[attention, d]`, `[attention]` | what a sentence's weight in the mood is made of |
//! | `attend.out.w` | `[1, attention]` | the weight before the softmax |
//! | `attend.place` | `[2]` | what the first and the last sentence have more |
//! | `mood.hidden.{w,b}` | `[hidden, d]`, `[hidden]` | what all of the mood is read from |
//! | `mood.{sentiment,valence,emotions,mixed}.{w,b}` | `[3 \| 1 \| 29 \| 1, hidden]`, … | logits; valence before `tanh` |
//! | `themes.score.{w,b}`, `themes.attend.w` | `[20, d]`, `[20]`, `[20, d]` | a sentence's logit a theme, and its weight there |
//! | `evidence.{w,b}` | `[3, d]`, `[3]` | how much a sentence speaks for each sentiment |
//!
//! `adapter.json` holds names, sizes, calibration, and what the asset was trained on.

use engine::encoder::{AdaptedEncoder, Encoder};
use engine::weights::{WeightError, Weights};
use serde::Deserialize;

use crate::{EMOTIONS, Error, Result, THEMES};

/// What `adapter.json` says.
#[derive(Debug, Deserialize)]
pub(super) struct Meta {
    version: u32,
    encoder_sha256: String,
    first_layer: usize,
    rank: usize,
    hidden: usize,
    attention: usize,
    sentiment: Vec<String>,
    themes: Vec<String>,
    emotions: Vec<String>,
    pub(super) sentiment_temperature: f32,
    pub(super) theme_scale: f32,
    pub(super) theme_offset: Vec<f32>,
    pub(super) emotion_offset: f32,
    pub(super) mixed_from: f32,
    pub(super) unsure_below: f32,
}

/// A linear map `[rows, inputs]` with bias `[rows]`.
#[derive(Debug)]
pub(super) struct Linear {
    inputs: usize,
    w: Vec<f32>,
    b: Vec<f32>,
}

/// The heads, checked at the door.
#[derive(Debug)]
pub(super) struct Heads {
    pub(super) attend_in: Linear,
    pub(super) attend_out: Linear,
    pub(super) attend_place: Vec<f32>,
    pub(super) hidden: Linear,
    pub(super) sentiment: Linear,
    pub(super) valence: Linear,
    pub(super) emotions: Linear,
    pub(super) mixed: Linear,
    pub(super) themes: Linear,
    pub(super) theme_attend: Linear,
    pub(super) evidence: Linear,
}

/// The asset's files, checked, for any encoder.
pub(super) struct Asset {
    pub(super) id: String,
    pub(super) meta: Meta,
    pub(super) heads: Heads,
    weights: Weights,
}

impl Linear {
    /// `w x + b`, `[rows]`.
    pub(super) fn apply(&self, x: &[f32]) -> Vec<f32> {
        let rows = self.w.chunks_exact(self.inputs).zip(&self.b);
        rows.map(|(row, b)| b + dot(row, x)).collect()
    }
}

/// The dot product, in lanes that the compiler turns into registers.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + rest
}

impl Asset {
    /// Checks the bytes of the two files; an error names what does not fit.
    pub(super) fn parse(weights: &[u8], meta: &str) -> Result<Self> {
        let id = format!("adapter-{:08x}", digest(weights, meta.as_bytes()) as u32);
        let meta: Meta =
            serde_json::from_str(meta).map_err(|e| broken(format!("adapter.json: {e}")))?;
        meta.check()?;
        let weights = Weights::from_vec(weights.to_vec()).map_err(|e| damaged(&e))?;
        let heads = Heads::load(&weights, &meta).map_err(|e| damaged(&e))?;
        Ok(Self {
            id,
            meta,
            heads,
            weights,
        })
    }

    /// True where `encoder` has the weights that the asset was trained on, be it quantized.
    pub(super) fn fits(&self, encoder: &Encoder) -> bool {
        let digits = encoder.made_from();
        !digits.is_empty() && self.meta.encoder_sha256.starts_with(digits)
    }

    /// `encoder` with the asset's layers.
    pub(super) fn adapt(&self, encoder: &Encoder) -> Result<AdaptedEncoder> {
        encoder
            .adapt(&self.weights, self.meta.first_layer, self.meta.rank)
            .map_err(|e| damaged(&e))
    }
}

impl Heads {
    fn load(weights: &Weights, meta: &Meta) -> Result<Self, WeightError> {
        let dim = meta.dim(weights)?;
        let map = |name: &str, rows: usize, inputs: usize, bias: bool| {
            let b = if bias {
                weights.floats(&format!("{name}.b"), &[rows])?
            } else {
                vec![0.0; rows]
            };
            let w = weights.floats(&format!("{name}.w"), &[rows, inputs])?;
            Ok::<_, WeightError>(Linear { inputs, w, b })
        };
        let (hidden, attention, themes) = (meta.hidden, meta.attention, THEMES.len());
        Ok(Self {
            attend_in: map("attend.in", attention, dim, true)?,
            attend_out: map("attend.out", 1, attention, false)?,
            attend_place: weights.floats("attend.place", &[2])?,
            hidden: map("mood.hidden", hidden, dim, true)?,
            sentiment: map("mood.sentiment", 3, hidden, true)?,
            valence: map("mood.valence", 1, hidden, true)?,
            emotions: map("mood.emotions", EMOTIONS.len(), hidden, true)?,
            mixed: map("mood.mixed", 1, hidden, true)?,
            themes: map("themes.score", themes, dim, true)?,
            theme_attend: map("themes.attend", themes, dim, false)?,
            evidence: map("evidence", 3, dim, true)?,
        })
    }
}

impl Meta {
    /// Width of a sentence vector: what the evidence reads.
    fn dim(&self, weights: &Weights) -> Result<usize, WeightError> {
        let tensor = "evidence.w".to_owned();
        match weights.tensors().get(&tensor).map(|info| &*info.shape) {
            Some([3, dim]) if *dim > 0 => Ok(*dim),
            Some(found) => Err(WeightError::WrongShape {
                tensor,
                expected: vec![3, 384],
                found: found.to_vec(),
            }),
            None => Err(WeightError::Missing { tensor }),
        }
    }

    fn check(&self) -> Result<()> {
        if self.version != 1 {
            return Err(broken(format!("version is {}, not 1", self.version)));
        }
        let names: [(&str, &[String], &[&str]); 3] = [
            (
                "sentiments",
                &self.sentiment,
                &["positive", "neutral", "negative"],
            ),
            ("themes", &self.themes, &THEMES),
            ("emotions", &self.emotions, &EMOTIONS),
        ];
        if let Some((what, found, _)) = names.iter().find(|(_, found, want)| found != want) {
            return Err(broken(format!("{what} are {found:?}")));
        }
        if self.theme_offset.len() != THEMES.len() {
            let count = self.theme_offset.len();
            return Err(broken(format!(
                "{count} theme offsets, not {}",
                THEMES.len()
            )));
        }
        let sizes = [self.rank, self.hidden, self.attention];
        if sizes.contains(&0) {
            return Err(broken(format!("rank, hidden and attention are {sizes:?}")));
        }
        let numbers = [self.sentiment_temperature, self.theme_scale];
        if numbers.iter().any(|v| !v.is_finite() || *v <= 0.0) {
            return Err(broken(format!(
                "temperature and theme scale are {numbers:?}, not above 0"
            )));
        }
        Ok(())
    }
}

/// FNV-1a by words: it names the asset in every analysis, and is taken at every start.
fn digest(weights: &[u8], meta: &[u8]) -> u64 {
    let step = |h: u64, word: u64| (h ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(29);
    [weights, meta]
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |h, bytes| {
            let (words, rest) = bytes.as_chunks::<8>();
            let h = words
                .iter()
                .fold(h, |h, word| step(h, u64::from_le_bytes(*word)));
            rest.iter().fold(h, |h, byte| step(h, u64::from(*byte)))
        })
}

fn damaged(error: &WeightError) -> Error {
    broken(format!("adapter.safetensors: {error}"))
}

fn broken(reason: String) -> Error {
    Error::Heads { reason }
}
