//! `companion analyze`: how entries, or a stream of texts, feel and what they are about.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use assistant::Said;
use journal::{Analysis, Entry, EntryId, Journal, ThemeScore};
use serde::Serialize;

use crate::analysis;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::jsonl;
use crate::messages;
use crate::output::Line;
use crate::view::json::{self, EntryJson};
use crate::view::{dates, evidence, mood};

/// What to analyse.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "With --jsonl nothing is stored and no journal is opened. Each line of FILE is an \
    object with a field \"text\"; each line of the answer is {\"sentiment\":…,\"confidence\":…,\"valence\":…,\
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
        Row {
            sentiment: analysis.sentiment,
            confidence: json::places(analysis.confidence),
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
}

fn entries(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let mut journal = context.journal()?;
    let named = args
        .ids
        .iter()
        .map(|id| journal.get(*id))
        .collect::<Result<Vec<_>, _>>()?;
    if args.all {
        journal.requeue_all(None)?;
    }
    let queued = journal.queued_count()?;
    analysis::catch_up(context, &mut journal)?
        .ok_or_else(|| Failure::not_found(messages::NO_MODEL))?;
    if !args.ids.is_empty() {
        return show(context, &journal, &named);
    }
    let waiting = journal.queued_count()?;
    let counts = Counts {
        analysed: queued.saturating_sub(waiting),
        waiting,
    };
    if context.out.is_json() {
        context.out.json(&counts)?;
    } else {
        context.out.line(match (counts.analysed, counts.waiting) {
            (0, 0) => {
                "nothing is waiting; `companion analyze --all` reads every entry again".to_owned()
            }
            (done, 0) => format!("analysed {}", messages::entries(done)),
            (done, left) => format!("analysed {}, {left} still waiting", messages::entries(done)),
        })?;
    }
    Ok(if waiting == 0 {
        Exit::Success
    } else {
        Exit::Failed
    })
}

fn show(context: &Context, journal: &Journal, entries: &[Entry]) -> anyhow::Result<Exit> {
    let analyses = entries
        .iter()
        .map(|entry| journal.analysis(entry.id))
        .collect::<Result<Vec<_>, _>>()
        .context("cannot read what is known about the entries")?;
    let pairs = || entries.iter().zip(&analyses);
    if context.out.is_json() {
        let rows: Vec<_> = pairs()
            .map(|(entry, analysis)| EntryJson::new(entry, analysis.as_ref()))
            .collect();
        context.out.json(&rows)?;
        return Ok(Exit::Success);
    }
    for (index, (entry, analysis)) in pairs().enumerate() {
        if index > 0 {
            context.out.blank()?;
        }
        let title = Line::new()
            .bold(entry.id.to_string())
            .dim(format!("  {}", dates::long(&entry.when)));
        context.out.line(title)?;
        match analysis {
            Some(analysis) => show_one(context, entry, analysis)?,
            None => context
                .out
                .line("  could not be analysed and will be tried again")?,
        }
    }
    Ok(match analyses.iter().all(Option::is_some) {
        true => Exit::Success,
        false => Exit::Failed,
    })
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
