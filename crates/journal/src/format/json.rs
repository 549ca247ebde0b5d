//! JSON Lines and JSON, ours and jrnl's.

use std::collections::BTreeMap;

use jiff::ZonedDateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;

use super::names::clean_name;
use super::{Imported, dates, utf8};
use crate::{FieldValue, NewEntry};

pub(super) fn import_lines(name: &str, bytes: &[u8], zone: &TimeZone, imported: &mut Imported) {
    for (at, raw) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if raw.trim_ascii().is_empty() {
            continue;
        }
        let entry = utf8(raw).map_err(|(_, reason)| reason).and_then(|line| {
            let record = serde_json::from_str(line).map_err(|e| reason(&e))?;
            read_record(record, zone)
        });
        imported.take(name, Some(at as u64 + 1), entry);
    }
}

pub(super) fn import_document(name: &str, bytes: &[u8], zone: &TimeZone, imported: &mut Imported) {
    let text = match utf8(bytes) {
        Ok(text) => text,
        Err((line, reason)) => return imported.fail(name, Some(line), reason),
    };
    let records =
        match serde_json::from_str(text) {
            Ok(Value::Array(records)) => records,
            Ok(Value::Object(mut object)) => match object.remove("entries") {
                Some(Value::Array(records)) => records,
                _ => return imported.fail(
                    name,
                    None,
                    "it is neither an array of entries nor an object that holds one as `entries`",
                ),
            },
            Ok(_) => {
                return imported.fail(
                    name,
                    None,
                    "it is neither an array of entries nor an object that holds one as `entries`",
                );
            }
            Err(error) => return imported.fail(name, Some(error.line() as u64), reason(&error)),
        };
    for (at, record) in records.into_iter().enumerate() {
        let place = format!("{name}[{at}]");
        let entry = serde_json::from_value(record)
            .map_err(|e| reason(&e))
            .and_then(|record| read_record(record, zone));
        imported.take(&place, None, entry);
    }
}

/// What serde says, without the position, which is reported apart; it quotes no text of an entry.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.find(" at line ") {
        Some(at) => format!("invalid JSON: {} (column {})", &text[..at], error.column()),
        None => format!("invalid record: {text}"),
    }
}

#[derive(Deserialize)]
struct Record {
    id: Option<Value>,
    uid: Option<String>,
    #[serde(alias = "created", alias = "datetime")]
    date: Option<Value>,
    time: Option<String>,
    title: Option<String>,
    #[serde(alias = "body", alias = "content")]
    text: Option<String>,
    tags: Option<Value>,
    #[serde(alias = "star", alias = "favorite")]
    starred: Option<bool>,
    fields: Option<BTreeMap<String, FieldValue>>,
}

fn read_record(record: Record, zone: &TimeZone) -> std::result::Result<NewEntry, String> {
    let when = read_date(record.date, record.time.as_deref(), zone)?;
    let (title, text) = match (record.title, record.text) {
        (title, Some(text)) if !text.trim().is_empty() => (title, text),
        // An entry of a title alone says what it says in its title.
        (Some(title), _) => (None, title),
        (None, Some(text)) => (None, text),
        (None, None) => return Err("it has no `text`".into()),
    };
    let source_id = match record.id {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => (!id.is_empty()).then_some(id),
        Some(Value::Number(id)) => Some(id.to_string()),
        Some(_) => return Err("its `id` is neither a string nor a number".into()),
    };
    let fields = record.fields.unwrap_or_default();
    Ok(NewEntry {
        title,
        source_id,
        uid: record.uid,
        tags: read_tags(record.tags)?,
        starred: record.starred.unwrap_or(false),
        fields: fields
            .into_iter()
            .filter_map(|(name, value)| Some((clean_name(&name)?, value)))
            .collect(),
        ..NewEntry::new(text, when)
    })
}

fn read_date(
    date: Option<Value>,
    time: Option<&str>,
    zone: &TimeZone,
) -> std::result::Result<ZonedDateTime, String> {
    match date {
        Some(Value::String(date)) => match time.filter(|time| !time.is_empty()) {
            Some(time) => dates::parse_when(&format!("{date} {time}"), zone),
            None => dates::parse_when(&date, zone),
        },
        Some(Value::Number(number)) => {
            let moment = number
                .as_f64()
                .and_then(|seconds| dates::from_unix(seconds, zone));
            moment.ok_or_else(|| format!("{number} is no time in seconds since 1970"))
        }
        Some(_) => Err("its `date` is neither a string nor a number".into()),
        None => Err("it has no `date`".into()),
    }
}

fn read_tags(tags: Option<Value>) -> std::result::Result<Vec<String>, String> {
    let bare = |tag: &str| clean_name(tag.trim().trim_start_matches(['@', '#']));
    match tags {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(tags)) => Ok(tags.split([',', ' ']).filter_map(bare).collect()),
        Some(Value::Array(tags)) => Ok(tags.iter().filter_map(|tag| bare(tag.as_str()?)).collect()),
        Some(_) => Err("its `tags` are neither a string nor an array".into()),
    }
}
