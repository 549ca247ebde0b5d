//! Texts that a language model wrote, each beside the entries that it was made from.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Journal;
use crate::row::timestamp;
use crate::{EntryId, Result};

/// A text that was written once and serves until one of its sources changes.
#[derive(Clone, PartialEq, Eq)]
pub struct Written {
    /// What kind of work it is.
    pub task: String,
    /// What it is about: an entry's id, or days.
    pub subject: String,
    /// Model and prompt file that made it.
    pub maker: String,
    /// The result, in whatever form its maker gave it.
    pub data: String,
    /// When it was made.
    pub made: Timestamp,
    /// The entries that it was made from, with their versions, by id.
    pub sources: Vec<(EntryId, u32)>,
}

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Written")
            .field("task", &self.task)
            .field("subject", &self.subject)
            .field("maker", &self.maker)
            .finish_non_exhaustive()
    }
}

const COLUMNS: &str = "id, task, subject, maker, data, made";

impl Journal {
    /// Keeps a text in place of the former one of its task and subject; `made` is set here.
    ///
    /// `false`, and nothing is kept, where one of the sources is not current any more.
    pub fn save_written(&mut self, new: &Written) -> Result<bool> {
        let now = self.now();
        self.write(|tx| {
            let mut current = tx.prepare_cached(
                "SELECT 1 FROM entries WHERE id = ? AND version = ? AND deleted IS NULL",
            )?;
            for (entry, version) in &new.sources {
                if !current.exists(params![entry.0, version])? {
                    return Ok(false);
                }
            }
            tx.prepare_cached("DELETE FROM written WHERE task = ? AND subject = ?")?
                .execute(params![new.task, new.subject])?;
            let sql =
                "INSERT INTO written (task, subject, maker, data, made) VALUES (?, ?, ?, ?, ?)";
            let id = tx.prepare_cached(sql)?.insert(params![
                new.task,
                new.subject,
                new.maker,
                new.data,
                now
            ])?;
            let sql = "INSERT OR IGNORE INTO written_sources (written_id, entry_id, version) VALUES (?, ?, ?)";
            let mut insert = tx.prepare_cached(sql)?;
            for (entry, version) in &new.sources {
                insert.execute(params![id, entry.0, version])?;
            }
            Ok(true)
        })
    }

    /// The text of a task about a subject.
    pub fn written(&self, task: &str, subject: &str) -> Result<Option<Written>> {
        let sql = format!("SELECT {COLUMNS} FROM written WHERE task = ? AND subject = ?");
        let found = self
            .db
            .prepare_cached(&sql)?
            .query_row([task, subject], read)
            .optional()?;
        found.map(|found| self.with_sources(found)).transpose()
    }

    /// All texts of a task, the earliest made first.
    pub fn all_written(&self, task: &str) -> Result<Vec<Written>> {
        let sql = format!("SELECT {COLUMNS} FROM written WHERE task = ? ORDER BY made, id");
        let mut select = self.db.prepare_cached(&sql)?;
        let rows: Vec<_> = select
            .query_map([task], read)?
            .collect::<rusqlite::Result<_>>()?;
        rows.into_iter().map(|row| self.with_sources(row)).collect()
    }

    /// Lets go of every text of `task` that another maker than `maker` made. Gives how many went.
    pub fn forget_written(&mut self, task: &str, maker: &str) -> Result<usize> {
        self.write(|tx| {
            let sql = "DELETE FROM written WHERE task = ? AND maker <> ?";
            Ok(tx.execute(sql, [task, maker])?)
        })
    }

    fn with_sources(&self, (id, mut written): (i64, Written)) -> Result<Written> {
        let sql =
            "SELECT entry_id, version FROM written_sources WHERE written_id = ? ORDER BY entry_id";
        let mut select = self.db.prepare_cached(sql)?;
        let rows = select.query_map([id], |row| Ok((EntryId(row.get(0)?), row.get(1)?)))?;
        written.sources = rows.collect::<rusqlite::Result<_>>()?;
        Ok(written)
    }
}

/// Takes away every text that was made from the entry: part of the transaction that changes it.
pub(crate) fn forget_made_from(db: &Connection, id: EntryId) -> Result<()> {
    let sql = "DELETE FROM written WHERE id IN (SELECT written_id FROM written_sources WHERE entry_id = ?)";
    db.prepare_cached(sql)?.execute([id.0])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<(i64, Written)> {
    let written = Written {
        task: row.get(1)?,
        subject: row.get(2)?,
        maker: row.get(3)?,
        data: row.get(4)?,
        made: timestamp(row.get(5)?),
        sources: Vec::new(),
    };
    Ok((row.get(0)?, written))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EntryEdit, Home, NewEntry, Secret};

    fn journal() -> (Journal, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::create(&Home::at(dir.path().join("home")), &Secret::None).unwrap();
        (journal, dir)
    }

    fn add(journal: &mut Journal, text: &str) -> (EntryId, u32) {
        let when = "2026-03-01T22:10[UTC]".parse().unwrap();
        let entry = journal.add(NewEntry::new(text, when)).unwrap();
        (entry.id, entry.version)
    }

    fn week(sources: &[(EntryId, u32)]) -> Written {
        Written {
            task: "week".into(),
            subject: "2026-03-02".into(),
            maker: "a".into(),
            data: "{}".into(),
            made: Timestamp::UNIX_EPOCH,
            sources: sources.to_vec(),
        }
    }

    #[test]
    fn a_text_dies_with_the_edit_or_the_removal_of_any_source_and_with_no_other() {
        let (mut journal, _dir) = journal();
        let sources = [add(&mut journal, "one"), add(&mut journal, "two")];
        let other = add(&mut journal, "three");
        let kept = |journal: &Journal| journal.written("week", "2026-03-02").unwrap();
        assert!(journal.save_written(&week(&sources)).unwrap());
        assert_eq!(kept(&journal).unwrap().sources, sources);
        journal.edit(other.0, EntryEdit::text("drei")).unwrap();
        assert!(kept(&journal).is_some());
        journal.edit(sources[1].0, EntryEdit::text("zwei")).unwrap();
        assert!(kept(&journal).is_none());
        assert!(
            !journal.save_written(&week(&sources)).unwrap(),
            "made from what is not so any more"
        );
        let now = [sources[0], (sources[1].0, 2)];
        assert!(journal.save_written(&week(&now)).unwrap());
        journal.remove(sources[0].0).unwrap();
        assert!(kept(&journal).is_none());
    }

    #[test]
    fn a_new_maker_takes_away_exactly_what_the_old_one_made_of_its_task() {
        let (mut journal, _dir) = journal();
        let source = [add(&mut journal, "one")];
        for (task, subject, maker) in [("week", "1", "a"), ("week", "2", "b"), ("day", "1", "a")] {
            let new = Written {
                task: task.into(),
                subject: subject.into(),
                maker: maker.into(),
                ..week(&source)
            };
            assert!(journal.save_written(&new).unwrap());
        }
        assert_eq!(journal.forget_written("week", "b").unwrap(), 1);
        assert!(journal.written("week", "1").unwrap().is_none());
        assert_eq!(journal.all_written("week").unwrap().len(), 1);
        assert!(journal.written("day", "1").unwrap().is_some());
    }
}
