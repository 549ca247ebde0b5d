//! `companion edit`.

use journal::{Entry, EntryEdit, EntryId, Journal};

use crate::analysis::Read;
use crate::commands::save;
use crate::context::Context;
use crate::editor;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::output::Line;
use crate::view::json::EntryJson;
use crate::view::mood;
use crate::when;

/// Which entry, and what becomes of it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without a text and without options, the entry opens in the editor.\n\
    Every version is kept: `companion history ID` shows them, `companion restore ID` goes back."
)]
pub(crate) struct Args {
    /// The number of the entry
    id: EntryId,
    /// The new text; `-` reads it from stdin
    text: Vec<String>,
    /// Another time ("yesterday 8pm")
    #[arg(short, long, value_name = "WHEN")]
    date: Option<String>,
    /// Another title; an empty one takes it away
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// The tags beside those in the text, separated by commas; empty takes them away
    #[arg(long, value_name = "TAGS")]
    tags: Option<String>,
    /// Star the entry
    #[arg(long, conflicts_with = "unstar")]
    star: bool,
    /// Take the star away
    #[arg(long)]
    unstar: bool,
    /// The editor to use, instead of the configured one
    #[arg(long, value_name = "COMMAND")]
    editor: Option<String>,
    /// Only save; the analysis happens later
    #[arg(long)]
    no_analysis: bool,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let mut journal = context.journal()?;
    let before = journal.get(args.id)?;
    if !args.text.is_empty() {
        let text = input::entry_text(&args.text)?;
        let after = change(context, args, &mut journal, &before, text)?;
        return tell(context, args, &mut journal, &before, &after);
    }
    if args.sets_something() && args.editor.is_none() {
        let after = change(context, args, &mut journal, &before, None)?;
        return tell(context, args, &mut journal, &before, &after);
    }
    if args.editor.is_none() && !input::is_interactive() {
        return Err(Failure::usage(format!(
            "say what to change: companion edit {} \"the new text\", or see `companion edit --help`",
            args.id
        ))
        .into());
    }
    let configured = args.editor.as_deref().unwrap_or(&context.config.editor);
    let Some(editor) = editor::chosen(configured) else {
        return Err(Failure::usage(format!(
            "no editor is set; name one with --editor, or give the text: companion edit {} \"…\"",
            args.id
        ))
        .into());
    };
    // What is said comes after the file is wiped: a closed pipe does not undo the change.
    let after = editor::edit(&editor, &before.text, |text| {
        let text = text.trim_end().to_owned();
        let text = (text != before.text.trim_end()).then_some(text);
        change(context, args, &mut journal, &before, text)
    })?;
    tell(context, args, &mut journal, &before, &after)
}

impl Args {
    /// Whether anything beside the text is to change.
    fn sets_something(&self) -> bool {
        self.date.is_some()
            || self.title.is_some()
            || self.tags.is_some()
            || self.star
            || self.unstar
    }

    fn edit(&self, context: &Context, text: Option<String>) -> anyhow::Result<EntryEdit> {
        let moment = match &self.date {
            Some(date) => Some(
                when::moment(date, &context.now()?)
                    .map_err(|error| Failure::usage(error.to_string()))?,
            ),
            None => None,
        };
        if let Some(note) = moment.as_ref().and_then(|moment| moment.note.as_ref()) {
            context.out.warn(format!("note: {note}"));
        }
        Ok(EntryEdit {
            text,
            when: moment.map(|moment| moment.at),
            title: self
                .title
                .as_ref()
                .map(|title| Some(title.clone()).filter(|title| !title.trim().is_empty())),
            tags: self.tags.as_ref().map(|tags| {
                tags.split([',', ' '])
                    .filter(|tag| !tag.is_empty())
                    .map(str::to_owned)
                    .collect()
            }),
            starred: (self.star || self.unstar).then_some(self.star),
            fields: None,
        })
    }
}

/// Makes the change and prints no result: an error means that nothing was changed.
fn change(
    context: &Context,
    args: &Args,
    journal: &mut Journal,
    before: &Entry,
    text: Option<String>,
) -> anyhow::Result<Entry> {
    if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
        return Err(Failure::usage(format!(
            "an entry cannot be empty; to take it away, use `companion rm {}`",
            args.id
        ))
        .into());
    }
    let edit = args.edit(context, text)?;
    Ok(if edit == EntryEdit::default() {
        before.clone()
    } else {
        journal.edit(args.id, edit)?
    })
}

/// Tells what came of the change.
fn tell(
    context: &Context,
    args: &Args,
    journal: &mut Journal,
    before: &Entry,
    after: &Entry,
) -> anyhow::Result<Exit> {
    let out = &context.out;
    let changed = after.version != before.version;
    if !out.is_json() {
        out.line(if changed {
            Line::new()
                .plain("changed ")
                .bold(after.id.to_string())
                .dim(format!("; `companion restore {}` goes back", after.id))
        } else {
            Line::new().plain(format!("nothing changed in {}", after.id))
        })?;
    }
    let read = if after.text == before.text {
        Read {
            analysis: journal.analysis(after.id)?,
            danger: false,
        }
    } else if args.no_analysis {
        Read::without_model(after)
    } else {
        save::analyse_or_say(context, journal, after)
    };
    if out.is_json() {
        out.json(&EntryJson::new(after, read.analysis.as_ref()))?;
    } else if let Some(analysis) = read.analysis.as_ref().filter(|_| changed) {
        out.line(mood::line(analysis, out))?;
    }
    save::show_care(context, &read)?;
    Ok(Exit::Success)
}
