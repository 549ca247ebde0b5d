//! A small language model in floats and in each of our widths: the next token of texts that it was not trained on.
//!
//! The widths are made here, in a temporary store, so that what is measured is what `companion model quantize` makes.

use std::path::Path;

use engine::decoder::{Decoder, DecoderOptions, Work};
use engine::quant::decoder::{DecoderQuant, Target, quantize_decoder};
use engine::store::{ModelInfo, ModelStore};

use super::{QuantizationFigures, Width, check_all, entries, memory};
use crate::stats::{Mean, Ratio};
use crate::times::{WARM_UP, once};
use crate::{Error, Options, Result, Times, texts};

/// Weights of a model that is quantized for a measurement; more would take minutes.
const SMALL: u64 = 50_000_000;
/// Tokens of a text that are read.
const TOKENS: usize = 256;
/// Tokens that are written for the latency.
const WRITTEN: usize = 16;

/// The figures of each small float model, and why there are none.
pub(super) fn measure(
    options: &Options,
    on_step: &mut dyn FnMut(&str),
) -> Result<(Vec<QuantizationFigures>, Option<String>)> {
    let store = ModelStore::new(options.models_dir.clone());
    let mut all = Vec::new();
    for name in &options.decoders {
        let info = store.get(name)?;
        let is_float = !matches!(info.quant.as_str(), "int8" | "int4" | "mixed");
        if is_float && info.parameters <= SMALL && !info.is_synthetic() {
            all.push(one(&store, &info, options, on_step)?);
        }
    }
    let reason = all.is_empty().then(|| {
        "language models: none in floats with at most 50 million weights is installed (data/models/companion-tiny is one; \
         `companion model import`)"
            .to_owned()
    });
    Ok((all, reason))
}

fn one(
    store: &ModelStore,
    info: &ModelInfo,
    options: &Options,
    on_step: &mut dyn FnMut(&str),
) -> Result<QuantizationFigures> {
    let dir = tempfile::tempdir().map_err(|source| Error::Io {
        path: std::env::temp_dir(),
        source,
    })?;
    let made = ModelStore::new(dir.path().join("models"));
    copy(&store.path(&info.name), &made.path(&info.name))?;
    let mut names = vec![info.name.clone()];
    for to in [Target::Int8, Target::Mixed, Target::Int4] {
        on_step(&format!("quantization: {} to {}", info.name, to.name()));
        let quant = DecoderQuant {
            to,
            group: None,
            budget_bytes: None,
        };
        let name = format!("{}-{}", info.name, to.name());
        quantize_decoder(&made, &info.name, &name, &quant, None, &mut |_, _| {})?;
        names.push(name);
    }
    let with = DecoderOptions {
        threads: options.threads,
        ..DecoderOptions::default()
    };
    let open = |name: &String| -> Result<Decoder> { Ok(Decoder::open(&made.path(name), &with)?) };
    let decoders: Vec<Decoder> = names.iter().map(open).collect::<Result<_>>()?;
    on_step(&format!("quantization: {}, next tokens", info.name));
    let labelled = entries(options.count(60, 20));
    let read = read_all(&decoders, labelled.iter().map(|entry| entry.text.as_str()))?;
    on_step(&format!("quantization: {}, how long it takes", info.name));
    let latencies = latencies(&decoders, options.count(100, 20))?;
    let mut widths = Vec::new();
    for ((name, scores), samples) in names.iter().zip(&read).zip(&latencies) {
        let memory_bytes = memory::grown(options, &made, name);
        widths.push(width(
            &made.get(name)?,
            scores,
            memory_bytes,
            samples,
            &latencies[0],
        ));
    }
    check_all(&mut widths);
    Ok(QuantizationFigures {
        model: info.id(),
        kind: "decoder",
        accuracy_of: "next token",
        latency_of: "200 words read and 16 tokens written",
        texts: labelled.len(),
        widths,
    })
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let io = |source| Error::Io {
        path: to.to_owned(),
        source,
    };
    std::fs::create_dir_all(to).map_err(io)?;
    for file in std::fs::read_dir(from).map_err(io)? {
        let file = file.map_err(io)?;
        if file.path().is_file() {
            std::fs::copy(file.path(), to.join(file.file_name())).map_err(io)?;
        }
    }
    Ok(())
}

/// What one width says of the next tokens; a value a text.
#[derive(Default)]
struct Scores {
    right: Vec<f64>,
    same: Vec<f64>,
    divergence: Vec<f64>,
    surprise: Vec<f64>,
}

fn read_all<'a>(decoders: &[Decoder], texts: impl Iterator<Item = &'a str>) -> Result<Vec<Scores>> {
    let mut all: Vec<Scores> = decoders.iter().map(|_| Scores::default()).collect();
    for text in texts {
        let mut tokens = decoders[0].tokenizer()?.encode(text);
        tokens.truncate(TOKENS);
        let float = read(&decoders[0], &tokens)?;
        for (decoder, scores) in decoders.iter().zip(&mut all) {
            let found = read(decoder, &tokens)?;
            scores.add(&found, &float, &tokens, decoder.config().vocab_size);
        }
    }
    Ok(all)
}

/// The logits after each token, `[tokens, vocabulary]`.
fn read(decoder: &Decoder, tokens: &[u32]) -> Result<Vec<f32>> {
    decoder.clear_kv();
    let mut sequence = decoder.start(tokens)?;
    Ok(decoder.read_all(&mut sequence, tokens)?)
}

impl Scores {
    fn add(&mut self, found: &[f32], float: &[f32], tokens: &[u32], vocabulary: usize) {
        let (mut right, mut same, mut apart, mut surprise) = (0.0, 0.0, 0.0, 0.0);
        let rows = found
            .chunks_exact(vocabulary)
            .zip(float.chunks_exact(vocabulary));
        // The last row foretells what the text does not have.
        for ((ours, theirs), next) in rows.zip(&tokens[1..]) {
            let (ours, theirs) = (log_shares(ours), log_shares(theirs));
            let first = largest(&ours);
            right += f64::from(first == *next as usize);
            same += f64::from(first == largest(&theirs));
            apart += (theirs.iter().zip(&ours))
                .map(|(p, q)| p.exp() * (p - q))
                .sum::<f64>();
            surprise -= ours[*next as usize];
        }
        let count = (tokens.len() - 1).max(1) as f64;
        self.right.push(right / count);
        self.same.push(same / count);
        self.divergence.push((apart / count).max(0.0));
        self.surprise.push(surprise / count);
    }
}

/// Logarithms of the probabilities.
fn log_shares(logits: &[f32]) -> Vec<f64> {
    let most = logits.iter().fold(f32::NEG_INFINITY, |m, v| m.max(*v));
    let sum: f64 = logits.iter().map(|v| f64::from(v - most).exp()).sum();
    let normal = f64::from(most) + sum.ln();
    logits.iter().map(|v| f64::from(*v) - normal).collect()
}

fn largest(values: &[f64]) -> usize {
    (0..values.len())
        .max_by(|a, b| values[*a].total_cmp(&values[*b]))
        .unwrap_or(0)
}

/// Milliseconds of the same text through each, in turning order.
fn latencies(decoders: &[Decoder], runs: usize) -> Result<Vec<Vec<f64>>> {
    let text = texts::load().long;
    let mut samples = vec![Vec::new(); decoders.len()];
    for run in 0..runs + WARM_UP {
        for turn in 0..decoders.len() {
            let at = (run + turn) % decoders.len();
            let (ms, ()) = once(|| reads_and_writes(&decoders[at], &text))?;
            if run >= WARM_UP {
                samples[at].push(ms);
            }
        }
    }
    Ok(samples)
}

fn reads_and_writes(decoder: &Decoder, text: &str) -> Result<()> {
    decoder.clear_kv();
    let mut tokens = decoder.tokenizer()?.encode(text);
    let mut sequence = decoder.start(&tokens)?;
    for _ in 0..=WRITTEN {
        let mut work = [Work {
            sequence: &mut sequence,
            tokens: &tokens,
            logits: true,
        }];
        let logits = decoder.forward(&mut work)?.pop().flatten();
        let logits = logits.ok_or(Error::WrongAnswer("logits"))?;
        tokens = vec![decoder.argmax(&logits)];
    }
    Ok(())
}

fn width(
    info: &ModelInfo,
    scores: &Scores,
    memory_bytes: Option<u64>,
    samples: &[f64],
    float_samples: &[f64],
) -> Width {
    Width {
        name: info.quant.clone(),
        bits: info.bits(),
        bytes: info.bytes,
        memory_bytes,
        accuracy: Mean::of(&scores.right),
        precision: None,
        recall: None,
        agreement: Mean::of(&scores.same),
        kl: Mean::of(&scores.divergence),
        perplexity: Some(Mean::of(&scores.surprise).mean.exp()),
        latency: Times::of(samples),
        latency_ratio: Ratio::of(samples, float_samples),
        checks: Vec::new(),
    }
}
