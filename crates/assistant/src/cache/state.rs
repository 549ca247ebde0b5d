//! What the cache knows of its store: kept requests by their words and by their vectors, uses, counts, and the time.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use journal::{Answer, AnswerUse};

use super::CacheOptions;
use super::gates::Read;
use super::lessons::Lessons;
use super::policy::Task;
use super::same::same_words;
use super::store::{Store, StoreResult};
use super::vectors::Vectors;

/// A clock that is set back by less than this is a clock that was corrected.
const CORRECTION: SignedDuration = SignedDuration::from_secs(5);
/// Uses and counts are written when so many have come together.
const FLUSH_AFTER: usize = 64;

/// A kept request.
pub(super) struct Entry {
    pub(super) answer: Answer,
    pub(super) read: Read,
}

impl Entry {
    /// Whether it may serve at `now`.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        // Made in the future: the clock was set back, and nobody knows how old it is.
        let made_before = self.answer.made <= now.saturating_add(CORRECTION).unwrap_or(now);
        self.answer.pinned || (made_before && self.answer.expires.is_some_and(|end| now < end))
    }
}

/// The state behind the cache's lock.
pub(super) struct State {
    pub(super) store: Box<dyn Store>,
    pub(super) entries: Vec<Entry>,
    pub(super) vectors: Vectors,
    /// What verdicts taught.
    pub(super) lessons: Lessons,
    /// How long and how much is kept. Both may be less than when an answer was kept.
    options: CacheOptions,
    /// Entries by key and words.
    by_words: HashMap<([u8; 32], String), Vec<usize>>,
    uses: BTreeMap<i64, AnswerUse>,
    counts: BTreeMap<String, i64>,
    /// What a request of a kind takes to compute, microseconds, as far as it was asked for: the mean until then.
    misses_us: BTreeMap<&'static str, Option<u64>>,
    /// Place in the order of use of the next use.
    next_use: i64,
    /// The latest time that was seen, also by earlier processes.
    seen: Timestamp,
}

impl State {
    pub(super) fn new(store: Box<dyn Store>, options: CacheOptions) -> State {
        State {
            store,
            options,
            entries: Vec::new(),
            vectors: Vectors::default(),
            lessons: Lessons::default(),
            by_words: HashMap::new(),
            uses: BTreeMap::new(),
            counts: BTreeMap::new(),
            misses_us: BTreeMap::new(),
            next_use: 1,
            seen: Timestamp::MIN,
        }
    }

    /// Takes over what others changed, and lets go of what is past its time.
    pub(super) fn refresh(&mut self, now: Timestamp) -> StoreResult<()> {
        let changed = self.store.changed()?;
        if changed {
            self.flush()?;
            self.reload_now()?;
        }
        let set_back = now.saturating_add(CORRECTION).unwrap_or(now) < self.seen;
        let gone: Vec<i64> = self
            .entries
            .iter()
            // The clock was set back: how old anything is cannot be told from it any more.
            .filter(|e| !e.answer.pinned && (set_back || !e.is_fresh(now)))
            .map(|e| e.answer.id)
            .collect();
        if set_back || now > self.seen {
            self.seen = now;
        }
        if !gone.is_empty() {
            self.count("expired", gone.len() as u64);
            self.remove(&gone)?;
        }
        if changed {
            let over = self.in_the_way(0, 0);
            self.count("pushed_out", over.len() as u64);
            self.remove(&over)?;
        }
        if set_back {
            self.store.set_count("clock", self.seen.as_microsecond())?;
        }
        Ok(())
    }

    /// Reads everything anew.
    pub(super) fn reload_now(&mut self) -> StoreResult<()> {
        let answers = self.store.load()?;
        self.lessons = Lessons::of(self.store.lessons()?);
        for (name, value) in self.store.counts()? {
            if name == "clock"
                && let Ok(at) = Timestamp::from_microsecond(value)
            {
                self.seen = self.seen.max(at);
            }
        }
        self.entries.clear();
        self.by_words.clear();
        self.vectors = Vectors::default();
        for answer in answers {
            self.take_in(answer);
        }
        Ok(())
    }

    /// Adds an entry to what is known.
    pub(super) fn take_in(&mut self, mut answer: Answer) {
        let Ok(key) = <[u8; 32]>::try_from(answer.key.as_slice()) else {
            return; // not from this program
        };
        let end = answer.made.checked_add(self.options.ttl).ok();
        if let (Some(expires), Some(end)) = (answer.expires, end) {
            answer.expires = Some(expires.min(end));
        }
        if self.vectors.dim() == 0 && !answer.vector.is_empty() {
            // The first vector says how long they are; what was kept without an encoder before it is near to nothing.
            let none = vec![0; answer.vector.len()];
            self.vectors = Vectors::new(none.len());
            self.entries.iter().for_each(|_| self.vectors.push(&none));
        }
        // Vectors of another model have another key; of another length they are not even stored side by side.
        let mut vector = answer.vector.clone();
        vector.resize(self.vectors.dim(), 0);
        self.vectors.push(&vector);
        self.next_use = self.next_use.max(answer.used + 1);
        let words = (key, same_words(&answer.request));
        self.by_words
            .entry(words)
            .or_default()
            .push(self.entries.len());
        self.entries.push(Entry {
            read: Read::new(&answer.request),
            answer,
        });
    }

    /// Places of the entries with just these words.
    pub(super) fn with_words(&self, key: [u8; 32], words: &str) -> &[usize] {
        self.by_words
            .get(&(key, words.to_owned()))
            .map_or(&[], Vec::as_slice)
    }

    /// Where the entry with this id is. They are in the order of their ids: a store gives them so, and a new id is the
    /// highest.
    pub(super) fn place(&self, id: i64) -> Option<usize> {
        self.entries.binary_search_by_key(&id, |e| e.answer.id).ok()
    }

    /// Lets go of entries, in the store first.
    pub(super) fn remove(&mut self, ids: &[i64]) -> StoreResult<()> {
        if ids.is_empty() {
            return Ok(());
        }
        self.store.remove(ids)?;
        self.forget(ids);
        Ok(())
    }

    /// Takes entries that are gone out of what is known.
    pub(super) fn forget(&mut self, ids: &[i64]) {
        if ids.is_empty() {
            return;
        }
        let kept = std::mem::take(&mut self.entries)
            .into_iter()
            .filter(|e| !ids.contains(&e.answer.id));
        let kept: Vec<Answer> = kept.map(|e| e.answer).collect();
        self.by_words.clear();
        self.vectors = Vectors::default();
        for answer in kept {
            self.take_in(answer);
        }
    }

    /// Ids that have to go so that `entries` more of `bytes` together fit, the least recently used first.
    pub(super) fn in_the_way(&self, entries: usize, bytes: u64) -> Vec<i64> {
        let fits = |count: usize, sum: u64| {
            count + entries <= self.options.max_entries && sum + bytes <= self.options.max_bytes
        };
        let mut own: Vec<&Answer> = self
            .entries
            .iter()
            .map(|e| &e.answer)
            .filter(|a| !a.pinned)
            .collect();
        let (mut count, mut sum) = (own.len(), own.iter().map(|a| a.size_bytes).sum::<u64>());
        if fits(count, sum) {
            return Vec::new();
        }
        own.sort_by_key(|a| (a.used, a.id));
        let mut gone = Vec::new();
        for answer in own {
            if fits(count, sum) {
                break;
            }
            count -= 1;
            sum -= answer.size_bytes;
            gone.push(answer.id);
        }
        gone
    }

    /// The next place in the order of use.
    pub(super) fn next_use(&mut self) -> i64 {
        self.next_use += 1;
        self.next_use - 1
    }

    /// Notes that the entry at `at` was used; `shown` where it rests from now on.
    pub(super) fn used(&mut self, at: usize, shown: Option<Timestamp>) {
        let used = self.next_use();
        let answer = &mut self.entries[at].answer;
        answer.used = used;
        answer.hits += 1;
        answer.shown = shown.or(answer.shown);
        let note = self.uses.entry(answer.id).or_insert(AnswerUse {
            id: answer.id,
            used,
            hits: 0,
            shown: None,
        });
        note.used = used;
        note.hits += 1;
        note.shown = shown.or(note.shown);
    }

    /// Adds to a count.
    pub(super) fn count(&mut self, name: &str, more: u64) {
        if more > 0 {
            let more = i64::try_from(more).unwrap_or(i64::MAX);
            *self.counts.entry(name.to_owned()).or_default() += more;
        }
    }

    /// All counts, with those that are not written yet.
    pub(super) fn counted(&mut self) -> StoreResult<BTreeMap<String, i64>> {
        let mut counts: BTreeMap<String, i64> = self.store.counts()?.into_iter().collect();
        for (name, more) in &self.counts {
            *counts.entry(name.clone()).or_default() += more;
        }
        Ok(counts)
    }

    /// Counts a request that was computed.
    pub(super) fn missed(&mut self, task: Task, micros: u64) {
        let task = task.name();
        self.misses_us.remove(task);
        self.count("missed", 1);
        self.count("miss_us", micros);
        self.count(&format!("missed.{task}"), 1);
        self.count(&format!("miss_us.{task}"), micros);
    }

    /// What a request of a kind takes to compute on average, microseconds; `None` where none was computed yet.
    pub(super) fn miss_us(&mut self, task: Task) -> StoreResult<Option<u64>> {
        let task = task.name();
        if let Some(known) = self.misses_us.get(task) {
            return Ok(*known);
        }
        let counts = self.counted()?;
        let of = |name| u64::try_from(*counts.get(&format!("{name}.{task}"))?).ok();
        let mean = of("miss_us").zip(of("missed").filter(|n| *n > 0));
        let mean = mean.map(|(micros, n)| micros / n);
        self.misses_us.insert(task, mean);
        Ok(mean)
    }

    /// Whether enough came together to be written.
    pub(super) fn is_due(&self) -> bool {
        self.uses.len() >= FLUSH_AFTER || self.uses.values().any(|u| u.shown.is_some())
    }

    /// Writes uses, counts and the time.
    pub(super) fn flush(&mut self) -> StoreResult<()> {
        if self.uses.is_empty() && self.counts.is_empty() {
            return Ok(());
        }
        let uses: Vec<AnswerUse> = self.uses.values().copied().collect();
        let counts: Vec<(String, i64)> = self.counts.iter().map(|(n, v)| (n.clone(), *v)).collect();
        self.store.note(&uses, &counts)?;
        self.uses.clear();
        self.counts.clear();
        if self.seen > Timestamp::MIN {
            self.store.set_count("clock", self.seen.as_microsecond())?;
        }
        Ok(())
    }

    pub(super) fn clear(&mut self, counts: bool) -> StoreResult<()> {
        self.store.clear(counts)?;
        self.uses.clear();
        if counts {
            self.counts.clear();
            self.misses_us.clear();
            self.lessons = Lessons::default();
        }
        self.entries.clear();
        self.by_words.clear();
        self.vectors = Vectors::default();
        Ok(())
    }
}
