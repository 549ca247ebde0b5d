//! `companion show`.

use journal::EntryId;

use crate::context::Context;
use crate::exit::Exit;
use crate::view::entry;
use crate::view::json::EntryJson;

/// Which entry.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The number of the entry, as `companion list` shows it
    id: EntryId,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let journal = context.journal()?;
    let shown = journal.get_any(args.id)?;
    let analysis = journal.analysis(args.id)?;
    if context.out.is_json() {
        context
            .out
            .json(&EntryJson::new(&shown, analysis.as_ref()))?;
    } else {
        entry::full(&shown, analysis.as_ref(), &context.out)?;
    }
    Ok(Exit::Success)
}
