//! What the person says an entry feels like and is about. It outranks every model: whatever is stored as the analysis
//! of a corrected entry already carries the correction, so that lists, filters and trends need not know of it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Journal;
use super::derived;
use crate::row::timestamp;
use crate::{Analysis, Correction, EntryId, Result, Sentiment, store};

/// A correction as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Corrected {
    /// The entry.
    pub entry: EntryId,
    /// Its version when it was corrected.
    pub version: u32,
    /// When.
    pub made: Timestamp,
    /// What the person said.
    pub correction: Correction,
    /// What the model says of the entry; nothing while no model has read it.
    pub said: Option<Analysis>,
}

impl Journal {
    /// Keeps what the person says of an entry, in place of what a model said and will say. What `correction` leaves
    /// open stays as it was, be it corrected or the model's. Gives the analysis that holds now, if there is one.
    pub fn correct(&mut self, id: EntryId, correction: &Correction) -> Result<Option<Analysis>> {
        let now = self.now();
        self.write(|tx| {
            let entry = store::get(tx, id)?;
            let before = find(tx, id)?;
            let stored = derived::analysis_of(tx, id)?;
            let said = match &before {
                Some(before) => before.said.clone(),
                None => stored,
            };
            let merged = Correction {
                sentiment: correction
                    .sentiment
                    .or(before.as_ref().and_then(|b| b.correction.sentiment)),
                themes: correction
                    .themes
                    .clone()
                    .or(before.and_then(|b| b.correction.themes)),
            };
            tx.prepare_cached(
                "INSERT OR REPLACE INTO corrections (entry_id, version, made, sentiment, themes, said) \
                 VALUES (?,?,?,?,?,?)",
            )?
            .execute(params![
                id.0,
                entry.version,
                now,
                merged.sentiment.map(Sentiment::as_str),
                merged.themes.as_ref().map(|names| names.join(" ")),
                said.as_ref().map(to_json),
            ])?;
            let Some(said) = said else { return Ok(None) };
            let holds = merged.over(&said);
            derived::put(tx, id, &holds)?;
            Ok(Some(holds))
        })
    }

    /// Takes a correction back, so that the model's word holds again. False where there was none.
    pub fn uncorrect(&mut self, id: EntryId) -> Result<bool> {
        self.write(|tx| {
            store::get(tx, id)?;
            let Some(before) = find(tx, id)? else {
                return Ok(false);
            };
            tx.execute("DELETE FROM corrections WHERE entry_id = ?", [id.0])?;
            if let Some(said) = before.said
                && derived::analysis_of(tx, id)?.is_some()
            {
                derived::put(tx, id, &said)?;
            }
            Ok(true)
        })
    }

    /// Every correction of an entry that is not removed, the latest first.
    pub fn corrections(&self) -> Result<Vec<Corrected>> {
        let sql = format!(
            "{SELECT} JOIN entries AS e ON e.id = c.entry_id WHERE e.deleted IS NULL ORDER BY c.made DESC, c.entry_id"
        );
        let mut select = self.db.prepare_cached(&sql)?;
        let rows = select.query_map([], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The correction of one entry.
    pub fn correction(&self, id: EntryId) -> Result<Option<Corrected>> {
        find(&self.db, id)
    }
}

const SELECT: &str =
    "SELECT c.entry_id, c.version, c.made, c.sentiment, c.themes, c.said FROM corrections AS c";

/// The correction of an entry, if it has one.
fn find(db: &Connection, id: EntryId) -> Result<Option<Corrected>> {
    Ok(db
        .prepare_cached(&format!("{SELECT} WHERE c.entry_id = ?"))?
        .query_row([id.0], read)
        .optional()?)
}

/// What is to be stored as the analysis of `id` where a model says `made`; the model's word is kept beside.
pub(super) fn over(tx: &Connection, id: EntryId, made: &Analysis) -> Result<Option<Analysis>> {
    let Some(found) = find(tx, id)? else {
        return Ok(None);
    };
    tx.prepare_cached("UPDATE corrections SET said = ? WHERE entry_id = ?")?
        .execute(params![to_json(made), id.0])?;
    Ok(Some(found.correction.over(made)))
}

fn to_json(analysis: &Analysis) -> String {
    serde_json::to_string(analysis).expect("names and numbers")
}

fn read(row: &Row<'_>) -> rusqlite::Result<Corrected> {
    let sentiment: Option<String> = row.get(3)?;
    let themes: Option<String> = row.get(4)?;
    let said: Option<String> = row.get(5)?;
    Ok(Corrected {
        entry: EntryId(row.get(0)?),
        version: row.get(1)?,
        made: timestamp(row.get(2)?),
        correction: Correction {
            sentiment: sentiment.and_then(|name| name.parse().ok()),
            themes: themes.map(|names| names.split_whitespace().map(str::to_owned).collect()),
        },
        // Written by another release: then the next reading of the entry replaces it.
        said: said.and_then(|json| serde_json::from_str(&json).ok()),
    })
}
