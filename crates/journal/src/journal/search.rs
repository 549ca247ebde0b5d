//! Full-text and vector search. Fusing the two is the assistant's business.

use std::collections::{BinaryHeap, HashSet};

use rusqlite::types::Value;
use rusqlite::{params, params_from_iter};

use super::Journal;
use crate::index_text::{Join, fts_query};
use crate::vectors::dot;
use crate::{EntryId, Filter, Result};

/// An entry found by its words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextHit {
    /// The entry.
    pub id: EntryId,
    /// BM25, larger is better. Comparable only among hits with the same `all_words`.
    pub score: f64,
    /// Whether it holds every word of the query; those come first.
    pub all_words: bool,
}

/// An entry found by its embedding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VectorHit {
    /// The entry.
    pub id: EntryId,
    /// Cosine of the angle to the query, -1 to 1.
    pub cosine: f32,
}

impl Journal {
    /// The best entries for a user's words: first those that hold all of them, then those that hold some, each by
    /// BM25 (a title counts four times, a tag twice).
    ///
    /// Case, diacritics and normal form do not matter; the last word, from three letters on, finds longer
    /// ones too; `"a phrase"` is one;
    /// nothing else in `query` has a meaning. The order and limit of `filter` do not count here.
    pub fn full_text(&self, query: &str, filter: &Filter, limit: usize) -> Result<Vec<TextHit>> {
        let Some(all) = fts_query(query, Join::All) else {
            return Ok(Vec::new());
        };
        let mut hits = self.matches(&all, filter, limit, true)?;
        let any = fts_query(query, Join::Any).unwrap_or_default();
        if hits.len() < limit && any != all {
            let known: HashSet<EntryId> = hits.iter().map(|hit| hit.id).collect();
            let more = self.matches(&any, filter, limit, false)?;
            hits.extend(more.into_iter().filter(|hit| !known.contains(&hit.id)));
            hits.truncate(limit);
        }
        Ok(hits)
    }

    fn matches(
        &self,
        query: &str,
        filter: &Filter,
        limit: usize,
        all_words: bool,
    ) -> Result<Vec<TextHit>> {
        let mut sql = String::from(
            "SELECT rowid, bm25(entry_text, 4.0, 1.0, 2.0) AS rank FROM entry_text WHERE entry_text MATCH ?",
        );
        let mut params = vec![Value::Text(query.to_owned())];
        if !filter.is_everything() {
            let clause = filter.clause()?;
            sql += &format!(
                " AND rowid IN (SELECT e.id FROM entries AS e WHERE {})",
                clause.sql
            );
            params.extend(clause.params);
        }
        sql += " ORDER BY rank, rowid LIMIT ?";
        params.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
        let mut select = self.db.prepare_cached(&sql)?;
        let hits = select.query_map(params_from_iter(params), |row| {
            Ok(TextHit {
                id: EntryId(row.get(0)?),
                score: -row.get::<_, f64>(1)?,
                all_words,
            })
        })?;
        Ok(hits.collect::<rusqlite::Result<_>>()?)
    }

    /// The entries whose embedding by `model` is nearest to `query`, best first; equal ones by id.
    ///
    /// Compares with every entry, so the answer is exact up to the storage in 8 bits. Vectors of another model or
    /// length are passed over. The order and limit of `filter` do not count here.
    pub fn vector_search(
        &self,
        model: &str,
        query: &[f32],
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<VectorHit>> {
        let length = query.iter().map(|x| x * x).sum::<f32>().sqrt();
        if limit == 0 || !length.is_finite() || length == 0.0 {
            return Ok(Vec::new());
        }
        let chosen: Option<HashSet<i64>> = if filter.is_everything() {
            None
        } else {
            let all = Filter {
                limit: None,
                ..filter.clone()
            };
            Some(self.list_ids(&all)?.into_iter().map(|id| id.0).collect())
        };
        let sql = "SELECT v.entry_id, v.scale, v.norm, v.data FROM entry_vectors AS v \
                   WHERE v.model = (SELECT id FROM models WHERE name = ?)";
        let mut select = self.db.prepare_cached(sql)?;
        let mut rows = select.query(params![model])?;
        let mut best = BinaryHeap::with_capacity(limit.min(1024) + 1);
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            if chosen.as_ref().is_some_and(|chosen| !chosen.contains(&id)) {
                continue;
            }
            let data = row.get_ref(3)?.as_blob().unwrap_or_default();
            let norm = row.get::<_, f64>(2)? as f32;
            if data.len() != query.len() || norm <= 0.0 {
                continue;
            }
            let cosine = dot(query, data) * row.get::<_, f64>(1)? as f32 / (norm * length);
            best.push(Candidate(VectorHit {
                id: EntryId(id),
                cosine: cosine.clamp(-1.0, 1.0),
            }));
            if best.len() > limit {
                best.pop();
            }
        }
        Ok(best
            .into_sorted_vec()
            .into_iter()
            .map(|candidate| candidate.0)
            .collect())
    }
}

/// Ordered so that the greatest is the worst, which a heap gives up first.
struct Candidate(VectorHit);

impl Ord for Candidate {
    fn cmp(&self, other: &Candidate) -> std::cmp::Ordering {
        other
            .0
            .cosine
            .total_cmp(&self.0.cosine)
            .then(self.0.id.cmp(&other.0.id))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Candidate) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Candidate) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate {}
