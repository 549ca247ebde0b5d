//! A language model at one size of work: how fast it reads and writes, and what it takes.

use std::path::PathBuf;
use std::time::Instant;

use engine::decoder::{Decoder, DecoderOptions, KvKind, Sequence, Work};
use engine::store::ModelStore;
use serde::Serialize;

use crate::times::percentile;
use crate::{COMMIT, Error, Machine, Result};

/// What to measure, and with what.
#[derive(Debug, Clone)]
pub struct InferenceOptions {
    /// The folder of installed models.
    pub models_dir: PathBuf,
    /// A decoder in that folder.
    pub model: String,
    /// Tokens of each row's prompt.
    pub prompt_tokens: usize,
    /// Tokens that each row writes.
    pub gen_tokens: usize,
    /// Texts that are written at once.
    pub rows: usize,
    /// Threads; `None`: what the program would take.
    pub threads: Option<usize>,
    /// Runs that count.
    pub runs: usize,
    /// The type of the KV cache.
    pub kv: KvKind,
    /// The same bits on every machine, float weights included.
    pub exact: bool,
}

/// A median with its range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// How many there were.
    pub n: usize,
}

impl Spread {
    pub(crate) fn of(samples: &[f64]) -> Spread {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        Spread {
            median: percentile(&sorted, 0.5),
            min: sorted.first().copied().unwrap_or(0.0),
            max: sorted.last().copied().unwrap_or(0.0),
            n: sorted.len(),
        }
    }
}

/// The figures of one model.
#[derive(Debug, Clone, Serialize)]
pub struct InferenceFigures {
    /// Tokens of all prompts a second.
    pub prefill_tok_s: Spread,
    /// Tokens of all rows a second, after the prompt.
    pub decode_tok_s: Spread,
    /// Weights and scales that were read a second while writing, in GB.
    pub weights_read_gb_s: Spread,
    /// What a plain read of the same bytes by the same threads reaches, after each run, in GB a second.
    pub read_gb_s: Spread,
    /// From the prompt to the first token of every row.
    pub ttft_ms: Spread,
    /// Opening the model, the tokenizer left out, file in the page cache.
    pub load_ms: Spread,
    /// The most memory that this process had, the mapped weights included.
    pub peak_rss_bytes: Option<u64>,
    /// The kernels in use.
    pub kernel: &'static str,
    /// Threads in use.
    pub threads: usize,
    /// The model's name and the first digits of its digest.
    pub model: String,
    /// Bytes of the weight file.
    pub weights_bytes: u64,
    /// Bytes of weights and scales that each step reads.
    pub step_bytes: usize,
    /// Bytes of keys and values when all was written.
    pub kv_bytes: usize,
    /// The type of keys and values.
    pub kv: &'static str,
    /// Texts that were written at once.
    pub rows: usize,
    /// Tokens of each prompt.
    pub prompt_tokens: usize,
    /// Tokens that each row wrote.
    pub gen_tokens: usize,
    /// Whether the same bits on every machine were asked for.
    pub exact: bool,
    /// `synthetic weights: speed only`, where the weights are that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
    /// Where it ran.
    pub machine: Machine,
    /// The version of the program.
    pub version: &'static str,
    /// The commit it was built from.
    pub commit: &'static str,
}

/// Measures one model.
///
/// # Errors
/// When the model cannot be opened, or the texts do not fit it.
pub fn measure_inference(
    options: &InferenceOptions,
    on_step: &mut dyn FnMut(&str),
) -> Result<InferenceFigures> {
    let store = ModelStore::new(options.models_dir.clone());
    let info = store.get(&options.model)?;
    info.decoder_config()?;
    let machine = Machine::detect();
    let folder = store.path(&options.model);
    let decoder_options = DecoderOptions {
        threads: options.threads,
        kv: options.kv,
        exact: options.exact,
        ..DecoderOptions::default()
    };
    let open = || Decoder::open(&folder, &decoder_options);
    on_step("opening");
    let mut decoder = open()?;
    let mut loads = Vec::new();
    for _ in 0..options.runs {
        let start = Instant::now();
        decoder = open()?;
        loads.push(ms(start));
    }
    let prompts = prompts(options, decoder.config().vocab_size);
    let tokens = (options.rows * options.prompt_tokens) as f64;
    let written = (options.rows * options.gen_tokens) as f64;
    on_step("reading and writing (a run to warm up)");
    run(&decoder, &prompts, options.gen_tokens.min(4))?;
    let (mut prefills, mut decodes, mut firsts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut reads, mut plain_reads) = (Vec::new(), Vec::new());
    let mut kv_bytes = 0;
    for number in 1..=options.runs {
        on_step(&format!(
            "reading and writing ({number} of {})",
            options.runs
        ));
        decoder.clear_kv();
        let times = run(&decoder, &prompts, options.gen_tokens)?;
        prefills.push(tokens / times.prefill_ms * 1e3);
        firsts.push(times.first_ms);
        if options.gen_tokens > 0 {
            decodes.push(written / times.decode_ms * 1e3);
            let bytes = decoder.step_bytes() * options.gen_tokens;
            reads.push(bytes as f64 / times.decode_ms / 1e6);
        }
        plain_reads.push(plain_read(&decoder));
        kv_bytes = times.kv_bytes.max(kv_bytes);
    }
    Ok(InferenceFigures {
        prefill_tok_s: Spread::of(&prefills),
        decode_tok_s: Spread::of(&decodes),
        weights_read_gb_s: Spread::of(&reads),
        read_gb_s: Spread::of(&plain_reads),
        ttft_ms: Spread::of(&firsts),
        load_ms: Spread::of(&loads),
        peak_rss_bytes: metrics::process::peak(),
        kernel: decoder.kernel_name(),
        threads: decoder.threads(),
        model: info.id(),
        weights_bytes: info.bytes,
        step_bytes: decoder.step_bytes(),
        kv_bytes,
        kv: options.kv.word(),
        rows: options.rows,
        prompt_tokens: options.prompt_tokens,
        gen_tokens: options.gen_tokens,
        exact: options.exact,
        note: info
            .is_synthetic()
            .then_some("synthetic weights: speed only"),
        machine,
        version: env!("CARGO_PKG_VERSION"),
        commit: COMMIT,
    })
}

/// GB a second that a plain read of the weights reaches: the best of three passes.
fn plain_read(decoder: &Decoder) -> f64 {
    let pass = |_| {
        let start = Instant::now();
        let bytes = decoder.read_weights();
        bytes as f64 / ms(start) / 1e6
    };
    (0..3).map(pass).fold(0.0, f64::max)
}

struct RunTimes {
    prefill_ms: f64,
    first_ms: f64,
    decode_ms: f64,
    kv_bytes: usize,
}

/// Reads the prompts in one go, then writes greedily, all rows in step.
fn run(decoder: &Decoder, prompts: &[Vec<u32>], gen_tokens: usize) -> Result<RunTimes> {
    let start = Instant::now();
    let mut sequences: Vec<Sequence> = prompts
        .iter()
        .map(|prompt| decoder.start(prompt))
        .collect::<engine::Result<_>>()?;
    let known: Vec<usize> = sequences.iter().map(Sequence::len).collect();
    let rest = prompts.iter().zip(&known).map(|(p, known)| &p[*known..]);
    let mut tokens = step(decoder, &mut sequences, rest.map(<[u32]>::to_vec).collect())?;
    let first_ms = ms(start);
    let start = Instant::now();
    for _ in 0..gen_tokens {
        tokens = step(decoder, &mut sequences, tokens)?;
    }
    Ok(RunTimes {
        // The choice of the first token costs nothing beside the prompt.
        prefill_ms: first_ms,
        first_ms,
        decode_ms: ms(start),
        kv_bytes: decoder.kv_stats().used_bytes,
    })
}

/// One step of all rows; each row's next token.
fn step(
    decoder: &Decoder,
    sequences: &mut [Sequence],
    tokens: Vec<Vec<u32>>,
) -> Result<Vec<Vec<u32>>> {
    let mut work: Vec<Work<'_>> = sequences
        .iter_mut()
        .zip(&tokens)
        .map(|(sequence, tokens)| Work {
            sequence,
            tokens,
            logits: true,
        })
        .collect();
    let logits = decoder.forward(&mut work)?;
    logits
        .into_iter()
        .map(|logits| {
            let logits = logits.ok_or(Error::WrongAnswer("logits"))?;
            let token = decoder.argmax(&logits);
            match logits[token as usize].is_finite() {
                true => Ok(vec![token]),
                false => Err(Error::WrongAnswer("logits")),
            }
        })
        .collect()
}

/// Token ids for each row, no two alike in their first.
fn prompts(options: &InferenceOptions, vocabulary: usize) -> Vec<Vec<u32>> {
    let mut state = 7_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % vocabulary as u64
    };
    (0..options.rows)
        .map(|row| {
            let first = (row % vocabulary) as u32;
            let others = (1..options.prompt_tokens).map(|_| next() as u32);
            std::iter::once(first).chain(others).collect()
        })
        .collect()
}

fn ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

impl InferenceFigures {
    /// The figures as text, a line each.
    pub fn lines(&self) -> Vec<String> {
        let spread = |name: &str, s: &Spread, unit: &str| {
            format!(
                "{name:<10} {:>9.1} {unit:<6} ({:.1} to {:.1}, {} runs)",
                s.median, s.min, s.max, s.n
            )
        };
        let mut lines = vec![format!(
            "{}, {}, {} threads, {} rows, {} tokens read and {} written each, kv {}",
            self.model,
            self.kernel,
            self.threads,
            self.rows,
            self.prompt_tokens,
            self.gen_tokens,
            self.kv
        )];
        lines.extend(self.note.map(str::to_owned));
        lines.push(spread("prefill", &self.prefill_tok_s, "tok/s"));
        lines.push(spread("decode", &self.decode_tok_s, "tok/s"));
        lines.push(spread("first", &self.ttft_ms, "ms"));
        lines.push(spread("load", &self.load_ms, "ms"));
        let gigabytes = |bytes: u64| bytes as f64 / 1e9;
        lines.push(format!(
            "weights    {:>9.2} GB, read at {:.1} GB/s while writing ({:.0} % of a plain read's {:.1}); memory at most {}",
            gigabytes(self.weights_bytes),
            self.weights_read_gb_s.median,
            100.0 * self.weights_read_gb_s.median / self.read_gb_s.median,
            self.read_gb_s.median,
            self.peak_rss_bytes.map_or_else(
                || "not measured".to_owned(),
                |b| format!("{:.2} GB", gigabytes(b))
            )
        ));
        lines
    }
}
