//! A simple line editor for an entry. What is typed is kept, encrypted, in the journal's drafts,
//! line by line: neither a crash nor Ctrl-C loses it, and no history file knows it.

use std::cell::RefCell;

use anyhow::Context as _;
use jiff::ZonedDateTime;
use journal::Journal;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{Behavior, Config, Editor, Helper};

use crate::messages;
use crate::output::{Line, Output};
use crate::view::dates;

/// The draft of an entry that is not saved yet.
pub(crate) const DRAFT: &str = "new";

/// What became of the writing.
pub(crate) enum Composed {
    /// The entry is finished.
    Text(String),
    /// It was left (Ctrl-C); the draft is kept if there was anything.
    Left,
}

/// What to do with a draft of an earlier time.
enum Choice {
    Continue,
    Save,
    Drop,
}

/// What the line editor tells as it goes. It asks for a hint at every change of a line, and so the line is known before
/// it ends; none is given.
struct Listener<'a> {
    /// The lines above the one that is edited, each with its break.
    above: RefCell<String>,
    hear: &'a dyn Fn(&str),
}

impl Hinter for Listener<'_> {
    type Hint = String;

    fn hint(&self, line: &str, _: usize, _: &rustyline::Context<'_>) -> Option<String> {
        (self.hear)(&format!("{}{line}", self.above.borrow()));
        None
    }
}

impl Completer for Listener<'_> {
    type Candidate = String;
}

impl Highlighter for Listener<'_> {}
impl Validator for Listener<'_> {}
impl Helper for Listener<'_> {}

type Lines<'a> = Editor<Listener<'a>, MemHistory>;

/// Lets the person write. `hear` is told the text so far, at every key; on a terminal that cannot move its cursor, which
/// the line editor only reads line by line, after each line. The caller has made sure that somebody sits there.
pub(crate) fn compose(
    journal: &mut Journal,
    now: &ZonedDateTime,
    out: &Output,
    hear: &dyn Fn(&str),
) -> anyhow::Result<Composed> {
    let mut editor = line_editor()?;
    let mut lines: Vec<String> = Vec::new();
    if let Some(draft) = journal.draft(DRAFT)? {
        let saved = draft.saved.to_zoned_datetime(now.time_zone().clone());
        out.warn(format!(
            "There is a draft from {}:",
            dates::spoken(&saved, now)
        ));
        out.prose(&draft.text, 2)?;
        // Whatever becomes of it, there is time to read it while the person chooses.
        hear(&draft.text);
        match ask_about_draft(&mut editor)? {
            None => return Ok(Composed::Left),
            Some(Choice::Save) => return Ok(Composed::Text(draft.text)),
            Some(Choice::Drop) => journal.clear_draft(DRAFT)?,
            Some(Choice::Continue) => lines.extend(draft.text.lines().map(str::to_owned)),
        }
    }
    out.note(Line::new().dim(messages::HOW_TO_WRITE));
    write_lines(journal, &mut editor, lines, hear)
}

fn write_lines<'a>(
    journal: &mut Journal,
    editor: &mut Lines<'a>,
    mut lines: Vec<String>,
    hear: &'a dyn Fn(&str),
) -> anyhow::Result<Composed> {
    let above = lines.iter().map(|line| format!("{line}\n")).collect();
    // Only now: what is answered about a draft is no part of the entry.
    editor.set_helper(Some(Listener {
        above: RefCell::new(above),
        hear,
    }));
    loop {
        match editor.readline("> ") {
            Ok(line) => {
                let ends =
                    line.trim().is_empty() && lines.last().is_some_and(|l| l.trim().is_empty());
                if ends && lines.iter().any(|line| !line.trim().is_empty()) {
                    return Ok(finished(&lines));
                }
                lines.push(line);
                let mut text = lines.join("\n");
                journal.save_draft(DRAFT, &text)?;
                text.push('\n');
                hear(&text);
                if let Some(listener) = editor.helper() {
                    listener.above.replace(text);
                }
            }
            Err(ReadlineError::Eof) => return Ok(finished(&lines)),
            Err(ReadlineError::Interrupted) => return Ok(Composed::Left),
            Err(error) => return Err(error).context("cannot read from the terminal"),
        }
    }
}

fn finished(lines: &[String]) -> Composed {
    let text = lines.join("\n");
    if text.trim().is_empty() {
        Composed::Left
    } else {
        Composed::Text(text.trim_end().to_owned())
    }
}

fn ask_about_draft(editor: &mut Lines<'_>) -> anyhow::Result<Option<Choice>> {
    loop {
        match editor.readline("[c]ontinue it, [s]ave it as it is, or [d]rop it? ") {
            Ok(answer) => match answer.trim().to_lowercase().as_str() {
                "" | "c" | "continue" => return Ok(Some(Choice::Continue)),
                "s" | "save" => return Ok(Some(Choice::Save)),
                "d" | "drop" => return Ok(Some(Choice::Drop)),
                _ => {}
            },
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => return Ok(None),
            Err(error) => return Err(error).context("cannot read from the terminal"),
        }
    }
}

/// Without any history: the lines of an entry are nobody's commands.
fn line_editor<'a>() -> anyhow::Result<Lines<'a>> {
    let config = Config::builder()
        .behavior(Behavior::PreferTerm)
        .auto_add_history(false)
        .build();
    let history = MemHistory::with_config(&config);
    Editor::with_history(config, history).context("cannot use the terminal")
}
