//! Saving what is readable into a new journal. The damaged one is only read.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use serde::Serialize;

use super::btree::Row;
use super::pages::Pages;
use super::scan::{PRECIOUS, Scan, scan};
use crate::home::HomeLock;
use crate::row::{Content, Given, Reader};
use crate::{Entry, EntryId, Home, Journal, Result, Secret, store, vault};

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
    /// Rows that were found, but are not of the form that a journal has; the entries among them are in `lost`.
    pub refused: u64,
    /// Damaged pages.
    pub damaged_pages: u32,
}

/// Copies every readable entry, version, correction, thread, draft and question from the journal in `home` to a new one in `to`, locked by
/// the same kind of secret. Ids stay. The full-text index is built anew, analyses and vectors are queued.
///
/// Nothing in `home` is changed. `to` must not hold a journal.
pub fn salvage(home: &Home, secret: &Secret, to: &Home) -> Result<Salvaged> {
    let unlocked = vault::unlock(home, secret)?;
    let alone = HomeLock::alone_now(home, "salvage")?;
    let scan = scan(&Pages::open(home, &unlocked.keys)?)?;
    drop(alone);
    let mut journal = Journal::create(to, secret)?;
    journal.fill(|tx| save(tx, &scan))
}

/// Writes what was found, row by row: one that cannot be taken costs itself and nothing else.
fn save(tx: &Connection, scan: &Scan) -> Result<Salvaged> {
    let mut refused = 0;
    for table in PRECIOUS {
        let rows = scan.tables.get(table).map_or(&[] as &[Row], Vec::as_slice);
        refused += insert(tx, table, rows)?;
    }
    refused += derive_all(tx)?;
    let highest = "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'entries'";
    tx.execute(highest, [scan.sequence])?;
    let mut lost = scan.lost.clone();
    for (id, _) in scan.tables.get("entries").into_iter().flatten() {
        if !entry_exists(tx, Some(&Value::Integer(*id)))? {
            lost.insert(*id);
        }
    }
    let count = |table| {
        let sql = format!("SELECT count(*) FROM {table}");
        tx.query_row(&sql, [], |row| row.get::<_, i64>(0).map(|n| n as u64))
    };
    Ok(Salvaged {
        entries: count("entries")?,
        versions: count("versions")?,
        drafts: count("drafts")?,
        lost: lost.into_iter().map(EntryId).collect(),
        lost_is_guess: scan.lost_is_guess,
        refused,
        damaged_pages: scan.damaged.len() as u32,
    })
}

/// Inserts rows as they are; one that contradicts what is there already (a stale copy) is passed over. Gives how many
/// were refused: a lost write leaves pages that authenticate and do not fit.
fn insert(tx: &Connection, table: &str, rows: &[Row]) -> Result<u64> {
    let columns = "SELECT count(*) FROM pragma_table_info(?)";
    let columns = tx.query_row(columns, [table], |row| row.get::<_, u32>(0))? as usize;
    let marks = vec!["?"; columns].join(",");
    let mut insert = tx.prepare(&format!("INSERT OR IGNORE INTO {table} VALUES ({marks})"))?;
    let mut refused = 0;
    for (_, values) in rows {
        if values.len() != columns {
            refused += 1;
            continue;
        }
        // A version, a correction or a thread whose entry is lost has nothing to belong to.
        let entry = match table {
            "versions" | "corrections" => Some(values.first()),
            "threads" => Some(values.get(1)),
            _ => None,
        };
        if let Some(entry) = entry
            && !entry_exists(tx, entry)?
        {
            continue;
        }
        match insert.execute(params_from_iter(values)) {
            Ok(_) => {}
            Err(error) if is_about_the_row(&error) => refused += 1,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(refused)
}

/// Whether the row is at fault, and not the disk.
fn is_about_the_row(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{ConstraintViolation, TooBig, TypeMismatch};
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => {
            matches!(failure.code, ConstraintViolation | TooBig | TypeMismatch)
        }
        // A value that cannot be what its column holds.
        _ => true,
    }
}

fn entry_exists(tx: &Connection, id: Option<&Value>) -> Result<bool> {
    Ok(tx
        .prepare_cached("SELECT 1 FROM entries WHERE id = ?")?
        .exists([id])?)
}

/// Makes the rows for filters and search anew and queues the analysis of every entry. Gives how many entries had to be
/// taken out again, because no release would read them.
fn derive_all(tx: &Connection) -> Result<u64> {
    let ids = tx
        .prepare("SELECT id FROM entries")?
        .query_map([], |row| row.get(0).map(EntryId))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut reader = Reader::default();
    let mut refused = 0;
    for id in ids {
        let sql = format!(
            "SELECT {} FROM entries AS e WHERE id = ?",
            crate::row::COLUMNS
        );
        let read = tx
            .prepare_cached(&sql)?
            .query_row([id.0], |row| reader.entry(row));
        let content = match read {
            Ok(entry) => content_of(entry),
            Err(error) if is_about_the_row(&error) => Err(error.into()),
            Err(error) => return Err(error.into()),
        };
        match content {
            Ok(Some(content)) => {
                store::derive(tx, id, &content)?;
                store::queue(tx, id)?;
            }
            Ok(None) => {}
            Err(_) => {
                tx.execute("DELETE FROM entries WHERE id = ?", [id.0])?;
                refused += 1;
            }
        }
    }
    Ok(refused)
}

/// What is indexed of an entry; nothing, where it was removed.
fn content_of(entry: Entry) -> Result<Option<Content>> {
    let given = Given {
        tags: entry.tags,
        fields: entry.fields,
    };
    let (title, found) = (entry.title.as_deref(), crate::extract::Extracted::default());
    let content = Content::new(&entry.when, title, entry.text, given, found, entry.starred)?;
    Ok(entry.deleted.is_none().then_some(content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EntryEdit, Filter, NewEntry};

    #[test]
    fn a_row_of_another_form_costs_itself_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home"));
        let mut journal = Journal::create(&home, &Secret::None).unwrap();
        for i in 1..=6 {
            let when = "2026-03-01T22:10[UTC]".parse().unwrap();
            journal
                .add(NewEntry::new(format!("heron {i}"), when))
                .unwrap();
        }
        journal
            .edit(EntryId(6), EntryEdit::text("heron again"))
            .unwrap();
        journal.remove(EntryId(4)).unwrap();
        drop(journal);
        let unlocked = vault::unlock(&home, &Secret::None).unwrap();
        let mut found = scan(&Pages::open(&home, &unlocked.keys).unwrap()).unwrap();
        let versions = found.tables.get_mut("versions").unwrap();
        versions.push((9, vec![Value::Integer(6)]));
        let rows = found.tables.get_mut("entries").unwrap();
        rows[0].1.pop();
        rows[1].1[3] = Value::Text("not a time".into());
        rows[2].1[8] = Value::Text(" \n".into());
        rows[3].1[15] = Value::Integer(-1);
        let to = Home::at(dir.path().join("to"));
        let mut journal = Journal::create(&to, &Secret::None).unwrap();
        let saved = journal.fill(|tx| save(tx, &found)).unwrap();
        assert_eq!((saved.entries, saved.versions, saved.refused), (2, 1, 5));
        assert_eq!(saved.lost, [1, 2, 3, 4].map(EntryId));
        let texts: Vec<String> = journal
            .list(&Filter::default())
            .unwrap()
            .into_iter()
            .map(|entry| entry.text)
            .collect();
        assert_eq!(texts, ["heron 5", "heron again"]);
        drop(journal);
        assert!(
            crate::fsck::check(&to, &Secret::None).unwrap().is_clean(),
            "what was saved is whole"
        );
    }
}
