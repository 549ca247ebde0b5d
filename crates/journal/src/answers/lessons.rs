//! What verdicts taught: it holds for the requests, not for the answer that happened to be kept, and outlives it.

use jiff::Timestamp;
use rusqlite::params;

use super::Answers;
use crate::{Result, db};

/// Lessons that are kept; the oldest make room.
const KEPT: u32 = 1_000;

/// What was learnt of a request, or of two.
#[derive(Clone, PartialEq)]
pub struct Lesson {
    /// What kind of work it is.
    pub task: String,
    /// The request, in the form in which requests are compared.
    pub stored: String,
    /// Another one that must not be served by its answer; empty: it is about the request's threshold.
    pub asked: String,
    /// By how much the threshold is raised.
    pub raised: f64,
    /// When it was learnt.
    pub at: Timestamp,
}

impl std::fmt::Debug for Lesson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lesson").finish_non_exhaustive()
    }
}

impl Answers {
    /// Every lesson.
    pub fn lessons(&self) -> Result<Vec<Lesson>> {
        let sql = "SELECT task, stored, asked, raised, at FROM answer_lessons";
        let mut select = self.db.prepare_cached(sql)?;
        let rows = select.query_map([], |row| {
            Ok(Lesson {
                task: row.get(0)?,
                stored: row.get(1)?,
                asked: row.get(2)?,
                raised: row.get(3)?,
                at: crate::row::timestamp(row.get(4)?),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Keeps a lesson in place of the one about the same, or takes that one back where it raises nothing; the oldest
    /// beyond 1,000 are forgotten.
    pub fn set_lesson(&mut self, lesson: &Lesson) -> Result<()> {
        db::write(&mut self.db, |tx| {
            let about = params![lesson.task, lesson.stored, lesson.asked];
            tx.execute(
                "DELETE FROM answer_lessons WHERE task = ? AND stored = ? AND asked = ?",
                about,
            )?;
            if lesson.raised <= 0.0 {
                return Ok(());
            }
            tx.execute(
                "INSERT INTO answer_lessons (task, stored, asked, raised, at) VALUES (?,?,?,?,?)",
                params![
                    lesson.task,
                    lesson.stored,
                    lesson.asked,
                    lesson.raised,
                    lesson.at.as_microsecond()
                ],
            )?;
            tx.execute(
                "DELETE FROM answer_lessons WHERE (task, stored, asked) IN \
                 (SELECT task, stored, asked FROM answer_lessons ORDER BY at DESC LIMIT -1 OFFSET ?)",
                [KEPT],
            )?;
            Ok(())
        })
    }
}
