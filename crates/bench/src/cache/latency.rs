//! How long a look takes, with everything in it: embedding, search, gates, judge.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use assistant::cache::{
    CacheOptions, Computed, Context, MemoryStore, Mode, Request, SemanticCache, Task,
};
use engine::encoder::Encoder;
use serde::Serialize;

use super::pairs::{Cluster, clusters};
use crate::{Error, Result, Times};

/// Looks that are timed at each size and of each kind.
const LOOKS: usize = 200;

/// Times of looks, in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Latencies {
    /// At each number of kept entries.
    pub sizes: Vec<AtSize>,
}

/// Times at one size.
#[derive(Debug, Clone, Serialize)]
pub struct AtSize {
    /// Entries kept.
    pub entries: usize,
    /// A look by other words than those kept, whatever comes of it.
    pub semantic_look: Times,
    /// A look by the same words.
    pub exact_hit: Times,
    /// Of the semantic looks, those that served.
    pub hits: usize,
}

pub(super) fn measure(encoder: &Encoder) -> Result<Latencies> {
    let sizes = [100, 10_000].into_iter().map(|size| at_size(encoder, size));
    Ok(Latencies {
        sizes: sizes.collect::<Result<_>>()?,
    })
}

fn request(intent: &str) -> Request<'_> {
    Request {
        task: Task::Generate,
        intent,
        context: Context::default(),
    }
}

fn at_size(encoder: &Encoder, entries: usize) -> Result<AtSize> {
    let options = CacheOptions {
        max_entries: entries,
        max_bytes: 1 << 30,
        ..CacheOptions::default()
    };
    let cache = SemanticCache::over(Box::new(MemoryStore::default()), Some(encoder), options)?;
    let cache = cache.with_clock(Arc::new(jiff::ZonedDateTime::now));
    let keep = |text: &str| {
        let made = || Ok::<_, Infallible>(Computed::from("an answer"));
        cache.get_or_compute(&request(text), Mode::Refresh, made)
    };
    let clusters = clusters();
    // The first phrasings are kept, the others are asked for; numbered texts fill the rest.
    for index in 0..entries {
        let text = match clusters.get(index) {
            Some(cluster) => cluster.same[0].clone(),
            None => format!("{} {}", words(&clusters, index), index),
        };
        keep(&text).map_err(|_| Error::WrongAnswer("cache"))?;
    }
    // Of every cluster its second phrasing, then the third of each: a kind of requests may be longer than others.
    let phrasings = 1..clusters.iter().map(|c| c.same.len()).max().unwrap_or(1);
    let asked: Vec<&String> = phrasings
        .flat_map(|at| {
            clusters
                .iter()
                .take(entries)
                .filter_map(move |c| c.same.get(at))
        })
        .take(LOOKS)
        .collect();
    let (mut looks, mut hits) = (Vec::new(), 0);
    for text in &asked {
        let request = request(text);
        let (begun, mut spent) = (Instant::now(), None);
        // The time until it is known that the answer has to be computed is the time of the look.
        let served = cache.get_or_compute(&request, Mode::Use, || {
            spent = Some(begun.elapsed());
            Err::<Computed, ()>(())
        });
        let spent = spent.unwrap_or_else(|| begun.elapsed());
        hits += usize::from(served.is_ok());
        looks.push(spent.as_secs_f64() * 1e3);
    }
    let mut exact = Vec::new();
    for cluster in clusters.iter().take(entries).take(LOOKS) {
        let begun = Instant::now();
        let served = cache.get_or_compute(&request(&cluster.same[0]), Mode::Use, || {
            Err::<Computed, ()>(())
        });
        exact.push(begun.elapsed().as_secs_f64() * 1e3);
        if served.is_err() {
            return Err(Error::WrongAnswer("exact look into the cache"));
        }
    }
    Ok(AtSize {
        entries,
        semantic_look: Times::of(&looks),
        exact_hit: Times::of(&exact),
        hits,
    })
}

/// A text out of look-alikes, another one for each index.
fn words(clusters: &[Cluster], index: usize) -> String {
    let all: Vec<&str> = clusters
        .iter()
        .flat_map(|c| c.different.iter().map(|d| d.text.as_str()))
        .collect();
    all[index % all.len()].to_owned()
}
