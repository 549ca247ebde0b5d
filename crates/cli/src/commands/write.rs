//! `companion write`: a longer entry, in the line editor or one's own.

use std::io::IsTerminal as _;

use jiff::ZonedDateTime;
use journal::Journal;

use crate::ahead::Ahead;
use crate::commands::save::{self, Options, Saved};
use crate::compose::{self, Composed};
use crate::context::Context;
use crate::editor;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::messages;
use crate::when::{self, Prefix, split_prefix};

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
    let now = context.now()?;
    let ahead = match options.no_analysis {
        true => None,
        false => Ahead::begin(context),
    };
    let hear = |text: &str| read_ahead(context, ahead.as_ref(), text, &options);
    if let Some(editor) = editor {
        let draft = journal.draft(compose::DRAFT)?.map(|draft| draft.text);
        let draft = draft.unwrap_or_default();
        hear(&draft);
        // What is said comes after the file is wiped: a closed pipe does not unsave the entry.
        let saved = editor::edit_watched(editor, &draft, &hear, |text| {
            if text.trim().is_empty() {
                return Ok(None);
            }
            keep_written(context, journal, text.trim_end(), options.clone()).map(Some)
        })?;
        let Some(saved) = saved else {
            context.out.note("nothing was written, nothing was saved");
            return Ok(Exit::Success);
        };
        return save::tell(context, journal, &saved, ahead);
    }
    hear("");
    match compose::compose(journal, &now, &context.out, &hear)? {
        Composed::Text(text) => {
            let saved = keep_written(context, journal, &text, options)?;
            save::tell(context, journal, &saved, ahead)
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
    save::tell(context, journal, &saved, None)
}

/// Saves what was written, a date at its front taken off, and only then drops the draft.
fn keep_written(
    context: &Context,
    journal: &mut Journal,
    text: &str,
    mut options: Options,
) -> anyhow::Result<Saved> {
    let now = context.now()?;
    let prefix = apart(text, &options, &now);
    if let Some(note) = prefix.note {
        context.out.warn(format!("note: {note}"));
    }
    options.moment = prefix.moment.map(|moment| moment.at);
    save::keep(context, journal, prefix.text.to_owned(), options)
}

/// `text` without the date at its front, as it is saved. Where `--date` says when it was, or nothing would be left,
/// it stays whole.
fn apart<'a>(text: &'a str, options: &Options, now: &ZonedDateTime) -> Prefix<'a> {
    let whole = Prefix {
        moment: None,
        text,
        note: None,
    };
    if options.date.is_some() {
        return whole;
    }
    let prefix = split_prefix(text, now);
    match prefix.text.trim().is_empty() {
        true => whole,
        false => prefix,
    }
}

/// Hands what there is of an entry to the model, as it would be saved now.
fn read_ahead(context: &Context, ahead: Option<&Ahead>, text: &str, options: &Options) {
    let (Some(ahead), Ok(now)) = (ahead, context.now()) else {
        return;
    };
    let prefix = apart(text, options, &now);
    let date = options.date.as_deref();
    let date = date.and_then(|date| when::moment(date, &now).ok());
    let when = date.or(prefix.moment).map_or(now, |moment| moment.at);
    ahead.wrote(prefix.text, &when);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_at_the_front_is_taken_off_while_it_is_written_as_when_it_is_saved() {
        let now: ZonedDateTime = "2131-03-14T14:30:00+00:00[UTC]".parse().unwrap();
        let dated = Options {
            date: Some("2131-03-02".to_owned()),
            ..Options::default()
        };
        let none = Options::default();
        for (text, options, kept, day) in [
            ("yesterday 8pm: Rain. And", &none, "Rain. And", Some(13)),
            (
                "yesterday 8pm: Rain. And",
                &dated,
                "yesterday 8pm: Rain. And",
                None,
            ),
            ("yesterday 8pm:", &none, "yesterday 8pm:", None),
            (
                "tomorrow 8am: dentist",
                &none,
                "tomorrow 8am: dentist",
                None,
            ),
        ] {
            let prefix = apart(text, options, &now);
            let moment = prefix.moment.map(|moment| moment.at.day());
            assert_eq!((prefix.text, moment), (kept, day), "{text}");
        }
    }
}
