//! The small things beside the entries: questions shown, drafts, and remembered values.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

use super::Journal;
use crate::Result;
use crate::row::timestamp;

/// A text not yet saved as an entry. Encrypted like everything else.
#[derive(Clone, PartialEq, Eq)]
pub struct Draft {
    /// What it is a draft of: `new`, or `entry:12` for an edit.
    pub name: String,
    /// The text so far.
    pub text: String,
    /// When it was saved.
    pub saved: Timestamp,
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft")
            .field("name", &self.name)
            .field("saved", &self.saved)
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// Remembers that a question was shown.
    pub fn record_prompt(&mut self, prompt_id: &str, at: Timestamp) -> Result<()> {
        let shown = at.as_microsecond();
        self.write(|tx| {
            tx.execute(
                "INSERT INTO prompts (prompt_id, shown) VALUES (?, ?)",
                params![prompt_id, shown],
            )?;
            Ok(())
        })
    }

    /// The questions shown at `since` or later, the latest first.
    pub fn prompts_since(&self, since: Timestamp) -> Result<Vec<(String, Timestamp)>> {
        let sql =
            "SELECT prompt_id, shown FROM prompts WHERE shown >= ? ORDER BY shown DESC, id DESC";
        let mut select = self.db.prepare_cached(sql)?;
        let rows = select.query_map([since.as_microsecond()], |row| {
            Ok((row.get(0)?, timestamp(row.get(1)?)))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Keeps `text` as the draft called `name`, in place of its former text.
    pub fn save_draft(&mut self, name: &str, text: &str) -> Result<()> {
        let now = self.now();
        self.write(|tx| {
            let sql = "INSERT OR REPLACE INTO drafts (name, text, saved) VALUES (?, ?, ?)";
            tx.execute(sql, params![name, text, now])?;
            Ok(())
        })
    }

    /// The draft called `name`.
    pub fn draft(&self, name: &str) -> Result<Option<Draft>> {
        let sql = "SELECT name, text, saved FROM drafts WHERE name = ?";
        Ok(self.db.query_row(sql, [name], read_draft).optional()?)
    }

    /// All drafts, the latest first.
    pub fn drafts(&self) -> Result<Vec<Draft>> {
        let mut select = self
            .db
            .prepare_cached("SELECT name, text, saved FROM drafts ORDER BY saved DESC, name")?;
        Ok(select
            .query_map([], read_draft)?
            .collect::<rusqlite::Result<_>>()?)
    }

    /// Takes away the draft called `name`, if there is one.
    pub fn clear_draft(&mut self, name: &str) -> Result<()> {
        self.write(|tx| {
            tx.execute("DELETE FROM drafts WHERE name = ?", [name])?;
            Ok(())
        })
    }

    /// A remembered value.
    pub fn meta(&self, key: &str) -> Result<Option<String>> {
        Ok(self
            .db
            .query_row("SELECT value FROM meta WHERE key = ?", [key], |row| {
                row.get(0)
            })
            .optional()?)
    }

    /// Remembers a value, or forgets it with `None`.
    pub fn set_meta(&mut self, key: &str, value: Option<&str>) -> Result<()> {
        self.write(|tx| {
            match value {
                Some(value) => tx.execute(
                    "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)",
                    [key, value],
                )?,
                None => tx.execute("DELETE FROM meta WHERE key = ?", [key])?,
            };
            Ok(())
        })
    }
}

fn read_draft(row: &Row<'_>) -> rusqlite::Result<Draft> {
    Ok(Draft {
        name: row.get(0)?,
        text: row.get(1)?,
        saved: timestamp(row.get(2)?),
    })
}
