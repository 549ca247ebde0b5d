//! `companion analyze`: how entries, or a stream of texts, feel and what they are about.

mod bulk;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use assistant::language::Tier;
use assistant::language::extract::Kind;
use assistant::language::read::{self, Reading, Verdict};
use assistant::{Instant, Said};
use journal::{Analysis, Entry, EntryId, Journal, ThemeScore};
use serde::Serialize;

use crate::analysis;
use crate::commands::cache::audit;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::interrupt;
use crate::jsonl;
use crate::language;
use crate::messages;
use crate::output::Line;
use crate::view::json::{self, EntryJson};
use crate::view::{dates, evidence, mood};

/// Where the journal remembers that `--all` was begun and is not through.
const ALL: &str = "job.analyze_all";

/// What to analyse.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "With --jsonl nothing is stored and no journal is opened. Each line of FILE is an \
    object with a field \"text\"; each line of the answer is {\"sentiment\":…,\"confidence\":…,\"probabilities\":{…},\"valence\":…,\
    \"themes\":[…],\"evidence\":[{\"claim\":…,\"quote\":…}],…}, in the same order, with the other fields of the input under \"input\". A line that \
    cannot be used gives {\"error\":…,\"line\":N}; the rest goes on, and the exit code is 1 at the end."
)]
pub(crate) struct Args {
    /// Entries to show the analysis of; without any, analyse what is waiting
    #[arg(value_name = "ID", conflicts_with_all = ["all", "jsonl"])]
    ids: Vec<EntryId>,
    /// Analyse the whole journal again
    #[arg(long, conflicts_with = "jsonl")]
    all: bool,
    /// A file of JSON lines, - for stdin
    #[arg(long, value_name = "FILE")]
    jsonl: Option<PathBuf>,
    /// Have the configured language model read every entry that it has not read yet; named entries it reads anyway
    #[arg(long, conflicts_with = "jsonl")]
    language: bool,
    /// Have the language model read again what it has read
    #[arg(long, conflicts_with = "jsonl")]
    refresh: bool,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    match &args.jsonl {
        Some(file) => stream(context, file),
        None => entries(context, args),
    }
}

/// An analysis as a line of a stream has it: what a program can use without the entry.
#[derive(Serialize)]
struct Row {
    sentiment: journal::Sentiment,
    confidence: f32,
    probabilities: Probabilities,
    valence: f32,
    mixed: bool,
    unsure: bool,
    themes: Vec<ThemeScore>,
    /// Words for what is felt, likeliest first.
    emotions: Vec<Emotion>,
    /// The sentence that speaks for the sentiment, and for each theme.
    evidence: Vec<Quote>,
    tier: String,
    model: String,
    truncated: bool,
}

/// Of the three sentiments, calibrated; they sum to 1.
#[derive(Serialize)]
struct Probabilities {
    positive: f32,
    neutral: f32,
    negative: f32,
}

#[derive(Serialize)]
struct Emotion {
    name: &'static str,
    probability: f32,
}

#[derive(Serialize)]
struct Quote {
    claim: String,
    quote: String,
}

impl Row {
    fn new(said: Said, text: &str) -> Row {
        let analysis = said.analysis;
        let [positive, neutral, negative] = said.reading.sentiment.map(json::places);
        Row {
            sentiment: analysis.sentiment,
            confidence: json::places(analysis.confidence),
            probabilities: Probabilities {
                positive,
                neutral,
                negative,
            },
            valence: json::places(analysis.valence),
            mixed: analysis.mixed,
            unsure: analysis.unsure,
            themes: analysis
                .themes
                .into_iter()
                .map(|theme| ThemeScore {
                    probability: json::places(theme.probability),
                    ..theme
                })
                .collect(),
            emotions: said
                .emotions
                .into_iter()
                .map(|word| Emotion {
                    name: word.name,
                    probability: json::places(word.probability),
                })
                .collect(),
            evidence: analysis
                .evidence
                .into_iter()
                .filter_map(|evidence| {
                    let quote = text.get(evidence.start..evidence.end)?.to_owned();
                    Some(Quote {
                        claim: evidence.claim,
                        quote,
                    })
                })
                .collect(),
            tier: analysis.tier,
            model: analysis.model,
            truncated: analysis.truncated,
        }
    }
}

fn stream(context: &Context, file: &Path) -> anyhow::Result<Exit> {
    let input = jsonl::open(file)?;
    let instant = context
        .instant()?
        .ok_or_else(|| Failure::not_found(messages::NO_MODEL))?;
    jsonl::run(input, &context.out, |texts| {
        Ok(instant
            .read(texts)?
            .into_iter()
            .zip(texts)
            .map(|(one, text)| Row::new(one, text))
            .collect())
    })
}

/// What `--json` says where no entry was named.
#[derive(Serialize)]
struct Counts {
    analysed: u64,
    waiting: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<LanguageCounts>,
}

/// What the language model did.
#[derive(Serialize)]
struct LanguageCounts {
    read: u64,
    kept: u64,
    failed: u64,
}

fn entries(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let mut journal = context.journal()?;
    let named = args
        .ids
        .iter()
        .map(|id| journal.get(*id))
        .collect::<Result<Vec<_>, _>>()?;
    if args.all {
        begin_all(context, &mut journal)?;
    }
    if args.refresh && !args.language && args.ids.is_empty() {
        return Err(Failure::usage(
            "--refresh reads anew what the language model has read: say --language, or name entries",
        )
        .into());
    }
    let queued = journal.queued_count()?;
    let with_language = args.language && args.ids.is_empty();
    let (instant, done, read) = if with_language {
        let instant = context
            .instant()?
            .ok_or_else(|| Failure::not_found(messages::NO_MODEL))?;
        let (done, read) = bulk::read_all(context, &mut journal, &instant, args.refresh)?;
        (instant, done, Some(read))
    } else {
        let caught_up = match args.ids.is_empty() {
            true => analysis::catch_up_counted(context, &mut journal),
            // Somebody waits for these.
            false => analysis::catch_up_soon_counted(context, &mut journal),
        };
        let (instant, done) = caught_up?.ok_or_else(|| Failure::not_found(messages::NO_MODEL))?;
        (instant, done, None)
    };
    if !done.cancelled && journal.meta(ALL)?.is_some() {
        journal.set_meta(ALL, None)?;
    }
    if !args.ids.is_empty() {
        return show(context, &mut journal, &instant, &named, args.refresh);
    }
    let waiting = journal.queued_count()?;
    let counts = Counts {
        analysed: queued.saturating_sub(waiting),
        waiting,
        language: read.as_ref().map(|read| LanguageCounts {
            read: read.read,
            kept: read.kept,
            failed: read.failed,
        }),
    };
    if context.out.is_json() {
        context.out.json(&counts)?;
    } else {
        tell(context, &counts)?;
    }
    let stopped = done.cancelled || read.as_ref().is_some_and(|read| read.stopped);
    if let Some(read) = &read {
        bulk::tell_notes(context, read);
    }
    if waiting == 0
        && !stopped
        && !interrupt::was_pressed()
        && let Err(error) = audit::in_idle_time(context, &journal, &instant)
    {
        context
            .out
            .warn(format!("hits of the cache were not audited: {error:#}"));
    }
    Ok(match waiting {
        _ if stopped && interrupt::was_pressed() => Exit::Interrupted,
        0 => Exit::Success,
        _ => Exit::Failed,
    })
}

/// Says what was done.
fn tell(context: &Context, counts: &Counts) -> anyhow::Result<()> {
    let entries = messages::entries;
    let mut lines = Vec::new();
    match (counts.analysed, counts.waiting, &counts.language) {
        (0, 0, None) => lines.push(
            "nothing is waiting; `companion analyze --all` reads every entry again".to_owned(),
        ),
        (0, 0, Some(_)) => {}
        (done, 0, _) => lines.push(format!("analysed {}", entries(done))),
        (done, left, _) => lines.push(format!("analysed {}, {left} still waiting", entries(done))),
    }
    if let Some(language) = &counts.language {
        lines.push(match (language.read, language.kept) {
            (0, kept) => format!(
                "the language model had read {} before; --refresh reads them anew",
                entries(kept)
            ),
            (read, 0) => format!("the language model read {}", entries(read)),
            (read, kept) => format!(
                "the language model read {}, and {kept} before",
                entries(read)
            ),
        });
        if language.failed > 0 {
            lines.push(format!(
                "it could say nothing of {}; they are tried again the next time",
                entries(language.failed)
            ));
        }
    }
    lines
        .into_iter()
        .try_for_each(|line| context.out.line(line))
}

/// Queues every entry, unless an earlier run of `--all` was stopped: then what it left is worked off.
fn begin_all(context: &Context, journal: &mut Journal) -> anyhow::Result<()> {
    let left = journal.queued_count()?;
    if journal.meta(ALL)?.is_some() && left > 0 {
        context.out.note(format!(
            "an earlier `analyze --all` was stopped; going on with the {} that it left",
            messages::entries(left)
        ));
        return Ok(());
    }
    journal.requeue_all(None)?;
    // Only after the queue is durable: a crash in between queues once more, which costs time and loses nothing.
    journal.set_meta(ALL, Some("begun"))?;
    Ok(())
}

/// An entry with what both tiers say about it.
#[derive(Serialize)]
struct Read<'a> {
    #[serde(flatten)]
    entry: EntryJson<'a>,
    /// One sentence, mentions, and the labels of the language model where there is one.
    reading: Reading,
    /// How the model's word on the sentiment stands to the stored one.
    verdict: Option<Verdict>,
}

fn show(
    context: &Context,
    journal: &mut Journal,
    instant: &Instant,
    entries: &[Entry],
    refresh: bool,
) -> anyhow::Result<Exit> {
    let opened = language::open(context)?;
    let tier = opened.as_ref().map(language::Opened::language);
    let mut readings = Vec::with_capacity(entries.len());
    for entry in entries {
        let stored = journal
            .analysis(entry.id)
            .context("cannot read what is known about the entries")?;
        let reading = read::read(journal, tier.as_ref(), Some(instant), entry, refresh)?;
        let verdict = stored.as_ref().and_then(|s| reading.verdict(s));
        let holds = stored.as_ref().map(|s| reading.over(s));
        readings.push((holds, reading, verdict));
    }
    let complete = readings.iter().all(|(holds, _, _)| holds.is_some());
    if context.out.is_json() {
        let rows: Vec<_> = entries
            .iter()
            .zip(&readings)
            .map(|(entry, (holds, reading, verdict))| Read {
                entry: EntryJson::new(entry, holds.as_ref()),
                reading: reading.clone(),
                verdict: *verdict,
            })
            .collect();
        context.out.json(&rows)?;
        return Ok(Exit::Success);
    }
    for (index, (entry, (holds, reading, verdict))) in entries.iter().zip(&readings).enumerate() {
        if index > 0 {
            context.out.blank()?;
        }
        let title = Line::new()
            .bold(entry.id.to_string())
            .dim(format!("  {}", dates::long(&entry.when)));
        context.out.line(title)?;
        match holds {
            Some(analysis) => show_one(context, entry, analysis)?,
            None => context
                .out
                .line("  could not be analysed and will be tried again")?,
        }
        show_reading(context, entry, reading, *verdict)?;
    }
    Ok(if complete {
        Exit::Success
    } else {
        Exit::Failed
    })
}

/// What is said beside the numbers: a sentence, mentions, and which tier they are from.
fn show_reading(
    context: &Context,
    entry: &Entry,
    reading: &Reading,
    verdict: Option<Verdict>,
) -> anyhow::Result<()> {
    let out = &context.out;
    if let Some(summary) = reading
        .summary
        .as_ref()
        .filter(|s| s.tier == Tier::Language)
    {
        out.line(Line::new().dim("  in a sentence"))?;
        out.prose(&summary.text, 4)?;
    }
    for mention in &reading.mentions {
        let kind = match mention.kind {
            Kind::Person => "person",
            Kind::Place => "place",
            Kind::Commitment => "commitment",
        };
        out.line(Line::new().dim(format!("  {kind}")))?;
        let words: Vec<&str> = mention.quote.split_whitespace().collect();
        out.prose(&words.join(" "), 4)?;
    }
    match verdict {
        Some(Verdict::Agrees) => out.line(Line::new().dim("  the language model agrees"))?,
        Some(Verdict::Overrules) => {
            out.line(
                Line::new().dim("  the language model overrules the heads, which were unsure"),
            )?;
        }
        Some(Verdict::Overruled) => {
            let said = reading.label().map_or("", |(label, _)| label.as_str());
            out.line(Line::new().dim(format!(
                "  the language model says {said}; the heads are surer"
            )))?;
        }
        None => {}
    }
    let spans = reading.dropped_spans.iter().cloned();
    language::dropped(out, spans.map(|s| (format!("entry {}", entry.id), s)));
    language::remarks(out, &reading.notes, &reading.usage);
    if let Some(maker) = &reading.made_by {
        out.line(Line::new().dim(format!("  and by {maker}")))?;
    }
    Ok(())
}

fn show_one(context: &Context, entry: &Entry, analysis: &Analysis) -> anyhow::Result<()> {
    let out = &context.out;
    out.line(mood::line(analysis, out).indented())?;
    out.line(
        Line::new()
            .dim("  valence ")
            .plain(format!("{:+.2}", analysis.valence))
            .dim(" of -1 to 1"),
    )?;
    for theme in &analysis.themes {
        let likely = format!("{:3.0} %  ", theme.probability * 100.0);
        out.line(
            Line::new()
                .dim("  ")
                .plain(likely)
                .plain(theme.name.as_str()),
        )?;
    }
    evidence::show(analysis, &entry.text, out)?;
    out.line(Line::new().dim(format!("  by {}", analysis.model)))
}
