//! What is different from the span before: stated only where the numbers carry it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::load::{Read, theme_counts, valences};
use super::people::Person;
use crate::stats;

/// Analysed entries needed on both sides before moods or themes are compared.
const ENOUGH: usize = 5;
/// A difference of mood smaller than this is none, however sure.
const SMALLEST_MOOD: f64 = 0.1;
/// Entries by which a theme has to grow or shrink to be told.
const STEP: usize = 2;

/// One difference between a span and the one before it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Change {
    /// What kind of thing changed.
    pub kind: ChangeKind,
    /// The theme or person; empty for the mood and the number of entries.
    pub subject: String,
    /// Value in the span before: a mean valence, or a number of entries.
    pub before: f64,
    /// Value in this span.
    pub now: f64,
    /// The same in words.
    pub text: String,
}

/// What kind of thing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Number of entries.
    Entries,
    /// Mean valence: it moved by at least 0.1, and the 95 % interval of the difference excludes 0.
    Mood,
    /// Mean valence moved, but not by more than chance explains.
    MoodUnclear,
    /// A theme that was not there before.
    ThemeNew,
    /// A theme that is not there any more.
    ThemeGone,
    /// A theme in more entries than before.
    ThemeMore,
    /// A theme in fewer entries than before.
    ThemeLess,
    /// A person who was not mentioned before.
    PersonNew,
}

/// The differences between `before` and `now`, the weightiest first. Empty where there was nothing before.
pub(super) fn changes(
    before: &[Read],
    now: &[Read],
    people_before: &[Person],
    people_now: &[Person],
) -> Vec<Change> {
    if before.is_empty() || now.is_empty() {
        return Vec::new();
    }
    let mut found = vec![entries(before.len(), now.len())];
    found.extend(mood(&valences(before), &valences(now)));
    if valences(before).len() >= ENOUGH && valences(now).len() >= ENOUGH {
        found.extend(themes(&theme_counts(before), &theme_counts(now)));
    }
    found.extend(new_people(people_before, people_now));
    found
}

fn entries_of(n: usize) -> String {
    format!("{n} {}", if n == 1 { "entry" } else { "entries" })
}

fn entries(before: usize, now: usize) -> Change {
    let text = match now.cmp(&before) {
        std::cmp::Ordering::Equal => format!("as many entries as before: {now}"),
        _ => format!("{}, {before} in the span before", entries_of(now)),
    };
    Change {
        kind: ChangeKind::Entries,
        subject: String::new(),
        before: before as f64,
        now: now as f64,
        text,
    }
}

fn mood(before: &[f64], now: &[f64]) -> Option<Change> {
    if before.len() < ENOUGH || now.len() < ENOUGH {
        return None;
    }
    let difference = stats::difference(before, now, 7)?;
    let (was, is) = (stats::mean(before), stats::mean(now));
    let sure = difference.low > 0.0 || difference.high < 0.0;
    let clear = sure && difference.mean.abs() >= SMALLEST_MOOD;
    let direction = if is > was { "lighter" } else { "heavier" };
    let (kind, text) = if clear {
        let text = format!("the mood is {direction} than before: {is:+.2}, it was {was:+.2}");
        (ChangeKind::Mood, text)
    } else {
        (
            ChangeKind::MoodUnclear,
            format!("no clear change of mood: {is:+.2}, it was {was:+.2}"),
        )
    };
    Some(Change {
        kind,
        subject: String::new(),
        before: was,
        now: is,
        text,
    })
}

fn themes(before: &BTreeMap<String, usize>, now: &BTreeMap<String, usize>) -> Vec<Change> {
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let count = |map: &BTreeMap<String, usize>, name: &String| map.get(name).copied().unwrap_or(0);
    let mut found: Vec<Change> = names
        .into_iter()
        .filter_map(|name| {
            let (was, is) = (count(before, name), count(now, name));
            if was.abs_diff(is) < STEP {
                return None;
            }
            let (kind, text) = match (was, is) {
                (0, _) => (
                    ChangeKind::ThemeNew,
                    format!("{name} is new: in {}", entries_of(is)),
                ),
                (_, 0) => (
                    ChangeKind::ThemeGone,
                    format!("{name} has gone quiet: none now, {was} before"),
                ),
                _ if is > was => (
                    ChangeKind::ThemeMore,
                    format!("more about {name}: {}, {was} before", entries_of(is)),
                ),
                _ => (
                    ChangeKind::ThemeLess,
                    format!("less about {name}: {}, {was} before", entries_of(is)),
                ),
            };
            Some(Change {
                kind,
                subject: name.clone(),
                before: was as f64,
                now: is as f64,
                text,
            })
        })
        .collect();
    found.sort_by(|a, b| {
        (b.now - b.before)
            .abs()
            .total_cmp(&(a.now - a.before).abs())
            .then(a.subject.cmp(&b.subject))
    });
    found
}

fn new_people(before: &[Person], now: &[Person]) -> Vec<Change> {
    let fresh = now
        .iter()
        .filter(|p| !before.iter().any(|b| b.name == p.name));
    let change = |p: &Person| Change {
        kind: ChangeKind::PersonNew,
        subject: p.name.clone(),
        before: 0.0,
        now: p.entries.len() as f64,
        text: match p.entries.len() {
            1 => format!("{} comes up, not mentioned in the span before", p.name),
            n => format!(
                "{} comes up in {n} entries, not mentioned in the span before",
                p.name
            ),
        },
    };
    fresh.map(change).collect()
}
