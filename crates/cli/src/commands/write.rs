//! `companion write`: a longer entry, in the line editor or one's own.

use std::io::IsTerminal as _;

use journal::Journal;

use crate::ahead::Ahead;
use crate::commands::save::{self, Options, Saved};
use crate::compose::{self, Composed};
use crate::context::Context;
use crate::editor;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::messages;
use crate::when::split_prefix;

/// How to write, and what is set beside the text.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "An editor sees the entry only in a file in memory, which is wiped afterwards.\n\
    Without a terminal, the entry is read from stdin."
)]
pub(crate) struct Args {
    /// Write in an editor: COMMAND, or else the configured one, $VISUAL, $EDITOR
    #[arg(long, value_name = "COMMAND", num_args = 0..=1, default_missing_value = "", conflicts_with = "no_editor")]
    editor: Option<String>,
    /// Write in the line editor, whatever is configured
    #[arg(long)]
    no_editor: bool,
    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let editor = match &args.editor {
        _ if args.no_editor => None,
        Some(command) if !command.is_empty() => Some(command.clone()),
        Some(_) => Some(editor::chosen(&context.config.editor).ok_or_else(|| {
            Failure::usage("no editor is set; name one: companion write --editor nano")
        })?),
        None => Some(context.config.editor.clone()).filter(|editor| !editor.trim().is_empty()),
    };
    if editor.is_none() && !is_seated() {
        let text = input::entry_text(&["-".to_owned()])?;
        let text = text.unwrap_or_default();
        if text.trim().is_empty() {
            return Err(save::empty().into());
        }
        let mut journal = context.journal_for_writing()?;
        return save_written(context, &mut journal, &text, args.options);
    }
    let mut journal = context.journal_for_writing()?;
    write(context, &mut journal, editor.as_deref(), args.options)
}

/// Whether a person can use the line editor: it needs the keyboard and the screen.
pub(crate) fn is_seated() -> bool {
    input::is_interactive() && std::io::stdout().is_terminal()
}

/// Lets the person write, with `editor` or in the line editor, and saves the result.
pub(crate) fn write(
    context: &Context,
    journal: &mut Journal,
    editor: Option<&str>,
    mut options: Options,
) -> anyhow::Result<Exit> {
    options.drops_draft = true;
    if let Some(editor) = editor {
        let draft = journal.draft(compose::DRAFT)?.map(|draft| draft.text);
        // What is said comes after the file is wiped: a closed pipe does not unsave the entry.
        let saved = editor::edit(editor, draft.as_deref().unwrap_or_default(), |text| {
            if text.trim().is_empty() {
                return Ok(None);
            }
            keep_written(context, journal, text.trim_end(), options).map(Some)
        })?;
        let Some(saved) = saved else {
            context.out.note("nothing was written, nothing was saved");
            return Ok(Exit::Success);
        };
        return save::tell(context, journal, &saved);
    }
    let now = context.now()?;
    let ahead = match options.no_analysis {
        true => None,
        false => Ahead::begin(context, journal, &now),
    };
    let mut on_line = |text: &str| ahead.iter().for_each(|ahead| ahead.wrote(text));
    match compose::compose(journal, &now, &context.out, &mut on_line)? {
        Composed::Text(text) => {
            let saved = keep_written(context, journal, &text, options)?;
            let exit = save::tell(context, journal, &saved)?;
            if let Some(labels) = ahead.and_then(|ahead| ahead.labels(saved.entry())) {
                let (sentiment, p) = labels.sentiment();
                context.out.note(format!(
                    "  the language model reads it as {sentiment} ({:.0} %)",
                    p * 100.0
                ));
            }
            Ok(exit)
        }
        Composed::Left if journal.draft(compose::DRAFT)?.is_some() => {
            context.out.note(messages::DRAFT_KEPT);
            Ok(Exit::Success)
        }
        Composed::Left => {
            context.out.note("nothing was written, nothing was saved");
            Ok(Exit::Success)
        }
    }
}

/// Saves what was written and tells what came of it.
fn save_written(
    context: &Context,
    journal: &mut Journal,
    text: &str,
    options: Options,
) -> anyhow::Result<Exit> {
    let saved = keep_written(context, journal, text, options)?;
    save::tell(context, journal, &saved)
}

/// Saves what was written, a date at its front taken off, and only then drops the draft.
fn keep_written(
    context: &Context,
    journal: &mut Journal,
    text: &str,
    mut options: Options,
) -> anyhow::Result<Saved> {
    let now = context.now()?;
    let mut text = text;
    if options.date.is_none() {
        let prefix = split_prefix(text, &now);
        if !prefix.text.trim().is_empty() {
            if let Some(note) = prefix.note {
                context.out.warn(format!("note: {note}"));
            }
            options.moment = prefix.moment.map(|moment| moment.at);
            text = prefix.text;
        }
    }
    save::keep(context, journal, text.to_owned(), options)
}
