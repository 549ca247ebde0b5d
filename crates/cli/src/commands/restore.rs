//! `companion restore`: undo of a removal, or of the last edit.

use journal::EntryId;

use crate::context::Context;
use crate::exit::Exit;
use crate::output::Line;
use crate::view::json::EntryJson;

/// Which entry.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A removed entry comes back; of one that was edited, the version before the last edit.\n\
    The version that is replaced is kept too: `companion history ID` shows them all."
)]
pub(crate) struct Args {
    /// The number of the entry
    id: EntryId,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let mut journal = context.journal()?;
    let was_removed = journal.get_any(args.id)?.deleted.is_some();
    let entry = journal.restore(args.id)?;
    if context.out.is_json() {
        let analysis = journal.analysis(entry.id)?;
        context
            .out
            .json(&EntryJson::new(&entry, analysis.as_ref()))?;
        return Ok(Exit::Success);
    }
    let line = Line::new().plain("restored ").bold(entry.id.to_string());
    context.out.line(if was_removed {
        line
    } else {
        line.dim(", as it was before the last edit")
    })?;
    Ok(Exit::Success)
}
