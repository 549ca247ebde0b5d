//! New entries, one at a time or ten thousand.

use std::time::Instant;

use metrics::{Count, Measure};
use rusqlite::{Connection, OptionalExtension, params};

use super::Journal;
use super::change::{history, version_content};
use crate::extract::extract;
use crate::row::{Content, Given, check_text};
use crate::secret::random_id;
use crate::{Entry, EntryId, Error, NewEntry, Result, db, store};

/// How many entries share a transaction in [`Journal::add_many`]: what a crash can cost is imported again.
const BATCH: usize = 250;

/// Why a version was written: the first time that its source gave it.
const IMPORTED: &str = "imported";
/// Why a version was written: its source gave it and had another content before.
const IMPORTED_AGAIN: &str = "imported again";

/// What [`Journal::add_many`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportCounts {
    /// New entries.
    pub added: u64,
    /// Known before, and equal.
    pub unchanged: u64,
    /// Known before, with another content: edited, so the former one is in its history.
    pub updated: u64,
    /// Known before, edited here since, and changed at the source, too: what is here was kept.
    pub kept: Vec<EntryId>,
    /// Not taken, with the reason.
    pub refused: Vec<Refused>,
}

/// An entry that [`Journal::add_many`] did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its place among the entries given, from 0.
    pub index: u64,
    /// Why.
    pub reason: String,
}

impl Journal {
    /// Adds one entry. When this returns it is on the disk, and its analysis is queued; no model is needed.
    ///
    /// A blank text, one over [`MAX_TEXT_BYTES`](crate::MAX_TEXT_BYTES), and a tag or field name that cannot be
    /// one are refused before anything is stored.
    pub fn add(&mut self, entry: NewEntry) -> Result<Entry> {
        self.must_be_writable()?;
        let begun = Instant::now();
        let (content, now) = (content_of(&entry)?, self.now());
        let added = db::write(&mut self.db, |tx| {
            refuse_known(tx, &entry)?;
            let uid = entry.uid.map_or_else(random_id, Ok)?;
            let id = store::insert(
                tx,
                &uid,
                entry.source_id.as_deref(),
                &content,
                now,
                "written",
            )?;
            store::get(tx, id)
        })?;
        metrics::time(Measure::Save, begun.elapsed());
        metrics::add(Count::EntriesSaved, 1);
        Ok(added)
    }

    /// Adds entries from elsewhere, in batches, each a transaction; `on_batch` hears how many have been dealt with.
    ///
    /// Safe to repeat and to resume: an entry known by its `uid` or `source_id` is compared and, where it differs,
    /// edited; one without either is known by its moment and text. One that was removed here stays removed, and one
    /// that was edited here stays as it is, whether or not its source has changed as well. An entry that cannot be taken is counted with its reason, and the rest goes on.
    pub fn add_many(
        &mut self,
        entries: impl IntoIterator<Item = NewEntry>,
        on_batch: &mut dyn FnMut(u64),
    ) -> Result<ImportCounts> {
        self.must_be_writable()?;
        let mut counts = ImportCounts::default();
        let mut entries = entries.into_iter();
        let mut done = 0;
        loop {
            let batch: Vec<NewEntry> = entries.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                return Ok(counts);
            }
            let begun = Instant::now();
            let now = self.now();
            let (before, taken) = (counts.clone(), counts.added + counts.updated);
            let size = batch.len() as u64;
            counts = db::write(&mut self.db, |tx| {
                let mut counts = before;
                for (at, entry) in batch.into_iter().enumerate() {
                    take(tx, entry, now, done + at as u64, &mut counts)?;
                }
                Ok(counts)
            })?;
            done += size;
            let (taken, took) = (counts.added + counts.updated - taken, begun.elapsed());
            metrics::add(Count::EntriesImported, taken);
            metrics::add(Count::ImportMicros, took.as_micros() as u64);
            on_batch(done);
        }
    }
}

/// Two entries cannot come from the same source; importing is what compares them.
fn refuse_known(db: &Connection, entry: &NewEntry) -> Result<()> {
    let ids = [
        ("uid", &entry.uid, "SELECT 1 FROM entries WHERE uid = ?"),
        (
            "source id",
            &entry.source_id,
            "SELECT 1 FROM entries WHERE source_id = ?",
        ),
    ];
    for (what, id, sql) in ids {
        if let Some(id) = id
            && db.prepare_cached(sql)?.exists([id])?
        {
            let value = id.chars().take(80).collect();
            return Err(Error::Invalid {
                what,
                value,
                reason: "another entry here has it already",
            });
        }
    }
    Ok(())
}

fn take(
    db: &Connection,
    entry: NewEntry,
    now: i64,
    index: u64,
    counts: &mut ImportCounts,
) -> Result<()> {
    let content = match content_of(&entry) {
        Ok(content) => content,
        Err(refusal) => {
            counts.refused.push(Refused {
                index,
                reason: refusal.to_string(),
            });
            return Ok(());
        }
    };
    let Some(id) = known(db, &entry, &content)? else {
        let uid = entry.uid.map_or_else(random_id, Ok)?;
        store::insert(
            db,
            &uid,
            entry.source_id.as_deref(),
            &content,
            now,
            IMPORTED,
        )?;
        counts.added += 1;
        return Ok(());
    };
    let old = store::get_any(db, id)?;
    if old.deleted.is_some() || current_content(&old)? == content {
        counts.unchanged += 1;
    } else if let Some(source) = edited_here(db, id)? {
        // The source gives again what it gave before, or both sides have moved on.
        if source == content {
            counts.unchanged += 1;
        } else {
            counts.kept.push(id);
        }
    } else {
        store::replace(db, &old, &content, now, IMPORTED_AGAIN)?;
        counts.updated += 1;
    }
    Ok(())
}

/// What the source of an entry gave last, if the entry was changed here since. An entry that was first written here
/// gave its source (an export of this journal) itself.
fn edited_here(db: &Connection, id: EntryId) -> Result<Option<Content>> {
    let history = history(db, id)?;
    let from_source = |reason: &str| matches!(reason, "written" | IMPORTED | IMPORTED_AGAIN);
    let last = history
        .iter()
        .rposition(|version| from_source(&version.reason));
    match last {
        Some(at) if at + 1 < history.len() => version_content(&history[at]).map(Some),
        _ => Ok(None),
    }
}

/// The entry that was made from the same source before.
fn known(db: &Connection, entry: &NewEntry, content: &Content) -> Result<Option<EntryId>> {
    let by = |sql, value: &str| {
        db.prepare_cached(sql)?
            .query_row([value], |row| row.get(0))
            .optional()
    };
    if let Some(uid) = &entry.uid
        && let Some(id) = by("SELECT id FROM entries WHERE uid = ?", uid)?
    {
        return Ok(Some(EntryId(id)));
    }
    if let Some(source_id) = &entry.source_id {
        return Ok(by("SELECT id FROM entries WHERE source_id = ?", source_id)?.map(EntryId));
    }
    if entry.uid.is_some() {
        return Ok(None);
    }
    let mut select =
        db.prepare_cached("SELECT id FROM entries WHERE at = ? AND text = ? ORDER BY id LIMIT 1")?;
    Ok(select
        .query_row(params![content.moment.at, content.text], |row| row.get(0))
        .optional()?
        .map(EntryId))
}

fn content_of(entry: &NewEntry) -> Result<Content> {
    check_text(&entry.text)?;
    if let Some(uid) = &entry.uid
        && (uid.len() != 32 || !uid.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
    {
        let value = uid.chars().take(40).collect();
        return Err(Error::Invalid {
            what: "uid",
            value,
            reason: "a uid is 32 hexadecimal digits in lower case",
        });
    }
    let given = Given::new(&entry.tags, entry.fields.clone())?;
    let found = extract(&entry.text);
    Content::new(
        &entry.when,
        entry.title.as_deref(),
        entry.text.clone(),
        given,
        found,
        entry.starred,
    )
}

/// The content of a stored entry.
pub(super) fn current_content(entry: &Entry) -> Result<Content> {
    let given = Given {
        tags: entry.tags.clone(),
        fields: entry.fields.clone(),
    };
    let found = crate::extract::Extracted::default();
    Content::new(
        &entry.when,
        entry.title.as_deref(),
        entry.text.clone(),
        given,
        found,
        entry.starred,
    )
}
