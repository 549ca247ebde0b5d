//! An entry on the terminal: as one row of a list, or whole.

use std::borrow::Cow;

use journal::{Analysis, Entry};

use super::{dates, evidence, mood};
use crate::output::{Line, Output, escape, wrap};

/// `  12  2026-03-10 20:00 + * Walked to the lake with Ana…`, shortened to the terminal.
pub(crate) fn row(
    entry: &Entry,
    analysis: Option<&Analysis>,
    id_width: usize,
    out: &Output,
) -> Line {
    let (sign, style) = mood::sign(analysis, out);
    let id = format!("{:>id_width$}", entry.id.0);
    let date = dates::short(&entry.when);
    let star = if entry.starred {
        out.glyph("★", "*")
    } else {
        " "
    };
    let used = id.len() + date.len() + 7;
    let room = out.columns().saturating_sub(used).max(20);
    let gist = wrap::shorten(&gist(entry, room), room, out.is_ascii());
    let line = Line::new()
        .dim(id)
        .plain("  ")
        .dim(date)
        .plain(" ")
        .styled(style, sign)
        .plain(" ")
        .accent(star)
        .plain(" ");
    if entry.title.is_some() {
        line.bold(gist)
    } else {
        line.plain(gist)
    }
}

/// The title, or else the first words, on one line and escaped; at least `columns` of them, if there
/// are so many.
fn gist(entry: &Entry, columns: usize) -> String {
    let text = entry.title.as_deref().unwrap_or(&entry.text);
    let mut out = String::with_capacity(columns + 32);
    // A character may be two columns wide or none at all; a text may be megabytes long.
    let enough = columns * 2;
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().take(enough));
        if out.len() > enough {
            break;
        }
    }
    match escape::line(&out) {
        Cow::Borrowed(_) => out,
        Cow::Owned(escaped) => escaped,
    }
}

/// Its fields as one would type them: `sleep:7 cello:45`.
pub(crate) fn fields(entry: &Entry) -> String {
    let typed = entry.fields.iter();
    let typed = typed.map(|(name, value)| format!("{name}:{value}"));
    typed.collect::<Vec<_>>().join(" ")
}

/// The whole entry, with what is known about it.
pub(crate) fn full(entry: &Entry, analysis: Option<&Analysis>, out: &Output) -> anyhow::Result<()> {
    let mut head = Line::new()
        .dim(format!("{}  ", entry.id))
        .accent(dates::long(&entry.when));
    if entry.starred {
        head = head.accent(out.glyph("  ★", "  *"));
    }
    out.line(head)?;
    if let Some(title) = &entry.title {
        out.line(Line::new().bold(title.clone()))?;
    }
    out.blank()?;
    out.prose(&entry.text, 2)?;
    out.blank()?;
    if !entry.tags.is_empty() {
        let tags: Vec<String> = entry.tags.iter().map(|tag| format!("#{tag}")).collect();
        out.line(Line::new().dim("tags    ").plain(tags.join(" ")))?;
    }
    if !entry.fields.is_empty() {
        out.line(Line::new().dim("fields  ").plain(fields(entry)))?;
    }
    match analysis {
        Some(analysis) => {
            out.line(mood::line(analysis, out))?;
            evidence::show(analysis, &entry.text, out)?;
        }
        None if entry.deleted.is_none() => {
            out.line(Line::new().dim("not analysed yet"))?;
        }
        None => {}
    }
    if entry.deleted.is_some() {
        out.line(Line::new().dim(format!(
            "removed; `companion restore {}` brings it back",
            entry.id
        )))?;
    }
    Ok(())
}
