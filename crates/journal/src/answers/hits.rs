//! Requests that were served by the answer to another one, with what is needed to judge them when the answer has run out.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, params};

use super::Answers;
use crate::row::timestamp;
use crate::{Result, db};

/// Verdicts that are waited for; older ones make room.
const KEPT_HITS: u32 = 500;
/// Nobody judges a hit that is older.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24 * 30);
/// Bits of a stored verdict. Programs that did not ask who judged stored the first alone.
const RIGHT: i64 = 1;
/// See `RIGHT`.
const TOLD: i64 = 2;

/// A request that was served by the answer to another one.
#[derive(Clone, PartialEq)]
pub struct AnswerHit {
    /// Its id.
    pub id: i64,
    /// The answer that served; it may be gone.
    pub answer: i64,
    /// What kind of work it is.
    pub task: String,
    /// Digest of all that had to be equal.
    pub key: Vec<u8>,
    /// The request that the answer was made for.
    pub stored: String,
    /// The answer's text, where it waits for a verdict that needs it; else empty.
    pub text: String,
    /// The answer was shipped with the program.
    pub pinned: bool,
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

impl Answers {
    /// Remembers that an answer served another request, with its text where `text` says so; the oldest beyond 500, and those
    /// of more than 30 days, are forgotten.
    pub fn add_hit(
        &mut self,
        answer: i64,
        request: &str,
        at: Timestamp,
        (similarity, score): (f64, f64),
        text: bool,
    ) -> Result<()> {
        db::write(&mut self.db, |tx| {
            // The answer may have gone in the meantime: then there is nothing to judge.
            let added = tx.execute(
                "INSERT INTO answer_hits (answer_id, task, key, stored, answer, pinned, request, at, similarity, score) \
                 SELECT id, task, key, request, CASE WHEN ?6 THEN answer ELSE '' END, pinned, ?2, ?3, ?4, ?5 \
                 FROM answers WHERE id = ?1",
                params![answer, request, at.as_microsecond(), similarity, score, text],
            )?;
            if added > 0 {
                let hit = tx.last_insert_rowid();
                tx.execute(
                    "INSERT INTO answer_hit_sources (hit_id, entry_id) \
                     SELECT ?2, entry_id FROM answer_sources WHERE answer_id = ?1",
                    params![answer, hit],
                )?;
            }
            tx.execute(
                "DELETE FROM answer_hits WHERE id <= (SELECT max(id) FROM answer_hits) - ?1 OR at < ?2",
                params![KEPT_HITS, at.saturating_sub(KEPT_FOR).unwrap_or(Timestamp::MIN).as_microsecond()],
            )?;
            Ok(())
        })
    }

    /// The hits of one answer, or of all, the latest first.
    pub fn hits(&self, answer: Option<i64>) -> Result<Vec<AnswerHit>> {
        let mut select = self.db.prepare_cached(
            "SELECT id, answer_id, task, key, stored, answer, pinned, request, at, similarity, score, verdict \
             FROM answer_hits WHERE ?1 IS NULL OR answer_id = ?1 ORDER BY id DESC",
        )?;
        let rows = select.query_map([answer], |row| {
            let verdict: Option<i64> = row.get(11)?;
            Ok(AnswerHit {
                id: row.get(0)?,
                answer: row.get(1)?,
                task: row.get(2)?,
                key: row.get(3)?,
                stored: row.get(4)?,
                text: row.get(5)?,
                pinned: row.get(6)?,
                request: row.get(7)?,
                at: timestamp(row.get(8)?),
                similarity: row.get(9)?,
                score: row.get(10)?,
                verdict: verdict.map(|bits| bits & RIGHT != 0),
                told: verdict.is_some_and(|bits| bits & TOLD != 0),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Says of a hit whether it was right, and whether a person `told` so. Gives the verdict that stood before, if there was
    /// one, with who gave it; nothing is changed where one stands and nobody `told`, since whoever audits judges what nobody
    /// has judged. The answer's text is not needed any more.
    pub fn set_verdict(
        &mut self,
        hit: i64,
        right: bool,
        told: bool,
    ) -> Result<Option<(bool, bool)>> {
        let verdict = (i64::from(right) * RIGHT) | (i64::from(told) * TOLD);
        db::write(&mut self.db, |tx| {
            let before: Option<Option<i64>> = tx
                .query_row(
                    "SELECT verdict FROM answer_hits WHERE id = ?",
                    [hit],
                    |row| row.get(0),
                )
                .optional()?;
            let before = before.flatten();
            if told || before.is_none() {
                tx.execute(
                    "UPDATE answer_hits SET verdict = ?, answer = '' WHERE id = ?",
                    params![verdict, hit],
                )?;
            }
            Ok(before.map(|bits| (bits & RIGHT != 0, bits & TOLD != 0)))
        })
    }
}
