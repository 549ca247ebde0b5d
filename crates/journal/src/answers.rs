//! Answers that may serve again: rows beside the entries that they were made from, in the same encrypted database.
//!
//! Which answer serves which request is decided by whoever asks; here is only what has to happen together: an answer
//! dies in the transaction that edits or removes one of its sources, and is not kept where that happened while it was
//! being worked out.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::db::{self, Mode};
use crate::home::HomeLock;
use crate::row::timestamp;
use crate::{EntryId, Error, Journal, Result};

/// Verdicts that are waited for; older ones make room.
const KEPT_HITS: u32 = 500;
/// Bits of a stored verdict. Programs that did not ask who judged stored the first alone.
const RIGHT: i64 = 1;
/// See `RIGHT`.
const TOLD: i64 = 2;

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
            raised: 0.0,
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
    /// What verdicts moved its threshold by.
    pub raised: f64,
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

/// A request that was served by the answer to another one.
#[derive(Clone, PartialEq)]
pub struct AnswerHit {
    /// Its id.
    pub id: i64,
    /// The answer that served.
    pub answer: i64,
    /// What was asked.
    pub request: String,
    /// When.
    pub at: Timestamp,
    /// Similarity of the two requests.
    pub similarity: f64,
    /// The score that decided.
    pub score: f64,
    /// Whether it was right, where that was judged.
    pub verdict: Option<bool>,
    /// Whether a person judged it, unasked.
    pub told: bool,
}

impl std::fmt::Debug for AnswerHit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnswerHit")
            .field("id", &self.id)
            .field("answer", &self.answer)
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

const COLUMNS: &str = "id, task, key, request, vector, scale, made, expires, used, shown, hits, raised, bytes, pinned";

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

    /// Lets go of every answer, with what was counted where `counts` says so: all but the clock, and when each question was
    /// shown (`shown.…`), which are no statistics.
    pub fn clear(&mut self, counts: bool) -> Result<()> {
        db::write(&mut self.db, |tx| {
            tx.execute("DELETE FROM answers", [])?;
            if counts {
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

    /// Moves the threshold of an answer.
    pub fn set_raised(&mut self, id: i64, raised: f64) -> Result<()> {
        db::write(&mut self.db, |tx| {
            tx.execute(
                "UPDATE answers SET raised = ? WHERE id = ?",
                params![raised, id],
            )?;
            Ok(())
        })
    }

    /// Remembers that an answer served another request; the oldest beyond 500 are forgotten.
    pub fn add_hit(
        &mut self,
        answer: i64,
        request: &str,
        at: Timestamp,
        similarity: f64,
        score: f64,
    ) -> Result<()> {
        db::write(&mut self.db, |tx| {
            // The answer may have gone in the meantime: then there is nothing to judge.
            tx.execute(
                "INSERT INTO answer_hits (answer_id, request, at, similarity, score) \
                 SELECT id, ?2, ?3, ?4, ?5 FROM answers WHERE id = ?1",
                params![answer, request, at.as_microsecond(), similarity, score],
            )?;
            tx.execute(
                "DELETE FROM answer_hits WHERE id <= (SELECT max(id) FROM answer_hits) - ?",
                [KEPT_HITS],
            )?;
            Ok(())
        })
    }

    /// The hits of one answer, or of all, the latest first.
    pub fn hits(&self, answer: Option<i64>) -> Result<Vec<AnswerHit>> {
        let mut select = self.db.prepare_cached(
            "SELECT id, answer_id, request, at, similarity, score, verdict FROM answer_hits \
             WHERE ?1 IS NULL OR answer_id = ?1 ORDER BY id DESC",
        )?;
        let rows = select.query_map([answer], |row| {
            let verdict: Option<i64> = row.get(6)?;
            Ok(AnswerHit {
                id: row.get(0)?,
                answer: row.get(1)?,
                request: row.get(2)?,
                at: timestamp(row.get(3)?),
                similarity: row.get(4)?,
                score: row.get(5)?,
                verdict: verdict.map(|bits| bits & RIGHT != 0),
                told: verdict.is_some_and(|bits| bits & TOLD != 0),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Says of a hit whether it was right, and whether a person `told` so.
    pub fn set_verdict(&mut self, hit: i64, right: bool, told: bool) -> Result<()> {
        let verdict = (i64::from(right) * RIGHT) | (i64::from(told) * TOLD);
        db::write(&mut self.db, |tx| {
            tx.execute(
                "UPDATE answer_hits SET verdict = ? WHERE id = ?",
                params![verdict, hit],
            )?;
            Ok(())
        })
    }
}

/// Takes away every answer that was made from the entry: part of the transaction that changes it.
pub(crate) fn forget_made_from(db: &Connection, id: EntryId) -> Result<()> {
    let sql =
        "DELETE FROM answers WHERE id IN (SELECT answer_id FROM answer_sources WHERE entry_id = ?)";
    db.prepare_cached(sql)?.execute([id.0])?;
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
         raised, bytes, pinned) VALUES (?,?,?,?,?,?,?,?,?,?,0,0,?,?)",
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
        raised: row.get(11)?,
        size_bytes: row.get::<_, i64>(12)?.unsigned_abs(),
        pinned: row.get(13)?,
    })
}
