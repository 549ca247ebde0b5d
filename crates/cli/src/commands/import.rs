//! `companion import`: entries from other programs, or from an export.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::tz::TimeZone;
use journal::format::{self, Format, Imported};
use journal::{ImportCounts, Journal, NewEntry};
use serde::Serialize;

use crate::analysis;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::interrupt;
use crate::messages;
use crate::output::Line;

/// The most that is read from stdin, in bytes.
const MAX_STDIN_BYTES: u64 = 1 << 30;

/// What to read.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Reads a folder of Markdown files (with or without front matter), jrnl's text and JSON exports, \
    JSON Lines with `date`, `text` and perhaps `id`, and all that `companion export` writes.\n\
    Importing the same thing again adds nothing twice."
)]
pub(crate) struct Args {
    /// A file, a folder, or `-` for stdin
    path: PathBuf,
    /// Its format: md, jrnl, jsonl or json [default: by its name and content]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Only store; the analysis happens later
    #[arg(long)]
    no_analysis: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    added: u64,
    updated: u64,
    unchanged: u64,
    /// Edited here and changed at their source: what is here was kept.
    kept: Vec<i64>,
    failed: &'a [Failed],
}

#[derive(Serialize)]
struct Failed {
    file: Option<String>,
    line: Option<u64>,
    reason: String,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let zone = context.now()?.time_zone().clone();
    let Imported { entries, errors } = read(args, &zone)?;
    let mut journal = context.journal_for_writing()?;
    let mut progress = context.out.progress("importing", entries.len() as u64);
    let places = places(&entries);
    let counts = journal.add_many(entries, &mut |done| progress.set(done));
    progress.finish();
    let counts = counts?;

    let mut failed: Vec<Failed> = errors
        .into_iter()
        .map(|error| Failed {
            file: Some(error.file),
            line: error.line,
            reason: error.reason,
        })
        .collect();
    failed.extend(counts.refused.iter().map(|refused| Failed {
        file: None,
        line: None,
        reason: format!(
            "{}: {}",
            usize::try_from(refused.index)
                .ok()
                .and_then(|index| places.get(index))
                .map_or("an entry", String::as_str),
            refused.reason
        ),
    }));
    let exit = if failed.is_empty() {
        Exit::Success
    } else {
        Exit::Failed
    };
    tell(context, &counts, &failed)?;
    let analysed = match args.no_analysis {
        true => Ok(()),
        false => analyse(context, &mut journal, counts.added + counts.updated > 0),
    };
    // Last of all, where whoever waited for the analysis still sees it.
    complain(context, &counts, &failed);
    analysed?;
    Ok(match interrupt::was_pressed() {
        true => Exit::Interrupted,
        false => exit,
    })
}

/// Reads what waits: what is `new`, and what an import that was stopped left.
fn analyse(context: &Context, journal: &mut Journal, new: bool) -> anyhow::Result<()> {
    if journal.queued_count()? == 0 {
        return Ok(());
    }
    match analysis::catch_up(context, journal) {
        Ok(Some(_)) => {}
        // Whoever imports the same again without a model knows.
        Ok(None) if !new => {}
        Ok(None) => context.out.note(messages::NO_MODEL_FOR_NEW),
        Err(error) => context
            .out
            .warn(format!("imported, but not analysed yet: {error:#}")),
    }
    Ok(())
}

fn read(args: &Args, zone: &TimeZone) -> anyhow::Result<Imported> {
    if args.path == Path::new("-") {
        return read_stdin(args, zone);
    }
    let shown = args.path.display();
    if !args.path.exists() {
        return Err(Failure::not_found(format!("there is no file or folder {shown}")).into());
    }
    let regular = args.path.is_file() || args.path.is_dir();
    let format = args
        .format
        .or_else(|| format::detect(&args.path))
        // Whatever it is, it is refused for not being a file.
        .or_else(|| (!regular).then_some(Format::Jsonl))
        .ok_or_else(|| unknown(&shown.to_string()))?;
    Ok(format::import(&args.path, format, zone)?)
}

fn read_stdin(args: &Args, zone: &TimeZone) -> anyhow::Result<Imported> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(MAX_STDIN_BYTES + 1)
        .read_to_end(&mut bytes)
        .context("cannot read stdin")?;
    if bytes.len() as u64 > MAX_STDIN_BYTES {
        return Err(Failure::usage("stdin holds more than 1 GiB; split it").into());
    }
    let format = args
        .format
        .or_else(|| format::detect_start(&bytes))
        .ok_or_else(|| unknown("stdin"))?;
    Ok(format::import_bytes("stdin", &bytes, format, zone))
}

fn unknown(what: &str) -> Failure {
    Failure::usage(format!(
        "cannot tell what {what} is; say so with --format md, jrnl, jsonl or json"
    ))
}

/// How each entry is called should the journal refuse it.
fn places(entries: &[NewEntry]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| match &entry.source_id {
            Some(id) => format!("the entry with id {id:?}"),
            None => format!("the entry of {}", entry.when.strftime("%Y-%m-%d %H:%M")),
        })
        .collect()
}

/// Says what was not taken in, and why. In JSON the report holds it.
fn complain(context: &Context, counts: &ImportCounts, failed: &[Failed]) {
    let out = &context.out;
    if out.is_json() {
        return;
    }
    for failure in failed {
        let place = match (&failure.file, failure.line) {
            (Some(file), Some(line)) => format!("{file}:{line}: "),
            (Some(file), None) => format!("{file}: "),
            _ => String::new(),
        };
        out.warn(format!("{place}{}", failure.reason));
    }
    for id in &counts.kept {
        out.warn(format!(
            "entry {id} was edited here and has changed in its source, too; it stays as it is here"
        ));
    }
}

/// Says how many entries came in.
fn tell(context: &Context, counts: &ImportCounts, failed: &[Failed]) -> anyhow::Result<()> {
    let out = &context.out;
    if out.is_json() {
        return out.json(&Report {
            added: counts.added,
            updated: counts.updated,
            unchanged: counts.unchanged,
            kept: counts.kept.iter().map(|id| id.0).collect(),
            failed,
        });
    }
    let mut rest = Vec::new();
    for (count, what) in [
        (counts.updated, "changed since"),
        (counts.unchanged, "known before"),
        (counts.kept.len() as u64, "kept as edited here"),
        (failed.len() as u64, "not readable"),
    ] {
        if count > 0 {
            rest.push(format!("{count} {what}"));
        }
    }
    let line = Line::new()
        .plain("imported ")
        .bold(messages::entries(counts.added));
    out.line(if rest.is_empty() {
        line
    } else {
        line.dim(format!(" ({})", rest.join(", ")))
    })
}
