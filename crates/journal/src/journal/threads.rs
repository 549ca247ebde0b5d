//! Conversations about an entry, kept beside it. The entry itself is never touched by them.

use jiff::Timestamp;
use rusqlite::{Row, params};

use super::Journal;
use crate::row::timestamp;
use crate::{EntryId, Result, store};

/// Who said a turn of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// The person whose journal it is.
    Writer,
    /// Companion.
    Companion,
}

/// One turn of a thread.
#[derive(Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who said it.
    pub speaker: Speaker,
    /// What was said, byte for byte.
    pub text: String,
    /// What made it; empty for the writer.
    pub maker: String,
    /// The version of the entry that it is about.
    pub version: u32,
    /// When; set where it is stored.
    pub at: Timestamp,
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn")
            .field("speaker", &self.speaker)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// What was said about an entry, in order.
    pub fn thread(&self, id: EntryId) -> Result<Vec<Turn>> {
        let sql =
            "SELECT speaker, text, maker, version, at FROM threads WHERE entry_id = ? ORDER BY id";
        let mut select = self.db.prepare_cached(sql)?;
        let rows = select.query_map([id.0], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Adds turns to the thread of an entry, in one transaction; an error where the entry is removed.
    pub fn add_turns(&mut self, id: EntryId, turns: &[Turn]) -> Result<()> {
        let now = self.now();
        self.write(|tx| {
            store::get(tx, id)?;
            let mut insert = tx.prepare_cached(
                "INSERT INTO threads (entry_id, version, at, speaker, text, maker) VALUES (?, ?, ?, ?, ?, ?)",
            )?;
            for turn in turns {
                let speaker = match turn.speaker {
                    Speaker::Writer => "writer",
                    Speaker::Companion => "companion",
                };
                insert.execute(params![
                    id.0,
                    turn.version,
                    now,
                    speaker,
                    turn.text,
                    turn.maker
                ])?;
            }
            Ok(())
        })
    }

    /// Erases the thread of an entry. Gives how many turns it had.
    pub fn forget_thread(&mut self, id: EntryId) -> Result<usize> {
        self.write(|tx| {
            // A reply that was kept to serve again is part of what was said.
            tx.execute(
                "DELETE FROM answers WHERE task = 'reflection' AND id IN \
                 (SELECT answer_id FROM answer_sources WHERE entry_id = ?)",
                [id.0],
            )?;
            Ok(tx.execute("DELETE FROM threads WHERE entry_id = ?", [id.0])?)
        })
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Turn> {
    Ok(Turn {
        speaker: match row.get_ref(0)?.as_str()? {
            "writer" => Speaker::Writer,
            _ => Speaker::Companion,
        },
        text: row.get(1)?,
        maker: row.get(2)?,
        version: row.get(3)?,
        at: timestamp(row.get(4)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EntryEdit, Home, NewEntry, Secret};

    #[test]
    fn a_thread_stays_with_an_edit_leaves_the_entry_alone_and_goes_when_it_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home"));
        let mut journal = Journal::create(&home, &Secret::None).unwrap();
        let when = "2026-03-01T22:10[UTC]".parse().unwrap();
        let entry = journal
            .add(NewEntry::new("  as I wrote it ", when))
            .unwrap();
        let turn = |speaker, text: &str, maker: &str| Turn {
            speaker,
            text: text.into(),
            maker: maker.into(),
            version: entry.version,
            at: Timestamp::UNIX_EPOCH,
        };
        let said = [
            turn(Speaker::Companion, "What was it like?", "tiny"),
            turn(Speaker::Writer, " cold\n", ""),
        ];
        journal.add_turns(entry.id, &said).unwrap();
        assert_eq!(journal.get(entry.id).unwrap(), entry);
        journal.edit(entry.id, EntryEdit::text("another")).unwrap();
        let kept = journal.thread(entry.id).unwrap();
        assert_eq!(
            kept.iter().map(|t| t.text.as_str()).collect::<Vec<_>>(),
            ["What was it like?", " cold\n"]
        );
        assert_eq!(journal.forget_thread(entry.id).unwrap(), 2);
        assert!(journal.thread(entry.id).unwrap().is_empty());
        journal.remove(entry.id).unwrap();
        assert!(journal.add_turns(entry.id, &said).is_err());
    }
}
