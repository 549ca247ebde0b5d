//! Saving one entry: durable first, said at once, analysed after. `new`, `write` and the bare
//! `companion` all end here.

use std::time::Instant;

use jiff::ZonedDateTime;
use journal::{Entry, Filter, Journal, NewEntry};
use metrics::Count;

use crate::ahead::Ahead;
use crate::analysis::{self, Read};
use crate::compose;
use crate::context::Context;
use crate::exit::{self, Exit, Failure};
use crate::messages;
use crate::output::Line;
use crate::view::json::EntryJson;
use crate::view::{care, dates, entry, mood};
use crate::when;

/// What can be set beside the text of an entry.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Options {
    /// When it was, in words or digits ("yesterday 8pm", "2026-03-02 14:00")
    #[arg(short, long, value_name = "WHEN")]
    pub(crate) date: Option<String>,
    /// A title
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
    /// A tag, beside those written with # in the text (may be repeated)
    #[arg(short, long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// Star the entry
    #[arg(long)]
    pub(crate) star: bool,
    /// Only save; the analysis happens later
    #[arg(long)]
    pub(crate) no_analysis: bool,
    /// The time that a prefix of the text gave.
    #[arg(skip)]
    pub(crate) moment: Option<ZonedDateTime>,
    /// Whether the entry is what the draft became.
    #[arg(skip)]
    pub(crate) drops_draft: bool,
}

impl Options {
    /// The time of the entry: `--date`, else the prefix, else now.
    fn when(&self, context: &Context, now: &ZonedDateTime) -> anyhow::Result<ZonedDateTime> {
        let Some(date) = &self.date else {
            return Ok(self.moment.clone().unwrap_or_else(|| now.clone()));
        };
        let moment = when::moment(date, now).map_err(|error| Failure::usage(error.to_string()))?;
        if moment.at > *now {
            return Err(Failure::usage(format!(
                "{date:?} lies ahead ({}); an entry is about what has been",
                dates::short(&moment.at)
            ))
            .into());
        }
        if let Some(note) = moment.note {
            context.out.warn(format!("note: {note}"));
        }
        Ok(moment.at)
    }
}

/// The error for an entry without a visible character.
pub(crate) fn empty() -> Failure {
    Failure::usage("the entry is empty; write at least one visible character")
}

/// An entry that is durable, and of which nothing has been said yet.
#[must_use = "the person is to be told"]
pub(crate) struct Saved {
    entry: Entry,
    now: ZonedDateTime,
    no_analysis: bool,
    /// When the text was handed over.
    begun: Instant,
}

/// Saves `text`, says so, and only then looks for a model.
pub(crate) fn save(
    context: &Context,
    journal: &mut Journal,
    text: String,
    options: Options,
) -> anyhow::Result<Exit> {
    let saved = keep(context, journal, text, options)?;
    tell(context, journal, &saved, None)
}

/// Saves `text` and prints no result: an error means that the entry is not saved.
pub(crate) fn keep(
    context: &Context,
    journal: &mut Journal,
    text: String,
    options: Options,
) -> anyhow::Result<Saved> {
    let begun = Instant::now();
    let now = context.now()?;
    let entry = NewEntry {
        title: options.title.clone(),
        tags: options.tags.clone(),
        starred: options.star,
        ..NewEntry::new(text, options.when(context, &now)?)
    };
    warn_if_clock_went_back(context, journal, &now)?;
    let entry = journal.add(entry)?;
    if options.drops_draft
        && let Err(error) = journal.clear_draft(compose::DRAFT)
    {
        context.out.warn(format!(
            "note: entry {} is saved, but its draft is still there ({}); \
             `companion write` offers to drop it",
            entry.id,
            exit::chain(&error)
        ));
    }
    Ok(Saved {
        entry,
        now,
        no_analysis: options.no_analysis,
        begun,
    })
}

/// Says that the entry is saved, then looks for a model. Where the language model has read it `ahead`, what is said is
/// what holds after its word; what is stored stays the heads', which filters and trends count.
pub(crate) fn tell(
    context: &Context,
    journal: &mut Journal,
    saved: &Saved,
    ahead: Option<Ahead>,
) -> anyhow::Result<Exit> {
    if !context.out.is_json() {
        context
            .out
            .line(saved_line(context, &saved.entry, &saved.now))?;
    }
    analyse(context, journal, saved, ahead)
}

/// Shows what came of the entry that is already saved.
fn analyse(
    context: &Context,
    journal: &mut Journal,
    saved: &Saved,
    ahead: Option<Ahead>,
) -> anyhow::Result<Exit> {
    let entry = &saved.entry;
    let mut read = if saved.no_analysis {
        Read::without_model(entry)
    } else {
        analyse_or_say(context, journal, entry)
    };
    if read.analysis.is_some() {
        metrics::add(Count::SessionEntries, 1);
        let took = saved.begun.elapsed().as_micros();
        metrics::add(Count::SessionMicros, took as u64);
    }
    // Whoever may be in danger gets the card at once: no other word is worth waiting for.
    let ahead = ahead.filter(|_| !read.danger);
    let labels = ahead.and_then(|ahead| ahead.labels(entry));
    if let (Some(heads), Some(labels)) = (&mut read.analysis, &labels) {
        *heads = labels.over(heads);
    }
    if context.out.is_json() {
        context
            .out
            .json(&EntryJson::new(entry, read.analysis.as_ref()))?;
    } else if let Some(analysis) = &read.analysis {
        context.out.line(mood::line(analysis, &context.out))?;
    } else if let Some(labels) = labels {
        let (sentiment, p) = labels.sentiment();
        context.out.note(format!(
            "  the language model reads it as {sentiment} ({:.0} %)",
            p * 100.0
        ));
    }
    show_care(context, &read)?;
    Ok(Exit::Success)
}

/// The help card, where the entry speaks of danger and the person has not switched it off.
pub(crate) fn show_care(context: &Context, read: &Read) -> anyhow::Result<()> {
    if read.danger && context.config.care {
        care::show(&context.config, &context.out)?;
    }
    Ok(())
}

/// Analyses `entry`, which is saved. Nothing is an error here: what failed stays queued, and stderr
/// says why.
pub(crate) fn analyse_or_say(context: &Context, journal: &mut Journal, entry: &Entry) -> Read {
    match analysis::analyse_entry(context, journal, entry) {
        Ok(read) => {
            // Once is enough: whoever goes on without a model knows by the second entry.
            if read.analysis.is_none() && journal.queued_count().is_ok_and(|queued| queued <= 1) {
                context.out.note(messages::NO_MODEL_FOR_NEW);
            }
            read
        }
        Err(error) => {
            context
                .out
                .warn(format!("saved, but not analysed yet: {error:#}"));
            Read::without_model(entry)
        }
    }
}

fn saved_line(context: &Context, entry: &Entry, now: &ZonedDateTime) -> Line {
    let dot = context.out.glyph(" · ", " - ");
    let mut line = Line::new()
        .plain("saved ")
        .bold(entry.id.to_string())
        .dim(dot)
        .dim(dates::spoken(&entry.when, now));
    if !entry.tags.is_empty() {
        let tags: Vec<String> = entry.tags.iter().map(|tag| format!("#{tag}")).collect();
        line = line.dim(dot).accent(tags.join(" "));
    }
    if !entry.fields.is_empty() {
        line = line.dim(dot).accent(entry::fields(entry));
    }
    line
}

/// A clock that was set back would date entries before those already written; the order of ids is
/// not affected, but the person should know.
fn warn_if_clock_went_back(
    context: &Context,
    journal: &Journal,
    now: &ZonedDateTime,
) -> anyhow::Result<()> {
    let latest = Filter {
        limit: Some(1),
        newest_first: true,
        ..Filter::default()
    };
    if let Some(last) = journal.list(&latest)?.pop()
        && last.created > now.timestamp()
    {
        let last = last.created.to_zoned_datetime(now.time_zone().clone());
        context.out.warn(format!(
            "note: this computer's clock says {}, but the journal was written to at {}; \
             if the clock is wrong, correct it, then `companion edit ID --date WHEN`",
            dates::short(now),
            dates::short(&last)
        ));
    }
    Ok(())
}
