//! `companion tags`: which tags there are, and how often.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;
use crate::filter::FilterArgs;
use crate::messages;
use crate::output::Line;

/// Of which entries.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Serialize)]
struct TagCount {
    tag: String,
    entries: usize,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let mut filter = args.filter.filter(&context.now()?)?;
    // The limit counts from the latest.
    filter.newest_first = filter.limit.is_some();
    let journal = context.journal()?;
    let mut counts = BTreeMap::<String, usize>::new();
    for tag in journal
        .list(&filter)?
        .into_iter()
        .flat_map(|entry| entry.tags)
    {
        *counts.entry(tag).or_default() += 1;
    }
    let mut counts: Vec<TagCount> = counts
        .into_iter()
        .map(|(tag, entries)| TagCount { tag, entries })
        .collect();
    // Most used first; the alphabet decides among equals.
    counts.sort_by_key(|count| Reverse(count.entries));
    let out = &context.out;
    if out.is_json() {
        out.json(&counts)?;
    } else if counts.is_empty() {
        out.note(messages::NOTHING_FOUND);
    } else {
        let width = counts
            .iter()
            .map(|c| c.entries.to_string().len())
            .max()
            .unwrap_or(1);
        out.lines(counts.iter().map(|count| {
            Line::new()
                .dim(format!("{:>width$}  ", count.entries))
                .plain(format!("#{}", count.tag))
        }))?;
    }
    Ok(Exit::Success)
}
