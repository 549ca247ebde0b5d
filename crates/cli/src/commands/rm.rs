//! `companion rm`.

use journal::EntryId;
use serde::Serialize;

use crate::context::Context;
use crate::exit::{self, Exit, Failure};
use crate::input;
use crate::messages;
use crate::output::Line;

/// Which entries, and how.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A removed entry is kept for at least 30 days; `companion restore ID` brings it back.\n\
    --forever wipes every version of it, and nothing brings it back but a backup."
)]
pub(crate) struct Args {
    /// The numbers of the entries
    #[arg(required = true)]
    ids: Vec<EntryId>,
    /// Wipe them, with every earlier version
    #[arg(long)]
    forever: bool,
    /// Do not ask before wiping; needed where nobody can be asked
    #[arg(short, long)]
    yes: bool,
}

#[derive(Serialize)]
struct Removed {
    id: i64,
    removed: bool,
    forever: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let asks = args.forever && !args.yes;
    if asks && !input::is_interactive() {
        let ids: Vec<_> = args.ids.iter().map(ToString::to_string).collect();
        return Err(Failure::usage(format!(
            "--forever cannot be undone, and there is nobody to ask; \
             say --yes: companion rm {} --forever --yes",
            ids.join(" ")
        ))
        .into());
    }
    let mut journal = context.journal()?;
    if asks {
        let question = format!(
            "Wipe {} for ever?",
            messages::entries(args.ids.len() as u64)
        );
        if !input::confirm(&question)? {
            return Err(Failure::new(Exit::Interrupted, "nothing was removed").into());
        }
    }
    let out = &context.out;
    let mut results = Vec::new();
    let mut first_error = None;
    for &id in &args.ids {
        let result = if args.forever {
            journal.purge(id)
        } else {
            journal.remove(id).map(drop)
        };
        results.push(Removed {
            id: id.0,
            removed: result.is_ok(),
            forever: args.forever,
            error: result.as_ref().err().map(|error| exit::chain(error)),
        });
        match result {
            Ok(()) if out.is_json() => {}
            Ok(()) if args.forever => out.line(format!("wiped {id}"))?,
            Ok(()) => out.line(
                Line::new()
                    .plain("removed ")
                    .bold(id.to_string())
                    .dim(format!("; `companion restore {id}` brings it back")),
            )?,
            // One id: its own error and exit code. Several: each is told, and the rest go on.
            Err(error) if args.ids.len() > 1 => {
                out.warn(exit::chain(&error));
                first_error.get_or_insert(Exit::Failed);
            }
            Err(error) => return Err(error.into()),
        }
    }
    if out.is_json() {
        out.json(&results)?;
    }
    Ok(first_error.unwrap_or(Exit::Success))
}
