//! A stretch of days, and the one before it.

use jiff::{Timestamp, ToSpan, civil::Date, civil::Weekday, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Whole days, both ends included, in the reader's time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Span {
    /// First day.
    pub from: Date,
    /// Last day, included.
    pub to: Date,
    /// What it was asked for as, which decides what "the span before" means.
    pub unit: Unit,
}

/// What a span was asked for as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Monday to Sunday.
    Week,
    /// A month of the calendar.
    Month,
    /// Any number of days.
    Days,
}

impl Span {
    /// The days `from..=to`; an error when they are the wrong way round.
    pub fn days(from: Date, to: Date) -> Result<Self> {
        if to < from {
            Err(Error::Span { from, to })
        } else {
            Ok(Self {
                from,
                to,
                unit: Unit::Days,
            })
        }
    }

    /// The week, Monday to Sunday, that holds `day`.
    pub fn week(day: Date) -> Self {
        let back = i64::from(day.weekday().since(Weekday::Monday));
        let from = day.saturating_sub(back.days());
        Self {
            from,
            to: from.saturating_add(6.days()),
            unit: Unit::Week,
        }
    }

    /// The calendar month that holds `day`.
    pub fn month(day: Date) -> Self {
        Self {
            from: day.first_of_month(),
            to: day.last_of_month(),
            unit: Unit::Month,
        }
    }

    /// The span that this one is compared with: the week or month before, else as many days before.
    pub fn before(&self) -> Self {
        let to = self.from.saturating_sub(1.day());
        match self.unit {
            Unit::Month => Self::month(to),
            Unit::Week | Unit::Days => Self {
                from: self.from.saturating_sub(self.len().days()),
                to,
                unit: self.unit,
            },
        }
    }

    /// Number of days.
    pub fn len(&self) -> i64 {
        self.to.duration_since(self.from).as_hours() / 24 + 1
    }

    /// Never: a span holds at least one day.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The first instant of the span and the first one after it, in `zone`.
    pub fn instants(&self, zone: &TimeZone) -> (Timestamp, Timestamp) {
        (
            start_of(self.from, zone),
            start_of(self.to.saturating_add(1.day()), zone),
        )
    }
}

/// Midnight of `day` in `zone`; the ends of time where the calendar has no more days.
fn start_of(day: Date, zone: &TimeZone) -> Timestamp {
    day.to_zoned_datetime(zone.clone()).map_or(
        if day < Date::ZERO {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        },
        |z| z.timestamp(),
    )
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_week_runs_from_monday_to_sunday_whatever_day_is_asked() {
        for day in 23..=29 {
            let week = Span::week(date(2026, 11, day));
            assert_eq!(
                (week.from, week.to, week.len()),
                (date(2026, 11, 23), date(2026, 11, 29), 7)
            );
            assert_eq!(week.before().from, date(2026, 11, 16));
        }
    }

    #[test]
    fn the_month_before_march_is_all_of_february() {
        let before = Span::month(date(2028, 3, 14)).before();
        assert_eq!(
            (before.from, before.to),
            (date(2028, 2, 1), date(2028, 2, 29))
        );
    }

    #[test]
    fn days_the_wrong_way_round_are_refused_with_both_dates() {
        let error = Span::days(date(2026, 2, 3), date(2026, 2, 1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the span ends on 2026-02-01, before it starts on 2026-02-03"
        );
    }

    #[test]
    fn the_ends_of_the_calendar_do_not_overflow() {
        let _ = Span::month(Date::MAX).before();
        let (from, to) = Span::week(Date::MAX).instants(&TimeZone::UTC);
        assert!(from <= to);
        let _ = Span::week(Date::MIN).before().instants(&TimeZone::UTC);
    }
}
