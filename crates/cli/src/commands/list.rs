//! `companion list`.

use std::collections::HashMap;

use journal::{Analysis, EntryId};

use crate::context::Context;
use crate::exit::Exit;
use crate::filter::FilterArgs;
use crate::messages;
use crate::view::entry;
use crate::view::json::EntryJson;

/// Which entries, and in which order.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The sign before an entry says how it feels: + positive, − negative, ~ mixed, · neutral."
)]
pub(crate) struct Args {
    /// Latest first, instead of earliest first
    #[arg(short, long)]
    reverse: bool,
    /// Show the entries whole
    #[arg(short, long)]
    long: bool,
    /// Show removed entries, which can still be restored
    #[arg(long)]
    removed: bool,
    #[command(flatten)]
    filter: FilterArgs,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let mut filter = args.filter.filter(&context.now()?)?;
    filter.deleted = args.removed;
    // The limit counts from the latest; the order on the screen is another matter.
    filter.newest_first = args.reverse || filter.limit.is_some();
    let journal = context.journal()?;
    let mut entries = journal.list(&filter)?;
    if filter.newest_first && !args.reverse {
        entries.reverse();
    }
    let analyses: HashMap<EntryId, Analysis> = journal.analyses(&filter)?.into_iter().collect();

    let out = &context.out;
    if args.filter.needs_analysis() && journal.queued_count()? > 0 {
        out.note(format!(
            "{} not analysed yet and left out; `companion analyze` catches up",
            messages::are(journal.queued_count()?)
        ));
    }
    if out.is_json() {
        let rows: Vec<EntryJson<'_>> = entries
            .iter()
            .map(|entry| EntryJson::new(entry, analyses.get(&entry.id)))
            .collect();
        out.json(&rows)?;
        return Ok(Exit::Success);
    }
    if entries.is_empty() {
        let empty = args.filter.is_everything() && !args.removed;
        out.note(if empty {
            messages::EMPTY_JOURNAL
        } else {
            messages::NOTHING_FOUND
        });
        return Ok(Exit::Success);
    }
    if args.long {
        for (index, entry) in entries.iter().enumerate() {
            if index > 0 {
                out.blank()?;
            }
            entry::full(entry, analyses.get(&entry.id), out)?;
        }
        return Ok(Exit::Success);
    }
    let id_width = entries
        .iter()
        .map(|e| e.id.to_string().len())
        .max()
        .unwrap_or(1);
    out.lines(
        entries
            .iter()
            .map(|entry| entry::row(entry, analyses.get(&entry.id), id_width, out)),
    )?;
    Ok(Exit::Success)
}
