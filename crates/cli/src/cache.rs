//! The semantic cache as commands use it: opened over the journal, with the settings of `[cache]`.

use std::sync::Arc;

use assistant::cache::{
    CacheOptions, JournalStore, MemoryStore, Mode, SemanticCache, Served, Store, Thresholds,
};
use engine::encoder::Encoder;
use jiff::SignedDuration;
use journal::Journal;
use serde::{Deserialize, Deserializer, Serialize};

use crate::context::Context;
use crate::output::Output;

/// `[cache]` of config.toml.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CacheConfig {
    /// Off: everything is computed, nothing is kept.
    pub(crate) enabled: bool,
    /// How long an answer serves.
    pub(crate) ttl_minutes: u32,
    /// Answers kept, at most.
    pub(crate) max_entries: u32,
    /// Megabytes kept, at most.
    #[serde(deserialize_with = "megabytes")]
    pub(crate) max_mb: f64,
    /// The cosine from which on an answer serves where no judge is installed.
    #[serde(deserialize_with = "share")]
    pub(crate) similarity: f64,
    /// The cosine below which nothing is looked at.
    #[serde(deserialize_with = "share")]
    pub(crate) candidate_similarity: f64,
    /// The rate of false hits that is kept.
    #[serde(deserialize_with = "share")]
    pub(crate) max_false_hits: f64,
    /// The share of hits that is computed anew in idle time.
    #[serde(deserialize_with = "share")]
    pub(crate) audit_share: f64,
}

impl Default for CacheConfig {
    fn default() -> CacheConfig {
        let options = CacheOptions::default();
        CacheConfig {
            enabled: options.enabled,
            ttl_minutes: 60,
            max_entries: 100,
            max_mb: 8.0,
            similarity: 0.85,
            candidate_similarity: f64::from(
                (options.thresholds.candidate_similarity * 100.0).round(),
            ) / 100.0,
            max_false_hits: options.max_false_hits,
            audit_share: 0.05,
        }
    }
}

fn share<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    between(from, 1.0)
}

fn megabytes<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    between(from, 1e6)
}

/// A number from 0 to `most`: refused where it is set, not first where the cache is opened.
fn between<'de, D: Deserializer<'de>>(from: D, most: f64) -> Result<f64, D::Error> {
    let value = f64::deserialize(from)?;
    if (0.0..=most).contains(&value) {
        return Ok(value);
    }
    let said = format!("{value} does not lie between 0 and {most}");
    Err(serde::de::Error::custom(said))
}

impl CacheConfig {
    /// The settings as the cache takes them.
    pub(crate) fn options(&self) -> CacheOptions {
        CacheOptions {
            enabled: self.enabled,
            ttl: SignedDuration::from_mins(i64::from(self.ttl_minutes)),
            max_entries: self.max_entries as usize,
            max_bytes: (self.max_mb * 1e6) as u64,
            thresholds: Thresholds {
                candidate_similarity: self.candidate_similarity as f32,
                similarity: self.similarity as f32,
            },
            max_false_hits: self.max_false_hits,
            ..CacheOptions::default()
        }
    }
}

/// What every command that can be answered from the cache understands.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct CacheArgs {
    /// Work it out anew, and neither look into the cache nor keep the answer
    #[arg(long, conflicts_with = "refresh")]
    no_cache: bool,
    /// Work it out anew, and keep the answer in place of the old one
    #[arg(long)]
    refresh: bool,
}

impl CacheArgs {
    /// Whether what was kept before is passed over.
    pub(crate) fn is_anew(self) -> bool {
        self.no_cache || self.refresh
    }

    /// Whether what is worked out takes the old one's place.
    pub(crate) fn is_refresh(self) -> bool {
        self.refresh
    }

    /// As the cache takes it.
    pub(crate) fn mode(self) -> Mode {
        match (self.no_cache, self.refresh) {
            (true, _) => Mode::Off,
            (_, true) => Mode::Refresh,
            _ => Mode::Use,
        }
    }
}

/// Where an answer was kept, for whoever reads it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Kept {
    /// `exact` or `semantic`.
    how: &'static str,
    /// Its number in `cache list`.
    id: Option<i64>,
    /// The request that it was made for, where that was another one, and how like the two are.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    similarity: Option<f32>,
}

impl Kept {
    /// `None` where it was worked out just now.
    pub(crate) fn of(cache: &SemanticCache, served: &Served) -> Option<Kept> {
        if !served.how.is_hit() {
            return None;
        }
        let decision = served.decision.as_ref();
        let kept = served.id.filter(|_| decision.is_some());
        let kept = kept.and_then(|id| cache.kept(id, false).ok().flatten());
        Some(Kept {
            how: served.how.name(),
            id: served.id,
            asked: kept.map(|k| k.request),
            similarity: decision.map(|d| d.similarity),
        })
    }

    /// Says so beside the answer.
    pub(crate) fn tell(&self, out: &Output) {
        let id = self.id.map_or_else(String::new, |id| format!(" {id}"));
        let what = match &self.asked {
            Some(asked) => format!(
                "answer{id}, kept for \u{201c}{asked}\u{201d}; `companion cache wrong{id}` if it does not serve"
            ),
            None => format!("answer{id}, kept for the same words"),
        };
        out.note(format!("{what}; --refresh works it out anew"));
    }
}

/// Opens the cache over the answers in `journal`, or over memory where the journal can only be read. Shipped prompts are
/// embedded the first time.
pub(crate) fn open(
    context: &Context,
    journal: &Journal,
    encoder: Option<&Encoder>,
) -> anyhow::Result<SemanticCache> {
    let store: Box<dyn Store> = if journal.is_read_only() {
        Box::new(MemoryStore::default())
    } else {
        Box::new(JournalStore::new(journal.answers()?))
    };
    let options = context.config.cache.options();
    let cache = SemanticCache::over(store, encoder, options)?;
    // `COMPANION_NOW` holds for the cache too.
    let now = context.now()?;
    let fixed = std::env::var_os("COMPANION_NOW").is_some();
    let begun = std::time::Instant::now();
    let clock = move || {
        if fixed {
            return now.clone();
        }
        let passed = SignedDuration::try_from(begun.elapsed()).unwrap_or_default();
        now.checked_add(passed).unwrap_or_else(|_| now.clone())
    };
    Ok(cache.with_clock(Arc::new(clock)))
}
