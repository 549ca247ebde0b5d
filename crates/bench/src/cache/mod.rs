//! The semantic cache: how much it serves, how often it is wrong, and how long it takes, beside a plain cache that
//! serves from a cosine of 0.85 on.

mod latency;
mod miss;
mod pairs;
mod search;
pub(crate) mod table;
mod workload;

use std::path::Path;

use assistant::cache::judge::Judge;
use assistant::cache::{Decider, Decision, lower_95, same_words, upper_95};
use engine::encoder::{Encoder, EncoderOptions};
use engine::store::ModelStore;
use serde::Serialize;

use crate::{Options, Result};

pub use latency::Latencies;
pub use miss::{Effective, MissFigures, Saved};
pub use pairs::PairSet;
pub use search::SearchFigures;
pub(crate) use workload::WorkloadRates;
pub use workload::{WorkloadFigures, WorkloadKind};

/// The threshold of the cache beside ours.
pub(crate) const PLAIN: f32 = 0.85;

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct CacheFigures {
    /// The encoder.
    pub model: String,
    /// The judge; none where it does not fit the encoder.
    pub judge: Option<String>,
    /// Labelled pairs: of other people where `--data` was given, and those of the author that nothing was trained on.
    pub sets: Vec<SetFigures>,
    /// The trade-off on that author's pairs: share of paraphrases served, and of look-alikes, by threshold.
    pub curve: Vec<TradeOff>,
    /// A simulated use.
    pub workload: WorkloadFigures,
    /// Times.
    pub latencies: Latencies,
    /// What a miss costs and hits save; absent without a language model.
    pub miss: Option<MissFigures>,
    /// The search alone.
    pub search: Vec<SearchFigures>,
    /// Bytes in memory of one kept entry beside its texts: vector, indices, row.
    pub bytes_an_entry: u64,
}

/// One set of pairs.
#[derive(Debug, Clone, Serialize)]
pub struct SetFigures {
    /// Its name.
    pub name: String,
    /// Absent: it was not there.
    pub figures: Option<Vec<Rates>>,
}

/// What one kind of cache does with a set of pairs.
#[derive(Debug, Clone, Serialize)]
pub struct Rates {
    /// `exact`, `cosine 0.85`, `companion`.
    pub cache: &'static str,
    /// Pairs that mean the same, and how many of them are served.
    pub paraphrases: u64,
    /// See `paraphrases`.
    pub served: u64,
    /// Pairs that do not, and how many of them are served all the same.
    pub look_alikes: u64,
    /// See `look_alikes`.
    pub false_hits: u64,
    /// One-sided bounds at 95 % of the rate of false hits.
    pub false_hits_lower: f64,
    /// See `false_hits_lower`.
    pub false_hits_upper: f64,
}

/// A point of the trade-off.
#[derive(Debug, Clone, Serialize)]
pub struct TradeOff {
    /// `companion` by its judge's threshold, `cosine` by the cosine's.
    pub cache: &'static str,
    /// The threshold.
    pub threshold: f32,
    /// Share of paraphrases served.
    pub served: f64,
    /// Share of look-alikes served.
    pub false_hits: f64,
}

pub(crate) fn measure(options: &Options, on_step: &mut dyn FnMut(&str)) -> Result<CacheFigures> {
    let store = ModelStore::new(options.models_dir.clone());
    store.get(&options.model)?;
    let encoder_options = EncoderOptions {
        threads: options.threads,
        ..EncoderOptions::default()
    };
    let encoder = Encoder::open(&store.path(&options.model), &encoder_options)?;
    let decider = match Judge::committed(&encoder)? {
        Some(judge) => Decider::default().with_judge(judge),
        None => Decider::default(),
    };
    on_step("cache: pairs");
    let data = options.data.as_deref();
    let sets = pairs::all(data)?
        .into_iter()
        .map(|set| measure_set(&set, &encoder, &decider))
        .collect();
    let curve = curve(&encoder, &decider);
    on_step("cache: a simulated use");
    let workload = workload::measure(&encoder)?;
    on_step("cache: times");
    let latencies = latency::measure(&encoder)?;
    let look_ms = latencies
        .sizes
        .first()
        .map_or(0.0, |s| s.semantic_look.p50_ms);
    let miss = miss::measure(options, look_ms, &workload, on_step)?;
    on_step("cache: the search alone");
    // A million vectors take a gigabyte and half a minute.
    let sizes: &[usize] = match options.quick {
        true => &[100, 10_000],
        false => &[100, 10_000, 1_000_000],
    };
    Ok(CacheFigures {
        model: encoder.model_id().to_owned(),
        judge: decider.judge().map(|j| j.id().to_owned()),
        sets,
        curve,
        workload,
        latencies,
        miss,
        search: search::measure(sizes, encoder.dim()),
        bytes_an_entry: 2 * encoder.dim() as u64 + 320,
    })
}

fn measure_set(set: &PairSet, encoder: &Encoder, decider: &Decider) -> SetFigures {
    let figures = set.pairs.as_ref().map(|pairs| {
        let texts: Vec<(&str, &str)> = pairs.iter().map(|p| (p.a.as_str(), p.b.as_str())).collect();
        let same: Vec<bool> = pairs.iter().map(|p| p.same).collect();
        let mut decisions: Vec<Decision> = Vec::with_capacity(texts.len());
        for part in texts.chunks(512) {
            decisions.extend(decider.check(encoder, part));
        }
        let exact: Vec<bool> = texts
            .iter()
            .map(|(a, b)| same_words(a) == same_words(b))
            .collect();
        let cosine: Vec<bool> = decisions.iter().map(|d| d.similarity >= PLAIN).collect();
        let ours: Vec<bool> = decisions.iter().map(Decision::serves).collect();
        vec![
            rates("exact", &same, &exact),
            rates("cosine 0.85", &same, &cosine),
            rates("companion", &same, &ours),
        ]
    });
    SetFigures {
        name: set.name.clone(),
        figures,
    }
}

fn rates(cache: &'static str, same: &[bool], served: &[bool]) -> Rates {
    let count = |of_same: bool, of_served: bool| {
        let both = same.iter().zip(served);
        both.filter(|(s, v)| **s == of_same && (**v || !of_served))
            .count() as u64
    };
    let (look_alikes, false_hits) = (count(false, false), count(false, true));
    Rates {
        cache,
        paraphrases: count(true, false),
        served: count(true, true),
        look_alikes,
        false_hits,
        false_hits_lower: lower_95(false_hits, look_alikes),
        false_hits_upper: upper_95(false_hits, look_alikes),
    }
}

/// The held-out author's pairs, at other thresholds than the one in use.
fn curve(encoder: &Encoder, decider: &Decider) -> Vec<TradeOff> {
    let pairs = pairs::held_out();
    let texts: Vec<(&str, &str)> = pairs.iter().map(|p| (p.a.as_str(), p.b.as_str())).collect();
    let mut decisions = Vec::with_capacity(texts.len());
    for part in texts.chunks(512) {
        decisions.extend(decider.check(encoder, part));
    }
    let share = |of_same: bool, serves: &dyn Fn(&Decision) -> bool| {
        let these: Vec<&Decision> = pairs
            .iter()
            .zip(&decisions)
            .filter(|(p, _)| p.same == of_same)
            .map(|(_, d)| d)
            .collect();
        these.iter().filter(|d| serves(d)).count() as f64 / these.len().max(1) as f64
    };
    let mut points = Vec::new();
    for step in -12..=8 {
        let moved = step as f32 * 0.5;
        let serves = |d: &Decision| match d.judged {
            // What the rule says yes to serves at any threshold.
            Some(judged) if !d.by_rule => judged.score >= judged.threshold + moved,
            _ => d.serves(),
        };
        points.push(TradeOff {
            cache: "companion",
            threshold: decider.judge().map_or(0.0, |j| j.threshold(0)) + moved,
            served: share(true, &serves),
            false_hits: share(false, &serves),
        });
    }
    for threshold in [0.6_f32, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98] {
        let serves = |d: &Decision| d.similarity >= threshold;
        points.push(TradeOff {
            cache: "cosine",
            threshold,
            served: share(true, &serves),
            false_hits: share(false, &serves),
        });
    }
    points
}

/// What the gates judge: our cache on the simulated use, with the number of its prompts, and on the held-out author's pairs.
pub(crate) fn steady(encoder: &Encoder) -> Result<(u64, WorkloadRates, Rates)> {
    let decider = match Judge::committed(encoder)? {
        Some(judge) => Decider::default().with_judge(judge),
        None => Decider::default(),
    };
    let workload = workload::measure(encoder)?;
    let ours = workload.caches.into_iter().find(|c| c.cache == "companion");
    let pairs = PairSet {
        name: "held-out author".to_owned(),
        pairs: Some(pairs::held_out()),
    };
    let rates = measure_set(&pairs, encoder, &decider)
        .figures
        .into_iter()
        .flatten();
    let rates = rates.into_iter().find(|r| r.cache == "companion");
    match (ours, rates) {
        (Some(ours), Some(rates)) => Ok((workload.prompts, ours, rates)),
        _ => Err(crate::Error::WrongAnswer("the cache's own figures")),
    }
}

/// Whether there is something at `path`.
fn is_file(path: &Path) -> bool {
    path.is_file()
}
