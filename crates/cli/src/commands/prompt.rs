//! `companion prompt`: the next question.

use assistant::prompt;

use crate::analysis;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Line;
use crate::view::question;

/// Which question.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A question that was shown does not come back for 30 days. Answer with `companion write`."
)]
pub(crate) struct Args {
    /// Another question than today's; each number gives another one
    #[arg(long, value_name = "N", default_value_t = 0)]
    another: u64,
    /// Say why this one was chosen
    #[arg(long)]
    why: bool,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let now = context.now()?;
    let mut journal = context.journal_for_writing()?;
    let instant = analysis::catch_up(context, &mut journal)?;
    let chosen = prompt::choose(&journal, instant.as_ref(), &now, args.another)?;
    // A journal that can only be read still has a question; it may come again.
    if !journal.is_read_only() {
        journal.record_prompt(&chosen.id, now.timestamp())?;
    }
    let out = &context.out;
    if out.is_json() {
        out.json(&chosen)?;
        return Ok(Exit::Success);
    }
    question::show(&chosen, out)?;
    if args.why {
        out.line(Line::new().dim(chosen.why))?;
    }
    Ok(Exit::Success)
}
