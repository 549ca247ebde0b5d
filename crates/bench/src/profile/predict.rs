//! From the times of a probe to a whole model, and from all models to the one to take.

use engine::speed::{Needs, ProbeTimes};
use engine::store::catalogue;
use engine::synth::SynthQuant;
use serde::{Deserialize, Serialize};

use super::Hardware;
use crate::Result;

/// The width of a model's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bits {
    /// 4 bits.
    Int4,
    /// 4 bits, 8 where they count.
    Mixed,
    /// 8 bits.
    Int8,
}

impl Bits {
    /// Its word in commands and names.
    pub fn word(self) -> &'static str {
        match self {
            Bits::Int4 => "int4",
            Bits::Mixed => "mixed",
            Bits::Int8 => "int8",
        }
    }
}

/// Tokens of the prompt that the predictions are for.
pub(super) const PREDICTED_PROMPT: usize = engine::speed::PROBE_ROWS;

/// Tokens that are written after it.
const WRITTEN: usize = 32;

/// Tokens of a conversation that a recommended model must have room for.
const LONG: f64 = 4096.0;

/// What the program itself takes: code, tokenizer, stacks. Measured as the peak of a process with a decoder less its
/// weights, cache and rows; see docs/profile.md.
const PROGRAM_BYTES: u64 = 16_000_000;

/// What a model would do on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// A name of the catalogue.
    pub model: String,
    /// The width of its weights.
    pub bits: Bits,
    /// The weight file.
    pub weights_bytes: u64,
    /// The most memory while it reads 256 tokens and writes 32.
    pub memory_bytes: u64,
    /// The same with a conversation of 4096 tokens.
    pub memory_long_bytes: u64,
    /// From a prompt of 256 tokens to the first token of the reply, the model open.
    pub ttft_ms: f64,
    /// Tokens of such a prompt a second.
    pub prefill_tok_s: f64,
    /// Tokens written a second.
    pub decode_tok_s: f64,
    /// Whether the long conversation fits this machine's memory; nothing where that is not known.
    pub fits: Option<bool>,
    /// Layers that ran for this, of how many.
    pub layers_measured: usize,
    /// Layers of the model.
    pub layers: usize,
    /// Whether it was put between 4 and 8 bits instead of run.
    pub interpolated: bool,
}

/// A model to take, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// A name of the catalogue.
    pub model: String,
    /// The width of its weights.
    pub bits: Bits,
    /// Threads: the fewest that are about as fast as the fastest.
    pub threads: usize,
    /// In words.
    pub why: String,
    /// The model's licence.
    pub licence: String,
}

/// The three widths of `arch`.
pub(super) fn all(
    arch: &str,
    four: &ProbeTimes,
    eight: &ProbeTimes,
    hardware: &Hardware,
) -> Result<[Prediction; 3]> {
    let (needs4, needs8) = (
        Needs::of(arch, SynthQuant::Int4)?,
        Needs::of(arch, SynthQuant::Int8)?,
    );
    // `mixed` spends a budget of bits; what it reads a step and how long that takes lie between the two alike.
    let wide = (needs8.weights_bytes - needs4.weights_bytes) as f64;
    let budget = engine::quant::decoder::mixed_bytes(&engine::synth::config_of(arch)?) as f64;
    let share = ((budget - needs4.weights_bytes as f64) / wide).clamp(0.0, 1.0);
    let between = |a: u64, b: u64| a + ((b - a) as f64 * share) as u64;
    let mixed = ProbeTimes {
        prefill: four.prefill.between(&eight.prefill, share),
        decode: four.decode.between(&eight.decode, share),
        ..*four
    };
    let needs_mixed = Needs {
        weights_bytes: between(needs4.weights_bytes, needs8.weights_bytes),
        resident_bytes: between(needs4.resident_bytes, needs8.resident_bytes),
        ..needs4
    };
    let one = |bits, times: &ProbeTimes, needs: &Needs| predict(arch, bits, times, needs, hardware);
    Ok([
        one(Bits::Int4, four, &needs4),
        Prediction {
            interpolated: true,
            ..one(Bits::Mixed, &mixed, &needs_mixed)
        },
        one(Bits::Int8, eight, &needs8),
    ])
}

fn predict(
    arch: &str,
    bits: Bits,
    times: &ProbeTimes,
    needs: &Needs,
    hardware: &Hardware,
) -> Prediction {
    let ttft_ms = times.prefill.total_ms(times.layers);
    let memory = |tokens: f64| {
        needs.resident_bytes
            + (needs.kv_bytes_a_token * tokens) as u64
            + needs.work_bytes
            + PROGRAM_BYTES
    };
    let long = memory(LONG);
    Prediction {
        model: arch.to_owned(),
        bits,
        weights_bytes: needs.weights_bytes,
        memory_bytes: memory((PREDICTED_PROMPT + WRITTEN) as f64),
        memory_long_bytes: long,
        ttft_ms,
        prefill_tok_s: PREDICTED_PROMPT as f64 / ttft_ms * 1e3,
        decode_tok_s: 1e3 / times.decode.total_ms(times.layers),
        fits: hardware.memory_bytes.map(|total| long <= total),
        layers_measured: times.layers_measured,
        layers: times.layers,
        interpolated: false,
    }
}

/// What somebody who waits bears: slower writing than this is slower than reading, and a reply that begins later
/// than this feels stuck.
const SLOWEST_DECODE: f64 = 7.0;
const LATEST_FIRST_MS: f64 = 4000.0;

/// The share of the memory that a journal may take.
const MEMORY_SHARE: f64 = 0.6;

/// The share of the best speed from which on more threads are not worth their heat.
const AS_FAST: f64 = 0.97;

/// The largest model, with the most bits, that is fast enough to wait for and leaves the machine room. `models` go
/// from small to large.
pub(super) fn recommend(models: &[Prediction], hardware: &Hardware) -> Option<Recommendation> {
    let room = hardware.memory_bytes? as f64 * MEMORY_SHARE;
    let good = |model: &&Prediction| {
        model.memory_long_bytes as f64 <= room
            && model.decode_tok_s >= SLOWEST_DECODE
            && model.ttft_ms <= LATEST_FIRST_MS
    };
    let best = models.iter().rfind(good)?;
    let threads = threads(hardware);
    let licence = catalogue::known_decoder(&best.model).map_or("unknown", |known| known.licence);
    Some(Recommendation {
        model: best.model.clone(),
        bits: best.bits,
        threads,
        licence: licence.to_owned(),
        why: format!(
            "the largest that writes {SLOWEST_DECODE:.0} tokens a second or more, begins within {:.0} seconds, and \
             takes less than {:.0} % of the memory",
            LATEST_FIRST_MS / 1e3,
            100.0 * MEMORY_SHARE
        ),
    })
}

/// The fewest threads that are about as fast as the fastest number of them, for a prompt and a reply.
fn threads(hardware: &Hardware) -> usize {
    let time = |rate: &super::ThreadRate| {
        PREDICTED_PROMPT as f64 / rate.prefill_tok_s + WRITTEN as f64 / rate.decode_tok_s
    };
    let best = hardware
        .threads
        .iter()
        .map(time)
        .fold(f64::INFINITY, f64::min);
    (hardware.threads.iter())
        .find(|rate| time(rate) * AS_FAST <= best)
        .map_or(hardware.threads_used, |rate| rate.threads)
}

#[cfg(test)]
mod tests {
    use super::super::ThreadRate;
    use super::*;
    use engine::speed::StepTimes;
    use engine::synth::SHAPES;

    /// A machine on which a layer of a model of twice the size takes twice as long.
    fn machine(memory: u64, speed: f64) -> (Vec<Prediction>, Hardware) {
        let hardware = Hardware {
            memory_bytes: Some(memory),
            threads_used: 4,
            threads: [(1, 1.0), (2, 1.9), (4, 1.93)]
                .map(|(threads, rate)| ThreadRate {
                    threads,
                    prefill_tok_s: 100.0 * rate,
                    decode_tok_s: 10.0 * rate,
                })
                .to_vec(),
            ..Hardware::default()
        };
        let mut models = Vec::new();
        for arch in SHAPES {
            let times = |quant| {
                let needs = Needs::of(arch, quant).expect("a shape");
                let ms = needs.weights_bytes as f64 / 1e9 / speed;
                let step = |factor: f64| StepTimes {
                    embed_ms: 0.1,
                    layer_ms: factor * ms,
                    last_layer_ms: factor * ms,
                    head_ms: factor * ms,
                };
                ProbeTimes {
                    prefill: step(20.0),
                    decode: step(1.0),
                    layers_measured: 3,
                    layers: engine::synth::config_of(arch)
                        .expect("a shape")
                        .num_hidden_layers,
                }
            };
            let (four, eight) = (times(SynthQuant::Int4), times(SynthQuant::Int8));
            models.extend(all(arch, &four, &eight, &hardware).expect("a shape"));
        }
        (models, hardware)
    }

    #[test]
    fn larger_models_and_more_bits_are_never_predicted_faster_or_smaller() {
        let (models, _) = machine(16 << 30, 1.0);
        assert_eq!(models.len(), 3 * SHAPES.len());
        for three in models.chunks(3) {
            for pair in three.windows(2) {
                assert!(pair[0].bits < pair[1].bits);
                assert!(pair[0].weights_bytes < pair[1].weights_bytes, "{pair:?}");
                assert!(pair[0].memory_bytes < pair[1].memory_bytes, "{pair:?}");
                assert!(pair[0].decode_tok_s > pair[1].decode_tok_s, "{pair:?}");
                assert!(pair[0].ttft_ms < pair[1].ttft_ms, "{pair:?}");
            }
            assert!(three[1].interpolated && !three[0].interpolated);
        }
        for bits in 0..3 {
            for pair in models.chunks(3).collect::<Vec<_>>().windows(2) {
                assert!(pair[0][bits].decode_tok_s > pair[1][bits].decode_tok_s);
                assert!(pair[0][bits].memory_long_bytes < pair[1][bits].memory_long_bytes);
            }
        }
    }

    #[test]
    fn what_is_recommended_grows_with_the_machine_and_is_nothing_where_nothing_is_good() {
        let rank = |memory: u64, speed: f64| {
            let (models, hardware) = machine(memory, speed);
            let found = recommend(&models, &hardware)?;
            models
                .iter()
                .position(|m| m.model == found.model && m.bits == found.bits)
        };
        let mut last = None;
        for memory in [1, 2, 4, 8, 16, 64_u64] {
            let now = rank(memory << 30, 10.0);
            assert!(now >= last, "{memory} GB");
            last = now;
        }
        assert_eq!(last, Some(11), "the largest model on the largest machine");
        assert_eq!(rank(64 << 30, 0.001), None);
        assert!(rank(64 << 30, 0.3) < rank(64 << 30, 3.0));
    }

    #[test]
    fn threads_that_bring_nothing_are_not_recommended() {
        let (models, hardware) = machine(16 << 30, 3.0);
        let found = recommend(&models, &hardware).expect("a model");
        assert_eq!(found.threads, 2);
    }
}
