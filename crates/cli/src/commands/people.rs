//! `companion people` and `companion promises`: who occurs, and what the writer means to do, each with its sentence.

use std::collections::BTreeSet;

use assistant::language::extract::{Found, Kind, known, promised};
use assistant::language::read;

use crate::context::Context;
use crate::exit::Exit;
use crate::filter::FilterArgs;
use crate::language;
use crate::messages;
use crate::output::{Line, Output};
use crate::view::dates;

/// Which entries.
#[derive(Debug, clap::Args)]
pub(crate) struct PeopleArgs {
    /// Places in place of people; only a language model finds them (`companion analyze --language`)
    #[arg(long)]
    places: bool,
    #[command(flatten)]
    filter: FilterArgs,
}

/// Which entries.
#[derive(Debug, clap::Args)]
pub(crate) struct PromisesArgs {
    #[command(flatten)]
    filter: FilterArgs,
}

/// Sentences shown for a name.
const SENTENCES: usize = 3;

pub(crate) fn people(context: &Context, args: &PeopleArgs) -> anyhow::Result<Exit> {
    let limit = args.filter.limit().unwrap_or(usize::MAX);
    let mut filter = args.filter.filter(&context.now()?)?;
    filter.limit = None;
    let kind = if args.places {
        Kind::Place
    } else {
        Kind::Person
    };
    let journal = context.journal()?;
    let maker = language::maker(context, read::TASK)?;
    let mut all = known(&journal, &filter, kind, maker.as_deref())?;
    all.truncate(limit);
    let out = &context.out;
    if out.is_json() {
        out.json(&all)?;
        return Ok(Exit::Success);
    }
    for one in &all {
        let count = messages::entries(one.mentions.len() as u64);
        out.line(
            Line::new()
                .bold(one.name.as_str())
                .dim(format!("  {count}")),
        )?;
        for found in one.mentions.iter().take(SENTENCES) {
            sentence(found, out)?;
        }
    }
    if all.is_empty() {
        out.note(messages::NOTHING_FOUND);
    }
    made_by(all.iter().flat_map(|one| &one.mentions), out);
    Ok(Exit::Success)
}

pub(crate) fn promises(context: &Context, args: &PromisesArgs) -> anyhow::Result<Exit> {
    let limit = args.filter.limit().unwrap_or(usize::MAX);
    let mut filter = args.filter.filter(&context.now()?)?;
    filter.limit = None;
    let journal = context.journal()?;
    let maker = language::maker(context, read::TASK)?;
    let mut all = promised(&journal, &filter, maker.as_deref())?;
    all.truncate(limit);
    let out = &context.out;
    if out.is_json() {
        out.json(&all)?;
        return Ok(Exit::Success);
    }
    for found in &all {
        sentence(found, out)?;
    }
    if all.is_empty() {
        out.note(messages::NOTHING_FOUND);
    }
    made_by(all.iter(), out);
    Ok(Exit::Success)
}

/// Says which tier found what is shown: the instant one always looks, and models where they have read.
fn made_by<'a>(found: impl Iterator<Item = &'a Found>, out: &Output) {
    let models: BTreeSet<&str> = found.filter_map(|f| f.made_by.as_deref()).collect();
    let mut by = "by the instant tier".to_owned();
    for model in models {
        by.push_str(" and ");
        by.push_str(model);
    }
    out.note(by);
}

fn sentence(found: &Found, out: &Output) -> anyhow::Result<()> {
    let when = format!("  {}, entry {}", dates::short(&found.date), found.entry);
    out.line(Line::new().dim(when))?;
    let words: Vec<&str> = found.sentence.split_whitespace().collect();
    out.prose(&words.join(" "), 4)
}
