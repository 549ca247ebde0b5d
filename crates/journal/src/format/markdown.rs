//! Markdown files with front matter, from this program, Obsidian or by hand.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use super::front_matter::{self, FrontMatter, Scalar, Value};
use super::names::clean_name;
use super::{Imported, dates, utf8};
use crate::{Error, FieldValue, MAX_TEXT_BYTES, NewEntry, Result};

/// Keys of other programs that say nothing about the entry.
const IGNORED: [&str; 8] = [
    "companion",
    "bytes",
    "aliases",
    "alias",
    "cssclass",
    "cssclasses",
    "publish",
    "position",
];

/// Reads every `.md` file below `root`, in the order of their paths. Hidden folders are left out, and a link is not
/// followed: what it leads to within the folder is read where it is, and what is outside is not this folder's.
pub(super) fn import_folder(root: &Path, zone: &TimeZone) -> Result<Imported> {
    let mut imported = Imported::default();
    let mut files = Vec::new();
    let real = root.canonicalize().map_err(|e| Error::Io {
        action: "read",
        path: root.into(),
        source: e,
    })?;
    collect(&real, &real, &mut files, &mut HashSet::new(), &mut imported)?;
    files.sort();
    for path in files {
        let name = relative(&real, &path);
        let size = fs::metadata(&path).map_or(0, |meta| meta.len());
        if size > MAX_TEXT_BYTES as u64 + 65_536 {
            imported.fail(&name, None, format!("it has {size} bytes, the limit is {MAX_TEXT_BYTES}; split it into several entries"));
            continue;
        }
        match fs::read(&path) {
            Ok(bytes) => {
                let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
                import_file(&name, Some(&path), bytes, zone, &mut imported);
            }
            Err(error) => imported.fail(&name, None, format!("cannot be read: {error}")),
        }
    }
    Ok(imported)
}

fn collect(
    root: &Path,
    dir: &Path,
    files: &mut Vec<PathBuf>,
    seen: &mut HashSet<(u64, u64)>,
    imported: &mut Imported,
) -> Result<()> {
    let listed = fs::read_dir(dir).and_then(|entries| entries.collect::<std::io::Result<Vec<_>>>());
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) => {
            imported.fail(
                &relative(root, dir),
                None,
                format!("the folder cannot be read: {error}"),
            );
            return Ok(());
        }
    };
    for entry in listed {
        let path = entry.path();
        let Ok(meta) = fs::symlink_metadata(&path) else {
            continue;
        };
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if meta.is_symlink() {
            let inside = path
                .canonicalize()
                .is_ok_and(|target| target.starts_with(root));
            if !inside && (is_markdown(&path) || path.is_dir()) {
                imported.fail(
                    &relative(root, &path),
                    None,
                    "a link that leads out of the folder; it was not followed",
                );
            }
        } else if meta.is_dir() {
            // A bind mount can make a folder its own descendant.
            if seen.insert((meta.dev(), meta.ino())) {
                collect(root, &path, files, seen, imported)?;
            }
        } else if meta.is_file() && is_markdown(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("md") || extension.eq_ignore_ascii_case("markdown")
    })
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

/// Reads one file: an entry, or the stream that [`write_markdown`](super::write_markdown) makes.
pub(super) fn import_file(
    name: &str,
    path: Option<&Path>,
    bytes: &[u8],
    zone: &TimeZone,
    imported: &mut Imported,
) {
    let text = match utf8(bytes) {
        Ok(text) => text,
        Err((line, reason)) => return imported.fail(name, Some(line), reason),
    };
    match front_matter::split(text) {
        Some((matter, _)) if matter.number("bytes").is_some() => {
            import_stream(name, text, zone, imported)
        }
        Some((matter, body)) => {
            let ours = matter.number("companion").is_some();
            let body = if ours {
                body.strip_suffix('\n').unwrap_or(body)
            } else {
                body.trim_matches(['\n', '\r'])
            };
            let source = Source {
                name,
                path,
                line: 1,
                ours,
                zone,
            };
            read_entry(&source, &matter, body, imported);
        }
        None => {
            let source = Source {
                name,
                path,
                line: 1,
                ours: false,
                zone,
            };
            read_entry(
                &source,
                &FrontMatter::default(),
                text.trim_matches(['\n', '\r']),
                imported,
            );
        }
    }
}

/// One entry after the other, each saying how many bytes its text has, so that no text can be taken for the next entry.
fn import_stream(name: &str, text: &str, zone: &TimeZone, imported: &mut Imported) {
    let mut rest = text;
    while !rest.is_empty() {
        let line = 1 + text[..text.len() - rest.len()].matches('\n').count() as u64;
        let Some((matter, body)) = front_matter::split(rest) else {
            return imported.fail(
                name,
                Some(line),
                "here the next entry should start with ---; the rest was not read",
            );
        };
        let length = matter.number("bytes").unwrap_or(usize::MAX);
        let Some((own, after)) = body.split_at_checked(length) else {
            return imported.fail(
                name,
                Some(line),
                "its text is shorter than its bytes: line says; the rest was not read",
            );
        };
        read_entry(
            &Source {
                name,
                path: None,
                line,
                ours: true,
                zone,
            },
            &matter,
            own,
            imported,
        );
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
}

struct Source<'a> {
    name: &'a str,
    path: Option<&'a Path>,
    /// The line where the entry starts.
    line: u64,
    /// Whether this program wrote it: then the text is exact, and its name says nothing.
    ours: bool,
    zone: &'a TimeZone,
}

fn read_entry(source: &Source<'_>, matter: &FrontMatter, body: &str, imported: &mut Imported) {
    let mut entry = NewEntry::new(body, Timestamp::UNIX_EPOCH.to_zoned_datetime(TimeZone::UTC));
    let mut when = None;
    for (line, key, value) in &matter.keys {
        if let Err(reason) = set(&mut entry, &mut when, key, value, source.zone) {
            return imported.fail(source.name, Some(source.line + line - 1), reason);
        }
    }
    if !source.ours {
        let named = add_name(&mut entry, source);
        when = when.or(named);
    }
    let entry = match when {
        Some(when) => Ok(NewEntry { when, ..entry }),
        None => Err("it has no date: neither `date:` in its front matter nor a day such as 2024-01-31 in its name".into()),
    };
    imported.take(source.name, Some(source.line), entry);
}

/// What the name of a file says: its day, and, where there is more in it, a title. Gives the moment.
fn add_name(entry: &mut NewEntry, source: &Source<'_>) -> Option<ZonedDateTime> {
    let stem = source
        .name
        .rsplit_once('.')
        .map_or(source.name, |(stem, _)| stem);
    let day = dates::find_day(stem);
    let rest = match &day {
        Some((_, range)) => &stem[range.end..],
        None => stem,
    };
    let title = rest
        .rsplit('/')
        .next()
        .unwrap_or(rest)
        .trim_matches(|c: char| " -_.".contains(c));
    if entry.title.is_none() && !title.is_empty() && source.path.is_some() {
        entry.title = Some(title.to_owned());
    }
    if entry.source_id.is_none() && entry.uid.is_none() && source.path.is_some() {
        entry.source_id = Some(source.name.to_owned());
    }
    match day {
        Some((date, _)) => dates::noon(date, source.zone),
        None => modified(source.path?, source.zone),
    }
}

/// The last resort of a note without any date.
fn modified(path: &Path, zone: &TimeZone) -> Option<ZonedDateTime> {
    let time = fs::metadata(path).ok()?.modified().ok()?;
    Some(
        Timestamp::try_from(time)
            .ok()?
            .to_zoned_datetime(zone.clone()),
    )
}

fn set(
    entry: &mut NewEntry,
    when: &mut Option<ZonedDateTime>,
    key: &str,
    value: &Value,
    zone: &TimeZone,
) -> std::result::Result<(), String> {
    let lower = key.to_lowercase();
    match (lower.as_str(), value) {
        // `date` is what the entry is about, whatever else stands beside it.
        ("date" | "created" | "datetime" | "created_at", Value::Scalar(date))
            if !date.text.is_empty() && (when.is_none() || lower == "date") =>
        {
            *when = Some(dates::parse_when(&date.text, zone)?);
        }
        ("created" | "datetime" | "created_at", _) => {}
        ("title", Value::Scalar(title)) => entry.title = Some(title.text.clone()),
        ("tags" | "tag" | "keywords", value) => entry
            .tags
            .extend(words(value).iter().filter_map(|tag| clean_name(tag))),
        ("starred" | "star" | "favorite" | "favourite" | "pinned", Value::Scalar(yes)) => {
            entry.starred = is_yes(yes)
        }
        ("id" | "source_id", Value::Scalar(id)) if !id.text.is_empty() => {
            entry.source_id = Some(id.text.clone())
        }
        ("uid", Value::Scalar(uid)) if !uid.text.is_empty() => entry.uid = Some(uid.text.clone()),
        ("fields", Value::Map(pairs)) => pairs
            .iter()
            .for_each(|(name, value)| add_field(&mut entry.fields, name, value)),
        (other, Value::Scalar(value)) if !IGNORED.contains(&other) => {
            add_field(&mut entry.fields, other, value)
        }
        _ => {}
    }
    Ok(())
}

fn add_field(fields: &mut BTreeMap<String, FieldValue>, name: &str, value: &Scalar) {
    if let Some(name) = clean_name(name)
        && (value.quoted || !value.text.is_empty())
    {
        fields.insert(name, field_value(value));
    }
}

fn field_value(value: &Scalar) -> FieldValue {
    if value.quoted {
        return FieldValue::Text(value.text.clone()).canonical();
    }
    // Every number that this program wrote is read back, however many digits it has.
    let digits = value
        .text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".-".contains(&byte));
    match (
        FieldValue::from_text(&value.text),
        value.text.parse::<f64>(),
    ) {
        (FieldValue::Text(_), Ok(number)) if digits && number.is_finite() => {
            FieldValue::Number(number)
        }
        (value, _) => value.canonical(),
    }
}

/// A list, or words separated by commas or spaces.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::List(items) => items.iter().map(|item| item.text.clone()).collect(),
        Value::Scalar(line) if line.text.contains(',') => line
            .text
            .split(',')
            .map(|tag| tag.trim().to_owned())
            .collect(),
        Value::Scalar(line) => line.text.split_whitespace().map(str::to_owned).collect(),
        Value::Map(_) => Vec::new(),
    }
}

fn is_yes(value: &Scalar) -> bool {
    matches!(
        FieldValue::from_text(&value.text),
        FieldValue::Bool(true) | FieldValue::Number(1.0)
    )
}

impl FrontMatter {
    fn number(&self, key: &str) -> Option<usize> {
        self.keys.iter().find_map(|(_, name, value)| match value {
            Value::Scalar(scalar) if name == key => scalar.text.parse().ok(),
            _ => None,
        })
    }
}
