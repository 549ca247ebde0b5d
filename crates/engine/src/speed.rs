//! What this machine does with our own kernels, measured: what `companion profile` predicts speeds from.
//!
//! A [`Probe`] is a model of random weights in the real shape of a layer and of the head, with fewer layers. It runs
//! the real forward pass, and the time of each layer and of the head is taken in it. A whole model is then so many
//! layers more: nothing is derived from a constant of ours, so a faster kernel makes a faster prediction.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::time::Instant;

use kernels::{Kernels, QRows};

use crate::decoder::MAX_ROWS;
use crate::generate::SplitMix64;
use crate::kv_cache::{KvCache, KvKind, PageShape, Room, Sequence};
use crate::model::qwen2::matrix::{F32Part, Matrix, Quantized};
use crate::model::qwen2::{self, Config, Logits, Part, Qwen2};
use crate::pool::{self, Pool, Team};
use crate::quant::decoder::{Target, layer_group};
use crate::synth::{self, SynthQuant};
use crate::weights::{Tensor, Weights};
use crate::{Error, Result};

/// Rows of the products that are timed, and tokens of the prompts.
pub const PROBE_ROWS: usize = 256;

/// Kernels and threads to measure with.
pub struct Hands {
    kernels: Kernels,
    pool: Pool,
}

impl Hands {
    /// `threads` threads, or as many as the engine would take, with the kernels that it would take.
    pub fn new(threads: Option<usize>) -> Result<Hands> {
        Ok(Hands {
            kernels: Kernels::from_env()?,
            pool: Pool::new(pool::thread_count(threads)?),
        })
    }

    /// Threads in use.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// The kernels in use.
    pub fn kernel_name(&self) -> &'static str {
        self.kernels.name()
    }

    /// Reads all of `bytes` with all threads; the rate in bytes a second, the best of `runs`. `bytes` that are larger
    /// than the caches give the bandwidth of the memory.
    pub fn read_rate(&self, bytes: &[u8], runs: usize) -> f64 {
        let piece = bytes.len().div_ceil(self.threads()).next_multiple_of(4096);
        let best = (0..runs).map(|_| {
            let begun = Instant::now();
            (self.pool).for_each(bytes.chunks(piece).collect(), |piece| {
                std::hint::black_box(self.kernels.read_through(piece));
            });
            begun.elapsed().as_secs_f64()
        });
        bytes.len() as f64 / best.fold(f64::INFINITY, f64::min)
    }

    /// Multiply-adds a second of a product of [`PROBE_ROWS`] rows, the best of `runs`; `bits` 8 or 4, or `None` for f32.
    pub fn product_rate(&self, bits: Option<u32>, runs: usize) -> f64 {
        const INPUTS: usize = 1536;
        const OUTPUTS: usize = 4096;
        let matrix = random_matrix(bits, OUTPUTS, INPUTS);
        let x: Vec<f32> = floats(PROBE_ROWS * INPUTS);
        let mut y = vec![0.0; PROBE_ROWS * OUTPUTS];
        let mut room = QRows::default();
        let mut once = || {
            let begun = Instant::now();
            let team = Team::All(&self.pool);
            self.pool.wake();
            matrix.apply(self.kernels, team, &x, INPUTS, &mut room, &mut y);
            begun.elapsed().as_secs_f64()
        };
        once();
        let best = (0..runs).map(|_| once()).fold(f64::INFINITY, f64::min);
        std::hint::black_box(&y);
        (PROBE_ROWS * INPUTS * OUTPUTS) as f64 / best
    }
}

/// Numbers between -1 and 1.
fn floats(count: usize) -> Vec<f32> {
    let mut random = SplitMix64(11);
    (0..count)
        .map(|_| 2.0 * random.unit() as f32 - 1.0)
        .collect()
}

fn random_matrix(bits: Option<u32>, outputs: usize, inputs: usize) -> Matrix {
    let Some(bits) = bits else {
        return Matrix::F32 {
            parts: vec![F32Part {
                weight: Tensor::from(floats(outputs * inputs)),
                bias: Tensor::from(vec![0.0; outputs]),
            }],
            exact: false,
        };
    };
    let shape = kernels::QShape {
        n: outputs,
        k: inputs,
        group: layer_group(if bits == 8 {
            Target::Int8
        } else {
            Target::Int4
        }),
        bits,
    };
    let mut random = SplitMix64(12);
    let codes = shape.panels() * kernels::PANEL * shape.padded_k() * bits as usize / 8;
    let scales = shape.panels() * kernels::PANEL * shape.groups();
    Matrix::Quantized(Box::new(Quantized {
        shape,
        // No code is 0 in 8 bits: the range is symmetric.
        codes: Tensor::from(
            (0..codes)
                .map(|_| random.next() as u8 | 1)
                .collect::<Vec<_>>(),
        ),
        scales: Tensor::from(vec![kernels::f32_to_f16(0.001); scales]),
        bias: None,
        smooth: None,
        turned: false,
    }))
}

/// A model of a few layers of a real shape.
pub struct Probe {
    model: Qwen2,
    /// Layers of the real model.
    layers: usize,
}

/// How long the parts of a step took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct StepTimes {
    /// Looking up the tokens, and the first norm.
    pub embed_ms: f64,
    /// A layer, the mean of those but the last.
    pub layer_ms: f64,
    /// The last layer, which goes on with the rows that lead to logits only.
    pub last_layer_ms: f64,
    /// The head.
    pub head_ms: f64,
}

impl StepTimes {
    /// A step of a model of `layers` layers.
    pub fn total_ms(&self, layers: usize) -> f64 {
        self.embed_ms
            + self.layer_ms * layers.saturating_sub(1) as f64
            + self.last_layer_ms
            + self.head_ms
    }

    /// As far from `self` to `other` as `share` says.
    pub fn between(&self, other: &StepTimes, share: f64) -> StepTimes {
        let mix = |a: f64, b: f64| a + (b - a) * share;
        StepTimes {
            embed_ms: mix(self.embed_ms, other.embed_ms),
            layer_ms: mix(self.layer_ms, other.layer_ms),
            last_layer_ms: mix(self.last_layer_ms, other.last_layer_ms),
            head_ms: mix(self.head_ms, other.head_ms),
        }
    }
}

/// What a probe found.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct ProbeTimes {
    /// Reading [`PROBE_ROWS`] tokens from the beginning.
    pub prefill: StepTimes,
    /// Writing one token after them.
    pub decode: StepTimes,
    /// Layers that were measured.
    pub layers_measured: usize,
    /// Layers of the real model.
    pub layers: usize,
}

impl Probe {
    /// Makes a model of the shape `arch` with `quant` weights and as many layers as fit about `bytes` (three at
    /// least). Its weights are written to a file in `dir`, mapped as those of a real model, and deleted at once.
    pub fn make(dir: &Path, arch: &str, quant: SynthQuant, bytes: u64) -> Result<Probe> {
        let mut config = synth::config_of(arch)?;
        let layers = config.num_hidden_layers;
        let whole = synth::file_bytes(&config, quant);
        config.num_hidden_layers = 1;
        let fixed = synth::file_bytes(&config, quant);
        let layer = (whole - fixed) / (layers as u64 - 1);
        let fit = bytes.saturating_sub(fixed).div_ceil(layer) + 1;
        config.num_hidden_layers = usize::try_from(fit).unwrap_or(layers).clamp(3, layers);
        let path = dir.join("probe.safetensors");
        let io = |action: &'static str, e| Error::io(action, &path, e);
        let file = File::create(&path).map_err(|e| io("write", e))?;
        synth::write_repeated(BufWriter::with_capacity(1 << 20, file), &config, quant)
            .map_err(|e| io("write", e))?;
        let weights = Weights::open_installed(&path);
        // The mapping keeps the content.
        std::fs::remove_file(&path).map_err(|e| io("delete", e))?;
        let model = Qwen2::load(&weights?, &config, false).map_err(|source| Error::Weights {
            path: path.clone(),
            source,
        })?;
        Ok(Probe { model, layers })
    }

    /// Times `reads` prompts of [`PROBE_ROWS`] tokens and `steps` tokens after the last of them.
    pub fn time(&self, hands: &Hands, reads: usize, steps: usize) -> Result<ProbeTimes> {
        let shape = self.model.page_shape(KvKind::default());
        let cache = KvCache::new(shape, Room::of(shape.bytes() * (PROBE_ROWS + steps + 64)));
        let mut work = qwen2::Work::default();
        let vocabulary = self.model.config().vocab_size as u64;
        let mut random = SplitMix64(13);
        let prompt: Vec<u32> = (0..PROBE_ROWS)
            .map(|_| (random.next() % vocabulary) as u32)
            .collect();
        let mut sequence = cache.start(&[]);
        // The first pass brings the weights into memory.
        self.step(hands, &mut sequence, &prompt[..1], &mut work)?;
        let mut prefills = Vec::new();
        for _ in 0..reads {
            sequence = cache.start(&[]);
            prefills.push(self.step(hands, &mut sequence, &prompt, &mut work)?);
        }
        let mut decodes = Vec::new();
        for token in prompt.iter().cycle().take(steps) {
            decodes.push(self.step(hands, &mut sequence, &[*token], &mut work)?);
        }
        Ok(ProbeTimes {
            prefill: mean_of(&prefills),
            // The first step after a prompt finds its buffers cold.
            decode: mean_of(&decodes[1.min(decodes.len())..]),
            layers_measured: self.model.config().num_hidden_layers,
            layers: self.layers,
        })
    }

    fn step(
        &self,
        hands: &Hands,
        sequence: &mut Sequence,
        tokens: &[u32],
        work: &mut qwen2::Work,
    ) -> Result<StepTimes> {
        sequence.reserve(tokens.len())?;
        let position = sequence.len();
        let mut parts = [Part {
            tokens,
            position,
            pages: sequence.pages_mut(),
            logits: Logits::Last,
        }];
        let begun = Instant::now();
        let mut starts = Vec::new();
        hands.pool.wake();
        let logits = self.model.forward_marked(
            hands.kernels,
            Team::All(&hands.pool),
            &mut parts,
            work,
            &mut || starts.push(ms(begun)),
        );
        let end = ms(begun);
        std::hint::black_box(logits);
        sequence.extend(tokens);
        let mut layers: Vec<f64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let last_layer_ms = layers.pop().unwrap_or_default();
        Ok(StepTimes {
            embed_ms: starts[0],
            layer_ms: mean(&layers),
            last_layer_ms,
            head_ms: end - starts[starts.len() - 1],
        })
    }
}

fn ms(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

/// Means and not medians: a machine that stumbles at every tenth layer stumbles with a real model too.
fn mean(samples: &[f64]) -> f64 {
    samples.iter().sum::<f64>() / samples.len().max(1) as f64
}

/// The mean of each part.
fn mean_of(steps: &[StepTimes]) -> StepTimes {
    let part = |of: fn(&StepTimes) -> f64| mean(&steps.iter().map(of).collect::<Vec<_>>());
    StepTimes {
        embed_ms: part(|s| s.embed_ms),
        layer_ms: part(|s| s.layer_ms),
        last_layer_ms: part(|s| s.last_layer_ms),
        head_ms: part(|s| s.head_ms),
    }
}

/// What a model of the shape `arch` takes, from its sizes alone.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Needs {
    /// The weight file.
    pub weights_bytes: u64,
    /// Bytes of it that stay in memory: of embeddings that are not the head, only the rows of words that occur.
    pub resident_bytes: u64,
    /// Keys and values of a token, in whole pages of 16-bit floats.
    pub kv_bytes_a_token: f64,
    /// The rows of a step between the layers.
    pub work_bytes: u64,
}

impl Needs {
    /// The needs of `arch` with `quant` weights.
    pub fn of(arch: &str, quant: SynthQuant) -> Result<Needs> {
        let config = synth::config_of(arch)?;
        let weights_bytes = synth::file_bytes(&config, quant);
        let embeddings = match config.tie_word_embeddings {
            true => 0,
            false => synth::table_bytes(&config, quant),
        };
        let page: PageShape = qwen2::page_shape(&config, KvKind::default());
        Ok(Needs {
            weights_bytes,
            resident_bytes: weights_bytes - embeddings,
            kv_bytes_a_token: page.bytes() as f64 / kernels::KV_TOKENS as f64,
            work_bytes: work_bytes(&config),
        })
    }
}

/// Bytes of [`qwen2::Work`] for a step of [`MAX_ROWS`] rows of a quantized model, and of one row of logits; fewer where
/// gated layers are quantized in parts.
fn work_bytes(config: &Config) -> u64 {
    let heads = config.num_attention_heads * config.head_dim;
    let (h, inner) = (config.hidden_size, config.intermediate_size);
    let row = 3 * h + config.qkv_size() + heads + 2 * inner;
    // The quantized inputs of the widest product: a byte each, and a scale and a sum for each group.
    let bytes = inner.max(h) * 9 / 8;
    (MAX_ROWS * (4 * row + bytes) + 4 * config.vocab_size) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_has_the_layers_that_its_budget_allows_and_times_each_part() {
        let folder = tempfile::tempdir().expect("a folder");
        let probe =
            Probe::make(folder.path(), "qwen2.5-0.5b", SynthQuant::Int4, 1).expect("it is made");
        assert_eq!(probe.model.config().num_hidden_layers, 3);
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("a folder").count(),
            0
        );
        let hands = Hands::new(Some(1)).expect("a kernel");
        let times = probe.time(&hands, 1, 3).expect("it runs");
        assert_eq!((times.layers_measured, times.layers), (3, 24));
        for step in [times.prefill, times.decode] {
            let parts = [step.layer_ms, step.last_layer_ms, step.head_ms];
            assert!(parts.iter().all(|ms| *ms > 0.0), "{step:?}");
        }
        assert!(times.prefill.layer_ms > times.decode.layer_ms);
    }

    #[test]
    fn more_layers_take_longer_and_half_way_lies_between() {
        let a = StepTimes {
            embed_ms: 1.0,
            layer_ms: 2.0,
            last_layer_ms: 1.0,
            head_ms: 3.0,
        };
        let b = StepTimes {
            embed_ms: 1.0,
            layer_ms: 4.0,
            last_layer_ms: 3.0,
            head_ms: 5.0,
        };
        assert_eq!(a.total_ms(1), 5.0);
        assert_eq!(a.total_ms(11), 25.0);
        let half = a.between(&b, 0.5).total_ms(11);
        assert!(a.total_ms(11) < half && half < b.total_ms(11));
    }

    #[test]
    fn what_a_model_needs_grows_with_its_bits_and_its_size() {
        let needs = |arch, quant| Needs::of(arch, quant).expect("a shape");
        let mut last = 0;
        for arch in synth::SHAPES {
            let (four, eight) = (needs(arch, SynthQuant::Int4), needs(arch, SynthQuant::Int8));
            assert!(four.weights_bytes < eight.weights_bytes, "{arch}");
            assert!(eight.resident_bytes > last, "{arch}");
            last = eight.resident_bytes;
        }
        assert!(
            needs("qwen2.5-1.5b", SynthQuant::Int8)
                .weights_bytes
                .abs_diff(1_572_000_000)
                < 20_000_000
        );
    }
}
