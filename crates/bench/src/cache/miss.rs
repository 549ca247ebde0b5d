//! What a miss costs: the reply of a language model, and what the simulated use saves of such replies.

use engine::decoder::{Decoder, DecoderOptions};
use engine::store::ModelStore;
use serde::Serialize;

use super::workload::{Look, WorkloadFigures};
use crate::inference::reply::{random_tokens, write};
use crate::times::{WARM_UP, median};
use crate::{Options, Result, Times};

/// Words of the prompt: instructions and a short entry.
const WORDS: usize = 200;
/// Tokens that are written: two or three sentences.
const WRITTEN: usize = 64;

/// A miss, and what hits save of it.
#[derive(Debug, Clone, Serialize)]
pub struct MissFigures {
    /// The language model that replies: the largest of those that are measured.
    pub model: String,
    /// Tokens that it reads.
    pub prompt_tokens: usize,
    /// Tokens that it writes.
    pub written_tokens: usize,
    /// A whole reply.
    pub reply: Times,
    /// A look by other words at 100 entries, as a share of a reply (medians).
    pub look_share: f64,
    /// The simulated use with this model behind each cache.
    pub saved: Vec<Saved>,
    /// A prompt of the simulated use with the program's cache in front: hits and misses, looks included.
    pub effective: Effective,
}

/// What one kind of cache saves in the simulated use.
#[derive(Debug, Clone, Serialize)]
pub struct Saved {
    /// `exact`, `cosine 0.85`, `companion`.
    pub cache: &'static str,
    /// Replies that were not worked out, wrong ones not counted.
    pub calls: u64,
    /// Seconds of them, at the median reply.
    pub seconds: f64,
}

/// How long a prompt takes.
#[derive(Debug, Clone, Serialize)]
pub struct Effective {
    /// Mean, in milliseconds.
    pub mean_ms: f64,
    /// Median, in milliseconds.
    pub median_ms: f64,
    /// The same of hits alone.
    pub hit: Times,
    /// The same of misses alone: the look, and a reply.
    pub miss: Times,
}

/// Times a reply of the largest language model; `None` where none is measured.
pub(super) fn measure(
    options: &Options,
    look_ms: f64,
    workload: &WorkloadFigures,
    on_step: &mut dyn FnMut(&str),
) -> Result<Option<MissFigures>> {
    let store = ModelStore::new(options.models_dir.clone());
    let mut models = Vec::new();
    for name in &options.decoders {
        models.push(store.get(name)?);
    }
    // Of two of the same shape the one of more bits: what is saved is then the more.
    let Some(info) = models.iter().max_by_key(|m| (m.parameters, m.bytes)) else {
        return Ok(None);
    };
    on_step(&format!("cache: a miss, {}", info.name));
    let with = DecoderOptions {
        threads: options.threads,
        ..DecoderOptions::default()
    };
    let decoder = Decoder::open(&store.path(&info.name), &with)?;
    let reply = |seed| write(&decoder, &random_tokens(&decoder, WORDS, seed), WRITTEN - 1);
    for seed in 0..WARM_UP {
        reply(seed)?;
    }
    let (mut times, mut prompt_tokens) = (Vec::new(), 0);
    for seed in 0..options.count(20, 3) {
        let run = reply(WARM_UP + seed)?;
        prompt_tokens = run.tokens;
        times.push(run.whole_ms());
    }
    let typical = median(&times);
    let saved = workload.caches.iter().map(|rates| {
        let calls = rates.hits - rates.false_hits;
        Saved {
            cache: rates.cache,
            calls,
            seconds: calls as f64 * typical / 1e3,
        }
    });
    Ok(Some(MissFigures {
        model: info.id(),
        prompt_tokens,
        written_tokens: WRITTEN,
        reply: Times::of(&times),
        look_share: look_ms / typical,
        saved: saved.collect(),
        effective: effective(&workload.looks, &times),
    }))
}

/// Each miss takes its look and one of the replies, in turn.
fn effective(looks: &[Look], replies: &[f64]) -> Effective {
    let mut replies = replies.iter().cycle();
    let (mut hits, mut misses) = (Vec::new(), Vec::new());
    for look in looks {
        match look.hit {
            true => hits.push(look.ms),
            false => misses.push(look.ms + replies.next().copied().unwrap_or_default()),
        }
    }
    let all: Vec<f64> = hits.iter().chain(&misses).copied().collect();
    Effective {
        mean_ms: all.iter().sum::<f64>() / all.len().max(1) as f64,
        median_ms: median(&all),
        hit: Times::of(&hits),
        miss: Times::of(&misses),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_takes_what_hits_and_misses_take_in_the_mean() {
        let look = |hit, ms| Look { hit, ms };
        let looks = [
            look(true, 2.0),
            look(false, 4.0),
            look(true, 3.0),
            look(false, 5.0),
        ];
        let found = effective(&looks, &[100.0, 200.0]);
        assert_eq!((found.hit.n, found.miss.n), (2, 2));
        assert!((found.mean_ms - (2.0 + 3.0 + 104.0 + 205.0) / 4.0).abs() < 1e-9);
        assert!((found.median_ms - (3.0 + 104.0) / 2.0).abs() < 1e-9);
    }
}
