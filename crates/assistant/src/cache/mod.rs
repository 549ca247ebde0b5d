//! The semantic cache: an answer is reused where it truly serves, and nowhere else.
//!
//! [`SemanticCache::get_or_compute`] stands in front of whatever computes answers. A request is looked up by its exact
//! words first, then by meaning: the embedding of the intent finds the best candidates among those whose context is
//! equal ([`Context`]), [`gates`] refuse what only looks alike, and a [`judge::Judge`] reads the remaining pairs.
//! [`Decider`] does the deciding, [`Task`] says what may be reused at all, and a [`Store`] keeps the answers, in the
//! journal's encrypted database or in memory.
//!
//! What it never does: it prints nothing and logs nothing; a failure of its own is a miss, never an error of the
//! request; and what sounds like someone in danger is neither kept nor reused.
//!
//! ```
//! use assistant::cache::{CacheOptions, Context, Decider, How, MemoryStore, Mode, Request, SemanticCache, Task};
//!
//! let cache = SemanticCache::new(Box::new(MemoryStore::default()), None, Decider::default(), CacheOptions::default());
//! let request = |intent| Request { task: Task::Summary, intent, context: Context::default() };
//! let compute = || Ok::<_, std::convert::Infallible>("a quiet week".into());
//! let first = cache.get_or_compute(&request("Sum up my week."), Mode::Use, compute).expect("it cannot fail");
//! let again = cache.get_or_compute(&request("sum up my week"), Mode::Use, compute).expect("it cannot fail");
//! assert_eq!((first.how, again.how), (How::Miss, How::Exact));
//! ```

mod audit;
mod bound;
mod check;
mod clock;
mod common;
mod counters;
mod decide;
mod explain;
mod flight;
pub mod gates;
pub mod judge;
mod keep;
mod key;
mod learn;
mod lessons;
mod lookup;
mod options;
mod policy;
mod same;
mod shipped;
mod shown;
mod state;
mod store;
mod vectors;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant as Moment;

use engine::encoder::Encoder;
use journal::EntryId;
use metrics::{Count, Measure};

pub use audit::{AuditCase, AuditReport};
pub use bound::{lower_95, upper_95};
pub use clock::{Clock, SystemClock};
pub use common::{CommonPrompt, common_prompts};
pub use counters::{Audit, Complaints, Counters};
pub use decide::{CANDIDATE_SIMILARITY, Decider, Decision, Judged, SIMILARITY, Side, Thresholds};
pub use explain::{Candidate, Explanation, KeptAnswer, ServedRequest};
pub use key::{Context, Request};
pub use learn::{TierState, Verdict};
pub use options::CacheOptions;
pub use policy::{Policy, REST, Task, is_crisis};
pub use same::same_words;
pub use store::{JournalStore, MemoryStore, Store, StoreResult};
pub use vectors::{Vectors, cosine, pack};

use decide::normalised;
use flight::{Flights, Part};
use key::Prepared;
use state::State;

/// Makes vectors of requests. An [`Encoder`] is one.
pub trait Embed: Send + Sync {
    /// Names the model: vectors of different models are never compared.
    fn id(&self) -> &str;
    /// The vector of a text.
    fn embed(&self, text: &str) -> Vec<f32>;
    /// The vectors of many texts, for whoever has a faster way than one after the other.
    fn embed_all(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        texts.iter().map(|text| self.embed(text)).collect()
    }
}

impl Embed for Encoder {
    fn id(&self) -> &str {
        self.model_id()
    }

    fn embed(&self, text: &str) -> Vec<f32> {
        let embedding = Encoder::embed(self, &[text]).pop();
        embedding.map(|e| e.vector).unwrap_or_default()
    }

    fn embed_all(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        let embeddings = Encoder::embed(self, texts).into_iter();
        embeddings.map(|e| e.vector).collect()
    }
}

/// Whether to look, and whether to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Look, then compute and keep.
    #[default]
    Use,
    /// Compute, and keep in place of what was there (`--refresh`).
    Refresh,
    /// Neither look nor keep (`--no-cache`).
    Off,
}

/// What came of a computation: one answer, or several of which the first is shown and the others wait their turn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Computed {
    /// At least one.
    pub answers: Vec<String>,
    /// Entries that were read for it and that the request could not name before: the answer dies with them too, but a
    /// request is no other one by them.
    pub sources: Vec<(EntryId, u32)>,
    /// It is for whoever asked just now only: what was stopped half-way, or failed in part, must not serve again.
    pub fleeting: bool,
}

impl From<String> for Computed {
    fn from(answer: String) -> Computed {
        Computed {
            answers: vec![answer],
            ..Computed::default()
        }
    }
}

impl From<&str> for Computed {
    fn from(answer: &str) -> Computed {
        answer.to_owned().into()
    }
}

/// How an answer came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Kept for the same words.
    Exact,
    /// Kept for other words of the same meaning.
    Semantic,
    /// A shipped question.
    Shipped,
    /// An equal request was just being computed.
    Joined,
    /// Computed, and kept if that was possible.
    Miss,
    /// Computed without looking; why.
    Bypassed(&'static str),
}

impl How {
    /// Whether a computation was saved.
    pub fn is_hit(self) -> bool {
        !matches!(self, How::Miss | How::Bypassed(_))
    }

    /// `exact`, `semantic`, `shipped`, `joined`, `miss`, `bypassed`.
    pub fn name(self) -> &'static str {
        match self {
            How::Exact => "exact",
            How::Semantic => "semantic",
            How::Shipped => "shipped",
            How::Joined => "joined",
            How::Miss => "miss",
            How::Bypassed(_) => "bypassed",
        }
    }
}

/// An answer with where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// The answer.
    pub answer: String,
    /// How it came about.
    pub how: How,
    /// Id of the kept answer, where one is kept.
    pub id: Option<i64>,
    /// The bank's id of a shipped question, to be recorded by the caller when it is shown.
    pub question: Option<String>,
    /// What decided a semantic hit.
    pub decision: Option<Decision>,
    /// The entries that the answer was made from, with their versions.
    pub sources: Vec<(EntryId, u32)>,
}

/// The cache. It can be used from several threads; computing happens outside of its lock.
pub struct SemanticCache {
    state: Mutex<State>,
    flights: Flights,
    embed: Option<Arc<dyn Embed>>,
    decider: Decider,
    options: CacheOptions,
    clock: Arc<dyn Clock>,
}

impl SemanticCache {
    /// A cache over `store`. Without `embed` there is only the exact tier.
    pub fn new(
        store: Box<dyn Store>,
        embed: Option<Arc<dyn Embed>>,
        decider: Decider,
        options: CacheOptions,
    ) -> SemanticCache {
        SemanticCache {
            state: Mutex::new(State::new(store, options.clone())),
            flights: Flights::default(),
            embed,
            decider,
            options,
            clock: Arc::new(SystemClock),
        }
    }

    /// The cache that a program uses: over the journal's answers, with the judge of this build where it fits `encoder`.
    pub fn over(
        store: Box<dyn Store>,
        encoder: Option<&Encoder>,
        options: CacheOptions,
    ) -> crate::Result<SemanticCache> {
        let decider = Decider::new(options.thresholds);
        let Some(encoder) = encoder else {
            return Ok(Self::new(store, None, decider, options));
        };
        let decider = match judge::Judge::committed(encoder)? {
            Some(judge) => decider.with_judge(judge),
            None => decider,
        };
        let embed: Arc<dyn Embed> = Arc::new(encoder.clone());
        Ok(Self::new(store, Some(embed), decider, options))
    }

    /// The same with another clock.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> SemanticCache {
        self.clock = clock;
        self
    }

    /// What decides.
    pub fn decider(&self) -> &Decider {
        &self.decider
    }

    /// Its settings.
    pub fn options(&self) -> &CacheOptions {
        &self.options
    }

    /// The answer to `request`: a kept one where that truly serves, else what `compute` gives, which is kept.
    ///
    /// `compute` runs at most once, without any lock held; two equal requests at once run one. The cache itself never
    /// fails the request: where its store cannot be read or written, that is a miss.
    ///
    /// # Errors
    /// Those of `compute`.
    pub fn get_or_compute<E>(
        &self,
        request: &Request<'_>,
        mode: Mode,
        compute: impl FnOnce() -> Result<Computed, E>,
    ) -> Result<Served, E> {
        let begun = Moment::now();
        let bypass = match mode {
            Mode::Off => Some("asked"),
            _ if !self.options.enabled => Some("disabled"),
            _ if !self.options.can_keep() => Some("no room"),
            _ if is_crisis(request.intent) => Some("crisis"),
            _ if normalised(request.intent).is_empty() => Some("empty"),
            _ => None,
        };
        if let Some(reason) = bypass {
            self.state().count(&format!("bypassed.{reason}"), 1);
            metrics::add(Count::Bypassed, 1);
            return Ok(computed(compute()?, How::Bypassed(reason)));
        }
        let now = self.clock.now();
        let prepared = Prepared::new(request, self.encoder_id(), &now);
        self.state()
            .count("looked_up", u64::from(mode == Mode::Use));
        metrics::add(Count::LookedUp, u64::from(mode == Mode::Use));
        if mode == Mode::Use
            && let Some(served) = self.look_up(request, &prepared, true)
        {
            self.hit(served.how, request.task, begun);
            return Ok(served);
        }
        let key = (prepared.key, prepared.words.clone());
        let leader = loop {
            match self.flights.join(&key) {
                Part::Leader(leader) => break leader,
                Part::Joined(Some(served)) if mode == Mode::Use => {
                    self.hit(How::Joined, request.task, begun);
                    return Ok(Served {
                        how: How::Joined,
                        ..*served
                    });
                }
                Part::Joined(_) => {}
            }
        };
        // Between the look and the lead somebody else may have kept just this.
        if mode == Mode::Use
            && let Some(served) = self.look_up(request, &prepared, false)
        {
            leader.land(&served);
            self.hit(served.how, request.task, begun);
            return Ok(served);
        }
        let computing = Moment::now();
        let found = compute()?;
        let spent = computing.elapsed();
        let fleeting = found.fleeting;
        let served = match fleeting {
            true => computed(found, How::Miss),
            false => self.keep(request, &prepared, found, mode),
        };
        match fleeting {
            // Whoever waits for it tries anew.
            true => drop(leader),
            false => leader.land(&served),
        }
        metrics::add(Count::Missed, 1);
        metrics::time(Measure::CacheMiss, spent);
        let micros = u64::try_from(spent.as_micros()).unwrap_or(u64::MAX);
        self.state().missed(request.task, micros);
        self.flush();
        Ok(served)
    }

    /// What is counted so far, with what is not written yet.
    pub fn counters(&self) -> StoreResult<Counters> {
        let mut state = self.state();
        state.flush()?;
        Ok(Counters::of(&state.store.counts()?))
    }

    /// Forgets every answer; with `counts` also what was counted and judged, but not when which question was shown.
    pub fn clear(&self, counts: bool) -> StoreResult<()> {
        self.state().clear(counts)
    }

    /// An entry was edited or removed; needed where the answers are in memory, harmless elsewhere.
    pub fn entry_changed(&self, entry: EntryId) -> StoreResult<()> {
        self.state().store.entry_changed(entry)
    }

    /// Writes what is only noted so far: uses and counts. Done on drop as well.
    pub fn flush(&self) {
        let mut state = self.state();
        if state.flush().is_err() {
            state.count("failed", 1);
        }
    }

    fn hit(&self, how: How, task: Task, begun: Moment) {
        // Who joined waited for somebody else's computation: that time says nothing about a look.
        if how != How::Joined {
            metrics::time(Measure::CacheHit, begun.elapsed());
        }
        metrics::add(tier(how), 1);
        let spent = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut state = self.state();
        // A question of the bank saves nothing of what a reply of a language model takes: each kind counts by itself.
        if let Ok(Some(miss)) = state.miss_us(task) {
            metrics::add(Count::CacheSavedMicros, miss.saturating_sub(spent));
        }
        let task = task.name();
        state.count(how.name(), 1);
        if how != How::Joined {
            state.count("hit_us", spent);
        }
        state.count(&format!("hits.{task}"), 1);
        state.count(&format!("hit_us.{task}"), spent);
    }

    fn encoder_id(&self) -> &str {
        self.embed.as_deref().map_or("none", Embed::id)
    }

    /// A thread that panicked in `compute` held no lock; one that panicked elsewhere left a state that is read anew.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SemanticCache {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Where a hit is counted.
fn tier(how: How) -> Count {
    match how {
        How::Exact => Count::HitExact,
        How::Shipped => Count::HitShipped,
        How::Joined => Count::HitJoined,
        _ => Count::HitSemantic,
    }
}

fn computed(found: Computed, how: How) -> Served {
    Served {
        answer: found.answers.into_iter().next().unwrap_or_default(),
        how,
        id: None,
        question: None,
        decision: None,
        sources: found.sources,
    }
}

#[cfg(test)]
mod tests;
