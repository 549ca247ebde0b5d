//! `companion model rm`.

use engine::store::ModelStore;
use serde::Serialize;

use super::table::size;
use crate::context::Context;
use crate::exit::Exit;
use crate::input;
use crate::output::escape;

/// Which models.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Names of `companion model list`
    #[arg(required = true)]
    names: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

#[derive(Serialize)]
struct Removed {
    removed: Vec<String>,
    freed_bytes: u64,
}

pub(super) fn run(context: &Context, store: &ModelStore, args: &Args) -> anyhow::Result<Exit> {
    // All names are looked up before the first is removed: a slip in the last one costs nothing.
    let models = args
        .names
        .iter()
        .map(|name| store.get(name))
        .collect::<Result<Vec<_>, _>>()?;
    let freed_bytes = models.iter().map(|model| model.bytes).sum();
    // Without a terminal nobody could answer; the command itself is the answer.
    if !args.yes && input::is_interactive() {
        let names = escape::line(&args.names.join(", ")).into_owned();
        if !input::confirm(&format!("Remove {names} ({})?", size(freed_bytes)))? {
            context.out.note("nothing was removed");
            return Ok(Exit::Success);
        }
    }
    for model in &models {
        store.remove(&model.name)?;
        context.out.note(format!("removed {}", model.name));
    }
    if context.out.is_json() {
        let removed = models.into_iter().map(|model| model.name).collect();
        context.out.json(&Removed {
            removed,
            freed_bytes,
        })?;
    }
    Ok(Exit::Success)
}
