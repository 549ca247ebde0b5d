//! What a user does, from the start to what stands on the screen: an entry of the day, and a look back at the week.
//!
//! Each run is done twice, in turn: as the program does it, and plainly ([`PLAIN`]).

mod quality;
pub(crate) mod table;

use std::time::{Duration, Instant as Clock};

use assistant::{Instant, Span, prompt, summary};
use engine::encoder::{Encoder, EncoderOptions};
use engine::kernel::Isa;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _, ZonedDateTime};
use journal::{Entry, EntryId, Filter, Journal, NewEntry, Secret};
use serde::Serialize;

use crate::sample::Sample;
use crate::stats::Ratio;
use crate::texts::Texts;
use crate::times::{Patience, once};
use crate::{Error, Options, Result, Times, system, texts, words};

pub use quality::SummaryQuality;

/// What the other way leaves out.
pub(crate) const PLAIN: &str = "the scalar kernel on one thread, entries one by one";

/// Words of an entry.
const WORDS: usize = 200;
/// Entries of a week.
const WEEK: usize = 7;

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct WorkflowFigures {
    /// What the plain way is.
    pub plain: &'static str,
    /// Words of each entry.
    pub words: usize,
    /// Launch, question, analysis, save, display: one entry.
    pub daily: Flow,
    /// Load, batch analysis, summary: seven entries.
    pub weekly: Flow,
}

/// A row of work with its phases.
#[derive(Debug, Clone, Serialize)]
pub struct Flow {
    /// In their order.
    pub phases: Vec<Phase>,
    /// All of them together.
    pub total: Phase,
    /// The plain total in the other.
    pub speedup: Ratio,
    /// The most memory that this process had in a run as the program does it.
    pub peak_rss_bytes: Option<u64>,
}

/// A part of it, both ways.
#[derive(Debug, Clone, Serialize)]
pub struct Phase {
    /// What is done.
    pub name: &'static str,
    /// As the program does it.
    pub optimised: Times,
    /// Plainly.
    pub plain: Times,
}

/// Measures both in the journal of `sample`.
pub(crate) fn measure(
    options: &Options,
    sample: &Sample,
    on_step: &mut dyn FnMut(&str),
) -> Result<WorkflowFigures> {
    let bench = Bench {
        options,
        sample,
        texts: texts::load(),
    };
    on_step("journal: an entry of the day, both ways");
    let daily = bench.both(&DAILY, |fast, number| bench.daily(fast, number))?;
    on_step("journal: a look back at the week, both ways");
    let weekly = bench.both(&WEEKLY, |fast, number| bench.weekly(fast, number))?;
    Ok(WorkflowFigures {
        plain: PLAIN,
        words: WORDS,
        daily,
        weekly,
    })
}

/// How good the summaries are, where the set that says so is at hand.
pub(crate) fn quality(
    options: &Options,
    on_step: &mut dyn FnMut(&str),
) -> Result<Option<SummaryQuality>> {
    quality::measure(options, on_step)
}

const DAILY: [&str; 5] = ["launch", "question", "analysis", "save", "display"];
const WEEKLY: [&str; 3] = ["load", "batch analysis", "summary"];

struct Bench<'a> {
    options: &'a Options,
    sample: &'a Sample,
    texts: Texts,
}

impl Bench<'_> {
    /// Runs `one` both ways, in turn; `one` gives the milliseconds of each phase.
    fn both<const N: usize>(
        &self,
        names: &[&'static str; N],
        one: impl Fn(bool, usize) -> Result<[f64; N]>,
    ) -> Result<Flow> {
        let patience = Patience {
            least: self.options.count(3, 2),
            most: self.options.count(40, 10),
            budget: Duration::from_secs(if self.options.quick { 8 } else { 60 }),
        };
        let knows_peak = system::forget_peak();
        one(true, 0)?; // warms up the page cache and the allocator
        let peak = metrics::process::peak().filter(|_| knows_peak);
        let (mut fast, mut plain): (Vec<[f64; N]>, Vec<[f64; N]>) = (Vec::new(), Vec::new());
        let begun = Clock::now();
        while patience.goes_on(fast.len(), begun) {
            let number = 1 + 2 * fast.len();
            // The order turns, so that neither way always follows the other.
            if fast.len() % 2 == 0 {
                fast.push(one(true, number)?);
                plain.push(one(false, number + 1)?);
            } else {
                plain.push(one(false, number)?);
                fast.push(one(true, number + 1)?);
            }
        }
        let column = |runs: &[[f64; N]], at: usize| runs.iter().map(|r| r[at]).collect::<Vec<_>>();
        let sums = |runs: &[[f64; N]]| runs.iter().map(|r| r.iter().sum()).collect::<Vec<f64>>();
        let phases = (names.iter().copied().enumerate())
            .map(|(at, name)| Phase {
                name,
                optimised: Times::of(&column(&fast, at)),
                plain: Times::of(&column(&plain, at)),
            })
            .collect();
        let (fast, plain) = (sums(&fast), sums(&plain));
        Ok(Flow {
            phases,
            speedup: Ratio::of(&plain, &fast),
            total: Phase {
                name: "total",
                optimised: Times::of(&fast),
                plain: Times::of(&plain),
            },
            peak_rss_bytes: peak,
        })
    }

    fn open(&self, fast: bool) -> Result<(Journal, Instant)> {
        let journal = Journal::open(&self.sample.home(), &Secret::None)?;
        let with = EncoderOptions {
            threads: if fast { self.options.threads } else { Some(1) },
            kernel: (!fast).then_some(Isa::Scalar),
        };
        let folder = self.options.models_dir.join(&self.options.model);
        let instant = Instant::open(Encoder::open(&folder, &with)?)?.for_journal(&journal)?;
        Ok((journal, instant))
    }

    fn text(&self, seed: usize) -> String {
        words::text(&self.texts, WORDS, seed)
    }

    /// An entry of the day.
    fn daily(&self, fast: bool, number: usize) -> Result<[f64; 5]> {
        let now = ZonedDateTime::now();
        let (launch, (mut journal, instant)) = once(|| self.open(fast))?;
        let (question, _) = once(|| {
            Ok(prompt::choose(
                &journal,
                Some(&instant),
                &now,
                number as u64,
            )?)
        })?;
        let text = self.text(number);
        let (analysis, analysed) = once(|| Ok(instant.analyse(&[&text], &mut |_| {})?))?;
        let (save, id) = once(|| {
            let entry = journal.add(NewEntry::new(text.clone(), now.clone()))?;
            store(&mut journal, &[entry], analysed)
        })?;
        let (display, ()) = once(|| shown(&journal, id, &text))?;
        Ok([launch, question, analysis, save, display])
    }

    /// A look back at a week that no other run has.
    fn weekly(&self, fast: bool, number: usize) -> Result<[f64; 3]> {
        let monday = first_monday().saturating_add((number as i64 * 7).days());
        let begin = monday
            .to_zoned_datetime(TimeZone::UTC)
            .map_err(|_| Error::WrongAnswer("date"))?;
        let mut journal = Journal::open(&self.sample.home(), &Secret::None)?;
        for day in 0..WEEK {
            let when = &begin + SignedDuration::from_hours(24 * day as i64 + 20);
            journal.add(NewEntry::new(self.text(number * WEEK + day), when))?;
        }
        drop(journal);
        let span = Span::week(monday);
        let now = &begin + SignedDuration::from_hours(24 * WEEK as i64 - 1);
        let (load, (mut journal, instant, entries)) = once(|| {
            let (journal, instant) = self.open(fast)?;
            let (since, before) = span.instants(&TimeZone::UTC);
            let entries = journal.list(&Filter {
                from: Some(since),
                to: Some(before),
                ..Filter::default()
            })?;
            Ok((journal, instant, entries))
        })?;
        if entries.len() != WEEK {
            return Err(Error::WrongAnswer("the week's entries"));
        }
        let (analysis, _) = once(|| {
            let texts: Vec<&str> = entries.iter().map(|e| e.text.as_str()).collect();
            let mut analysed = Vec::new();
            for group in texts.chunks(if fast { WEEK } else { 1 }) {
                analysed.extend(instant.analyse(group, &mut |_| {})?);
            }
            store(&mut journal, &entries, analysed)
        })?;
        let (summary, found) =
            once(|| Ok(summary::summary(&journal, Some(&instant), span, &now)?))?;
        match found.analysed == WEEK && !found.lines.is_empty() {
            true => Ok([load, analysis, summary]),
            false => Err(Error::WrongAnswer("the week's summary")),
        }
    }
}

/// Beyond every entry of the sample.
fn first_monday() -> Date {
    jiff::civil::date(2040, 1, 2)
}

/// Stores what was analysed; the id of the last entry.
fn store(
    journal: &mut Journal,
    entries: &[Entry],
    analysed: Vec<assistant::Analysed>,
) -> Result<EntryId> {
    let made: Vec<_> = (entries.iter().zip(analysed))
        .map(|(entry, a)| (entry.id, entry.version, a.analysis, Some(a.vectors)))
        .collect();
    let stored = journal.save_analysis(&made)?;
    match entries.last() {
        Some(last) if stored == entries.len() as u64 => Ok(last.id),
        _ => Err(Error::WrongAnswer("stored analyses")),
    }
}

/// What the screen shows after saving: the entry as it is stored, with its analysis.
fn shown(journal: &Journal, id: EntryId, text: &str) -> Result<()> {
    let entry = journal.get(id)?;
    match journal.analysis(id)? {
        Some(_) if entry.text == text => Ok(()),
        _ => Err(Error::WrongAnswer("the saved entry")),
    }
}
