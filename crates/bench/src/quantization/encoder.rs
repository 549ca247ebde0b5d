//! The encoder in f32 and in INT8: what the instant tier says of labelled entries through each.

use assistant::{Instant, Said};
use engine::encoder::{Encoder, EncoderOptions};
use engine::store::{ModelInfo, ModelStore};
use journal::Sentiment;

use super::{Labelled, QuantizationFigures, Width, check_all, divergence, entries, memory};
use crate::stats::{Mean, Ratio};
use crate::times::{WARM_UP, once};
use crate::{Options, Result, Times, texts};

/// The float form.
const FLOAT: &str = "minilm";

/// The figures, or why there are none.
pub(super) fn measure(
    options: &Options,
    on_step: &mut dyn FnMut(&str),
) -> Result<std::result::Result<QuantizationFigures, String>> {
    let store = ModelStore::new(options.models_dir.clone());
    let (Ok(float), Ok(small)) = (store.get(FLOAT), store.get(&options.model)) else {
        return Ok(Err(format!(
            "the encoder: needs {FLOAT} beside {}",
            options.model
        )));
    };
    if float.name == small.name {
        return Ok(Err(format!(
            "the encoder: {FLOAT} is the float form itself"
        )));
    }
    let labelled = entries(options.count(200, 60));
    let models = [float, small].map(|info| open(&store, info, options));
    let [(float, one), (small, other)] = match models {
        [Ok(one), Ok(other)] => [one, other],
        [Err(e), _] | [_, Err(e)] => return Err(e),
    };
    on_step("quantization: the encoder, what it says of labelled entries");
    let said = [&one, &other].map(|instant| read(instant, &labelled));
    let [first, second] = match said {
        [Ok(one), Ok(other)] => [one, other],
        [Err(e), _] | [_, Err(e)] => return Err(e),
    };
    on_step("quantization: the encoder, how long it takes");
    let latencies = latencies([&one, &other], options.count(100, 20))?;
    let mut widths = Vec::new();
    for ((info, said), samples) in [(&float, &first), (&small, &second)]
        .into_iter()
        .zip(&latencies)
    {
        let memory = memory::grown(options, &store, &info.name);
        widths.push(Width {
            memory_bytes: memory,
            ..width(info, said, &first, &labelled, samples, &latencies[0])
        });
    }
    check_all(&mut widths);
    Ok(Ok(QuantizationFigures {
        model: float.id(),
        kind: "encoder",
        accuracy_of: "sentiment",
        latency_of: "the analysis of 200 words",
        texts: labelled.len(),
        widths,
    }))
}

fn open(store: &ModelStore, info: ModelInfo, options: &Options) -> Result<(ModelInfo, Instant)> {
    let with = EncoderOptions {
        threads: options.threads,
        ..EncoderOptions::default()
    };
    let encoder = Encoder::open(&store.path(&info.name), &with)?;
    Ok((info, Instant::open(encoder)?))
}

fn read(instant: &Instant, labelled: &[Labelled]) -> Result<Vec<Said>> {
    let texts: Vec<&str> = labelled.iter().map(|entry| entry.text.as_str()).collect();
    let mut said = Vec::with_capacity(texts.len());
    for some in texts.chunks(16) {
        said.extend(instant.read(some)?);
    }
    Ok(said)
}

/// Milliseconds of one analysis through each, in turn.
fn latencies(ways: [&Instant; 2], runs: usize) -> Result<[Vec<f64>; 2]> {
    let text = texts::load().long;
    let mut samples = [Vec::new(), Vec::new()];
    for run in 0..runs + WARM_UP {
        for turn in 0..2 {
            // The order turns, so that neither always follows the other.
            let way = (run + turn) % 2;
            let (ms, _) = once(|| Ok(ways[way].read(&[&text])?))?;
            if run >= WARM_UP {
                samples[way].push(ms);
            }
        }
    }
    Ok(samples)
}

fn width(
    info: &ModelInfo,
    said: &[Said],
    float: &[Said],
    labelled: &[Labelled],
    samples: &[f64],
    float_samples: &[f64],
) -> Width {
    let right = |(said, entry): (&Said, &Labelled)| {
        f64::from(word(said.analysis.sentiment) == entry.sentiment)
    };
    let same = |(a, b): (&Said, &Said)| f64::from(a.analysis.sentiment == b.analysis.sentiment);
    let apart = |(a, b): (&Said, &Said)| divergence(&shares(b), &shares(a));
    let (named, wanted) = themes(said, labelled);
    Width {
        name: info.quant.clone(),
        bits: info.bits(),
        bytes: info.bytes,
        memory_bytes: None,
        accuracy: Mean::of(&said.iter().zip(labelled).map(right).collect::<Vec<_>>()),
        precision: Some(Mean::of(&named)),
        recall: Some(Mean::of(&wanted)),
        agreement: Mean::of(&said.iter().zip(float).map(same).collect::<Vec<_>>()),
        kl: Mean::of(&said.iter().zip(float).map(apart).collect::<Vec<_>>()),
        perplexity: None,
        latency: Times::of(samples),
        latency_ratio: Ratio::of(samples, float_samples),
        checks: Vec::new(),
    }
}

fn word(sentiment: Sentiment) -> &'static str {
    match sentiment {
        Sentiment::Positive => "positive",
        Sentiment::Neutral => "neutral",
        Sentiment::Negative => "negative",
    }
}

fn shares(said: &Said) -> Vec<f64> {
    let raw = said.reading.sentiment.map(f64::from);
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|share| share / sum).collect()
}

/// Of each theme that was named whether it is right, and of each that is right whether it was named: 1 or 0.
fn themes(said: &[Said], labelled: &[Labelled]) -> (Vec<f64>, Vec<f64>) {
    let (mut named, mut wanted) = (Vec::new(), Vec::new());
    for (said, entry) in said.iter().zip(labelled) {
        let found: Vec<&str> = said
            .analysis
            .themes
            .iter()
            .map(|t| t.name.as_str())
            .collect();
        let is_wanted = |name: &&str| entry.themes.iter().any(|theme| theme == name);
        named.extend(found.iter().map(|name| f64::from(is_wanted(name))));
        wanted
            .extend((entry.themes.iter()).map(|theme| f64::from(found.contains(&theme.as_str()))));
    }
    (named, wanted)
}
