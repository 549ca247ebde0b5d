//! `companion` without a command: a greeting, today's question, and room to answer it.

use assistant::prompt::{self, Prompt};
use clap::CommandFactory as _;
use jiff::ZonedDateTime;
use journal::{Filter, Journal};

use crate::analysis;
use crate::args::Args;
use crate::commands::save::Options;
use crate::commands::write;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::language;
use crate::messages;
use crate::output::Line;
use crate::view::question;

pub(crate) fn run(context: &Context) -> anyhow::Result<Exit> {
    let out = &context.out;
    if out.is_json() {
        return Err(Failure::usage("--json needs a command; `companion --help` lists them").into());
    }
    if !write::is_seated() {
        // Nobody is there to answer: say what there is, ask nothing, touch nothing.
        out.help(&mut Args::command())?;
        return Ok(Exit::Success);
    }
    let now = context.now()?;
    let mut journal = context.journal_for_writing()?;
    let count = journal.count(&Filter::default())?;
    out.line(
        Line::new()
            .bold(greeting(&now))
            .dim(now.strftime("  %A, %-d %B").to_string()),
    )?;
    if count > 0 {
        out.line(Line::new().dim(format!("{} in your journal", messages::entries(count))))?;
    }
    out.blank()?;
    let chosen = todays(context, &mut journal, &now)?;
    if !journal.is_read_only() {
        journal.record_prompt(&chosen.id, now.timestamp())?;
    }
    question::show(&chosen, out)?;
    out.blank()?;
    let editor = Some(context.config.editor.as_str()).filter(|editor| !editor.trim().is_empty());
    write::write(context, &mut journal, editor, Options::default())
}

/// The same question as `companion prompt` asks: the one that a language model has worked out for today, else the bank's.
fn todays(context: &Context, journal: &mut Journal, now: &ZonedDateTime) -> anyhow::Result<Prompt> {
    match language::waiting_question(context, journal, now, 0) {
        Ok(Some(asked)) => return Ok(asked.prompt),
        Ok(None) => {}
        // Whoever wants to write is not held up by a mistake in a prompt file.
        Err(error) => context.out.warn(format!("note: {error:#}")),
    }
    let instant = analysis::catch_up_soon(context, journal)?;
    Ok(prompt::choose(journal, instant.as_ref(), now, 0)?)
}

/// As one says it at this hour.
fn greeting(now: &ZonedDateTime) -> &'static str {
    match now.hour() {
        5..=11 => "Good morning.",
        12..=17 => "Good afternoon.",
        18..=22 => "Good evening.",
        _ => "Still awake?",
    }
}
