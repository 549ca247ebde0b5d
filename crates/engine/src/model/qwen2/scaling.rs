//! Rotary positions beyond the length that a model was first trained on, as its `config.json` asks for them.
//!
//! The arithmetic is that of transformers (`modeling_rope_utils.py`), in the same precision; `tools/fixtures/decoder` holds
//! a model of each type.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How the rotation of a head is slowed down, under the names of `config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rope_type", rename_all = "lowercase")]
pub enum RopeScaling {
    /// Every frequency alike (Chen et al. 2023).
    Linear {
        /// How many times as slow.
        factor: f32,
    },
    /// Low frequencies only, as Llama 3.1 does.
    Llama3 {
        /// How many times as slow the low frequencies are.
        factor: f32,
        /// A frequency with fewer turns in the original length is low.
        low_freq_factor: f32,
        /// One with more is high, and stays; those between lie between.
        high_freq_factor: f32,
        /// The original length in tokens.
        original_max_position_embeddings: usize,
    },
    /// Low frequencies, with a ramp to the high ones (Peng et al. 2023, "YaRN"); long contexts of Qwen2.5.
    Yarn {
        /// How many times as slow the low frequencies are.
        factor: f32,
        /// The original length in tokens.
        original_max_position_embeddings: usize,
        /// What cosines and sines are multiplied by.
        attention_factor: f32,
        /// Turns in the original length from which on a frequency stays.
        beta_fast: f32,
        /// Turns up to which it is as slow as it gets.
        beta_slow: f32,
    },
    /// Each frequency by a number of its own: what llama.cpp's converter makes of `llama3`.
    Factors {
        /// `[head_dim / 2]`.
        factors: Vec<f32>,
    },
}

/// No model was trained on longer texts.
const MAX_LENGTH: u64 = 1 << 22;

impl RopeScaling {
    /// What the config `json` asks for, of a model that reads `reads` tokens as far as its config says; none where it asks
    /// for nothing.
    pub(super) fn parse(json: &Value, reads: usize) -> Result<Option<RopeScaling>, String> {
        let (name, given) = match &json["rope_scaling"] {
            Value::Null => ("rope_parameters", &json["rope_parameters"]),
            given => ("rope_scaling", given),
        };
        let kind = given.get("rope_type").or_else(|| given.get("type"));
        let kind = match kind.map(|kind| kind.as_str().unwrap_or_default()) {
            None if name == "rope_scaling" => {
                return Err(format!("{name} {given} is not supported"));
            }
            None | Some("default") => return Ok(None),
            Some(kind) => kind,
        };
        let missing = |key: &str| format!("{key} is missing in {name} of type {kind:?}");
        let wrong = |key: &str, value: &Value| {
            format!("{key} is {value} in {name}, expected a positive number")
        };
        let number = |key: &str, default: Option<f32>| match &given[key] {
            Value::Null => default.ok_or_else(|| missing(key)),
            value => positive(value).ok_or_else(|| wrong(key, value)),
        };
        let length = || match original(json, given) {
            None => Ok(reads),
            Some(value) => (value.as_u64())
                .filter(|length| (1..=MAX_LENGTH).contains(length))
                .map(|length| length as usize)
                .ok_or_else(|| wrong("original_max_position_embeddings", value)),
        };
        let scaling = match kind {
            "linear" => RopeScaling::Linear {
                factor: number("factor", None)?,
            },
            "llama3" => RopeScaling::Llama3 {
                factor: number("factor", None)?,
                low_freq_factor: number("low_freq_factor", None)?,
                high_freq_factor: number("high_freq_factor", None)?,
                original_max_position_embeddings: length()?,
            },
            "yarn" => {
                for key in ["mscale", "mscale_all_dim", "truncate"] {
                    if !given[key].is_null() {
                        return Err(format!("{key} in {name} is not supported"));
                    }
                }
                let factor = number("factor", None)?;
                let attention = 0.1 * f64::from(factor.max(1.0)).ln() + 1.0;
                RopeScaling::Yarn {
                    factor,
                    original_max_position_embeddings: length()?,
                    attention_factor: number("attention_factor", Some(attention as f32))?,
                    beta_fast: number("beta_fast", Some(32.0))?,
                    beta_slow: number("beta_slow", Some(1.0))?,
                }
            }
            "factors" => {
                let factors = given["factors"]
                    .as_array()
                    .ok_or_else(|| missing("factors"))?;
                let one = |value| positive(value).ok_or_else(|| wrong("factors", value));
                RopeScaling::Factors {
                    factors: factors.iter().map(one).collect::<Result<_, _>>()?,
                }
            }
            kind => return Err(format!("{name} of type {kind:?} is not supported")),
        };
        Ok(Some(scaling))
    }

    /// Tokens that a model reads whose config says `reads`. Qwen2.5's cards have `yarn` added to a config that goes on naming
    /// the original length.
    pub(super) fn reads(&self, reads: usize) -> usize {
        match *self {
            RopeScaling::Yarn {
                factor,
                original_max_position_embeddings: length,
                ..
            } => reads.max((length as f64 * f64::from(factor)) as usize),
            _ => reads,
        }
    }

    /// Slows down `frequencies`, `[head_dim / 2]`, whose base is `theta`. Gives what cosines and sines are multiplied by.
    pub(super) fn apply(&self, theta: f32, frequencies: &mut [f32]) -> f32 {
        match *self {
            RopeScaling::Linear { factor } => {
                frequencies.iter_mut().for_each(|f| *f /= factor);
                1.0
            }
            RopeScaling::Llama3 {
                factor,
                low_freq_factor: low,
                high_freq_factor: high,
                original_max_position_embeddings: length,
            } => {
                let length = length as f32;
                for f in frequencies {
                    let wave = TAU as f32 / *f;
                    if wave > length / low {
                        *f /= factor;
                    } else if wave >= length / high {
                        let smooth = (length / wave - low) / (high - low);
                        *f = (1.0 - smooth) * *f / factor + smooth * *f;
                    }
                }
                1.0
            }
            RopeScaling::Yarn {
                factor,
                original_max_position_embeddings: length,
                attention_factor,
                beta_fast,
                beta_slow,
            } => {
                let width = 2.0 * frequencies.len() as f64;
                // Which pair turns so many times in the original length.
                let pair = |turns: f32| {
                    let wave = length as f64 / (f64::from(turns) * TAU);
                    width * wave.ln() / (2.0 * f64::from(theta).ln())
                };
                let first = pair(beta_fast).floor().max(0.0);
                let mut last = pair(beta_slow).ceil().min(width - 1.0);
                if first == last {
                    last += 0.001;
                }
                for (i, f) in frequencies.iter_mut().enumerate() {
                    let slow = (i as f32 - first as f32) / (last - first) as f32;
                    let stays = 1.0 - slow.clamp(0.0, 1.0);
                    *f = *f / factor * (1.0 - stays) + *f * stays;
                }
                attention_factor
            }
            RopeScaling::Factors { ref factors } => {
                frequencies
                    .iter_mut()
                    .zip(factors)
                    .for_each(|(f, by)| *f /= by);
                1.0
            }
        }
    }
}

/// The original length, which some configs have beside the scaling.
fn original<'a>(json: &'a Value, given: &'a Value) -> Option<&'a Value> {
    let places = [json, given].map(|place| &place["original_max_position_embeddings"]);
    places.into_iter().find(|value| !value.is_null())
}

fn positive(value: &Value) -> Option<f32> {
    let number = value.as_f64()? as f32;
    (number > 0.0 && number.is_finite()).then_some(number)
}
