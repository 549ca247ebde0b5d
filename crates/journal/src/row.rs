//! Between an entry and its row: moments with their zone, tags and fields in one column each.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ZonedDateTime};
use rusqlite::Row;

use crate::extract::Extracted;
use crate::field::canonical_name;
use crate::{Entry, EntryId, Error, FieldValue, MAX_TEXT_BYTES, Result};

/// The columns that [`Reader::entry`] reads, of a table called `e`.
pub(crate) const COLUMNS: &str = "e.id, e.uid, e.source_id, e.at, e.zone, e.offset, e.title, e.text, e.tags, \
    e.fields, e.starred, e.created, e.modified, e.version, e.deleted";

/// Reads rows; remembers zones, which are costly to look up ten thousand times.
#[derive(Default)]
pub(crate) struct Reader {
    zones: HashMap<String, Option<TimeZone>>,
}

impl Reader {
    /// The entry in a row of [`COLUMNS`].
    pub(crate) fn entry(&mut self, row: &Row<'_>) -> rusqlite::Result<Entry> {
        Ok(Entry {
            id: EntryId(row.get(0)?),
            uid: row.get(1)?,
            source_id: row.get(2)?,
            when: self.zoned(row.get(3)?, row.get_ref(4)?.as_str()?, row.get(5)?),
            title: row.get(6)?,
            text: row.get(7)?,
            tags: split_tags(row.get_ref(8)?.as_str()?),
            fields: read_fields(row.get_ref(9)?.as_str()?),
            starred: row.get(10)?,
            created: timestamp(row.get(11)?),
            modified: timestamp(row.get(12)?),
            version: row.get(13)?,
            deleted: row.get::<_, Option<i64>>(14)?.map(timestamp),
        })
    }

    /// The moment in its zone. A zone that this machine does not know keeps its offset.
    pub(crate) fn zoned(&mut self, at: i64, zone: &str, offset: i32) -> ZonedDateTime {
        let fixed = || Offset::from_seconds(offset).map_or(TimeZone::UTC, TimeZone::fixed);
        if !self.zones.contains_key(zone) {
            let known = (!zone.is_empty())
                .then(|| TimeZone::get(zone).ok())
                .flatten();
            self.zones.insert(zone.to_owned(), known);
        }
        let zone = self.zones[zone].clone().unwrap_or_else(fixed);
        timestamp(at).to_zoned_datetime(zone)
    }
}

/// A stored time; one outside of what a calendar can hold (damage) becomes its bound.
pub(crate) fn timestamp(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or(if microseconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// A moment as stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Moment {
    pub(crate) at: i64,
    pub(crate) zone: String,
    pub(crate) offset: i32,
    pub(crate) day: i64,
}

/// A day as it is stored: yyyymmdd.
pub(crate) fn day_number(date: Date) -> i64 {
    i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day())
}

impl Moment {
    pub(crate) fn of(when: &ZonedDateTime) -> Moment {
        let at = when.timestamp().as_microsecond();
        let date = when.date();
        Moment {
            at,
            zone: when.time_zone().iana_name().unwrap_or("").to_owned(),
            offset: when.offset().seconds(),
            day: day_number(date),
        }
    }
}

/// What makes up an entry, checked and in the one form it is stored in.
#[derive(Clone, PartialEq)]
pub(crate) struct Content {
    pub(crate) moment: Moment,
    pub(crate) title: Option<String>,
    pub(crate) text: String,
    pub(crate) tags: Vec<String>,
    pub(crate) fields: BTreeMap<String, FieldValue>,
    pub(crate) starred: bool,
}

impl Content {
    /// Joins what stands in the text with what was given beside it.
    pub(crate) fn new(
        when: &ZonedDateTime,
        title: Option<&str>,
        text: String,
        given: Given,
        found: Extracted,
        starred: bool,
    ) -> Result<Content> {
        check_text(&text)?;
        let mut tags = found.tags;
        tags.extend(given.tags);
        let mut fields = found.fields;
        fields.extend(given.fields);
        Ok(Content {
            moment: Moment::of(when),
            title: title.and_then(one_line),
            text,
            tags: tags.into_iter().collect(),
            fields,
            starred,
        })
    }

    pub(crate) fn joined_tags(&self) -> String {
        self.tags.join(" ")
    }

    pub(crate) fn fields_json(&self) -> String {
        fields_json(&self.fields)
    }

    pub(crate) fn words(&self) -> i64 {
        self.text.split_whitespace().count() as i64
    }
}

/// Tags and fields that were given beside a text, in canonical form.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) tags: Vec<String>,
    pub(crate) fields: BTreeMap<String, FieldValue>,
}

impl Given {
    pub(crate) fn new(tags: &[String], fields: BTreeMap<String, FieldValue>) -> Result<Given> {
        let tags = tags
            .iter()
            .map(|tag| canonical_name("tag", tag))
            .collect::<Result<Vec<_>>>()?;
        let fields = fields
            .into_iter()
            .map(|(name, value)| Ok((canonical_name("field", &name)?, value.canonical())))
            .collect::<Result<BTreeMap<_, _>>>()?;
        Ok(Given { tags, fields })
    }
}

/// Refuses a text that is too long or has nothing to read, before anything is done with it.
pub(crate) fn check_text(text: &str) -> Result<()> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(Error::TextTooLong {
            bytes: text.len(),
            limit: MAX_TEXT_BYTES,
        });
    }
    // NUL and zero-width characters alone are nothing that anybody could read again.
    let blank = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    };
    if text.chars().all(blank) {
        Err(Error::EmptyText)
    } else {
        Ok(())
    }
}

/// A title is one line; a blank one is none.
pub(crate) fn one_line(title: &str) -> Option<String> {
    let line = title
        .split(['\n', '\r'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    (!line.is_empty()).then_some(line)
}

pub(crate) fn split_tags(joined: &str) -> Vec<String> {
    joined
        .split(' ')
        .filter(|tag| !tag.is_empty())
        .map(str::to_owned)
        .collect()
}

pub(crate) fn fields_json(fields: &BTreeMap<String, FieldValue>) -> String {
    if fields.is_empty() {
        return String::new();
    }
    serde_json::to_string(fields).expect("finite numbers and strings")
}

/// Unreadable fields (damage) are no reason to withhold the text.
pub(crate) fn read_fields(json: &str) -> BTreeMap<String, FieldValue> {
    if json.is_empty() {
        BTreeMap::new()
    } else {
        serde_json::from_str(json).unwrap_or_default()
    }
}
