//! The judge of pairs: the encoder's network reading both texts together, with an adapter and a small head of its own.
//!
//! `tools/train/judge/judge.py` is its definition and says what the tensors of `judge.safetensors` are; `judge.json`
//! holds sizes, thresholds, and what they were measured on.

use engine::encoder::{Encoder, PairEncoder};
use engine::weights::{WeightError, Weights};
use serde::{Deserialize, Serialize};

use crate::instant::gelu;
use crate::{Error, Result};

const WEIGHTS: &[u8] = include_bytes!("../../assets/judge.safetensors");
const META: &str = include_str!("../../assets/judge.json");

/// How often the judge was wrong on pairs that nothing was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Whose pairs.
    pub on: String,
    /// True paraphrases.
    pub paraphrases: u64,
    /// Of those, served.
    pub served: u64,
    /// Pairs that must be refused.
    pub look_alikes: u64,
    /// Of those, served.
    pub false_hits: u64,
}

/// What `judge.json` says.
#[derive(Debug, Clone, Deserialize)]
struct Meta {
    version: u32,
    encoder_sha256: String,
    first_layer: usize,
    rank: usize,
    hidden: usize,
    /// What a pair has to reach by the number of gates that doubt it; the last one holds for more.
    thresholds: Vec<f32>,
    calibrated: Measured,
}

/// The judge over an encoder.
pub struct Judge {
    encoder: PairEncoder,
    meta: Meta,
    id: String,
    /// `[hidden, 5 · dim + 1]`, `[hidden]`, `[hidden]`.
    hidden_w: Vec<f32>,
    hidden_b: Vec<f32>,
    out_w: Vec<f32>,
    out_b: f32,
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judge")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Judge {
    /// The judge that this build carries, over `encoder`; none where it was trained on other weights.
    pub fn committed(encoder: &Encoder) -> Result<Option<Judge>> {
        let meta: Meta =
            serde_json::from_str(META).map_err(|e| broken(format!("judge.json: {e}")))?;
        let digits = encoder.made_from();
        if digits.is_empty() || !meta.encoder_sha256.starts_with(digits) {
            return Ok(None);
        }
        Self::parse(encoder, WEIGHTS, META).map(Some)
    }

    /// A judge from the bytes of its two files.
    pub fn parse(encoder: &Encoder, weights: &[u8], meta: &str) -> Result<Judge> {
        let id = format!("judge-{:08x}", crate::stats::fnv(weights) as u32);
        let meta: Meta =
            serde_json::from_str(meta).map_err(|e| broken(format!("judge.json: {e}")))?;
        if meta.version != 1 || meta.rank == 0 || meta.hidden == 0 {
            return Err(broken(format!(
                "version {}, rank {}, hidden {}",
                meta.version, meta.rank, meta.hidden
            )));
        }
        if meta.thresholds.is_empty() || meta.thresholds.iter().any(|t| !t.is_finite()) {
            return Err(broken(format!("thresholds are {:?}", meta.thresholds)));
        }
        let weights = Weights::from_vec(weights.to_vec()).map_err(|e| damaged(&e))?;
        let load = || -> Result<Judge, WeightError> {
            let (h, inputs) = (meta.hidden, 5 * encoder.dim() + 1);
            Ok(Judge {
                encoder: encoder.adapt_for_pairs(&weights, meta.first_layer, meta.rank)?,
                hidden_w: weights.floats("hidden.w", &[h, inputs])?,
                hidden_b: weights.floats("hidden.b", &[h])?,
                out_w: weights.floats("out.w", &[1, h])?,
                out_b: weights.floats("out.b", &[1])?[0],
                meta: meta.clone(),
                id: id.clone(),
            })
        };
        load().map_err(|e| damaged(&e))
    }

    /// Names the asset, for what is recorded with a decision.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the thresholds were chosen on, and what they gave there.
    pub fn measured(&self) -> &Measured {
        &self.meta.calibrated
    }

    /// What a pair has to reach that so many gates doubt.
    pub fn threshold(&self, doubts: usize) -> f32 {
        let all = &self.meta.thresholds;
        all[doubts.min(all.len() - 1)]
    }

    /// How sure it is that the answer to one text serves the other, as a logit; `cosine` is that of their embeddings.
    /// The order of the two does not matter. A text beyond its reach is never sure.
    pub fn score(&self, a: &str, b: &str, cosine: f32) -> f32 {
        self.scores(&[(a, b, cosine)])[0]
    }

    /// [`Judge::score`] of several pairs at once.
    pub fn scores(&self, pairs: &[(&str, &str, f32)]) -> Vec<f32> {
        let sorted: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(a, b, _)| if a <= b { (*a, *b) } else { (*b, *a) })
            .collect();
        let read = self.encoder.read(&sorted);
        read.iter()
            .zip(pairs)
            .map(|(pair, (_, _, cosine))| match pair.truncated {
                // What was not read may say the opposite.
                true => f32::NEG_INFINITY,
                false => self.head(&pair.states, *cosine),
            })
            .collect()
    }

    /// `states` is `[3, dim]`: `[CLS]`, first text, second text.
    fn head(&self, states: &[f32], cosine: f32) -> f32 {
        let dim = states.len() / 3;
        let (c, rest) = states.split_at(dim);
        let (u, v) = rest.split_at(dim);
        let mut x = Vec::with_capacity(5 * dim + 1);
        x.extend_from_slice(c);
        x.extend_from_slice(u);
        x.extend_from_slice(v);
        x.extend(u.iter().zip(v).map(|(u, v)| (u - v).abs()));
        x.extend(u.iter().zip(v).map(|(u, v)| u * v));
        x.push(cosine);
        let rows = self.hidden_w.chunks_exact(x.len()).zip(&self.hidden_b);
        let hidden = rows.map(|(row, b)| gelu(b + dot(row, &x)));
        self.out_b + hidden.zip(&self.out_w).map(|(h, w)| h * w).sum::<f32>()
    }
}

/// The product of two rows of one length, in sixteen sums side by side: one sum would wait for itself.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, b) = (a.chunks(16), b.chunks(16));
    let mut sums = [0.0_f32; 16];
    for (a, b) in a.zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

fn damaged(error: &WeightError) -> Error {
    broken(format!("judge.safetensors: {error}"))
}

fn broken(reason: String) -> Error {
    Error::Judge { reason }
}
