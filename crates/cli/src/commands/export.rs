//! `companion export`: entries in a form that any program reads.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use journal::Entry;
use journal::format;
use serde::Serialize;

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::filter::FilterArgs;
use crate::messages;
use crate::output::{Line, escape};

/// Which entries, to where, and how written.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without a path, it is written to stdout. A path without a known ending is a folder that gets \
    one Markdown file an entry. Nothing that exists is overwritten. `companion import` reads it all back.\n\
    An export is not encrypted; for a copy that is, use `companion backup create`."
)]
pub(crate) struct Args {
    /// A file (.md, .jsonl, .json), a folder, or `-` for stdout
    path: Option<PathBuf>,
    /// How it is written [default: by the path; md for stdout]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Form>,
    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// Markdown with front matter
    Md,
    /// One JSON object a line
    Jsonl,
    /// One JSON array
    Json,
}

#[derive(Serialize)]
struct Report<'a> {
    entries: u64,
    path: &'a Path,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let mut filter = args.filter.filter(&context.now()?)?;
    filter.newest_first = filter.limit.is_some();
    let mut entries = context.journal()?.list(&filter)?;
    if filter.newest_first {
        entries.reverse();
    }
    let path = args.path.as_deref().filter(|path| *path != Path::new("-"));
    let Some(path) = path else {
        let form = match args.format {
            Some(form) => form,
            None if context.out.is_json() => Form::Json,
            None => Form::Md,
        };
        to_stdout(context, &entries, form)?;
        return Ok(Exit::Success);
    };
    match args.format.or_else(|| form_of(path)) {
        Some(form) if !path.is_dir() => to_file(&entries, path, form)?,
        Some(Form::Md) | None => {
            format::export_folder(&entries, path)?;
        }
        Some(_) => {
            return Err(Failure::usage(format!(
                "{} is a folder, and only md is written into one; name a file",
                path.display()
            ))
            .into());
        }
    }
    let out = &context.out;
    if out.is_json() {
        out.json(&Report {
            entries: entries.len() as u64,
            path,
        })?;
    } else {
        out.line(
            Line::new()
                .plain("exported ")
                .bold(messages::entries(entries.len() as u64))
                .plain(format!(" to {}", path.display()))
                .dim(", not encrypted"),
        )?;
    }
    Ok(Exit::Success)
}

/// The form that the name of a file asks for.
fn form_of(path: &Path) -> Option<Form> {
    match path.extension()?.to_str()?.to_lowercase().as_str() {
        "md" | "markdown" => Some(Form::Md),
        "jsonl" | "ndjson" => Some(Form::Jsonl),
        "json" => Some(Form::Json),
        _ => None,
    }
}

fn write(entries: &[Entry], form: Form, to: &mut dyn io::Write) -> io::Result<()> {
    match form {
        Form::Md => format::write_markdown(entries, to),
        Form::Jsonl => format::write_jsonl(entries, to),
        Form::Json => format::write_json(entries, to),
    }
}

/// JSON keeps its value when it is escaped. Markdown is escaped for a terminal only: what goes into a
/// pipe has to read back to the byte.
fn to_stdout(context: &Context, entries: &[Entry], form: Form) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    write(entries, form, &mut bytes).context("cannot write the export")?;
    if form == Form::Md && !io::stdout().is_terminal() {
        return context.out.bytes(&bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    let safe = if form == Form::Md {
        escape::lines(&text)
    } else {
        escape::json(&text)
    };
    context.out.bytes(safe.as_bytes())
}

fn to_file(entries: &[Entry], path: &Path, form: Form) -> anyhow::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::new(
                Exit::CannotWrite,
                format!(
                    "{} exists and is not overwritten; name another file",
                    path.display()
                ),
            ),
            _ => Failure::new(
                Exit::CannotWrite,
                format!("cannot write {}: {error}", path.display()),
            ),
        })?;
    let mut to = BufWriter::new(file);
    let written = write(entries, form, &mut to)
        .and_then(|()| to.flush())
        .and_then(|()| to.get_ref().sync_all());
    written.map_err(|error| {
        // Half an export looks like a whole one.
        let _ = std::fs::remove_file(path);
        Failure::new(
            Exit::CannotWrite,
            format!("cannot write {}: {error}", path.display()),
        )
        .into()
    })
}
