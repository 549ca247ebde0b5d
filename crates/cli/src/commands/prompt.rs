//! `companion prompt`: the next question.

use assistant::language::question;
use journal::Journal;

use crate::analysis;
use crate::commands::reflect::made_by;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::language;
use crate::output::Line;
use crate::view::question as shown;

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
    /// A question to go on with a text that is not finished: the draft, or stdin where it is no terminal
    #[arg(long = "continue", conflicts_with_all = ["another", "why"])]
    go_on: bool,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let now = context.now()?;
    let mut journal = context.journal_for_writing()?;
    // One that was worked out ahead is shown before any model is opened.
    if !args.go_on
        && let Some(asked) = language::waiting_question(context, &journal, &now, args.another)?
    {
        return show(context, &mut journal, args, asked);
    }
    let instant = analysis::catch_up(context, &mut journal)?;
    let opened = language::open(context)?;
    let tier = opened.as_ref().map(language::Opened::language);
    if args.go_on {
        let text = unfinished(&journal)?;
        let asked = question::continuation(tier.as_ref(), instant.as_ref(), &text)?;
        if context.out.is_json() {
            context.out.json(&asked)?;
        } else {
            context.out.prose(&asked.text, 0)?;
            for note in &asked.notes {
                context.out.warn(format!("note: {note}"));
            }
        }
        return Ok(Exit::Success);
    }
    let asked = question::today(
        &mut journal,
        tier.as_ref(),
        instant.as_ref(),
        &now,
        args.another,
    )?;
    show(context, &mut journal, args, asked)
}

fn show(
    context: &Context,
    journal: &mut Journal,
    args: &Args,
    asked: question::Asked,
) -> anyhow::Result<Exit> {
    let now = context.now()?;
    // A journal that can only be read still has a question; it may come again.
    if !journal.is_read_only() {
        journal.record_prompt(&asked.prompt.id, now.timestamp())?;
    }
    let out = &context.out;
    if out.is_json() {
        out.json(&asked)?;
        return Ok(Exit::Success);
    }
    shown::show(&asked.prompt, out)?;
    if args.why {
        out.line(Line::new().dim(asked.prompt.why))?;
        out.line(Line::new().dim(made_by(asked.made_by.as_deref())))?;
    }
    language::remarks(out, &asked.notes, &asked.usage);
    Ok(Exit::Success)
}

/// The text that somebody stopped in the middle of.
fn unfinished(journal: &Journal) -> anyhow::Result<String> {
    if let Some(draft) = journal.draft("new")? {
        return Ok(draft.text);
    }
    input::entry_text(&[])?.ok_or_else(|| {
        Failure::usage(
            "there is no draft; give the text on stdin: companion prompt --continue < FILE",
        )
        .into()
    })
}
