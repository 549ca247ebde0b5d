//! A look back at a span of days, made of what was written: every line is an exact quote with its entry.

mod changes;
mod choose;
mod load;
mod people;

use std::collections::BTreeSet;

use jiff::ZonedDateTime;
use journal::{EntryId, Filter, Journal, Sentiment};
use serde::{Deserialize, Serialize};

pub use changes::{Change, ChangeKind};
pub use people::Person;

pub(crate) use load::{Read, load, theme_counts, valences};

use crate::prompt::{self, Prompt};
use crate::{Instant, Result, Span, stats};

/// People named in a summary, at most.
const PEOPLE: usize = 8;
/// Themes named in a summary, at most.
const TOP_THEMES: usize = 8;
/// From this many analysed entries a mood gets an interval.
pub const ENOUGH_FOR_MOOD: usize = 5;

/// A span of days, looked back at.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Summary {
    /// The days.
    pub span: Span,
    /// Entries written in them.
    pub entries: usize,
    /// How many of those are analysed; the rest counts only where it can.
    pub analysed: usize,
    /// Words written.
    pub words: usize,
    /// Quotes that stand for the span, in order of time.
    pub lines: Vec<SummaryLine>,
    /// How the entries feel; nothing where none is analysed.
    pub mood: Option<SpanMood>,
    /// Themes, those in the most entries first.
    pub themes: Vec<ThemeShare>,
    /// People who recur, those in the most entries first.
    pub people: Vec<Person>,
    /// What changed against the span before; empty where that one has no entries.
    pub changes: Vec<Change>,
    /// One question to go on with, to be recorded by the caller when it is shown; none for an empty span.
    #[serde(skip_deserializing)]
    pub closing_question: Option<Prompt>,
    /// What the reader should know about how much stands behind this.
    pub notes: Vec<String>,
}

/// A quote that stands for a span.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct SummaryLine {
    /// The entry quoted.
    pub entry: EntryId,
    /// The id that it was imported with.
    pub source_id: Option<String>,
    /// When it was written.
    #[serde(
        serialize_with = "crate::rfc3339",
        deserialize_with = "crate::from_rfc3339"
    )]
    pub date: ZonedDateTime,
    /// Words of the entry, exactly as written.
    pub quote: String,
    /// Byte offset of the quote in the entry's text.
    pub start: usize,
    /// End of the same.
    pub end: usize,
    /// Sentiment of the entry, where it is analysed.
    pub sentiment: Option<Sentiment>,
    /// Themes that the quote is evidence for.
    pub themes: Vec<String>,
}

/// How the entries of a span feel.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct SpanMood {
    /// Mean valence, -1 to 1.
    pub mean: f64,
    /// Standard deviation of the valences.
    pub spread: f64,
    /// Entries behind it.
    pub n: usize,
    /// 95 % bootstrap interval of the mean; nothing below [`ENOUGH_FOR_MOOD`] entries.
    pub interval: Option<[f64; 2]>,
    /// Entries by sentiment.
    pub positive: usize,
    /// Entries by sentiment.
    pub neutral: usize,
    /// Entries by sentiment.
    pub negative: usize,
    /// Entries that hold both poles.
    pub mixed: usize,
}

/// A theme and how much of a span it fills.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct ThemeShare {
    /// Name of the theme.
    pub name: String,
    /// Entries with it.
    pub entries: usize,
    /// Its share of the analysed entries, 0 to 1.
    pub share: f64,
}

/// Looks back at `span`, in the time zone of `now`. Uses the analyses and vectors that are stored: run
/// [`crate::catch_up()`] first. `instant` names the encoder whose vectors tell repeated sentences apart; without it
/// words in common do.
pub fn summary(
    journal: &Journal,
    instant: Option<&Instant>,
    span: Span,
    now: &ZonedDateTime,
) -> Result<Summary> {
    Ok(Summary {
        closing_question: closing_question(journal, instant, span, now)?,
        ..without_question(journal, instant, span, now)?
    })
}

/// The question that closes a look back at `span`; none where nothing was written. Another one each day, while the rest of
/// the summary stays as it is.
pub fn closing_question(
    journal: &Journal,
    instant: Option<&Instant>,
    span: Span,
    now: &ZonedDateTime,
) -> Result<Option<Prompt>> {
    match load(journal, &span, &Filter::default(), now.time_zone())?.as_slice() {
        [] => Ok(None),
        read => Ok(Some(prompt::closing(journal, instant, now, read)?)),
    }
}

/// The entries that a look back at `span` reads, those of the span before included, with their versions; and a digest of how
/// they are read, by a model or by a person's correction. As long as these stay, the summary stays.
pub fn sources(
    journal: &Journal,
    span: Span,
    now: &ZonedDateTime,
) -> Result<(Vec<(EntryId, u32)>, u64)> {
    let mut read = load(journal, &span, &Filter::default(), now.time_zone())?;
    read.extend(load(
        journal,
        &span.before(),
        &Filter::default(),
        now.time_zone(),
    )?);
    let readings: Vec<_> = read.iter().map(|r| &r.analysis).collect();
    let digest = stats::fnv(&serde_json::to_vec(&readings).unwrap_or_default());
    let versions = read.iter().map(|r| (r.entry.id, r.entry.version));
    Ok((versions.collect(), digest))
}

/// [`summary`] without its closing question.
pub fn without_question(
    journal: &Journal,
    instant: Option<&Instant>,
    span: Span,
    now: &ZonedDateTime,
) -> Result<Summary> {
    let zone = now.time_zone();
    let read = load(journal, &span, &Filter::default(), zone)?;
    let before = load(journal, &span.before(), &Filter::default(), zone)?;
    let (people_before, people_now) = people_of(&before, &read);
    let analysed = read.iter().filter(|r| r.analysis.is_some()).count();
    Ok(Summary {
        span,
        entries: read.len(),
        analysed,
        words: read
            .iter()
            .map(|r| r.entry.text.split_whitespace().count())
            .sum(),
        lines: lines(journal, instant, &read, &span)?,
        mood: mood(&read),
        themes: themes(&read, analysed),
        changes: changes::changes(&before, &read, &people_before, &people_now),
        people: people_now,
        closing_question: None,
        notes: notes(read.len(), analysed, before.len()),
    })
}

fn lines(
    journal: &Journal,
    instant: Option<&Instant>,
    read: &[Read],
    span: &Span,
) -> Result<Vec<SummaryLine>> {
    let pool = choose::candidates(read, &theme_counts(read), |entry| match instant {
        Some(instant) => {
            Ok(journal.sentence_vectors(read[entry].entry.id, instant.encoder().model_id())?)
        }
        None => Ok(Vec::new()),
    })?;
    let mut picked = choose::pick(pool, read, how_many(span, read.len()));
    picked.sort_by_key(|c| (c.entry, c.span.start));
    Ok(picked.into_iter().map(|c| line(c, read)).collect())
}

fn line(c: choose::Candidate, read: &[Read]) -> SummaryLine {
    let Read { entry, analysis } = &read[c.entry];
    SummaryLine {
        entry: entry.id,
        source_id: entry.source_id.clone(),
        date: entry.when.clone(),
        quote: entry.text[c.span.clone()].to_owned(),
        start: c.span.start,
        end: c.span.end,
        sentiment: analysis.as_ref().map(|a| a.sentiment),
        themes: c.claims.into_iter().filter(|c| c != "sentiment").collect(),
    }
}

/// Five lines for a week, up to twelve for a year, and never more than two an entry.
fn how_many(span: &Span, entries: usize) -> usize {
    let days = span.len().max(1) as f64;
    ((days / 7.0).log2() * 1.5 + 5.0)
        .clamp(3.0, 12.0)
        .round()
        .min(2.0 * entries as f64) as usize
}

fn mood(read: &[Read]) -> Option<SpanMood> {
    let valences = valences(read);
    let count = |s: Sentiment| analyses(read).filter(|a| a.sentiment == s).count();
    let interval = stats::interval(&valences, 11)?;
    Some(SpanMood {
        mean: interval.mean,
        spread: stats::deviation(&valences),
        n: interval.n,
        interval: (interval.n >= ENOUGH_FOR_MOOD).then_some([interval.low, interval.high]),
        positive: count(Sentiment::Positive),
        neutral: count(Sentiment::Neutral),
        negative: count(Sentiment::Negative),
        mixed: analyses(read).filter(|a| a.mixed).count(),
    })
}

fn analyses(read: &[Read]) -> impl Iterator<Item = &journal::Analysis> {
    read.iter().filter_map(|r| r.analysis.as_ref())
}

fn themes(read: &[Read], analysed: usize) -> Vec<ThemeShare> {
    let share = |(name, entries): (String, usize)| ThemeShare {
        name,
        entries,
        share: entries as f64 / analysed as f64,
    };
    let mut all: Vec<ThemeShare> = theme_counts(read).into_iter().map(share).collect();
    all.sort_by(|a, b| b.entries.cmp(&a.entries).then(a.name.cmp(&b.name)));
    all.truncate(TOP_THEMES);
    all
}

/// Everybody who is mentioned in `before`, and who recurs in `now`.
fn people_of(before: &[Read], now: &[Read]) -> (Vec<Person>, Vec<Person>) {
    let both = before.iter().chain(now);
    let texts: Vec<(EntryId, &str)> = both.map(|r| (r.entry.id, r.entry.text.as_str())).collect();
    let border = before.len();
    (
        people::people_in(&texts, 0..border, 1, usize::MAX),
        people::people_in(&texts, border..texts.len(), 2, PEOPLE),
    )
}

/// Everybody who recurs in `entries`.
pub(crate) fn everybody(entries: &[journal::Entry]) -> Vec<Person> {
    let texts: Vec<(EntryId, &str)> = entries.iter().map(|e| (e.id, e.text.as_str())).collect();
    people::people(&texts, usize::MAX)
}

/// What the reader should know about how much stands behind the summary.
fn notes(entries: usize, analysed: usize, before: usize) -> Vec<String> {
    let mut notes = Vec::new();
    match entries {
        0 => return vec!["nothing was written in these days".to_owned()],
        1 => notes.push("one entry only: this is that entry, not a pattern".to_owned()),
        n if n < ENOUGH_FOR_MOOD => notes.push(format!(
            "too few entries for a pattern: {n}, from {ENOUGH_FOR_MOOD} on one is drawn"
        )),
        _ => {}
    }
    if analysed < entries {
        let open = entries - analysed;
        notes.push(format!(
            "{open} of {entries} entries are not analysed yet; moods and themes leave them out"
        ));
    }
    if before == 0 {
        notes.push("the span before has no entries, so nothing is compared".to_owned());
    }
    notes
}

impl Summary {
    /// Ids of the entries that the lines quote, each once, ascending.
    pub fn cited(&self) -> BTreeSet<EntryId> {
        self.lines.iter().map(|l| l.entry).collect()
    }
}
