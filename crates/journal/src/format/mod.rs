//! Journals as other programs write and read them: Markdown, jrnl's text, JSON Lines and JSON.
//!
//! Importing reads everything it can and reports the rest with file and line; one bad record never stops the others.
//! What [`write_markdown`], [`export_folder`], [`write_jsonl`] and [`write_json`] write, [`import`] reads back
//! unchanged: moment and zone, title, text to the byte, tags, star, fields and ids. An export is plain text on disk;
//! its files are readable by their owner alone.

mod dates;
mod export;
mod front_matter;
mod jrnl;
mod json;
mod markdown;
mod names;

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use jiff::tz::TimeZone;

use crate::row::check_text;
use crate::{Error, NewEntry, Result};

pub use dates::parse_when;
pub use export::{export_folder, write_json, write_jsonl, write_markdown};

/// The largest file that is read: many years of a diary, and far below what would exhaust a machine.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// A format that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A folder of Markdown files, one file, or the stream that [`write_markdown`] makes.
    Markdown,
    /// jrnl's text export: `[2024-01-02 03:04 PM] Title. Text`.
    Jrnl,
    /// One JSON object a line, with `date` and `text` and, as wanted, `id`, `title`, `tags`, `starred`, `fields`.
    Jsonl,
    /// An array of such objects, or an object that holds one as `entries` (jrnl's JSON export).
    Json,
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Format> {
        match text.to_lowercase().as_str() {
            "md" | "markdown" | "obsidian" => Ok(Format::Markdown),
            "jrnl" | "txt" | "text" => Ok(Format::Jrnl),
            "jsonl" | "ndjson" => Ok(Format::Jsonl),
            "json" => Ok(Format::Json),
            _ => Err(Error::Invalid {
                what: "format",
                value: text.into(),
                reason: "it is one of md, jrnl, jsonl, json",
            }),
        }
    }
}

/// A record that could not be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportError {
    /// The file, as named within what was imported. Comes from outside: escape it before a terminal sees it.
    pub file: String,
    /// The line in it, from 1, where one can be named.
    pub line: Option<u64>,
    /// Why not.
    pub reason: String,
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.reason),
            None => write!(f, "{}: {}", self.file, self.reason),
        }
    }
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Imported {
    /// The entries, in the order of the source.
    pub entries: Vec<NewEntry>,
    /// The records that could not be read.
    pub errors: Vec<ImportError>,
}

impl Imported {
    /// Takes an entry in, or its reason for being refused.
    fn take(
        &mut self,
        file: &str,
        line: Option<u64>,
        entry: std::result::Result<NewEntry, String>,
    ) {
        let checked = entry.and_then(|entry| match check_text(&entry.text) {
            Ok(()) => Ok(entry),
            Err(refusal) => Err(refusal.to_string()),
        });
        match checked {
            Ok(entry) => self.entries.push(entry),
            Err(reason) => self.errors.push(ImportError {
                file: file.into(),
                line,
                reason,
            }),
        }
    }

    fn fail(&mut self, file: &str, line: Option<u64>, reason: impl Into<String>) {
        self.errors.push(ImportError {
            file: file.into(),
            line,
            reason: reason.into(),
        });
    }
}

/// The format of what is at `path`: by its name, or else by how it starts.
pub fn detect(path: &Path) -> Option<Format> {
    if path.is_dir() {
        return Some(Format::Markdown);
    }
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("md" | "markdown") => return Some(Format::Markdown),
        Some("jsonl" | "ndjson") => return Some(Format::Jsonl),
        Some("json") => return Some(Format::Json),
        _ => {}
    }
    // Opening a pipe would wait for its writer.
    if !path.is_file() {
        return None;
    }
    let mut start = Vec::new();
    File::open(path)
        .ok()?
        .take(512)
        .read_to_end(&mut start)
        .ok()?;
    detect_start(&start)
}

/// The format of text that starts so.
pub fn detect_start(start: &[u8]) -> Option<Format> {
    let start = start
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(start)
        .trim_ascii_start();
    match start.first()? {
        b'{' => Some(Format::Jsonl),
        b'[' if start
            .get(1..5)
            .is_some_and(|year| year.iter().all(u8::is_ascii_digit)) =>
        {
            Some(Format::Jrnl)
        }
        b'[' => Some(Format::Json),
        b'-' if start.starts_with(b"---") => Some(Format::Markdown),
        _ => None,
    }
}

/// Reads the file or folder at `path`. Times without a zone are in `zone`; a day without a time is noon.
///
/// # Errors
///
/// Only where nothing can be read at all; what is wrong within comes in [`Imported::errors`].
pub fn import(path: &Path, format: Format, zone: &TimeZone) -> Result<Imported> {
    let meta = std::fs::metadata(path).map_err(|e| Error::Io {
        action: "read",
        path: path.into(),
        source: e,
    })?;
    if meta.is_dir() {
        if format != Format::Markdown {
            let value = path.display().to_string();
            return Err(Error::Invalid {
                what: "folder",
                value,
                reason: "only Markdown is imported from a folder",
            });
        }
        return markdown::import_folder(path, zone);
    }
    if !meta.is_file() {
        // A pipe or a device has no size that could be checked, and may never end.
        let value = path.display().to_string();
        return Err(Error::Invalid {
            what: "file",
            value,
            reason: "it is a pipe or a device; give `-` instead to read what stdin holds",
        });
    }
    let bytes = read_bounded(path, MAX_FILE_BYTES)?;
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    Ok(import_bytes(&name, &bytes, format, zone))
}

/// What the file holds, unless it is more than `limit`; it may grow while it is read.
fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let read = |file: File| {
        let mut bytes = Vec::new();
        if file.metadata()?.len() <= limit {
            (&file).take(limit + 1).read_to_end(&mut bytes)?;
            return Ok((bytes.len() as u64 <= limit).then_some(bytes));
        }
        Ok(None)
    };
    let bytes = File::open(path).and_then(read).map_err(|e| Error::Io {
        action: "read",
        path: path.into(),
        source: e,
    })?;
    bytes.ok_or_else(|| Error::Invalid {
        what: "file",
        value: path.display().to_string(),
        reason: "it is larger than 1 GiB; split it",
    })
}

/// Reads `bytes`, called `name` in errors.
pub fn import_bytes(name: &str, bytes: &[u8], format: Format, zone: &TimeZone) -> Imported {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut imported = Imported::default();
    match format {
        Format::Markdown => markdown::import_file(name, None, bytes, zone, &mut imported),
        Format::Jrnl => jrnl::import(name, bytes, zone, &mut imported),
        Format::Jsonl => json::import_lines(name, bytes, zone, &mut imported),
        Format::Json => json::import_document(name, bytes, zone, &mut imported),
    }
    imported
}

/// The text of `bytes`, or where it stops being UTF-8: the line, from 1, and the reason.
fn utf8(bytes: &[u8]) -> std::result::Result<&str, (u64, String)> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = error.valid_up_to();
        let line = 1 + bytes[..good].iter().filter(|byte| **byte == b'\n').count() as u64;
        (
            line,
            format!("invalid UTF-8 at byte {good}; convert the file to UTF-8"),
        )
    })
}

#[cfg(test)]
mod tests;
