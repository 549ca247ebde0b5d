//! jrnl's text export: entries that start with their date in brackets.
//!
//! jrnl calls the first sentence the title; it is part of what was written, so it stays the start of the text.

use jiff::ZonedDateTime;
use jiff::tz::TimeZone;

use super::names::clean_name;
use super::{Imported, dates, utf8};
use crate::NewEntry;

/// An entry being read.
struct Open {
    line: u64,
    when: ZonedDateTime,
    text: String,
    starred: bool,
    /// Why it cannot be taken, and on which line that shows.
    broken: Option<(u64, String)>,
}

pub(super) fn import(name: &str, bytes: &[u8], zone: &TimeZone, imported: &mut Imported) {
    let mut open: Option<Open> = None;
    let mut stray = None;
    for (at, raw) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let number = at as u64 + 1;
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        let line = utf8(raw).map_err(|(_, reason)| reason);
        let header = line.as_ref().ok().and_then(|line| header(line, zone));
        match (header, &mut open) {
            (Some((when, rest)), _) => {
                close(open.take(), name, imported);
                let (text, starred) = star(rest);
                open = Some(Open {
                    line: number,
                    when,
                    text: text.into(),
                    starred,
                    broken: None,
                });
            }
            (None, Some(entry)) => match line {
                Ok(line) => {
                    entry.text.push('\n');
                    entry.text.push_str(line);
                }
                Err(reason) => entry.broken = entry.broken.take().or(Some((number, reason))),
            },
            (None, None) if !raw.trim_ascii().is_empty() => stray = stray.or(Some(number)),
            (None, None) => {}
        }
    }
    close(open, name, imported);
    if let Some(line) = stray {
        imported.fail(
            name,
            Some(line),
            "text before the first entry; an entry starts like [2024-01-31 06:30 PM]",
        );
    }
}

fn close(open: Option<Open>, name: &str, imported: &mut Imported) {
    let Some(entry) = open else { return };
    if let Some((line, reason)) = entry.broken {
        return imported.fail(name, Some(line), reason);
    }
    let text = entry.text.trim();
    let made = NewEntry {
        starred: entry.starred,
        tags: tags(text),
        ..NewEntry::new(text, entry.when)
    };
    imported.take(name, Some(entry.line), Ok(made));
}

/// The moment and the rest of a line such as `[2024-01-31 06:30 PM] Title.`
fn header<'a>(line: &'a str, zone: &TimeZone) -> Option<(ZonedDateTime, &'a str)> {
    let (date, rest) = line.strip_prefix('[')?.split_once(']')?;
    let dated = date.starts_with(|c: char| c.is_ascii_digit());
    Some((
        dated
            .then(|| dates::parse_when(date, zone).ok())
            .flatten()?,
        rest.trim_start(),
    ))
}

/// A star stands alone at the start or the end of the first line.
fn star(line: &str) -> (&str, bool) {
    let line = line.trim_end();
    if line == "*" {
        return ("", true);
    }
    if let Some(rest) = line.strip_suffix(" *") {
        return (rest.trim_end(), true);
    }
    line.strip_prefix("* ")
        .map_or((line, false), |rest| (rest, true))
}

/// Words such as `@work`; those with `#` are found in every text.
fn tags(text: &str) -> Vec<String> {
    let tag = |word: &str| {
        let body = word
            .trim_start_matches(['(', '"', '\''])
            .strip_prefix('@')?;
        let end = body
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-' || c == '/'))
            .unwrap_or(body.len());
        body.starts_with(char::is_alphanumeric)
            .then(|| clean_name(body[..end].trim_end_matches(['-', '/'])))
            .flatten()
    };
    let mut tags: Vec<String> = text.split_whitespace().filter_map(tag).collect();
    tags.sort();
    tags.dedup();
    tags
}
