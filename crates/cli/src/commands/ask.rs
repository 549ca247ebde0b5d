//! `companion ask`: an answer from the journal, cited.

use assistant::language::ask::{Answer, ask};

use crate::analysis;
use crate::commands::reflect::made_by;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::filter::FilterArgs;
use crate::language;
use crate::messages;
use crate::output::Line;

/// The question.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Every statement names the entry that it rests on. Where the journal says nothing, the answer is \"I find \
    nothing about that.\", and the exit code is 0 all the same.\n\nWith --json: answer, found, citations (entry, source_id, \
    quote, start, end), and which tier answered."
)]
pub(crate) struct Args {
    /// The question, in plain words
    #[arg(required = true, value_name = "QUESTION")]
    question: Vec<String>,
    #[command(flatten)]
    filter: FilterArgs,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let now = context.now()?;
    let filter = args.filter.filter(&now)?;
    let question = args.question.join(" ");
    if question.trim().is_empty() {
        return Err(Failure::usage("ask something: companion ask \"when did I …?\"").into());
    }
    let mut journal = context.journal()?;
    let instant = analysis::catch_up(context, &mut journal)?;
    if instant.is_none() {
        context.out.warn(messages::NO_MODEL_FOR_SEARCH);
    }
    let opened = language::open(context)?;
    let tier = opened.as_ref().map(language::Opened::language);
    let answer = ask(
        &journal,
        tier.as_ref(),
        instant.as_ref(),
        &question,
        &filter,
        &now,
    )?;
    if opened.as_ref().is_some_and(language::Opened::stopped) {
        return Ok(Exit::Interrupted);
    }
    if context.out.is_json() {
        context.out.json(&answer)?;
    } else {
        show(context, &answer)?;
    }
    Ok(Exit::Success)
}

fn show(context: &Context, answer: &Answer) -> anyhow::Result<()> {
    let out = &context.out;
    if !answer.found {
        out.prose(&answer.answer, 0)?;
    }
    for sentence in &answer.sentences {
        out.prose(&sentence.text, 0)?;
        for c in &sentence.citations {
            out.line(Line::new().dim(format!("  entry {}", c.entry)))?;
            if !sentence.text.contains(c.quote.as_str()) {
                let (open, close) = (out.glyph("“", "\""), out.glyph("”", "\""));
                let quote: Vec<&str> = c.quote.split_whitespace().collect();
                out.prose(&format!("{open}{}{close}", quote.join(" ")), 4)?;
            }
        }
    }
    language::remarks(out, &answer.notes, &answer.usage);
    if answer.truncated {
        out.warn("note: long entries were read only around what was found");
    }
    out.note(made_by(answer.made_by.as_deref()));
    Ok(())
}
