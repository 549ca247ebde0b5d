//! Charts of the numbers that a writer keeps beside the text.

use std::collections::BTreeMap;

use jiff::civil::Date;
use journal::FieldValue;
use serde::Serialize;

use super::ENOUGH;
use crate::stats::{self, Interval};
use crate::summary::Read;

/// A numeric field over time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldTrend {
    /// Name of the field.
    pub name: String,
    /// Entries that have it as a number, or as yes and no.
    pub n: usize,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Mean with interval; nothing where there are fewer than [`ENOUGH`] values.
    pub mean: Option<Interval>,
    /// One point a day that has values.
    pub points: Vec<FieldPoint>,
}

/// A day of a numeric field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldPoint {
    /// The day.
    pub day: Date,
    /// Mean of the day's values.
    pub value: f64,
    /// How many there are.
    pub n: usize,
}

/// The numeric fields of the entries, by name.
pub(super) fn fields(read: &[Read]) -> Vec<FieldTrend> {
    let mut values: BTreeMap<&str, BTreeMap<Date, Vec<f64>>> = BTreeMap::new();
    for r in read {
        for (name, value) in &r.entry.fields {
            let number = match value {
                FieldValue::Number(v) if v.is_finite() => *v,
                FieldValue::Bool(v) => f64::from(u8::from(*v)),
                _ => continue,
            };
            values
                .entry(name)
                .or_default()
                .entry(r.entry.when.date())
                .or_default()
                .push(number);
        }
    }
    values
        .into_iter()
        .map(|(name, days)| trend(name, days))
        .collect()
}

fn trend(name: &str, days: BTreeMap<Date, Vec<f64>>) -> FieldTrend {
    let all: Vec<f64> = days.values().flatten().copied().collect();
    FieldTrend {
        name: name.to_owned(),
        n: all.len(),
        min: all.iter().copied().fold(f64::INFINITY, f64::min),
        max: all.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        mean: stats::interval(&all, 23).filter(|i| i.n >= ENOUGH),
        points: days
            .into_iter()
            .map(|(day, v)| FieldPoint {
                day,
                value: stats::mean(&v),
                n: v.len(),
            })
            .collect(),
    }
}
