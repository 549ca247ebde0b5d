//! Themes over time, and themes beside mood.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ENOUGH;
use super::line::{Bucket, place, starts};
use crate::Span;
use crate::stats;
use crate::summary::Read;

/// False discoveries kept to this share of what is reported as clear.
const FALSE_DISCOVERIES: f64 = 0.05;

/// A theme over time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ThemeTrend {
    /// Name of the theme.
    pub name: String,
    /// Entries with it.
    pub n: usize,
    /// Its share of the analysed entries, 0 to 1.
    pub share: f64,
    /// Entries with it by day or week, in the order of the mood line.
    pub line: Vec<usize>,
}

/// A theme beside the mood of the entries with and without it: a correlation, which says nothing about causes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ThemeMood {
    /// Name of the theme.
    pub name: String,
    /// Analysed entries with it.
    pub n_with: usize,
    /// Analysed entries without it.
    pub n_without: usize,
    /// Mean valence with it minus mean valence without it.
    pub difference: f64,
    /// Probability of such a difference by chance, as a Benjamini-Hochberg q-value over all themes compared.
    pub q: f64,
    /// `q` is at most 0.05.
    pub clear: bool,
    /// The same in words.
    pub text: String,
}

/// Themes of the entries, those in the most entries first.
pub(super) fn counts(read: &[Read], span: &Span, bucket: Bucket) -> Vec<ThemeTrend> {
    let starts = starts(span, bucket);
    let mut lines: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut analysed = 0;
    for r in read {
        let Some(analysis) = &r.analysis else {
            continue;
        };
        analysed += 1;
        let Some(at) = place(&starts, r.entry.when.date(), bucket) else {
            continue;
        };
        for theme in &analysis.themes {
            lines
                .entry(&theme.name)
                .or_insert_with(|| vec![0; starts.len()])[at] += 1;
        }
    }
    let trend = |(name, line): (&str, Vec<usize>)| {
        let n = line.iter().sum();
        ThemeTrend {
            name: name.to_owned(),
            n,
            share: n as f64 / f64::from(analysed),
            line,
        }
    };
    let mut all: Vec<ThemeTrend> = lines.into_iter().map(trend).collect();
    all.sort_by(|a, b| b.n.cmp(&a.n).then(a.name.cmp(&b.name)));
    all
}

/// Themes with at least [`ENOUGH`] entries with and without them, the clearest difference of mood first.
pub(super) fn moods(read: &[Read]) -> Vec<ThemeMood> {
    let analyses: Vec<_> = read.iter().filter_map(|r| r.analysis.as_ref()).collect();
    let compared: Vec<(&str, Vec<f64>, Vec<f64>)> = crate::THEMES
        .iter()
        .map(|name| {
            let has = |a: &&&journal::Analysis| a.themes.iter().any(|t| t.name == *name);
            let (with, without): (Vec<_>, Vec<_>) = analyses.iter().partition(has);
            let valences = |side: Vec<&&journal::Analysis>| {
                side.into_iter().map(|a| f64::from(a.valence)).collect()
            };
            (*name, valences(with), valences(without))
        })
        .filter(|(_, with, without): &(_, Vec<f64>, Vec<f64>)| {
            with.len() >= ENOUGH && without.len() >= ENOUGH
        })
        .collect();
    let p: Vec<f64> = compared
        .iter()
        .map(|(name, a, b)| stats::p_value(a, b, stats::fnv(name.as_bytes())))
        .collect();
    let mut all: Vec<ThemeMood> = compared
        .into_iter()
        .zip(stats::q_values(&p))
        .map(|((name, with, without), q)| {
            let difference = stats::mean(&with) - stats::mean(&without);
            let clear = q <= FALSE_DISCOVERIES;
            let text = words(name, difference, with.len(), without.len(), clear);
            ThemeMood {
                name: name.to_owned(),
                n_with: with.len(),
                n_without: without.len(),
                difference,
                q,
                clear,
                text,
            }
        })
        .collect();
    all.sort_by(|a, b| a.q.total_cmp(&b.q).then(a.name.cmp(&b.name)));
    all
}

fn words(name: &str, difference: f64, with: usize, without: usize, clear: bool) -> String {
    if !clear {
        return format!(
            "{name}: no clear difference in mood ({with} entries with it, {without} without)"
        );
    }
    let side = if difference > 0.0 {
        "lighter"
    } else {
        "heavier"
    };
    format!(
        "entries about {name} are {side} by {:.2} on average ({with} with it, {without} without); \
         this is a correlation, not a cause",
        difference.abs()
    )
}
