//! Reading entries back.

use jiff::ZonedDateTime;
use rusqlite::{OptionalExtension, params_from_iter};
use serde::Serialize;

use super::Journal;
use super::derived::READINGS;
use crate::row::{COLUMNS, Reader};
use crate::{Entry, EntryId, Filter, Result, migrations, store};

/// What a journal holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// Entries that are not removed.
    pub entries: u64,
    /// Removed entries that can still be restored.
    pub deleted: u64,
    /// Entries that wait for their analysis.
    pub queued: u64,
    /// Words of all entries that are not removed.
    pub words: u64,
    /// Size of the database with its write-ahead log.
    pub bytes: u64,
    /// The moment of the earliest entry.
    pub first: Option<ZonedDateTime>,
    /// The moment of the latest entry.
    pub last: Option<ZonedDateTime>,
    /// The schema's number.
    pub schema: u32,
}

impl Journal {
    /// An entry that is not removed.
    pub fn get(&self, id: EntryId) -> Result<Entry> {
        store::get(&self.db, id)
    }

    /// An entry, removed or not.
    pub fn get_any(&self, id: EntryId) -> Result<Entry> {
        store::get_any(&self.db, id)
    }

    /// The entry that was imported under this id, unless it is removed.
    pub fn find_source(&self, source_id: &str) -> Result<Option<Entry>> {
        let sql = "SELECT id FROM entries WHERE source_id = ? AND deleted IS NULL";
        let id = self
            .db
            .prepare_cached(sql)?
            .query_row([source_id], |row| row.get(0))
            .optional()?;
        id.map(|id| store::get(&self.db, EntryId(id))).transpose()
    }

    /// The entries chosen by `filter`, ordered by the moment they are about, then by id.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Entry>> {
        let clause = filter.clause()?;
        let sql = format!(
            "SELECT {COLUMNS} FROM entries AS e WHERE {} {}",
            clause.sql,
            filter.order()
        );
        let mut select = self.db.prepare_cached(&sql)?;
        let mut reader = Reader::default();
        let found = select.query_map(params_from_iter(clause.params), |row| reader.entry(row))?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }

    /// The ids of the entries chosen by `filter`, in the order of [`Journal::list`].
    pub fn list_ids(&self, filter: &Filter) -> Result<Vec<EntryId>> {
        let clause = filter.clause()?;
        let sql = format!(
            "SELECT e.id FROM entries AS e WHERE {} {}",
            clause.sql,
            filter.order()
        );
        let mut select = self.db.prepare_cached(&sql)?;
        let found = select.query_map(params_from_iter(clause.params), |row| {
            row.get(0).map(EntryId)
        })?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }

    /// How many entries `filter` chooses; its limit does not count.
    pub fn count(&self, filter: &Filter) -> Result<u64> {
        let clause = filter.clause()?;
        let sql = format!("SELECT count(*) FROM entries AS e WHERE {}", clause.sql);
        let count: i64 = self
            .db
            .prepare_cached(&sql)?
            .query_row(params_from_iter(clause.params), |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// A name for the state that the entries are in: after any was added, changed, removed or brought back, or is read in
    /// another way (by a model, or by a person's correction), it is another one. Costs no look at a text.
    pub fn entries_state(&self) -> Result<String> {
        let sql = "SELECT (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'entries'), \
             (SELECT count(*) FROM entries WHERE deleted IS NULL), \
             (SELECT count(*) FROM versions), \
             (SELECT count(*) FROM entries WHERE deleted IS NOT NULL), \
             (SELECT coalesce(sum(deleted % 1000000000), 0) FROM entries WHERE deleted IS NOT NULL), \
             (SELECT coalesce(sum(CAST(value AS INTEGER)), 0) FROM meta WHERE key = ?)";
        let mut select = self.db.prepare_cached(sql)?;
        Ok(select.query_row([READINGS], |row| {
            let count = |at: usize| row.get::<_, i64>(at);
            let (added, live, versions) = (count(0)?, count(1)?, count(2)?);
            // Bringing one back while another is removed leaves every count as it was, but for when.
            let (removed, when) = (count(3)?, count(4)?);
            let readings = count(5)?;
            Ok(format!(
                "{added}.{live}.{versions}.{removed}.{when}.{readings}"
            ))
        })?)
    }

    /// Every tag with the number of entries that have it, the most used first.
    pub fn tags(&self) -> Result<Vec<(String, u64)>> {
        self.counted("SELECT tag, count(*) FROM tags GROUP BY tag ORDER BY count(*) DESC, tag")
    }

    /// Every field name with the number of entries that have it, the most used first.
    pub fn field_names(&self) -> Result<Vec<(String, u64)>> {
        self.counted("SELECT name, count(*) FROM fields GROUP BY name ORDER BY count(*) DESC, name")
    }

    /// What the journal holds.
    pub fn stats(&self) -> Result<Stats> {
        let count = |sql: &str| -> Result<u64> {
            Ok(self
                .db
                .prepare_cached(sql)?
                .query_row([], |row| row.get::<_, i64>(0))?
                .unsigned_abs())
        };
        let bound = |newest_first| -> Result<Option<ZonedDateTime>> {
            let one = Filter {
                limit: Some(1),
                newest_first,
                ..Filter::default()
            };
            Ok(self.list(&one)?.pop().map(|entry| entry.when))
        };
        let size = |name: &str| {
            std::fs::metadata(self.home.path().join(name)).map_or(0, |meta| meta.len())
        };
        Ok(Stats {
            entries: count("SELECT count(*) FROM entries WHERE deleted IS NULL")?,
            deleted: count("SELECT count(*) FROM entries WHERE deleted IS NOT NULL")?,
            queued: self.queued_count()?,
            words: count("SELECT ifnull(sum(words), 0) FROM entries WHERE deleted IS NULL")?,
            bytes: size("journal.db") + size("journal.db-wal"),
            first: bound(false)?,
            last: bound(true)?,
            schema: migrations::current(&self.db)?,
        })
    }

    fn counted(&self, sql: &str) -> Result<Vec<(String, u64)>> {
        let mut select = self.db.prepare_cached(sql)?;
        let rows = select.query_map([], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}
