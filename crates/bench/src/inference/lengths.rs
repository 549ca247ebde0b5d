//! Texts of 50, 200 and 500 words: how long until the vector, or until the first token and from each to the next.

use std::time::{Duration, Instant};

use engine::encoder::Encoder;
use engine::store::ModelInfo;
use serde::Serialize;

use super::reply::{Run, random_tokens, write};
use super::{Model, Spread};
use crate::times::{Patience, WARM_UP, once};
use crate::words::{self, LENGTHS};
use crate::{Error, Options, Result, Times, system, texts};

/// Tokens that a decoder writes after the first.
const WRITTEN: usize = 16;
/// Below so many bytes of weights a model is small: a thousand texts of 500 words end within a minute or two, and its 99th
/// percentile is known.
pub(crate) const SMALL: u64 = 100_000_000;

/// One length.
#[derive(Debug, Clone, Serialize)]
pub struct LengthFigures {
    /// Words of the text.
    pub words: usize,
    /// Tokens of it, median.
    pub tokens: usize,
    /// To the vector of an encoder, to the first token of a decoder.
    pub first: Times,
    /// From one token to the next; none of an encoder.
    pub between: Option<Times>,
    /// Tokens read a second.
    pub prefill_tok_s: Spread,
    /// Tokens written a second; none of an encoder.
    pub decode_tok_s: Option<Spread>,
    /// The most memory that the process had meanwhile.
    pub peak_rss_bytes: Option<u64>,
}

pub(super) fn measure(
    model: &Model,
    info: &ModelInfo,
    options: &Options,
    on_step: &mut dyn FnMut(&str),
) -> Result<Vec<LengthFigures>> {
    let patience = patience(info.bytes, options);
    LENGTHS
        .iter()
        .map(|words| {
            on_step(&format!("inference: {}, {words} words", info.name));
            one_length(model, *words, patience)
        })
        .collect()
}

/// How long a model whose weights have so many bytes is measured at each length.
fn patience(weights_bytes: u64, options: &Options) -> Patience {
    Patience {
        least: options.count(20, 3),
        most: options.count(1_000, 100),
        budget: Duration::from_secs(match (options.quick, weights_bytes < SMALL) {
            (true, _) => 3,
            (false, true) => 120,
            (false, false) => 30,
        }),
    }
}

fn one_length(model: &Model, words: usize, patience: Patience) -> Result<LengthFigures> {
    let texts = texts::load();
    let run = |seed| match model {
        Model::Encoder(encoder) => embed(encoder, &words::text(&texts, words, seed)),
        Model::Decoder(decoder) => {
            let prompt = match decoder.tokenizer() {
                Ok(tokenizer) => tokenizer.encode(&words::text(&texts, words, seed)),
                Err(_) => random_tokens(decoder, words, seed),
            };
            write(decoder, &prompt, WRITTEN)
        }
    };
    for seed in 0..WARM_UP {
        run(seed)?;
    }
    let knows_peak = system::forget_peak();
    let (mut runs, begun) = (Vec::new(), Instant::now());
    while patience.goes_on(runs.len(), begun) {
        runs.push(run(WARM_UP + runs.len())?);
    }
    let peak_rss_bytes = metrics::process::peak().filter(|_| knows_peak);
    let first: Vec<f64> = runs.iter().map(|r| r.first_ms).collect();
    let between: Vec<f64> = runs.iter().flat_map(|r| r.between_ms.clone()).collect();
    let read: Vec<f64> = (runs.iter())
        .map(|r| r.tokens as f64 / r.first_ms * 1e3)
        .collect();
    let written: Vec<f64> = (runs.iter())
        .filter(|r| !r.between_ms.is_empty())
        .map(|r| r.between_ms.len() as f64 / r.between_ms.iter().sum::<f64>() * 1e3)
        .collect();
    let mut tokens: Vec<usize> = runs.iter().map(|r| r.tokens).collect();
    tokens.sort_unstable();
    Ok(LengthFigures {
        words,
        tokens: tokens[tokens.len() / 2],
        first: Times::of(&first),
        between: (!between.is_empty()).then(|| Times::of(&between)),
        prefill_tok_s: Spread::of(&read),
        decode_tok_s: (!written.is_empty()).then(|| Spread::of(&written)),
        peak_rss_bytes,
    })
}

fn embed(encoder: &Encoder, text: &str) -> Result<Run> {
    let (first_ms, embedding) = once(|| Ok(encoder.embed(&[text]).pop()))?;
    match embedding {
        Some(embedding) if embedding.vector.len() == encoder.dim() => Ok(Run {
            tokens: embedding.tokens,
            first_ms,
            between_ms: Vec::new(),
        }),
        _ => Err(Error::WrongAnswer("embedding")),
    }
}

/// A first answer: what makes a model that was just opened ready.
pub(super) fn first_answer(model: &Model) -> Result<()> {
    match model {
        Model::Encoder(encoder) => embed(encoder, "a quiet evening by the river").map(drop),
        Model::Decoder(decoder) => {
            let prompt = random_tokens(decoder, 16, 1);
            write(decoder, &prompt, WRITTEN).map(drop)
        }
    }
}
