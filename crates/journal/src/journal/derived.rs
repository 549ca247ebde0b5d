//! What models made of the entries: analyses and vectors, and the queue of what is still to do.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::{Journal, corrections};
use crate::answers;
use crate::row::{COLUMNS, Reader};
use crate::vectors::{norm, pack, pack_sentences, unpack, unpack_sentences};
use crate::{Analysis, Entry, EntryId, Error, Filter, Result, Vectors, store};

const ANALYSIS: &str = "a.sentiment, a.confidence, a.valence, a.mixed, a.unsure, a.themes, a.evidence, a.tier, \
    m.name, a.truncated, EXISTS (SELECT 1 FROM corrections AS c WHERE c.entry_id = a.entry_id)";

/// The key of `meta` under which changes of analyses are counted.
pub(super) const READINGS: &str = "readings";

impl Journal {
    /// At most `limit` entries whose analysis is missing or out of date: those that failed least often, then the
    /// oldest ids, first.
    pub fn queued(&self, limit: usize) -> Result<Vec<Entry>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM queue JOIN entries AS e ON e.id = queue.entry_id \
             ORDER BY queue.attempts, queue.entry_id LIMIT ?"
        );
        let mut select = self.db.prepare_cached(&sql)?;
        let mut reader = Reader::default();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = select.query_map([limit], |row| reader.entry(row))?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }

    /// How many entries wait for their analysis.
    pub fn queued_count(&self) -> Result<u64> {
        let count: i64 = self
            .db
            .query_row("SELECT count(*) FROM queue", [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Stores analyses and vectors with the version they were made from, and takes their entries off the queue.
    ///
    /// A version that is not current any more, or whose entry was removed, is passed over. Gives how many were stored.
    pub fn save_analysis(
        &mut self,
        made: &[(EntryId, u32, Analysis, Option<Vectors>)],
    ) -> Result<u64> {
        let now = self.now();
        self.write(|tx| {
            let mut stored = 0;
            for (id, version, analysis, vectors) in made {
                let sql = "SELECT 1 FROM entries WHERE id = ? AND version = ? AND deleted IS NULL";
                if tx.prepare_cached(sql)?.exists(params![id.0, version])? {
                    save_one(tx, *id, *version, analysis, vectors.as_ref(), now)?;
                    stored += 1;
                }
            }
            if stored > 0 {
                note_change(tx)?;
            }
            Ok(stored)
        })
    }

    /// Puts entries whose analysis failed behind all others.
    pub fn analysis_failed(&mut self, ids: &[EntryId]) -> Result<()> {
        self.write(|tx| {
            let mut update =
                tx.prepare_cached("UPDATE queue SET attempts = attempts + 1 WHERE entry_id = ?")?;
            ids.iter()
                .try_for_each(|id| update.execute([id.0]).map(drop))?;
            Ok(())
        })
    }

    /// Queues every entry whose analysis or vectors were made by another model than `model`, or, with `None`, every
    /// entry. What is there stays until it is replaced. Gives how many are queued now.
    pub fn requeue_all(&mut self, model: Option<&str>) -> Result<u64> {
        self.write(|tx| {
            tx.execute(
                "INSERT OR IGNORE INTO queue (entry_id) SELECT e.id FROM entries AS e WHERE e.deleted IS NULL AND \
                 (?1 IS NULL OR NOT EXISTS (SELECT 1 FROM analyses AS a JOIN models AS m ON m.id = a.model \
                  WHERE a.entry_id = e.id AND m.name = ?1) \
                  OR EXISTS (SELECT 1 FROM entry_vectors AS v JOIN models AS m ON m.id = v.model \
                  WHERE v.entry_id = e.id AND m.name <> ?1))",
                [model],
            )?;
            Ok(tx.query_row("SELECT count(*) FROM queue", [], |row| row.get::<_, i64>(0))?.unsigned_abs())
        })
    }

    /// The analysis of the current version of an entry.
    pub fn analysis(&self, id: EntryId) -> Result<Option<Analysis>> {
        analysis_of(&self.db, id)
    }

    /// The analyses of the entries chosen by `filter`, in its order; entries without one are left out.
    pub fn analyses(&self, filter: &Filter) -> Result<Vec<(EntryId, Analysis)>> {
        let clause = filter.clause()?;
        let sql = format!(
            "SELECT e.id, {ANALYSIS} FROM entries AS e JOIN analyses AS a ON a.entry_id = e.id \
             JOIN models AS m ON m.id = a.model WHERE {} {}",
            clause.sql,
            filter.order()
        );
        let mut select = self.db.prepare_cached(&sql)?;
        let rows = select.query_map(params_from_iter(clause.params), |row| {
            Ok((EntryId(row.get(0)?), read_analysis(row, 1)?))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The embedding of an entry, if `model` made it; to about 1 part in 250 of its largest component.
    pub fn entry_vector(&self, id: EntryId, model: &str) -> Result<Option<Vec<f32>>> {
        let sql = "SELECT v.data, v.scale FROM entry_vectors AS v JOIN models AS m ON m.id = v.model \
                   WHERE v.entry_id = ? AND m.name = ?";
        let read = |row: &Row<'_>| {
            Ok(unpack(
                row.get_ref(0)?.as_blob()?,
                row.get::<_, f64>(1)? as f32,
            ))
        };
        Ok(self
            .db
            .prepare_cached(sql)?
            .query_row(params![id.0, model], read)
            .optional()?)
    }

    /// The embeddings of an entry's sentences with their spans, if `model` made them.
    pub fn sentence_vectors(
        &self,
        id: EntryId,
        model: &str,
    ) -> Result<Vec<(Range<usize>, Vec<f32>)>> {
        let sql = "SELECT v.data FROM sentence_vectors AS v JOIN models AS m ON m.id = v.model \
                   WHERE v.entry_id = ? AND m.name = ?";
        let read = |row: &Row<'_>| Ok(unpack_sentences(row.get_ref(0)?.as_blob()?));
        Ok(self
            .db
            .prepare_cached(sql)?
            .query_row(params![id.0, model], read)
            .optional()?
            .unwrap_or_default())
    }
}

fn save_one(
    tx: &Connection,
    id: EntryId,
    version: u32,
    made: &Analysis,
    vectors: Option<&Vectors>,
    now: i64,
) -> Result<()> {
    store::forget_analysis(tx, id)?;
    // What was answered from the entry was answered with the reading that it had.
    answers::forget_made_from(tx, id)?;
    let corrected = corrections::over(tx, id, made)?;
    let made = corrected.as_ref().unwrap_or(made);
    let mut insert = tx.prepare_cached(
        "INSERT INTO analyses (entry_id, version, model, made, sentiment, confidence, valence, mixed, unsure, truncated, \
         tier, themes, evidence) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
    )?;
    insert.execute(params![
        id.0,
        version,
        model_id(tx, &made.model)?,
        now,
        made.sentiment.as_str(),
        finite("confidence", made.confidence)?,
        finite("valence", made.valence)?,
        made.mixed,
        made.unsure,
        made.truncated,
        made.tier,
        serde_json::to_string(&made.themes).expect("names and numbers"),
        serde_json::to_string(&made.evidence).expect("names and numbers")
    ])?;
    save_themes(tx, id, made)?;
    if let Some(vectors) = vectors {
        save_vectors(tx, id, vectors)?;
    }
    tx.prepare_cached("DELETE FROM queue WHERE entry_id = ?")?
        .execute([id.0])?;
    Ok(())
}

fn save_themes(tx: &Connection, id: EntryId, made: &Analysis) -> Result<()> {
    let mut insert =
        tx.prepare_cached("INSERT OR IGNORE INTO themes (theme, entry_id) VALUES (?, ?)")?;
    for theme in &made.themes {
        finite("probability", theme.probability)?;
        insert.execute(params![theme.name, id.0])?;
    }
    Ok(())
}

/// The stored analysis of an entry.
pub(super) fn analysis_of(db: &Connection, id: EntryId) -> Result<Option<Analysis>> {
    let sql = format!(
        "SELECT {ANALYSIS} FROM analyses AS a JOIN models AS m ON m.id = a.model WHERE a.entry_id = ?"
    );
    Ok(db
        .prepare_cached(&sql)?
        .query_row([id.0], |row| read_analysis(row, 0))
        .optional()?)
}

/// Puts what a person may correct of an analysis that is stored in place of what stands there.
pub(super) fn put(tx: &Connection, id: EntryId, holds: &Analysis) -> Result<()> {
    tx.prepare_cached(
        "UPDATE analyses SET sentiment = ?, confidence = ?, valence = ?, unsure = ?, themes = ?, evidence = ? \
         WHERE entry_id = ?",
    )?
    .execute(params![
        holds.sentiment.as_str(),
        finite("confidence", holds.confidence)?,
        finite("valence", holds.valence)?,
        holds.unsure,
        serde_json::to_string(&holds.themes).expect("names and numbers"),
        serde_json::to_string(&holds.evidence).expect("names and numbers"),
        id.0,
    ])?;
    tx.prepare_cached("DELETE FROM themes WHERE entry_id = ?")?
        .execute([id.0])?;
    save_themes(tx, id, holds)?;
    answers::forget_made_from(tx, id)?;
    note_change(tx)
}

/// Counts a change of what is known of the entries; part of the transaction that makes it.
fn note_change(tx: &Connection) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO meta (key, value) VALUES (?1, '1') \
         ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1",
    )?
    .execute([READINGS])?;
    Ok(())
}

fn save_vectors(tx: &Connection, id: EntryId, vectors: &Vectors) -> Result<()> {
    let dimension = vectors.entry.len();
    if dimension == 0
        || vectors
            .sentences
            .iter()
            .any(|(_, sentence)| sentence.len() != dimension)
    {
        let value = dimension.to_string();
        return Err(Error::Invalid {
            what: "vector",
            value,
            reason: "all vectors of an entry have one length above 0",
        });
    }
    let model = model_id(tx, &vectors.model)?;
    let packed = pack(&vectors.entry);
    let sql = "INSERT INTO entry_vectors (entry_id, model, scale, norm, data) VALUES (?,?,?,?,?)";
    tx.prepare_cached(sql)?.execute(params![
        id.0,
        model,
        packed.scale,
        norm(&packed),
        packed.data
    ])?;
    let sql = "INSERT INTO sentence_vectors (entry_id, model, data) VALUES (?,?,?)";
    tx.prepare_cached(sql)?.execute(params![
        id.0,
        model,
        pack_sentences(dimension, &vectors.sentences)
    ])?;
    Ok(())
}

/// The short number of a model, made on first use.
fn model_id(tx: &Connection, name: &str) -> Result<i64> {
    tx.prepare_cached("INSERT OR IGNORE INTO models (name) VALUES (?)")?
        .execute([name])?;
    Ok(tx
        .prepare_cached("SELECT id FROM models WHERE name = ?")?
        .query_row([name], |row| row.get(0))?)
}

fn finite(what: &'static str, value: f32) -> Result<f64> {
    if value.is_finite() {
        return Ok(f64::from(value));
    }
    Err(Error::Invalid {
        what,
        value: value.to_string(),
        reason: "an analysis holds finite numbers only",
    })
}

fn read_analysis(row: &Row<'_>, at: usize) -> rusqlite::Result<Analysis> {
    let broken = |column: usize, error: serde_json::Error| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    };
    let sentiment = row.get_ref(at)?.as_str()?;
    Ok(Analysis {
        sentiment: sentiment.parse().map_err(|e: Error| {
            rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, Box::new(e))
        })?,
        confidence: row.get::<_, f64>(at + 1)? as f32,
        valence: row.get::<_, f64>(at + 2)? as f32,
        mixed: row.get(at + 3)?,
        unsure: row.get(at + 4)?,
        themes: serde_json::from_str(row.get_ref(at + 5)?.as_str()?)
            .map_err(|e| broken(at + 5, e))?,
        evidence: serde_json::from_str(row.get_ref(at + 6)?.as_str()?)
            .map_err(|e| broken(at + 6, e))?,
        tier: row.get(at + 7)?,
        model: row.get(at + 8)?,
        truncated: row.get(at + 9)?,
        corrected: row.get(at + 10)?,
    })
}
