//! Saving what is readable into a new journal. The damaged one is only read.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use serde::Serialize;

use super::btree::Row;
use super::pages::Pages;
use super::scan::{PRECIOUS, scan};
use crate::home::HomeLock;
use crate::row::{Content, Given, Reader};
use crate::{EntryId, Error, Home, Journal, Result, Secret, store, vault};

/// What [`salvage`] saved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Salvaged {
    /// Entries, removed ones included.
    pub entries: u64,
    /// Former versions.
    pub versions: u64,
    /// Drafts.
    pub drafts: u64,
    /// Entries that could not be read.
    pub lost: Vec<EntryId>,
    /// Whether `lost` may name entries that had been destroyed on purpose.
    pub lost_is_guess: bool,
    /// Damaged pages.
    pub damaged_pages: u32,
}

/// Copies every readable entry, version, draft and question from the journal in `home` to a new one in `to`, locked by
/// the same kind of secret. Ids stay. The full-text index is built anew, analyses and vectors are queued.
///
/// Nothing in `home` is changed. `to` must not hold a journal.
pub fn salvage(home: &Home, secret: &Secret, to: &Home) -> Result<Salvaged> {
    let unlocked = vault::unlock(home, secret)?;
    let alone = HomeLock::alone_now(home, "salvage")?;
    let scan = scan(&Pages::open(home, &unlocked.keys)?)?;
    drop(alone);
    let mut journal = Journal::create(to, secret)?;
    journal.fill(|tx| {
        let mut saved = Salvaged {
            entries: 0,
            versions: 0,
            drafts: 0,
            lost: scan.lost.iter().copied().map(EntryId).collect(),
            lost_is_guess: scan.lost_is_guess,
            damaged_pages: scan.damaged.len() as u32,
        };
        for table in PRECIOUS {
            let rows = scan.tables.get(table).map_or(&[] as &[Row], Vec::as_slice);
            let count = insert(tx, table, rows)?;
            match table {
                "entries" => saved.entries = count,
                "versions" => saved.versions = count,
                "drafts" => saved.drafts = count,
                _ => {}
            }
        }
        derive_all(tx)?;
        let highest = "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'entries'";
        tx.execute(highest, [scan.sequence])?;
        Ok(saved)
    })
}

/// Inserts rows as they are; one that contradicts what is there already (a stale copy) is passed over.
fn insert(tx: &Connection, table: &str, rows: &[Row]) -> Result<u64> {
    let mut count = 0;
    for (_, values) in rows {
        // A version whose entry is lost has nothing to belong to.
        if table == "versions" && !entry_exists(tx, values.first())? {
            continue;
        }
        let marks = vec!["?"; values.len()].join(",");
        let mut insert =
            tx.prepare_cached(&format!("INSERT OR IGNORE INTO {table} VALUES ({marks})"))?;
        count += insert.execute(params_from_iter(values))? as u64;
    }
    Ok(count)
}

fn entry_exists(tx: &Connection, id: Option<&Value>) -> Result<bool> {
    Ok(tx
        .prepare_cached("SELECT 1 FROM entries WHERE id = ?")?
        .exists([id])?)
}

/// Makes the rows for filters and search anew and queues the analysis of every entry.
fn derive_all(tx: &Connection) -> Result<()> {
    let ids = tx
        .prepare("SELECT id FROM entries WHERE deleted IS NULL")?
        .query_map([], |row| row.get(0).map(EntryId))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut reader = Reader::default();
    for id in ids {
        let sql = format!(
            "SELECT {} FROM entries AS e WHERE id = ?",
            crate::row::COLUMNS
        );
        let entry = tx
            .prepare_cached(&sql)?
            .query_row([id.0], |row| reader.entry(row))
            .map_err(Error::from)?;
        let given = Given {
            tags: entry.tags,
            fields: entry.fields,
        };
        let (title, found) = (entry.title.as_deref(), crate::extract::Extracted::default());
        let content = Content::new(&entry.when, title, entry.text, given, found, entry.starred)?;
        store::derive(tx, id, &content)?;
        store::queue(tx, id)?;
    }
    Ok(())
}
