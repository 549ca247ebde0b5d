//! What is known when a question is chosen: the last days, their mood, the clock, and what was asked before.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use jiff::{SignedDuration, Timestamp, ZonedDateTime};
use journal::{Filter, Journal};

use super::bank::{Mood, Time};
use crate::summary::Read;
use crate::{Instant, Result};

/// Days that count as "lately".
const LATELY_DAYS: i64 = 14;
/// Days whose entries set the mood.
const MOOD_DAYS: i64 = 2;
/// Entries looked at: enough to know what someone is busy with, few enough to stay instant.
const ENTRIES: usize = 12;
/// Days in which no question comes twice.
pub(super) const REST_DAYS: i64 = 30;

/// What is known when a question is chosen.
pub(super) struct State {
    pub(super) now: ZonedDateTime,
    /// When the writing is looked at from: now, or the end of what is looked back at.
    seen_from: ZonedDateTime,
    /// The latest entries, newest first.
    pub(super) entries: Vec<Read>,
    /// Vectors of each entry: the whole, then its sentences with their spans. Empty without a model.
    pub(super) vectors: Vec<EntryVectors>,
    pub(super) mood: Option<Mood>,
    /// How much of the latest writing each theme fills, from 0 to 1; recent entries weigh more.
    pub(super) themes: BTreeMap<String, f32>,
    /// Questions asked in the last [`REST_DAYS`], with the time.
    pub(super) resting: HashMap<String, Timestamp>,
}

/// Vectors of one entry.
#[derive(Clone, Default)]
pub(super) struct EntryVectors {
    pub(super) whole: Option<Vec<f32>>,
    pub(super) sentences: Vec<(Range<usize>, Vec<f32>)>,
}

impl State {
    /// Nothing was written, and nothing asked.
    pub(super) fn of_nothing(now: &ZonedDateTime) -> Self {
        Self {
            now: now.clone(),
            seen_from: now.clone(),
            entries: Vec::new(),
            vectors: Vec::new(),
            mood: None,
            themes: BTreeMap::new(),
            resting: HashMap::new(),
        }
    }

    /// Looks the state up; `about` fixes the entries (newest first) instead of the latest.
    pub(super) fn load(
        journal: &Journal,
        instant: Option<&Instant>,
        now: &ZonedDateTime,
        about: Option<&[Read]>,
    ) -> Result<Self> {
        let entries: Vec<Read> = match about {
            Some(reads) => reads.iter().take(ENTRIES).cloned().collect(),
            None => latest(journal, now)?,
        };
        let last = entries
            .first()
            .filter(|_| about.is_some())
            .map(|r| r.entry.when.clone());
        let seen_from = last
            .filter(|last| last < now)
            .unwrap_or_else(|| now.clone());
        let mut vectors = Vec::with_capacity(entries.len());
        for read in &entries {
            vectors.push(match instant {
                None => EntryVectors::default(),
                Some(instant) => {
                    let model = instant.encoder().model_id();
                    let id = read.entry.id;
                    EntryVectors {
                        whole: journal.entry_vector(id, model)?,
                        sentences: journal.sentence_vectors(id, model)?,
                    }
                }
            });
        }
        let since = now
            .timestamp()
            .saturating_sub(SignedDuration::from_hours(24 * REST_DAYS))
            .unwrap_or(Timestamp::MIN);
        Ok(Self {
            mood: mood(&entries, &seen_from),
            themes: themes(&entries, &seen_from),
            resting: last_asked(journal, since)?,
            now: now.clone(),
            seen_from,
            entries,
            vectors,
        })
    }

    /// Whether a question for `time` can be asked now.
    pub(super) fn is_time(&self, time: Time) -> bool {
        let hour = self.now.hour();
        match time {
            Time::Any => true,
            Time::Morning => (5..11).contains(&hour),
            Time::Evening => (17..22).contains(&hour),
            Time::Night => !(5..22).contains(&hour),
            Time::Weekend => self.now.weekday().to_monday_one_offset() >= 6,
        }
    }

    /// Weight of an entry by its age: 1 for today, half after four days.
    pub(super) fn freshness(&self, entry: usize) -> f32 {
        freshness(&self.entries[entry], &self.seen_from)
    }
}

/// Every question asked at `since` or later, with the last time.
pub(super) fn last_asked(
    journal: &Journal,
    since: Timestamp,
) -> Result<HashMap<String, Timestamp>> {
    let mut asked = HashMap::new();
    for (id, at) in journal.prompts_since(since)? {
        let last = asked.entry(id).or_insert(at);
        *last = at.max(*last);
    }
    Ok(asked)
}

/// The entries of the last days, newest first; the last three of all where those days are empty.
pub(super) fn latest(journal: &Journal, now: &ZonedDateTime) -> Result<Vec<Read>> {
    let from = now
        .timestamp()
        .saturating_sub(SignedDuration::from_hours(24 * LATELY_DAYS))
        .unwrap_or(Timestamp::MIN);
    let to = Some(now.timestamp());
    let lately = Filter {
        from: Some(from),
        to,
        newest_first: true,
        limit: Some(ENTRIES),
        ..Filter::default()
    };
    let mut entries = journal.list(&lately)?;
    if entries.is_empty() {
        entries = journal.list(&Filter {
            from: None,
            limit: Some(3),
            ..lately
        })?;
    }
    entries
        .into_iter()
        .map(|entry| {
            Ok(Read {
                analysis: journal.analysis(entry.id)?,
                entry,
            })
        })
        .collect()
}

fn age_days(read: &Read, now: &ZonedDateTime) -> f32 {
    now.timestamp()
        .duration_since(read.entry.when.timestamp())
        .as_secs_f32()
        .max(0.0)
        / 86_400.0
}

fn freshness(read: &Read, now: &ZonedDateTime) -> f32 {
    0.5_f32.powf(age_days(read, now) / 4.0)
}

/// The mood of the last days, where entries of those days are analysed with confidence.
pub(super) fn mood(entries: &[Read], now: &ZonedDateTime) -> Option<Mood> {
    let recent = entries
        .iter()
        .filter(|r| age_days(r, now) <= MOOD_DAYS as f32);
    let read: Vec<_> = recent
        .filter_map(|r| r.analysis.as_ref())
        .filter(|a| !a.unsure)
        .collect();
    if read.is_empty() {
        return None;
    }
    let mean = read.iter().map(|a| a.valence).sum::<f32>() / read.len() as f32;
    let both = read.iter().any(|a| a.valence > 0.3) && read.iter().any(|a| a.valence < -0.3);
    Some(match mean {
        _ if both || read.iter().filter(|a| a.mixed).count() * 2 > read.len() => Mood::Mixed,
        m if m > 0.2 => Mood::Good,
        m if m < -0.2 => Mood::Low,
        _ => Mood::Any,
    })
}

fn themes(entries: &[Read], now: &ZonedDateTime) -> BTreeMap<String, f32> {
    let mut sums: BTreeMap<String, f32> = BTreeMap::new();
    let mut total = 0.0;
    for read in entries {
        let weight = freshness(read, now);
        total += weight;
        for theme in read.analysis.iter().flat_map(|a| &a.themes) {
            *sums.entry(theme.name.clone()).or_default() += weight * theme.probability;
        }
    }
    sums.values_mut()
        .for_each(|v| *v /= f32::max(total, f32::MIN_POSITIVE));
    sums
}
