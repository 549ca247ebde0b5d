//! The encoder: one short text, one long text, and many of both, as its peers do it.

use std::path::Path;
use std::time::{Duration, Instant};

use engine::encoder::{Encoder, EncoderOptions};
use engine::store::ModelStore;
use serde::Serialize;

use crate::texts::{self, Texts};
use crate::times::{percentile, time};
use crate::{Error, Options, Result, Times};

/// Samples of one short text.
const SHORT_RUNS: usize = 300;
/// Samples of one long text; enough for a 95th percentile.
const LONG_RUNS: usize = 100;
/// Openings of the model.
const OPEN_RUNS: usize = 20;
/// The shortest time of a bulk measurement.
const BULK: Duration = Duration::from_secs(1);
/// The model that the others are compared with.
const REFERENCE: &str = "minilm";

/// What was measured. The field names are those of the peers' scripts.
#[derive(Debug, Clone, Serialize)]
pub struct EncoderFigures {
    /// `companion`.
    pub peer: &'static str,
    /// The version of the program.
    pub version: &'static str,
    /// Name and digest of the model.
    pub model: String,
    /// The kernel set that ran.
    pub kernel: &'static str,
    /// The threads that ran.
    pub threads: usize,
    /// From the model's file in the page cache to the first vector, median.
    pub load_ms: f64,
    /// The same, with its spread.
    pub load: Times,
    /// One text of 9 word pieces.
    pub short: Times,
    /// One text of 200 words.
    pub long: Times,
    /// Short texts in one call, a second.
    pub bulk_short_texts_s: f64,
    /// Long texts in one call, a second.
    pub bulk_long_texts_s: f64,
    /// Against the f32 model of the same machine, where that is installed.
    pub cosine_to_f32: Option<Cosine>,
}

/// How close the vectors are to those of the f32 model.
#[derive(Debug, Clone, Serialize)]
pub struct Cosine {
    /// Texts compared.
    pub n: usize,
    /// Mean.
    pub mean: f64,
    /// First percentile.
    pub p1: f64,
    /// The worst.
    pub min: f64,
}

pub(crate) fn measure(options: &Options, on_step: &mut dyn FnMut(&str)) -> Result<EncoderFigures> {
    let store = ModelStore::new(options.models_dir.clone());
    store.get(&options.model)?;
    let texts = texts::load();
    let folder = store.path(&options.model);
    on_step("encoder: opening");
    let load = time(options.count(OPEN_RUNS, 10), |_| {
        let encoder = open(&folder, options)?;
        encoder.embed(&[&texts.short]);
        Ok(encoder)
    })?;
    let encoder = open(&folder, options)?;
    on_step("encoder: one short text, one long text");
    let short = time(options.count(SHORT_RUNS, 100), |_| {
        embed_one(&encoder, &texts.short)
    })?;
    let long = time(options.count(LONG_RUNS, 30), |_| {
        embed_one(&encoder, &texts.long)
    })?;
    on_step("encoder: many texts");
    Ok(EncoderFigures {
        peer: "companion",
        version: env!("CARGO_PKG_VERSION"),
        model: encoder.model_id().to_owned(),
        kernel: encoder.kernel_name(),
        threads: encoder.threads(),
        load_ms: load.p50_ms,
        load,
        short,
        long,
        bulk_short_texts_s: rate(&encoder, &texts.bulk_short)?,
        bulk_long_texts_s: rate(&encoder, &texts.bulk_long)?,
        cosine_to_f32: cosine(&store, options, &encoder, &texts)?,
    })
}

fn open(folder: &Path, options: &Options) -> Result<Encoder> {
    let encoder_options = EncoderOptions {
        threads: options.threads,
        ..EncoderOptions::default()
    };
    Ok(Encoder::open(folder, &encoder_options)?)
}

fn embed_one(encoder: &Encoder, text: &str) -> Result<Vec<f32>> {
    let vector = encoder
        .embed(&[text])
        .pop()
        .map(|embedding| embedding.vector)
        .unwrap_or_default();
    check(&vector, encoder.dim())?;
    Ok(vector)
}

/// A vector of another length than one is not an embedding.
fn check(vector: &[f32], dim: usize) -> Result<()> {
    let length: f32 = vector.iter().map(|x| x * x).sum();
    match vector.len() == dim && (length - 1.0).abs() < 1e-3 {
        true => Ok(()),
        false => Err(Error::WrongAnswer("embedding")),
    }
}

fn rate(encoder: &Encoder, texts: &[String]) -> Result<f64> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for embedding in encoder.embed(&texts) {
        check(&embedding.vector, encoder.dim())?;
    }
    let (mut done, begun) = (0, Instant::now());
    while begun.elapsed() < BULK {
        done += encoder.embed(&texts).len();
    }
    Ok(done as f64 / begun.elapsed().as_secs_f64())
}

fn cosine(
    store: &ModelStore,
    options: &Options,
    encoder: &Encoder,
    texts: &Texts,
) -> Result<Option<Cosine>> {
    if options.model == REFERENCE || store.get(REFERENCE).is_err() {
        return Ok(None);
    }
    let reference = open(&store.path(REFERENCE), options)?;
    let all: Vec<&str> = [&texts.short, &texts.long]
        .into_iter()
        .chain(&texts.bulk_short)
        .chain(&texts.bulk_long)
        .map(String::as_str)
        .collect();
    let pairs = encoder.embed(&all).into_iter().zip(reference.embed(&all));
    let mut cosines: Vec<f64> = pairs
        .map(|(ours, theirs)| {
            ours.vector
                .iter()
                .zip(&theirs.vector)
                .map(|(a, b)| f64::from(a * b))
                .sum()
        })
        .collect();
    cosines.sort_by(f64::total_cmp);
    Ok(Some(Cosine {
        n: cosines.len(),
        mean: cosines.iter().sum::<f64>() / cosines.len() as f64,
        p1: percentile(&cosines, 0.01),
        min: percentile(&cosines, 0.0),
    }))
}
