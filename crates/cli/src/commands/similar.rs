//! `companion similar`: entries that resemble one.

use assistant::search::similar;
use journal::EntryId;

use crate::analysis;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::filter::FilterArgs;
use crate::messages;
use crate::view::hits;

/// How many are shown unless told otherwise.
const LIMIT: usize = 5;

/// Like which entry.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The number of the entry
    id: EntryId,
    #[command(flatten)]
    filter: FilterArgs,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let limit = args.filter.limit().unwrap_or(LIMIT);
    let mut filter = args.filter.filter(&context.now()?)?;
    filter.limit = None;
    let mut journal = context.journal()?;
    journal.get(args.id)?;
    let instant = analysis::catch_up_soon(context, &mut journal)?
        .ok_or_else(|| Failure::not_found(messages::NO_MODEL))?;
    let found = similar(&journal, &instant, args.id, &filter, limit)?;
    hits::show(&found, &context.out)?;
    Ok(Exit::Success)
}
