//! Dates as people write them: "yesterday 8pm", "last friday", "3 days ago", "march 3".
//!
//! A parser of our own: the crates for this read a few forms of English, none on current `jiff`,
//! and all of them pick a side silently where a date is ambiguous or falls into the hour that a
//! clock change skips. Here both are said.
//!
//! One expression has two readings: [`moment`] is the time that an entry gets, [`span`] the stretch
//! of time that a filter means. A day without a time is 9:00, except today, which is now. Where a
//! year or a week is left open, the past is meant: a journal is about what has been.

mod clock;
mod error;
mod names;
mod parse;
mod prefix;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan as _, ZonedDateTime};

pub(crate) use error::WhenError;
pub(crate) use prefix::{Prefix, split_prefix};

/// The time of an entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Moment {
    /// The time, in the zone of this computer unless the expression names another.
    pub(crate) at: ZonedDateTime,
    /// What had to be decided because a clock change skips or repeats that hour.
    pub(crate) note: Option<String>,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first instant that belongs to it.
    pub(crate) from: Timestamp,
    /// The first instant that no longer does.
    pub(crate) until: Timestamp,
}

/// What an expression says, in local time, before the zone is asked.
#[derive(Clone, Debug, PartialEq)]
enum Reading {
    /// An instant: "now", "2 hours ago", a date with an offset.
    Instant(ZonedDateTime),
    /// From `start` to `end` (exclusive); an entry gets `moment`, or nothing where the expression
    /// is longer than a day.
    Stretch {
        start: DateTime,
        end: DateTime,
        moment: Option<DateTime>,
    },
}

/// The time that `text` gives an entry.
pub(crate) fn moment(text: &str, now: &ZonedDateTime) -> Result<Moment, WhenError> {
    match parse::parse(text, now)? {
        Reading::Instant(at) => Ok(Moment { at, note: None }),
        Reading::Stretch { moment: None, .. } => Err(WhenError::TooLong(text.trim().to_owned())),
        Reading::Stretch {
            start,
            moment: Some(moment),
            ..
        } => {
            // "this morning", said at seven, means now and not nine o'clock.
            if start <= now.datetime() && moment > now.datetime() {
                return Ok(Moment {
                    at: now.clone(),
                    note: None,
                });
            }
            resolve(moment, now.time_zone())
        }
    }
}

/// The stretch of time that `text` means in a filter.
pub(crate) fn span(text: &str, now: &ZonedDateTime) -> Result<Span, WhenError> {
    match parse::parse(text, now)? {
        Reading::Instant(at) => Ok(Span {
            from: at.timestamp(),
            until: at.timestamp() + jiff::SignedDuration::from_secs(1),
        }),
        Reading::Stretch { start, end, .. } => Ok(Span {
            from: resolve(start, now.time_zone())?.at.timestamp(),
            until: resolve(end, now.time_zone())?.at.timestamp(),
        }),
    }
}

/// The first and the last day of what `text` means.
pub(crate) fn days(text: &str, now: &ZonedDateTime) -> Result<(Date, Date), WhenError> {
    match parse::parse(text, now)? {
        Reading::Instant(at) => Ok((at.date(), at.date())),
        Reading::Stretch { start, end, .. } => {
            // The end is exclusive: at midnight it belongs to the day before.
            let last = end.checked_sub(1.nanosecond()).unwrap_or(end);
            Ok((start.date(), last.date()))
        }
    }
}

/// Finds the instant of `local`: of an hour that comes twice the first, of one that is skipped the
/// time as far behind it.
fn resolve(local: DateTime, zone: &TimeZone) -> Result<Moment, WhenError> {
    let ambiguous = zone.to_ambiguous_zoned_datetime(local);
    let offset = ambiguous.offset();
    let at = ambiguous
        .compatible()
        .map_err(|_| WhenError::OutOfRange(local.to_string()))?;
    let shown = local.strftime("%Y-%m-%d %H:%M");
    let note = match offset {
        AmbiguousOffset::Unambiguous { .. } => None,
        AmbiguousOffset::Gap { .. } => Some(format!(
            "the clocks skip {shown}; taken as {}",
            at.strftime("%H:%M")
        )),
        AmbiguousOffset::Fold { .. } => Some(format!(
            "{shown} comes twice that night; taken as the first, {}",
            at.strftime("%H:%M %Z")
        )),
    };
    Ok(Moment { at, note })
}

#[cfg(test)]
mod tests;
