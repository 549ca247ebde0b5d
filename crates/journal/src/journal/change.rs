//! Editing, removing, and taking both back.

use rusqlite::{Connection, OptionalExtension, params};

use super::Journal;
use super::add::current_content;
use crate::extract::{Extracted, extract};
use crate::row::{Content, Given, Reader, check_text, read_fields, split_tags, timestamp};
use crate::{Entry, EntryEdit, EntryId, Error, Result, Version, store};

impl Journal {
    /// Changes an entry. Its former state is kept, what was derived from it dies in the same transaction, and its
    /// analysis is queued again. A change that changes nothing makes no version.
    pub fn edit(&mut self, id: EntryId, edit: EntryEdit) -> Result<Entry> {
        let now = self.now();
        self.write(|tx| {
            let old = store::get(tx, id)?;
            let content = edited(&old, edit)?;
            if content != current_content(&old)? {
                store::replace(tx, &old, &content, now, "edited")?;
            }
            store::get(tx, id)
        })
    }

    /// Removes an entry from every list and search; what was derived from it dies now. [`Journal::restore`] brings
    /// it back, until somebody purges it.
    pub fn remove(&mut self, id: EntryId) -> Result<Entry> {
        let now = self.now();
        self.write(|tx| {
            let entry = store::get(tx, id)?;
            store::forget_derived(tx, &entry)?;
            tx.execute(
                "UPDATE entries SET deleted = ? WHERE id = ?",
                params![now, id.0],
            )?;
            store::get_any(tx, id)
        })
    }

    /// Destroys an entry, removed or not, with every version of it. The pages are overwritten, the write-ahead log
    /// is emptied; backups made before still hold it.
    pub fn purge(&mut self, id: EntryId) -> Result<()> {
        self.write(|tx| purge(tx, id))?;
        self.empty_wal();
        Ok(())
    }

    /// Destroys what was removed before `cutoff`. Gives how many.
    pub fn purge_removed_before(&mut self, cutoff: jiff::Timestamp) -> Result<u64> {
        let purged = self.write(|tx| {
            let mut select = tx.prepare("SELECT id FROM entries WHERE deleted < ?")?;
            let ids = select
                .query_map([cutoff.as_microsecond()], |row| row.get(0))?
                .collect::<rusqlite::Result<Vec<i64>>>()?;
            ids.iter().try_for_each(|id| purge(tx, EntryId(*id)))?;
            Ok(ids.len() as u64)
        })?;
        self.empty_wal();
        Ok(purged)
    }

    /// Takes back the last thing done to an entry: its removal, or else its last edit.
    ///
    /// Taking back an edit is itself a change, so nothing is lost by it, and a second one takes back the first.
    pub fn restore(&mut self, id: EntryId) -> Result<Entry> {
        let now = self.now();
        self.write(|tx| {
            let entry = store::get_any(tx, id)?;
            if entry.deleted.is_some() {
                tx.execute("UPDATE entries SET deleted = NULL WHERE id = ?", [id.0])?;
                store::derive(tx, id, &current_content(&entry)?)?;
                store::queue(tx, id)?;
            } else {
                let (version, content) =
                    last_version(tx, id)?.ok_or(Error::NothingToRestore(id))?;
                store::replace(
                    tx,
                    &entry,
                    &content,
                    now,
                    &format!("restored version {version}"),
                )?;
            }
            store::get(tx, id)
        })
    }

    /// Every state of an entry, removed or not, the oldest first and the current one last.
    pub fn history(&self, id: EntryId) -> Result<Vec<Version>> {
        store::get_any(&self.db, id)?;
        history(&self.db, id)
    }

    /// Old frames of the write-ahead log still hold what was purged; another process that reads keeps them a little longer.
    fn empty_wal(&self) {
        // Not getting it now only means that the next checkpoint does it.
        let _ = self
            .db
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
}

/// Every state of an entry, the oldest first and the current one last.
pub(super) fn history(db: &Connection, id: EntryId) -> Result<Vec<Version>> {
    let mut select = db.prepare_cached(
        "SELECT version, written, reason, at, zone, offset, title, text, tags, fields, starred \
         FROM versions WHERE entry_id = ?1 UNION ALL \
         SELECT version, modified, reason, at, zone, offset, title, text, tags, fields, starred \
         FROM entries WHERE id = ?1 ORDER BY 1",
    )?;
    let mut reader = Reader::default();
    let versions = select
        .query_map([id.0], |row| read_version(&mut reader, row))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(versions)
}

fn purge(tx: &Connection, id: EntryId) -> Result<()> {
    let entry = store::get_any(tx, id)?;
    store::forget_derived(tx, &entry)?;
    tx.execute("DELETE FROM drafts WHERE name = ?", [format!("entry:{id}")])?;
    tx.execute("DELETE FROM entries WHERE id = ?", [id.0])?;
    Ok(())
}

/// The content after `edit`. Tags and fields that stood in the old text go with it; those given beside it stay.
fn edited(old: &Entry, edit: EntryEdit) -> Result<Content> {
    let before = extract(&old.text);
    let fields = edit.fields.unwrap_or_else(|| {
        let beside = |(name, value): &(&String, _)| before.fields.get(*name) != Some(*value);
        old.fields
            .iter()
            .filter(beside)
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    });
    let tags = edit.tags.unwrap_or_else(|| {
        old.tags
            .iter()
            .filter(|tag| !before.tags.contains(*tag))
            .cloned()
            .collect()
    });
    let given = Given::new(&tags, fields)?;
    let when = edit.when.unwrap_or_else(|| old.when.clone());
    let title = edit.title.unwrap_or_else(|| old.title.clone());
    let (text, found) = match edit.text {
        Some(text) => {
            check_text(&text)?;
            let found = extract(&text);
            (text, found)
        }
        None => (old.text.clone(), before),
    };
    Content::new(
        &when,
        title.as_deref(),
        text,
        given,
        found,
        edit.starred.unwrap_or(old.starred),
    )
}

fn last_version(db: &Connection, id: EntryId) -> Result<Option<(u32, Content)>> {
    let mut select = db.prepare_cached(
        "SELECT version, written, reason, at, zone, offset, title, text, tags, fields, starred \
         FROM versions WHERE entry_id = ? ORDER BY version DESC LIMIT 1",
    )?;
    let mut reader = Reader::default();
    let Some(version) = select
        .query_row([id.0], |row| read_version(&mut reader, row))
        .optional()?
    else {
        return Ok(None);
    };
    Ok(Some((version.version, version_content(&version)?)))
}

/// The content of a former state.
pub(super) fn version_content(version: &Version) -> Result<Content> {
    let given = Given {
        tags: version.tags.clone(),
        fields: version.fields.clone(),
    };
    Content::new(
        &version.when,
        version.title.as_deref(),
        version.text.clone(),
        given,
        Extracted::default(),
        version.starred,
    )
}

fn read_version(reader: &mut Reader, row: &rusqlite::Row<'_>) -> rusqlite::Result<Version> {
    Ok(Version {
        version: row.get(0)?,
        at: timestamp(row.get(1)?),
        reason: row.get(2)?,
        when: reader.zoned(row.get(3)?, row.get_ref(4)?.as_str()?, row.get(5)?),
        title: row.get(6)?,
        text: row.get(7)?,
        tags: split_tags(row.get_ref(8)?.as_str()?),
        fields: read_fields(row.get_ref(9)?.as_str()?),
        starred: row.get(10)?,
    })
}
