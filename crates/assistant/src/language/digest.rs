//! Written summaries: days into weeks, weeks into months, months into a year. Each is kept with the entries that it was
//! made from, so that an edit costs the one week, month and year that it lies in, and nothing else.
//!
//! A week that lies in two months is one by itself when it is asked for, and two halves in the months. A day with one
//! entry needs no summary of its own: its entry is material for the week as it stands. So a year of 365 entries costs
//! three generations after an edit.
//!
//! Every sentence cites, and is dropped where the check of [`super::cite`] does not hold. What no supported sentence is
//! left of is told in quotes, by the instant tier, and counted as a failure.

mod material;

use jiff::civil::Date;
use jiff::{ToSpan as _, ZonedDateTime};
use journal::{Entry, EntryId, Filter, Journal, Written};
use serde::{Deserialize, Serialize};

use super::cite::{self, Checked, Citation, Cited, Claimed};
use super::prompts::Slot;
use super::{Failed, Language, Tier, Usage, plan, structured};
use crate::{Instant, Result, Span, Unit, summary};

pub use material::{Material, Note};
use material::{groups, tokens};

/// The name of the prompt file.
pub const TASK: &str = "summary";
const TOKENS: usize = 640;
/// How often a summary is made of summaries of its own material, because that did not fit.
const DEEPEST: usize = 4;

/// What a span was summed up as.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    /// The sentences, each with what it cites.
    pub sentences: Vec<Cited>,
    /// Which tier they are from: the instant one's are quotes.
    pub tier: Option<Tier>,
    /// Model and prompt file, where a model wrote it.
    pub made_by: Option<String>,
    /// What the check did to the sentences of this level.
    pub checked: Checked,
    /// Generations that this call took, at every level; 0 where everything was kept.
    pub generations: usize,
    /// Generations of those that left no supported sentence.
    pub failed: usize,
    /// What it cost, at every level.
    pub usage: Usage,
    /// Whether part of an entry was not read.
    pub truncated: bool,
    /// Entries with byte spans that were not read.
    pub dropped_spans: Vec<(EntryId, std::ops::Range<usize>)>,
    /// What did not go as it should.
    pub notes: Vec<String>,
}

/// What is kept of a node.
#[derive(Serialize, Deserialize)]
struct Kept {
    sentences: Vec<Cited>,
    tier: Tier,
    checked: Checked,
    truncated: bool,
    /// What was not read for it, at every level below, so that whoever finds it kept can say so.
    dropped: Vec<(EntryId, std::ops::Range<usize>)>,
    notes: Vec<String>,
}

/// A stretch of days that has a summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Day,
    Week,
    Month,
    Year,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Level::Day => "day",
            Level::Week => "week",
            Level::Month => "month",
            Level::Year => "year",
        }
    }

    fn sentences(self) -> usize {
        match self {
            Level::Day => 2,
            Level::Week => 5,
            Level::Month => 6,
            Level::Year => 8,
        }
    }

    /// What `from..=to` is summed up as.
    fn of(span: &Span) -> Self {
        match (span.unit, span.len()) {
            (_, 1) => Level::Day,
            (Unit::Week, _) | (_, ..=7) => Level::Week,
            (Unit::Month, _) | (_, ..=62) => Level::Month,
            _ => Level::Year,
        }
    }
}

/// What was not read of the material of a node.
#[derive(Default)]
struct NotRead {
    truncated: bool,
    spans: Vec<(EntryId, std::ops::Range<usize>)>,
}

/// Days, both included.
type Days = (Date, Date);

/// Sums up `span`. `refresh` makes everything anew. `on_done` is told after every generation how many there were.
pub fn digest(
    journal: &mut Journal,
    language: &Language<'_>,
    instant: Option<&Instant>,
    span: &Span,
    now: &ZonedDateTime,
    refresh: bool,
    on_done: &mut dyn FnMut(usize),
) -> Result<Digest> {
    let mut work = Work {
        journal,
        language,
        instant,
        now,
        refresh,
        on_done,
        total: Digest::default(),
    };
    let node = work.node(Level::of(span), (span.from, span.to))?;
    let mut total = work.total;
    if language.flow().is_break() {
        total.notes.push(Failed::Cancelled.to_string());
    }
    if let Some(node) = node {
        total.sentences = node.sentences;
        total.tier = Some(node.tier);
        total.made_by = (node.tier == Tier::Language).then(|| language.maker(TASK));
        total.checked = node.checked;
        total.truncated = node.truncated;
        total.dropped_spans = node.dropped;
        total.notes.extend(node.notes);
    }
    Ok(total)
}

struct Work<'a> {
    journal: &'a mut Journal,
    language: &'a Language<'a>,
    instant: Option<&'a Instant>,
    now: &'a ZonedDateTime,
    refresh: bool,
    on_done: &'a mut dyn FnMut(usize),
    /// Counts of this call.
    total: Digest,
}

impl Work<'_> {
    /// The summary of `days`: the kept one, where nothing has changed, else a new one. Nothing for days without entries.
    fn node(&mut self, level: Level, days: Days) -> Result<Option<Kept>> {
        if self.language.flow().is_break() {
            return Ok(None);
        }
        let entries = self.entries(days)?;
        if entries.is_empty() {
            return Ok(None);
        }
        let sources: Vec<(EntryId, u32)> = {
            let mut all: Vec<_> = entries.iter().map(|e| (e.id, e.version)).collect();
            all.sort_unstable();
            all
        };
        let maker = self.language.maker(TASK);
        let subject = format!("{}..{}", days.0, days.1);
        if !self.refresh
            && let Some(kept) = self.journal.written(level.name(), &subject)?
            && kept.maker == maker
            && kept.sources == sources
            && let Ok(kept) = serde_json::from_str::<Kept>(&kept.data)
            && kept.tier == Tier::Language
        {
            return Ok(Some(kept));
        }
        let failed = self.total.failed;
        let (material, below) = match self.material(level, days, &entries)? {
            // One note says it all already: summing it up again would only lose.
            Ok(material) => material,
            Err(only) => return Ok(Some(only)),
        };
        let mut kept = self.write(level, days, &entries, material)?;
        kept.truncated |= below.truncated;
        kept.dropped.extend(below.spans);
        // What a generation failed for, here or below, is tried again the next time.
        let whole = self.total.failed == failed && !self.language.flow().is_break();
        if whole && !self.journal.is_read_only() {
            let written = Written {
                task: level.name().to_owned(),
                subject,
                maker,
                data: serde_json::to_string(&kept).expect("strings and numbers"),
                made: jiff::Timestamp::UNIX_EPOCH,
                sources,
            };
            self.journal.save_written(&written)?;
        }
        Ok(Some(kept))
    }

    /// What a node is made from, and what was not read for that; the summary of its only part, where it has but one.
    fn material(
        &mut self,
        level: Level,
        days: Days,
        entries: &[Entry],
    ) -> Result<std::result::Result<(Vec<Material>, NotRead), Kept>> {
        let mut below = NotRead::default();
        if level == Level::Day {
            let material = entries.iter().map(Material::entry).collect();
            return Ok(Ok((material, below)));
        }
        let mut material = Vec::new();
        let mut only = None;
        let parts = parts(level, days);
        for (level, part) in parts {
            let inside = |e: &&Entry| (part.0..=part.1).contains(&self.day(e));
            let inside: Vec<&Entry> = entries.iter().filter(inside).collect();
            match (level, inside.as_slice()) {
                (_, []) => {}
                (Level::Day, [entry]) => {
                    material.push(Material::entry(entry));
                    only = None;
                }
                _ => {
                    let Some(mut node) = self.node(level, part)? else {
                        continue;
                    };
                    below.truncated |= node.truncated;
                    below.spans.append(&mut node.dropped);
                    let first = material.is_empty();
                    let notes = node.sentences.iter().flat_map(|s| Note::of(s, entries));
                    material.extend(notes.map(Material::Note));
                    only = first.then_some(node);
                    continue;
                }
            }
        }
        // `only` holds the last part that was a node; it is the only one if all material is its own.
        match only {
            Some(node)
                if material.len()
                    == node
                        .sentences
                        .iter()
                        .map(|s| s.citations.len())
                        .sum::<usize>() =>
            {
                Ok(Err(Kept {
                    truncated: below.truncated,
                    dropped: below.spans,
                    ..node
                }))
            }
            _ => Ok(Ok((material, below))),
        }
    }

    fn write(
        &mut self,
        level: Level,
        days: Days,
        entries: &[Entry],
        material: Vec<Material>,
    ) -> Result<Kept> {
        let mut kept = Kept {
            sentences: Vec::new(),
            tier: Tier::Language,
            checked: Checked::default(),
            truncated: false,
            dropped: Vec::new(),
            notes: Vec::new(),
        };
        match self.sum_up(level, days, entries, material, &mut kept, 0) {
            Ok(sentences) => kept.sentences = sentences,
            Err(why) => {
                kept.tier = Tier::Instant;
                kept.notes.push(format!("{why}; these are quotes instead"));
                kept.sentences = self.quotes(days)?;
            }
        }
        Ok(kept)
    }

    /// Sentences about `material`, checked. What does not fit is summed up in groups first.
    fn sum_up(
        &mut self,
        level: Level,
        days: Days,
        entries: &[Entry],
        material: Vec<Material>,
        kept: &mut Kept,
        depth: usize,
    ) -> std::result::Result<Vec<Cited>, Failed> {
        let model = self.language.model;
        let room = plan::room(model, &self.chat(level, days, &[]), TOKENS);
        if tokens(model, &material) <= room {
            return self.generate(level, days, entries, &material, kept);
        }
        let (mut groups, dropped) = groups(model, material, room);
        kept.dropped.extend(dropped);
        if groups.len() < 2 || depth >= DEEPEST {
            let rest = groups.split_off(groups.len().min(1));
            let rest = rest.iter().flatten().map(Material::span);
            kept.dropped.extend(rest);
            kept.truncated |= !kept.dropped.is_empty();
            let first = groups.pop().unwrap_or_default();
            return self.generate(level, days, entries, &first, kept);
        }
        kept.truncated |= !kept.dropped.is_empty();
        let mut notes = Vec::new();
        for group in groups {
            match self.generate(level, days, entries, &group, kept) {
                Ok(sentences) => {
                    notes.extend(sentences.iter().flat_map(|s| Note::of(s, entries)));
                }
                Err(stop @ (Failed::Cancelled | Failed::Model(_))) => return Err(stop),
                Err(why) => kept.notes.push(format!("a part of {}: {why}", days.0)),
            }
        }
        if notes.is_empty() {
            return Err(Failed::Unsupported);
        }
        let notes = notes.into_iter().map(Material::Note).collect();
        self.sum_up(level, days, entries, notes, kept, depth + 1)
    }

    fn generate(
        &mut self,
        level: Level,
        days: Days,
        entries: &[Entry],
        material: &[Material],
        kept: &mut Kept,
    ) -> std::result::Result<Vec<Cited>, Failed> {
        if self.language.flow().is_break() {
            return Err(Failed::Cancelled);
        }
        let chat = self.chat(level, days, material);
        let schema = serde_json::json!({
            "type": "object", "additionalProperties": false, "required": ["sentences"],
            "properties": {"sentences": cite::schema(level.sentences())}
        });
        let said: std::result::Result<Said, Failed> =
            structured(self.language, &chat, schema, TOKENS, &mut self.total.usage);
        self.total.generations += 1;
        (self.on_done)(self.total.generations);
        let said = said.inspect_err(|_| self.total.failed += 1)?;
        let (sentences, checked) = cite::check(said.sentences, entries, self.instant);
        kept.checked = checked;
        if sentences.is_empty() {
            self.total.failed += 1;
            return Err(Failed::Unsupported);
        }
        Ok(sentences)
    }

    fn chat(&self, level: Level, days: Days, material: &[Material]) -> super::Chat {
        let line = match days {
            (from, to) if from == to => format!("{}", from.strftime("%A, %Y-%m-%d")),
            (from, to) => format!("{from} to {to}"),
        };
        let slots = [
            ("material", Slot::Material(material)),
            ("days", Slot::Line(line)),
            ("sentences", Slot::Number(level.sentences() as u64)),
        ];
        self.language.prompt(TASK).fill(&slots).chat(None)
    }

    /// The instant tier's answer for `days`: what it would quote.
    fn quotes(&self, days: Days) -> Result<Vec<Cited>> {
        let span = Span::days(days.0, days.1)?;
        let summary = summary::summary(self.journal, self.instant, span, self.now)?;
        let cited = |line: summary::SummaryLine| Cited {
            text: cite::tidy(&line.quote),
            citations: vec![Citation {
                entry: line.entry,
                source_id: line.source_id,
                quote: line.quote,
                start: line.start,
                end: line.end,
            }],
        };
        Ok(summary.lines.into_iter().map(cited).collect())
    }

    fn entries(&self, days: Days) -> Result<Vec<Entry>> {
        let span = Span::days(days.0, days.1)?;
        let (from, to) = span.instants(self.now.time_zone());
        Ok(self.journal.list(&Filter {
            from: Some(from),
            to: Some(to),
            ..Filter::default()
        })?)
    }

    fn day(&self, entry: &Entry) -> Date {
        entry
            .when
            .with_time_zone(self.now.time_zone().clone())
            .date()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    sentences: Vec<Claimed>,
}

/// What `days` fall into at the level below.
fn parts(level: Level, days: Days) -> Vec<(Level, Days)> {
    let (below, end): (Level, fn(Date) -> Date) = match level {
        Level::Day | Level::Week => (Level::Day, |day| day),
        // A week of a month ends with the month.
        Level::Month => (Level::Week, |day| {
            Span::week(day).to.min(Span::month(day).to)
        }),
        Level::Year => (Level::Month, |day| Span::month(day).to),
    };
    let mut parts = Vec::new();
    let mut from = days.0;
    loop {
        let to = end(from).min(days.1);
        parts.push((below, (from, to)));
        match to.checked_add(1.day()) {
            Ok(next) if next <= days.1 => from = next,
            _ => return parts,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_parts_of_a_span_cover_it_without_overlap() {
        let year = (date(2026, 1, 1), date(2026, 12, 31));
        let months = parts(Level::Year, year);
        assert_eq!(months.len(), 12);
        for (level, month) in months {
            let weeks = parts(level, month);
            assert!((4..=6).contains(&weeks.len()), "{weeks:?}");
            assert_eq!((weeks[0].1.0, weeks[weeks.len() - 1].1.1), month);
            for pair in weeks.windows(2) {
                assert_eq!(pair[0].1.1.tomorrow().unwrap(), pair[1].1.0);
            }
        }
        assert_eq!(
            parts(Level::Week, (date(2026, 3, 30), date(2026, 4, 5))).len(),
            7
        );
    }
}
