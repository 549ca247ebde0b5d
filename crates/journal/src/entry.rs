//! An entry, what it is made from, and how it is changed.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::{Timestamp, ZonedDateTime};
use serde::{Deserialize, Serialize};

use crate::{Error, FieldValue, Result};

/// The largest text of one entry, in bytes. A longer one is refused before anything is stored.
pub const MAX_TEXT_BYTES: usize = 16 * 1024 * 1024;

/// An entry's number: grows with every entry, is never used twice, whatever the clock does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub i64);

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for EntryId {
    type Err = Error;

    /// Reads `12` and `#12`.
    fn from_str(text: &str) -> Result<EntryId> {
        let digits = text.trim().trim_start_matches('#');
        match digits.parse() {
            Ok(id) if id > 0 => Ok(EntryId(id)),
            _ => Err(Error::Invalid {
                what: "id",
                value: text.into(),
                reason: "an id is a number such as 12",
            }),
        }
    }
}

/// One entry as stored. `Debug` shows neither text nor title nor values, so that no log can leak them.
#[derive(Clone, PartialEq)]
pub struct Entry {
    /// Its number in this journal.
    pub id: EntryId,
    /// Its identity across journals, exports and imports: 32 hexadecimal digits.
    pub uid: String,
    /// The id it had where it was imported from.
    pub source_id: Option<String>,
    /// The moment it is about, in the zone it was written in, to the microsecond.
    pub when: ZonedDateTime,
    /// A title, one line.
    pub title: Option<String>,
    /// The text, byte for byte as given.
    pub text: String,
    /// Tags in lower case without `#`, sorted: those in the text and those given beside it.
    pub tags: Vec<String>,
    /// Whether it is starred.
    pub starred: bool,
    /// Typed fields: those in the text (`sleep:7.5`) and those given beside it, which win.
    pub fields: BTreeMap<String, FieldValue>,
    /// When it was first stored.
    pub created: Timestamp,
    /// When it was last changed (analysis is no change).
    pub modified: Timestamp,
    /// 1 for a new entry, one more with every change.
    pub version: u32,
    /// When it was removed, if it was.
    pub deleted: Option<Timestamp>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("id", &self.id)
            .field("when", &self.when)
            .field("version", &self.version)
            .field("text", &format_args!("[{} bytes]", self.text.len()))
            .finish_non_exhaustive()
    }
}

/// An entry to be added.
#[derive(Clone, PartialEq)]
pub struct NewEntry {
    /// The moment it is about.
    pub when: ZonedDateTime,
    /// The text; kept as it is. `#tags` and `key:value` fields in it are found by the journal.
    pub text: String,
    /// A title; line breaks become spaces.
    pub title: Option<String>,
    /// Tags beside those in the text, with or without `#`, in any case.
    pub tags: Vec<String>,
    /// Whether it is starred.
    pub starred: bool,
    /// Its id where it comes from; importing the same id again adds nothing.
    pub source_id: Option<String>,
    /// Its identity, where it was exported from a journal before; else one is made.
    pub uid: Option<String>,
    /// Fields beside those in the text.
    pub fields: BTreeMap<String, FieldValue>,
}

impl NewEntry {
    /// An entry with only a text and a moment.
    pub fn new(text: impl Into<String>, when: ZonedDateTime) -> NewEntry {
        NewEntry {
            when,
            text: text.into(),
            title: None,
            tags: Vec::new(),
            starred: false,
            source_id: None,
            uid: None,
            fields: BTreeMap::new(),
        }
    }
}

impl fmt::Debug for NewEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewEntry")
            .field("when", &self.when)
            .field("text", &format_args!("[{} bytes]", self.text.len()))
            .finish_non_exhaustive()
    }
}

impl From<Entry> for NewEntry {
    /// What a copy in another journal is made from: everything but id, versions and dates of storage.
    fn from(entry: Entry) -> NewEntry {
        NewEntry {
            when: entry.when,
            text: entry.text,
            title: entry.title,
            tags: entry.tags,
            starred: entry.starred,
            source_id: entry.source_id,
            uid: Some(entry.uid),
            fields: entry.fields,
        }
    }
}

/// A change to an entry; what is `None` stays.
#[derive(Clone, Default, PartialEq)]
pub struct EntryEdit {
    /// A new text; the tags and fields of the old text go with it.
    pub text: Option<String>,
    /// Another moment.
    pub when: Option<ZonedDateTime>,
    /// Another title, or none.
    pub title: Option<Option<String>>,
    /// The tags beside those in the text.
    pub tags: Option<Vec<String>>,
    /// Starred or not.
    pub starred: Option<bool>,
    /// The fields beside those in the text.
    pub fields: Option<BTreeMap<String, FieldValue>>,
}

impl EntryEdit {
    /// Replaces the text and nothing else.
    pub fn text(text: impl Into<String>) -> EntryEdit {
        EntryEdit {
            text: Some(text.into()),
            ..EntryEdit::default()
        }
    }
}

impl fmt::Debug for EntryEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryEdit")
            .field("text", &self.text.is_some())
            .finish_non_exhaustive()
    }
}

/// One state of an entry, oldest first in [`Journal::history`](crate::Journal::history).
#[derive(Clone, PartialEq)]
pub struct Version {
    /// 1 for the entry as first written.
    pub version: u32,
    /// When this state was stored.
    pub at: Timestamp,
    /// Why: `written`, `edited`, `imported again`, `restored version 2`.
    pub reason: String,
    /// The moment it is about.
    pub when: ZonedDateTime,
    /// Its title.
    pub title: Option<String>,
    /// Its text.
    pub text: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Whether it was starred.
    pub starred: bool,
    /// Its fields.
    pub fields: BTreeMap<String, FieldValue>,
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Version")
            .field("version", &self.version)
            .field("at", &self.at)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}
