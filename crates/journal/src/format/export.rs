//! Writing entries so that any program can read them, and this one reads back what it wrote.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;

use super::names::file_name;
use crate::home::make_private_dir;
use crate::{Entry, Error, FieldValue, Result};

/// Writes each entry to a Markdown file of its own in `folder`, which is made, or must hold no file of the same name.
/// Gives how many were written.
pub fn export_folder(entries: &[Entry], folder: &Path) -> Result<u64> {
    if !folder.is_dir() {
        make_private_dir(folder)?;
    }
    for entry in entries {
        let path = folder.join(file_name(entry));
        let failed = |e| Error::io("write", &path, e);
        // Never through a link or over a file that is there.
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let whole = format!("{}{}\n", front_matter(entry, false), entry.text);
        file.write_all(whole.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
    }
    Ok(entries.len() as u64)
}

/// Writes all entries as one Markdown text. Each says how many bytes its text has, so it reads back whatever it holds.
pub fn write_markdown(entries: &[Entry], to: &mut dyn Write) -> io::Result<()> {
    entries
        .iter()
        .try_for_each(|entry| writeln!(to, "{}{}", front_matter(entry, true), entry.text))
}

/// Writes one JSON object a line.
pub fn write_jsonl(entries: &[Entry], to: &mut dyn Write) -> io::Result<()> {
    for entry in entries {
        serde_json::to_writer(&mut *to, &Record::of(entry))?;
        to.write_all(b"\n")?;
    }
    Ok(())
}

/// Writes one JSON array, an object a line.
pub fn write_json(entries: &[Entry], to: &mut dyn Write) -> io::Result<()> {
    to.write_all(b"[")?;
    for (at, entry) in entries.iter().enumerate() {
        to.write_all(if at == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *to, &Record::of(entry))?;
    }
    to.write_all(b"\n]\n")
}

/// The JSON form of an entry, in the order in which a reader wants it.
#[derive(Serialize)]
struct Record<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    uid: &'a str,
    date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    text: &'a str,
    tags: &'a [String],
    starred: bool,
    fields: &'a std::collections::BTreeMap<String, FieldValue>,
}

impl<'a> Record<'a> {
    fn of(entry: &'a Entry) -> Record<'a> {
        Record {
            id: entry.source_id.as_deref(),
            uid: &entry.uid,
            date: entry.when.to_string(),
            title: entry.title.as_deref(),
            text: &entry.text,
            tags: &entry.tags,
            starred: entry.starred,
            fields: &entry.fields,
        }
    }
}

fn front_matter(entry: &Entry, with_length: bool) -> String {
    // JSON strings are YAML strings.
    let quoted = |text: &str| serde_json::to_string(text).expect("a string");
    let mut out = format!("---\ncompanion: 1\ndate: {}\n", entry.when);
    if let Some(title) = &entry.title {
        out += &format!("title: {}\n", quoted(title));
    }
    if !entry.tags.is_empty() {
        let tags: Vec<String> = entry
            .tags
            .iter()
            .map(|tag| {
                if is_plain(tag) {
                    tag.clone()
                } else {
                    quoted(tag)
                }
            })
            .collect();
        out += &format!("tags: [{}]\n", tags.join(", "));
    }
    if entry.starred {
        out += "starred: true\n";
    }
    if !entry.fields.is_empty() {
        out += "fields:\n";
        for (name, value) in &entry.fields {
            let name = if is_plain(name) {
                name.clone()
            } else {
                quoted(name)
            };
            let value = match value {
                FieldValue::Text(text) => quoted(text),
                other => other.to_string(),
            };
            out += &format!("  {name}: {value}\n");
        }
    }
    if let Some(id) = &entry.source_id {
        out += &format!("id: {}\n", quoted(id));
    }
    out += &format!("uid: {}\n", entry.uid);
    if with_length {
        out += &format!("bytes: {}\n", entry.text.len());
    }
    out + "---\n"
}

/// Whether a name needs no quotes anywhere in YAML.
fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-')
        && !matches!(
            name,
            "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
        )
}
