//! `companion search`: by words and by meaning, fused.

use assistant::search::{Mode, search};

use crate::analysis;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::filter::FilterArgs;
use crate::messages;
use crate::view::hits;

/// How many are shown unless told otherwise.
const LIMIT: usize = 10;

/// What to look for, and where.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Finds entries by their words and by what they mean, best first. \"Quoted words\" are looked for \
    together; the last word also finds words that it begins."
)]
pub(crate) struct Args {
    /// What to look for, in your own words
    #[arg(required = true)]
    query: Vec<String>,
    /// Look for the words only
    #[arg(long, conflicts_with = "meaning")]
    text: bool,
    /// Look for the meaning only
    #[arg(long)]
    meaning: bool,
    #[command(flatten)]
    filter: FilterArgs,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let query = args.query.join(" ");
    if query.trim().is_empty() {
        return Err(
            Failure::usage("there is nothing to look for; companion search \"lake\"").into(),
        );
    }
    let mode = match (args.text, args.meaning) {
        (true, _) => Mode::Text,
        (_, true) => Mode::Meaning,
        _ => Mode::Hybrid,
    };
    let limit = args.filter.limit().unwrap_or(LIMIT);
    let mut filter = args.filter.filter(&context.now()?)?;
    // The limit is on the hits, not on the entries that are looked at.
    filter.limit = None;
    let mut journal = context.journal()?;
    let instant = match mode {
        Mode::Text => None,
        _ => analysis::catch_up_soon(context, &mut journal)?,
    };
    match (mode, &instant) {
        (Mode::Meaning, None) => return Err(Failure::not_found(messages::NO_MODEL).into()),
        (Mode::Hybrid, None) => context.out.note(messages::NO_MODEL_FOR_SEARCH),
        _ => {}
    }
    let found = search(&journal, instant.as_ref(), &query, &filter, limit, mode)?;
    hits::show(&found, &context.out)?;
    Ok(Exit::Success)
}
