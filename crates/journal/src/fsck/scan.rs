//! Everything that can be read of a database, damaged or not, and what is missing.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::Value;

use super::btree::{Row, Walker};
use super::pages::Pages;
use crate::Result;

/// The tables that no model and no index can make again.
pub(super) const PRECIOUS: [&str; 7] = [
    "entries",
    "versions",
    "corrections",
    "threads",
    "prompts",
    "drafts",
    "meta",
];
/// Indexes that name every entry by id, in their second column.
const WITNESSES: [&str; 2] = ["entries_by_time", "entries_removed"];
/// A hole this wide (the root is gone) names no entries; only witnesses can.
const WIDEST: i64 = 1_000_000;

/// What a scan found.
#[derive(Default)]
pub(super) struct Scan {
    /// The rows of the precious tables by row id; a first column that is the row id is filled in.
    pub(super) tables: BTreeMap<&'static str, Vec<Row>>,
    /// Damaged pages with the table or index they belong to, where a page above them is whole.
    pub(super) damaged: BTreeMap<u32, Option<String>>,
    /// Entries that were there and cannot be read.
    pub(super) lost: BTreeSet<i64>,
    /// Whether `lost` may name entries that had been destroyed on purpose.
    pub(super) lost_is_guess: bool,
    /// Rows of histories that were on damaged pages, at most.
    pub(super) history_damaged: bool,
    /// The highest entry id ever given out, where known.
    pub(super) sequence: i64,
}

/// Reads everything readable.
pub(super) fn scan(pages: &Pages) -> Result<Scan> {
    let mut scan = Scan::default();
    for number in pages.numbers() {
        if pages.read(number)?.is_none() {
            scan.damaged.insert(number, None);
        }
    }
    let mut walker = Walker::new(pages);
    let mut schema = Vec::new();
    for hole in walker.walk(1, &mut |row| schema.push(row))? {
        let owner = scan.damaged.entry(hole.page).or_insert(None);
        owner.get_or_insert("the schema".into());
    }
    let mut holes = Vec::new();
    let mut witnesses = BTreeSet::new();
    let mut witnessed = 0;
    for (name, root) in schema.iter().filter_map(object) {
        let mut rows = Vec::new();
        let in_tree = walker.walk(root, &mut |row| rows.push(row))?;
        for hole in &in_tree {
            scan.damaged
                .entry(hole.page)
                .or_insert(None)
                .get_or_insert_with(|| name.clone());
        }
        scan.history_damaged |= name == "versions" && !in_tree.is_empty();
        if WITNESSES.contains(&name.as_str()) {
            witnessed += usize::from(in_tree.is_empty());
            witnesses.extend(
                rows.iter()
                    .filter_map(|(_, values)| integer(values.get(1)?)),
            );
        } else if name == "entries" {
            holes = in_tree;
        } else if name == "sqlite_sequence" {
            scan.sequence = rows
                .iter()
                .filter_map(|(_, values)| integer(values.get(1)?))
                .max()
                .unwrap_or(0);
        }
        if let Some(precious) = PRECIOUS.into_iter().find(|precious| *precious == name) {
            scan.tables
                .insert(precious, rows.into_iter().map(fill_in_id).collect());
        }
    }
    walker.mark_free()?;
    for (number, owner) in &mut scan.damaged {
        if owner.is_none() && walker.seen.contains(number) {
            *owner = Some("unused space".into());
        }
    }
    if !scan.damaged.is_empty() {
        carve_orphans(pages, &mut walker, &mut scan)?;
    }
    let found: BTreeSet<i64> = scan
        .tables
        .get("entries")
        .into_iter()
        .flatten()
        .map(|(id, _)| *id)
        .collect();
    scan.sequence = scan
        .sequence
        .max(found.last().copied().unwrap_or(0))
        .max(witnesses.last().copied().unwrap_or(0));
    scan.lost_is_guess = !scan.damaged.is_empty() && witnessed < WITNESSES.len();
    if scan.lost_is_guess {
        let narrow = holes
            .iter()
            .map(|hole| (hole.rows.0.max(0), hole.rows.1.min(scan.sequence)));
        let narrow = narrow.filter(|(after, upto)| upto.saturating_sub(*after) <= WIDEST);
        scan.lost
            .extend(narrow.flat_map(|(after, upto)| after + 1..=upto));
        if schema.is_empty() {
            scan.lost.extend(1..=scan.sequence.min(WIDEST));
        }
    }
    scan.lost.extend(witnesses);
    scan.lost.retain(|id| !found.contains(id));
    Ok(scan)
}

/// Finds rows on whole pages that no whole page leads to any more.
fn carve_orphans(pages: &Pages, walker: &mut Walker<'_>, scan: &mut Scan) -> Result<()> {
    for number in pages.numbers() {
        if walker.seen.contains(&number) || scan.damaged.contains_key(&number) {
            continue;
        }
        for row in walker.carve(number)? {
            if let Some(table) = table_by_shape(&row.1) {
                let rows = scan.tables.entry(table).or_default();
                let row = fill_in_id(row);
                // The same row may also have been reached from above, through another copy of the page.
                if !rows.contains(&row) {
                    rows.push(row);
                }
            }
        }
    }
    Ok(())
}

/// Name and root page of a row of the schema; virtual tables and views have no pages of their own.
fn object((_, values): &Row) -> Option<(String, u32)> {
    let name = match values.get(1)? {
        Value::Text(name) => name.clone(),
        _ => return None,
    };
    let root = u32::try_from(integer(values.get(3)?)?)
        .ok()
        .filter(|root| *root > 0)?;
    Some((name, root))
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(integer) => Some(*integer),
        _ => None,
    }
}

/// SQLite stores NULL for a column that is the row id.
fn fill_in_id((id, mut values): Row) -> Row {
    if let Some(first @ Value::Null) = values.first_mut() {
        *first = Value::Integer(id);
    }
    (id, values)
}

/// Which precious table a row without a tree comes from. Tables of two short columns look too much alike.
fn table_by_shape(values: &[Value]) -> Option<&'static str> {
    let shape: String = values.iter().map(letter).collect();
    let is = |pattern: &str| {
        shape.len() == pattern.len()
            && shape
                .chars()
                .zip(pattern.chars())
                .all(|(has, wants)| match wants {
                    't' => has == 't' || has == 'n',
                    'i' => has == 'i' || has == 'n',
                    exact => has.eq_ignore_ascii_case(&exact),
                })
    };
    let has_uid = || matches!(&values[1], Value::Text(uid) if uid.len() == 32 && uid.bytes().all(|b| b.is_ascii_hexdigit()));
    if is("NTtITIItTTTIIIIITi") && has_uid() {
        return Some("entries");
    }
    if is("IIITITItTTTI") {
        return Some("versions");
    }
    is("TTI").then_some("drafts")
}

fn letter(value: &Value) -> char {
    match value {
        Value::Null => 'n',
        Value::Integer(_) => 'i',
        Value::Real(_) => 'r',
        Value::Text(_) => 't',
        Value::Blob(_) => 'b',
    }
}
