//! `companion config prompt`: the prompt files, to read and to start an own one from.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use assistant::language::prompts::{self, Prompts};
use serde::Serialize;

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::Line;

/// Which file, and what to do with it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A file of yours lies in `prompts/` of home and stands in place of the shipped one; remove it to have that one \
    back. What was made with another file counts as outdated."
)]
pub(super) struct Args {
    /// The task whose shipped file is printed [default: list them]
    task: Option<String>,
    /// Write it to `prompts/` of home, to be changed there; one that is there stays as it is
    #[arg(long, requires = "task")]
    copy: bool,
}

/// A row of the list.
#[derive(Serialize)]
struct Row {
    task: &'static str,
    version: u32,
    /// The file in home that stands in place of the shipped one; `null` where there is none.
    own: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<()> {
    let Some(task) = &args.task else {
        return list(context);
    };
    let text = prompts::shipped_text(task).ok_or_else(|| {
        let known = prompts::tasks().join(", ");
        Failure::usage(format!("no prompt file {task:?}; there are {known}"))
    })?;
    let out = &context.out;
    if args.copy {
        let path = copy(context, task, text)?;
        return match out.is_json() {
            true => out.json(&path),
            false => out.line(path.display().to_string()),
        };
    }
    match out.is_json() {
        true => out.json(text),
        false => out.bytes(text.as_bytes()),
    }
}

/// Where the own file of `task` is looked for.
fn own_path(context: &Context, task: &str) -> PathBuf {
    context.home().join("prompts").join(format!("{task}.toml"))
}

fn list(context: &Context) -> anyhow::Result<()> {
    let shipped = Prompts::shipped();
    // With mistakes in an own file nothing is made with any of them, and the list is where one looks then.
    let in_force = crate::language::read_prompts(context);
    let prompts = in_force.as_ref().unwrap_or(&shipped);
    let rows: Vec<Row> = prompts::tasks()
        .into_iter()
        .map(|task| {
            let own = own_path(context, task);
            Ok(Row {
                task,
                version: prompts.get(task)?.version(),
                own: own.is_file().then_some(own),
            })
        })
        .collect::<anyhow::Result<_>>()?;
    let out = &context.out;
    if out.is_json() {
        out.json(&rows)?;
    } else {
        for row in &rows {
            let from = row.own.as_ref().map_or_else(
                || format!("  shipped, version {}", row.version),
                |path| format!("  {}", path.display()),
            );
            out.line(Line::new().bold(row.task).dim(from))?;
        }
    }
    if let Err(error) = &in_force {
        out.warn(format!("note: {error:#}"));
    }
    Ok(())
}

/// Writes the shipped file of `task` where an own one is looked for.
fn copy(context: &Context, task: &str, text: &str) -> anyhow::Result<PathBuf> {
    let path = own_path(context, task);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let written = File::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Ok(()) => Ok(path),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Failure::usage(format!(
                "{} is there already; change that one, or remove it first",
                path.display()
            ))
            .into())
        }
        Err(error) => Err(Failure::new(
            Exit::CannotWrite,
            format!("cannot write {}: {error}", path.display()),
        )
        .into()),
    }
}
