//! Checking a journal page by page, and saving what a damaged one still holds.

mod btree;
mod pages;
mod salvage;
mod scan;
mod wal;

use std::fs;

use rusqlite::config::DbConfig;
use serde::Serialize;

use crate::db::{self, Mode};
use crate::home::HomeLock;
use crate::row::COLUMNS;
use crate::{EntryId, Error, Home, Result, Secret, vault};
use pages::Pages;

pub use salvage::{Salvaged, salvage};

/// What [`check`] found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Pages of the database.
    pub pages: u32,
    /// Readable entries that are not removed.
    pub entries: u64,
    /// Readable removed entries.
    pub removed: u64,
    /// Readable former versions.
    pub versions: u64,
    /// Pages that do not authenticate or are no longer what they should be.
    pub damaged_pages: Vec<DamagedPage>,
    /// Entries that cannot be read any more.
    pub lost: Vec<EntryId>,
    /// Whether `lost` may name entries that had been destroyed on purpose, because no index tells any more.
    pub lost_is_guess: bool,
    /// Everything that is wrong, a sentence each.
    pub problems: Vec<String>,
}

/// A page that is damaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DamagedPage {
    /// Its number, from 1; it starts at byte (number - 1) · 4096.
    pub page: u32,
    /// The table or index it belongs to, where that can still be told.
    pub belongs_to: Option<String>,
}

impl Report {
    /// Whether nothing at all is wrong.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty() && self.damaged_pages.is_empty() && self.lost.is_empty()
    }
}

/// Checks vault and database of `home` and changes neither.
///
/// Fails only where there is nothing to check (no journal, a wrong secret, a vault without a usable copy), or while
/// another process has the journal open: its writes would look like damage.
pub fn check(home: &Home, secret: &Secret) -> Result<Report> {
    let unlocked = vault::unlock(home, secret)?;
    // A checkpoint by another process in the middle would look like damage.
    let alone = HomeLock::alone_now(home, "check")?;
    let pages = Pages::open(home, &unlocked.keys)?;
    let scan = scan::scan(&pages)?;
    let mut problems = vault_problems(home, &unlocked);
    if pages.ragged > 0 {
        problems.push(format!(
            "the database ends in the middle of a page ({} bytes of it)",
            pages.ragged
        ));
    }
    for (page, owner) in &scan.damaged {
        problems.push(match owner {
            Some(owner) => format!("page {page} is damaged; it belongs to {owner}"),
            None => format!("page {page} is damaged; what it belonged to cannot be told"),
        });
    }
    if scan.history_damaged {
        problems.push("former versions of some entries are lost".into());
    }
    if !scan.lost.is_empty() {
        problems.push(lost_sentence(&scan));
    }
    if scan.damaged.is_empty() {
        problems.extend(
            unlocked
                .keys
                .iter()
                .find_map(|key| sql_problems(home, key).ok())
                .unwrap_or_else(|| {
                    vec!["SQLite cannot open the database, although every page is whole".into()]
                }),
        );
    }
    drop(alone);
    let entries = || scan.tables.get("entries").into_iter().flatten();
    let removed = entries().filter(|(_, values)| is_removed(values)).count() as u64;
    Ok(Report {
        pages: pages.count,
        entries: entries().count() as u64 - removed,
        removed,
        versions: scan.tables.get("versions").map_or(0, Vec::len) as u64,
        damaged_pages: scan
            .damaged
            .into_iter()
            .map(|(page, belongs_to)| DamagedPage { page, belongs_to })
            .collect(),
        lost: scan.lost.into_iter().map(EntryId).collect(),
        lost_is_guess: scan.lost_is_guess,
        problems,
    })
}

fn is_removed(values: &[rusqlite::types::Value]) -> bool {
    matches!(values.get(17), Some(rusqlite::types::Value::Integer(_)))
}

fn lost_sentence(scan: &scan::Scan) -> String {
    let ids: Vec<String> = scan.lost.iter().take(20).map(i64::to_string).collect();
    let more = scan.lost.len().saturating_sub(20);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let guess = if scan.lost_is_guess {
        " (some of these may have been destroyed on purpose)"
    } else {
        ""
    };
    format!(
        "entries that cannot be read: {}{more}{guess}",
        ids.join(", ")
    )
}

fn vault_problems(home: &Home, unlocked: &vault::Unlocked) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(reason) = &unlocked.recovered {
        problems.push(format!("vault.json is damaged ({reason}); opening the journal puts its previous copy in its place"));
    } else if !home.vault_previous().exists() {
        problems.push(
            "vault.json.previous, the second copy of the key, is missing; copy vault.json to it"
                .into(),
        );
    } else if let Some(trouble) = vault::second_copy_trouble(home, &unlocked.vault) {
        problems.push(format!(
            "vault.json.previous, the second copy of the key, {trouble}; opening the journal makes it equal to vault.json"
        ));
    }
    problems
}

/// What SQLite itself has to say about a database whose pages are whole.
fn sql_problems(home: &Home, key: &crate::secret::Key) -> Result<Vec<String>> {
    let mut db = match db::open(&home.database(), key, Mode::ReadWrite) {
        Err(Error::ReadOnly { .. }) => db::open(&home.database(), key, Mode::Immutable)?,
        other => other?,
    };
    // The last one to close a database merges its log into it; a check leaves a log as it found it.
    if fs::metadata(home.wal()).is_ok_and(|meta| meta.len() > 0) {
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    }
    let mut problems = Vec::new();
    let mut select = db.prepare("PRAGMA integrity_check(20)")?;
    let found = select.query_map([], |row| row.get::<_, String>(0))?;
    for problem in found {
        let problem = problem?;
        if problem != "ok" {
            problems.push(format!("integrity check: {problem}"));
        }
    }
    drop(select);
    if db.prepare("PRAGMA foreign_key_check")?.exists([])? {
        problems.push("rows of entries that do not exist were left behind".into());
    }
    let indexed = "SELECT (SELECT count(*) FROM entries WHERE deleted IS NULL) = (SELECT count(*) FROM entry_text_docsize)";
    let complete: bool = db.query_row(indexed, [], |row| row.get(0))?;
    if !complete || (!db.is_readonly("main")? && !index_is_sound(&mut db)?) {
        problems.push("the full-text index does not fit the entries; `companion fsck --salvage DIR` builds it anew".into());
    }
    // Proves that the rows mean what this release takes them for.
    let mut reader = crate::row::Reader::default();
    let mut select = db.prepare(&format!("SELECT {COLUMNS} FROM entries AS e"))?;
    let unreadable = select
        .query_map([], |row| reader.entry(row))?
        .filter(std::result::Result::is_err)
        .count();
    if unreadable > 0 {
        problems.push(format!("{unreadable} entries have rows of an unknown form"));
    }
    Ok(problems)
}

/// FTS5 checks itself by a write that changes nothing.
fn index_is_sound(db: &mut rusqlite::Connection) -> Result<bool> {
    let tx = db.transaction()?;
    let sound = match tx
        .execute(
            "INSERT INTO entry_text (entry_text) VALUES ('integrity-check')",
            [],
        )
        .map_err(Error::from)
    {
        Ok(_) => true,
        Err(Error::DatabaseDamaged { .. }) => false,
        Err(error) => return Err(error),
    };
    tx.rollback()?;
    Ok(sound)
}
