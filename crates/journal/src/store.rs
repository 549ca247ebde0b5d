//! The rows that make up one entry, written and taken away together.

use rusqlite::{Connection, OptionalExtension, params};

use crate::filter::field_sql;
use crate::index_text::index_text;
use crate::row::{COLUMNS, Content, Reader};
use crate::{Entry, EntryId, Error, Result, answers};

/// Inserts a new entry with everything made from it at once, and queues its analysis. Gives its id.
pub(crate) fn insert(
    db: &Connection,
    uid: &str,
    source_id: Option<&str>,
    content: &Content,
    now: i64,
    reason: &str,
) -> Result<EntryId> {
    let mut insert = db.prepare_cached(
        "INSERT INTO entries (uid, source_id, at, zone, offset, day, title, text, tags, fields, starred, words, \
         created, modified, version, reason) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?13,1,?14)",
    )?;
    let moment = &content.moment;
    let id = EntryId(insert.insert(params![
        uid,
        source_id,
        moment.at,
        moment.zone,
        moment.offset,
        moment.day,
        content.title,
        content.text,
        content.joined_tags(),
        content.fields_json(),
        content.starred,
        content.words(),
        now,
        reason
    ])?);
    derive(db, id, content)?;
    queue(db, id)?;
    Ok(id)
}

/// Replaces an entry's content; its former state becomes a version, and what was derived from it dies.
pub(crate) fn replace(
    db: &Connection,
    old: &Entry,
    content: &Content,
    now: i64,
    reason: &str,
) -> Result<()> {
    let kept = "INSERT INTO versions (entry_id, version, written, reason, at, zone, offset, title, text, tags, fields, starred) \
         SELECT id, version, modified, reason, at, zone, offset, title, text, tags, fields, starred FROM entries WHERE id = ?";
    db.prepare_cached(kept)?.execute([old.id.0])?;
    forget_derived(db, old)?;
    let moment = &content.moment;
    let mut update = db.prepare_cached(
        "UPDATE entries SET at = ?2, zone = ?3, offset = ?4, day = ?5, title = ?6, text = ?7, tags = ?8, fields = ?9, \
         starred = ?10, words = ?11, modified = ?12, version = version + 1, reason = ?13 WHERE id = ?1",
    )?;
    update.execute(params![
        old.id.0,
        moment.at,
        moment.zone,
        moment.offset,
        moment.day,
        content.title,
        content.text,
        content.joined_tags(),
        content.fields_json(),
        content.starred,
        content.words(),
        now,
        reason
    ])?;
    derive(db, old.id, content)?;
    queue(db, old.id)
}

/// Writes the rows that filters and full-text search read.
pub(crate) fn derive(db: &Connection, id: EntryId, content: &Content) -> Result<()> {
    let mut insert =
        db.prepare_cached("INSERT OR IGNORE INTO tags (tag, entry_id) VALUES (?, ?)")?;
    for tag in &content.tags {
        insert.execute(params![tag, id.0])?;
    }
    let mut insert =
        db.prepare_cached("INSERT INTO fields (name, entry_id, kind, value) VALUES (?, ?, ?, ?)")?;
    for (name, value) in &content.fields {
        let (kind, value) = field_sql(value);
        insert.execute(params![name, id.0, kind, value])?;
    }
    let mut insert =
        db.prepare_cached("INSERT INTO entry_text (rowid, title, body, tags) VALUES (?, ?, ?, ?)")?;
    let title = index_text(content.title.as_deref().unwrap_or(""));
    insert.execute(params![
        id.0,
        title,
        index_text(&content.text),
        index_text(&content.joined_tags())
    ])?;
    Ok(())
}

/// Takes away everything derived from an entry: index, filters, analysis, vectors, what was written from it, answers
/// that were made from it, its place in the queue.
pub(crate) fn forget_derived(db: &Connection, entry: &Entry) -> Result<()> {
    // A contentless index has to be told what it once was given; only entries that are not removed are in it.
    if entry.deleted.is_none() {
        let sql = "INSERT INTO entry_text (entry_text, rowid, title, body, tags) VALUES ('delete', ?, ?, ?, ?)";
        let title = index_text(entry.title.as_deref().unwrap_or(""));
        let values = params![
            entry.id.0,
            title,
            index_text(&entry.text),
            index_text(&entry.tags.join(" "))
        ];
        db.prepare_cached(sql)?.execute(values)?;
    }
    for table in ["tags", "fields", "queue"] {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE entry_id = ?"))?
            .execute([entry.id.0])?;
    }
    crate::journal::forget_made_from(db, entry.id)?;
    answers::forget_made_from(db, entry.id)?;
    forget_analysis(db, entry.id)
}

/// Takes away what models made.
pub(crate) fn forget_analysis(db: &Connection, id: EntryId) -> Result<()> {
    for table in ["analyses", "themes", "entry_vectors", "sentence_vectors"] {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE entry_id = ?"))?
            .execute([id.0])?;
    }
    Ok(())
}

/// Asks for an analysis.
pub(crate) fn queue(db: &Connection, id: EntryId) -> Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO queue (entry_id, attempts) VALUES (?, 0)")?
        .execute([id.0])?;
    Ok(())
}

/// The entry, removed or not.
pub(crate) fn get_any(db: &Connection, id: EntryId) -> Result<Entry> {
    let mut select =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM entries AS e WHERE id = ?"))?;
    let mut reader = Reader::default();
    select
        .query_row([id.0], |row| reader.entry(row))
        .optional()?
        .ok_or(Error::NoEntry(id))
}

/// The entry, if it is not removed.
pub(crate) fn get(db: &Connection, id: EntryId) -> Result<Entry> {
    let entry = get_any(db, id)?;
    if entry.deleted.is_some() {
        Err(Error::Removed(id))
    } else {
        Ok(entry)
    }
}
