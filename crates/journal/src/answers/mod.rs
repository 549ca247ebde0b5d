//! Answers that may serve again: rows beside the entries that they were made from, in the same encrypted database.
//!
//! Which answer serves which request is decided by whoever asks; here is only what has to happen together: an answer
//! dies in the transaction that edits or removes one of its sources, and is not kept where that happened while it was
//! being worked out.

mod hits;
mod lessons;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::db::{self, Mode};
use crate::home::HomeLock;
use crate::row::timestamp;
use crate::{EntryId, Error, Journal, Result};

pub use hits::AnswerHit;
pub use lessons::Lesson;

/// An answer to keep.
#[derive(Debug, Clone)]
pub struct NewAnswer<'a> {
    /// What kind of work it is.
    pub task: &'a str,
    /// Digest of all that has to be equal.
    pub key: &'a [u8],
    /// What was asked.
    pub request: &'a str,
    /// The answer.
    pub answer: &'a str,
    /// Components of the request's vector, `value = byte * scale`.
    pub vector: &'a [i8],
    /// See `vector`.
    pub scale: f32,
    /// When it was made.
    pub made: Timestamp,
    /// From when on it serves no more.
    pub expires: Option<Timestamp>,
    /// The order of use: larger is later.
    pub used: i64,
    /// When it was shown last.
    pub shown: Option<Timestamp>,
    /// What it counts in a bound of bytes.
    pub size_bytes: u64,
    /// It neither expires nor is pushed out.
    pub pinned: bool,
    /// The entries that it was made from, with their versions.
    pub sources: &'a [(EntryId, u32)],
}

impl NewAnswer<'_> {
    /// It as it is when it is kept under `id`, and has not served yet.
    pub fn kept_as(&self, id: i64) -> Answer {
        Answer {
            id,
            task: self.task.to_owned(),
            key: self.key.to_vec(),
            request: self.request.to_owned(),
            vector: self.vector.to_vec(),
            scale: self.scale,
            made: self.made,
            expires: self.expires,
            used: self.used,
            shown: self.shown,
            hits: 0,
            size_bytes: self.size_bytes,
            pinned: self.pinned,
        }
    }
}

/// A kept answer, without its text.
#[derive(Clone, PartialEq)]
pub struct Answer {
    /// Its id, never used twice.
    pub id: i64,
    /// See [`NewAnswer`].
    pub task: String,
    /// See [`NewAnswer`].
    pub key: Vec<u8>,
    /// See [`NewAnswer`].
    pub request: String,
    /// See [`NewAnswer`].
    pub vector: Vec<i8>,
    /// See [`NewAnswer`].
    pub scale: f32,
    /// See [`NewAnswer`].
    pub made: Timestamp,
    /// See [`NewAnswer`].
    pub expires: Option<Timestamp>,
    /// See [`NewAnswer`].
    pub used: i64,
    /// See [`NewAnswer`].
    pub shown: Option<Timestamp>,
    /// How often it served another request.
    pub hits: u64,
    /// See [`NewAnswer`].
    pub size_bytes: u64,
    /// See [`NewAnswer`].
    pub pinned: bool,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What changes about an answer that was used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnswerUse {
    /// Which.
    pub id: i64,
    /// Its new place in the order of use.
    pub used: i64,
    /// Hits since.
    pub hits: u64,
    /// When it was shown last.
    pub shown: Option<Timestamp>,
}

/// The answers of a journal, over a connection of their own: an answer can be worked out from the journal while they
/// are open.
///
/// Unlike entries, answers are not flushed to the disk at every commit: a power cut may lose the last of them, never
/// their consistency.
pub struct Answers {
    db: Connection,
    _lock: HomeLock,
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answers").finish_non_exhaustive()
    }
}

const COLUMNS: &str =
    "id, task, key, request, vector, scale, made, expires, used, shown, hits, bytes, pinned";

impl Journal {
    /// The answers kept in this journal. Fails where the journal can only be read.
    pub fn answers(&self) -> Result<Answers> {
        self.must_be_writable()?;
        let lock = HomeLock::shared(&self.home)?;
        let db = db::open(&self.home.database(), &self.key, Mode::ReadWrite)?;
        db.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8192;")?;
        Ok(Answers { db, _lock: lock })
    }
}

impl Answers {
    /// The answers with ids above `after`, by id.
    pub fn after(&self, after: i64) -> Result<Vec<Answer>> {
        let sql = format!("SELECT {COLUMNS} FROM answers WHERE id > ? ORDER BY id");
        let mut select = self.db.prepare_cached(&sql)?;
        Ok(select
            .query_map([after], read)?
            .collect::<rusqlite::Result<_>>()?)
    }

    /// A number that is another one after every change that somebody else made to the database.
    pub fn seen_change(&self) -> Result<i64> {
        Ok(self
            .db
            .pragma_query_value(None, "data_version", |row| row.get(0))?)
    }

    /// Ids of all answers, ascending.
    pub fn ids(&self) -> Result<Vec<i64>> {
        let mut select = self
            .db
            .prepare_cached("SELECT id FROM answers ORDER BY id")?;
        Ok(select
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?)
    }

    /// The text of an answer, if it is still there.
    pub fn text(&self, id: i64) -> Result<Option<String>> {
        let mut select = self
            .db
            .prepare_cached("SELECT answer FROM answers WHERE id = ?")?;
        Ok(select.query_row([id], |row| row.get(0)).optional()?)
    }

    /// The entries that an answer was made from, with their versions.
    pub fn sources(&self, id: i64) -> Result<Vec<(EntryId, u32)>> {
        let sql = "SELECT entry_id, version FROM answer_sources WHERE answer_id = ? ORDER BY 1";
        let mut select = self.db.prepare_cached(sql)?;
        let rows = select.query_map([id], |row| Ok((EntryId(row.get(0)?), row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Keeps an answer and lets go of `pushed_out`, in one transaction. `None` where one of its sources is not current
    /// any more: then the answer is one to another journal than this.
    pub fn insert(&mut self, new: &NewAnswer<'_>, pushed_out: &[i64]) -> Result<Option<i64>> {
        db::write(&mut self.db, |tx| {
            let id = insert(tx, new)?;
            if id.is_some() {
                remove(tx, pushed_out)?;
            }
            Ok(id)
        })
    }

    /// Keeps many answers in one transaction: all of them, or none. Those whose sources are not current are left out.
    pub fn insert_all(&mut self, new: &[NewAnswer<'_>]) -> Result<()> {
        db::write(&mut self.db, |tx| {
            for answer in new {
                insert(tx, answer)?;
            }
            Ok(())
        })
    }

    /// Lets go of answers; those that are gone already do not matter.
    pub fn remove(&mut self, ids: &[i64]) -> Result<()> {
        db::write(&mut self.db, |tx| remove(tx, ids))
    }

    /// Forgets answers and what is remembered by them: somebody asked for it.
    pub fn forget(&mut self, ids: &[i64]) -> Result<()> {
        db::write(&mut self.db, |tx| {
            remove(tx, ids)?;
            let mut delete = tx.prepare_cached("DELETE FROM answer_hits WHERE answer_id = ?")?;
            ids.iter()
                .try_for_each(|id| delete.execute([id]).map(drop))
                .map_err(Error::from)
        })
    }

    /// Lets go of every answer, with what was counted and learnt where `counts` says so: all but the clock, and when each
    /// question was shown (`shown.…`), which are no statistics.
    pub fn clear(&mut self, counts: bool) -> Result<()> {
        db::write(&mut self.db, |tx| {
            tx.execute("DELETE FROM answers", [])?;
            tx.execute("DELETE FROM answer_hits", [])?;
            if counts {
                tx.execute("DELETE FROM answer_lessons", [])?;
                tx.execute(
                    "DELETE FROM answer_counts WHERE name <> 'clock' AND name NOT LIKE 'shown.%'",
                    [],
                )?;
            }
            Ok(())
        })
    }

    /// Notes uses and adds to counts, in one transaction.
    pub fn note(&mut self, uses: &[AnswerUse], counts: &[(String, i64)]) -> Result<()> {
        db::write(&mut self.db, |tx| {
            let mut update = tx.prepare_cached(
                "UPDATE answers SET used = max(used, ?2), hits = hits + ?3, shown = coalesce(?4, shown) WHERE id = ?1",
            )?;
            for used in uses {
                let hits = i64::try_from(used.hits).unwrap_or(i64::MAX);
                let shown = used.shown.map(|t| t.as_microsecond());
                update.execute(params![used.id, used.used, hits, shown])?;
            }
            let mut count = tx.prepare_cached(
                "INSERT INTO answer_counts (name, value) VALUES (?1, ?2) \
                 ON CONFLICT (name) DO UPDATE SET value = value + ?2",
            )?;
            for (name, more) in counts {
                count.execute(params![name, more])?;
            }
            Ok(())
        })
    }

    /// Questions that the program showed at `since` or later, by whichever command, with the last time.
    pub fn asked_since(&self, since: Timestamp) -> Result<Vec<(String, Timestamp)>> {
        let sql = "SELECT prompt_id, max(shown) FROM prompts WHERE shown >= ? GROUP BY prompt_id";
        let mut select = self.db.prepare_cached(sql)?;
        let rows = select.query_map([since.as_microsecond()], |row| {
            Ok((row.get(0)?, timestamp(row.get(1)?)))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Everything that is counted.
    pub fn counts(&self) -> Result<Vec<(String, i64)>> {
        let mut select = self
            .db
            .prepare_cached("SELECT name, value FROM answer_counts ORDER BY name")?;
        Ok(select
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?)
    }

    /// Sets one count.
    pub fn set_count(&mut self, name: &str, value: i64) -> Result<()> {
        db::write(&mut self.db, |tx| {
            tx.execute(
                "INSERT OR REPLACE INTO answer_counts (name, value) VALUES (?, ?)",
                params![name, value],
            )?;
            Ok(())
        })
    }
}

/// Takes away every answer that was made from the entry, and what it is remembered by: part of the transaction that changes
/// it.
pub(crate) fn forget_made_from(db: &Connection, id: EntryId) -> Result<()> {
    for sql in [
        "DELETE FROM answers WHERE id IN (SELECT answer_id FROM answer_sources WHERE entry_id = ?)",
        "DELETE FROM answer_hits WHERE id IN (SELECT hit_id FROM answer_hit_sources WHERE entry_id = ?)",
    ] {
        db.prepare_cached(sql)?.execute([id.0])?;
    }
    Ok(())
}

/// Keeps an answer; `None` where one of its sources is not current.
fn insert(db: &Connection, new: &NewAnswer<'_>) -> Result<Option<i64>> {
    let mut current = db
        .prepare_cached("SELECT 1 FROM entries WHERE id = ? AND version = ? AND deleted IS NULL")?;
    for (entry, version) in new.sources {
        if !current.exists(params![entry.0, version])? {
            return Ok(None);
        }
    }
    let mut insert = db.prepare_cached(
        "INSERT INTO answers (task, key, request, answer, vector, scale, made, expires, used, shown, hits, \
         raised, bytes, pinned) VALUES (?,?,?,?,?,?,?,?,?,?,0,0,?,?)", // `raised` is in the lessons since schema 6
    )?;
    let vector: Vec<u8> = new.vector.iter().map(|x| *x as u8).collect();
    let id = insert.insert(params![
        new.task,
        new.key,
        new.request,
        new.answer,
        vector,
        f64::from(new.scale),
        new.made.as_microsecond(),
        new.expires.map(|t| t.as_microsecond()),
        new.used,
        new.shown.map(|t| t.as_microsecond()),
        i64::try_from(new.size_bytes).unwrap_or(i64::MAX),
        new.pinned
    ])?;
    let mut insert = db.prepare_cached(
        "INSERT OR IGNORE INTO answer_sources (answer_id, entry_id, version) VALUES (?, ?, ?)",
    )?;
    for (entry, version) in new.sources {
        insert.execute(params![id, entry.0, version])?;
    }
    Ok(Some(id))
}

fn remove(db: &Connection, ids: &[i64]) -> Result<()> {
    let mut delete = db.prepare_cached("DELETE FROM answers WHERE id = ?")?;
    ids.iter()
        .try_for_each(|id| delete.execute([id]).map(drop))
        .map_err(Error::from)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Answer> {
    let vector = row.get_ref(4)?.as_blob()?;
    Ok(Answer {
        id: row.get(0)?,
        task: row.get(1)?,
        key: row.get(2)?,
        request: row.get(3)?,
        vector: vector.iter().map(|byte| *byte as i8).collect(),
        scale: row.get::<_, f64>(5)? as f32,
        made: timestamp(row.get(6)?),
        expires: row.get::<_, Option<i64>>(7)?.map(timestamp),
        used: row.get(8)?,
        shown: row.get::<_, Option<i64>>(9)?.map(timestamp),
        hits: row.get::<_, i64>(10)?.unsigned_abs(),
        size_bytes: row.get::<_, i64>(11)?.unsigned_abs(),
        pinned: row.get(12)?,
    })
}
