//! The mood line.

use jiff::{ToSpan, civil::Date};
use serde::{Deserialize, Serialize};

use super::ENOUGH;
use crate::Span;
use crate::stats::{self, Interval};
use crate::summary::Read;

/// Spans longer than this many days are drawn by the week.
const DAILY_UP_TO: i64 = 45;
/// Points that the moving mean looks back over, the current one included.
const DAYS_BACK: usize = 7;
const WEEKS_BACK: usize = 4;

/// What one point of a line stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bucket {
    /// A day.
    Day,
    /// A week, Monday to Sunday.
    Week,
}

impl Bucket {
    /// Days for a month or less, weeks beyond.
    pub fn suiting(span: &Span) -> Self {
        if span.len() <= DAILY_UP_TO {
            Self::Day
        } else {
            Self::Week
        }
    }

    /// First day of the bucket that holds `day`.
    pub(super) fn start(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            Self::Week => Span::week(day).from,
        }
    }

    fn days(self) -> i64 {
        match self {
            Self::Day => 1,
            Self::Week => 7,
        }
    }
}

/// One day or week of the mood line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MoodPoint {
    /// Its first day.
    pub start: Date,
    /// Analysed entries in it.
    pub n: usize,
    /// Mean valence of those; nothing where there are none.
    pub mean: Option<f64>,
    /// Mean with interval over the last 7 days or 4 weeks; nothing where those hold fewer than [`ENOUGH`] entries.
    pub moving: Option<Interval>,
}

/// First days of the buckets that `span` touches, in order.
pub(super) fn starts(span: &Span, bucket: Bucket) -> Vec<Date> {
    let first = bucket.start(span.from);
    let mut starts = Vec::new();
    let mut next = Some(first);
    while let Some(start) = next.filter(|s| *s <= span.to) {
        starts.push(start);
        next = start.checked_add(bucket.days().days()).ok();
    }
    starts
}

/// One point a bucket of `span`, empty ones included.
pub(super) fn line(read: &[Read], span: &Span, bucket: Bucket) -> Vec<MoodPoint> {
    let starts = starts(span, bucket);
    let mut values: Vec<Vec<f64>> = vec![Vec::new(); starts.len()];
    for r in read {
        let Some(analysis) = &r.analysis else {
            continue;
        };
        if let Some(at) = place(&starts, r.entry.when.date(), bucket) {
            values[at].push(f64::from(analysis.valence));
        }
    }
    let back = if bucket == Bucket::Day {
        DAYS_BACK
    } else {
        WEEKS_BACK
    };
    (0..starts.len())
        .map(|i| {
            let window: Vec<f64> = values[(i + 1).saturating_sub(back)..=i].concat();
            MoodPoint {
                start: starts[i],
                n: values[i].len(),
                mean: (!values[i].is_empty()).then(|| stats::mean(&values[i])),
                moving: stats::interval(&window, 19).filter(|w| w.n >= ENOUGH),
            }
        })
        .collect()
}

/// Index of the bucket for an entry dated `day`. An entry keeps the day of the zone that it was written in, which may
/// lie just outside of the span's zone; it counts with the nearest bucket then.
pub(super) fn place(starts: &[Date], day: Date, bucket: Bucket) -> Option<usize> {
    let start = bucket.start(day);
    let last = starts.len().checked_sub(1)?;
    Some(starts.partition_point(|s| *s < start).min(last))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_span_has_a_point_for_every_day_or_week_it_touches() {
        let month = Span::month(date(2026, 2, 1));
        assert_eq!(starts(&month, Bucket::Day).len(), 28);
        let weeks = starts(&month, Bucket::Week);
        assert_eq!((weeks[0], weeks.len()), (date(2026, 1, 26), 5));
        assert_eq!(Bucket::suiting(&month), Bucket::Day);
    }

    #[test]
    fn an_entry_from_another_zone_counts_with_the_nearest_day() {
        let days = starts(&Span::week(date(2026, 11, 23)), Bucket::Day);
        assert_eq!(place(&days, date(2026, 11, 22), Bucket::Day), Some(0));
        assert_eq!(place(&days, date(2026, 11, 30), Bucket::Day), Some(6));
        assert_eq!(place(&[], date(2026, 11, 30), Bucket::Day), None);
    }

    #[test]
    fn the_last_days_of_the_calendar_end_the_line() {
        assert_eq!(
            starts(&Span::week(Date::MAX), Bucket::Day).last(),
            Some(&Date::MAX)
        );
    }
}
