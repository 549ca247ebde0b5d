//! What is known about the entries of a span.

use std::collections::{BTreeMap, HashMap};

use jiff::tz::TimeZone;
use journal::{Analysis, Entry, EntryId, Filter, Journal};

use crate::{Result, Span};

/// An entry with its analysis, where it has one.
#[derive(Clone)]
pub(crate) struct Read {
    pub(crate) entry: Entry,
    pub(crate) analysis: Option<Analysis>,
}

/// The entries of `span` that `filter` lets through, in order of time, with their analyses.
pub(crate) fn load(
    journal: &Journal,
    span: &Span,
    filter: &Filter,
    zone: &TimeZone,
) -> Result<Vec<Read>> {
    let (from, to) = span.instants(zone);
    let filter = Filter {
        from: Some(from),
        to: Some(to),
        // A limit counts from the latest.
        newest_first: true,
        ..filter.clone()
    };
    let mut analyses: HashMap<EntryId, Analysis> = journal.analyses(&filter)?.into_iter().collect();
    let entries = journal.list(&filter)?;
    Ok(entries
        .into_iter()
        .rev()
        .map(|entry| Read {
            analysis: analyses.remove(&entry.id),
            entry,
        })
        .collect())
}

/// Valences of the entries that are analysed, in order of time.
pub(crate) fn valences(read: &[Read]) -> Vec<f64> {
    read.iter()
        .filter_map(|r| r.analysis.as_ref())
        .map(|a| f64::from(a.valence))
        .collect()
}

/// In how many of the entries each theme occurs.
pub(crate) fn theme_counts(read: &[Read]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for theme in read
        .iter()
        .filter_map(|r| r.analysis.as_ref())
        .flat_map(|a| &a.themes)
    {
        *counts.entry(theme.name.clone()).or_default() += 1;
    }
    counts
}
