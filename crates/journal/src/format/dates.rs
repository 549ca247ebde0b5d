//! Dates as programs write them.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

/// A day without a time is noon: far from both neighbours, whatever zone it is read in.
const NOON: Time = Time::constant(12, 0, 0, 0);

/// Reads a date as programs write it: RFC 9557 and RFC 3339, with a space for the `T`, with AM and PM, with slashes, or
/// a day alone. Without a zone of its own it is in `zone`. The error says what was expected.
pub fn parse_when(text: &str, zone: &TimeZone) -> std::result::Result<ZonedDateTime, String> {
    let text = text.trim();
    parse_iso(text, zone)
        .or_else(|| parse_clock(text, zone))
        .ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            format!("{shown:?} is no date; write it like 2024-01-31T18:30 or 2024-01-31 06:30 PM")
        })
}

/// Seconds since 1970, or milliseconds where that would be beyond the year 5000.
pub(super) fn from_unix(number: f64, zone: &TimeZone) -> Option<ZonedDateTime> {
    let seconds = if number.abs() > 1e11 {
        number / 1000.0
    } else {
        number
    };
    let micros = (seconds * 1e6).round();
    let stamp = Timestamp::from_microsecond(micros as i64).ok()?;
    (micros.abs() < 9e18).then(|| stamp.to_zoned_datetime(zone.clone()))
}

fn parse_iso(text: &str, zone: &TimeZone) -> Option<ZonedDateTime> {
    if let Ok(exact) = text.parse::<ZonedDateTime>() {
        return Some(exact);
    }
    let pieces = Pieces::parse(text).ok()?;
    let civil = pieces.date().to_datetime(pieces.time().unwrap_or(NOON));
    let named = pieces.to_time_zone().ok().flatten();
    match (pieces.to_numeric_offset(), named) {
        // The offset is what the clock showed; the name may be unknown here, or its rules may have changed since.
        (Some(offset), named) => {
            let zone = named.unwrap_or_else(|| TimeZone::fixed(offset));
            Some(offset.to_timestamp(civil).ok()?.to_zoned_datetime(zone))
        }
        (None, Some(named)) => civil.to_zoned_datetime(named).ok(),
        (None, None) if text.ends_with(['Z', 'z']) => civil.to_zoned_datetime(TimeZone::UTC).ok(),
        (None, None) => civil.to_zoned_datetime(zone.clone()).ok(),
    }
}

/// `2024-01-31 06:30[:15] PM`, with `/`, `.` or `-` between year, month and day.
fn parse_clock(text: &str, zone: &TimeZone) -> Option<ZonedDateTime> {
    let mut words = text.split_whitespace();
    let mut ymd = words.next()?.split(['-', '/', '.']).map(str::parse::<i16>);
    let (year, month, day) = (ymd.next()?.ok()?, ymd.next()?.ok()?, ymd.next()?.ok()?);
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let time = match words.next() {
        Some(time) => parse_time(time, words.next())?,
        None => NOON,
    };
    let whole = year >= 1000 && ymd.next().is_none() && words.next().is_none();
    whole
        .then(|| {
            DateTime::from_parts(date, time)
                .to_zoned_datetime(zone.clone())
                .ok()
        })
        .flatten()
}

fn parse_time(text: &str, half: Option<&str>) -> Option<Time> {
    let lower = text.to_lowercase();
    let (digits, half) = match lower
        .strip_suffix("am")
        .map(|t| (t, "am"))
        .or(lower.strip_suffix("pm").map(|t| (t, "pm")))
    {
        Some((digits, half)) => (digits, Some(half.to_owned())),
        None => (lower.as_str(), half.map(str::to_lowercase)),
    };
    let parts = digits
        .split(':')
        .map(str::parse::<i8>)
        .collect::<std::result::Result<Vec<_>, _>>()
        .ok()?;
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute] => (*hour, *minute, 0),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return None,
    };
    let hour = match half.as_deref() {
        None => hour,
        Some("am" | "a.m.") if (1..=12).contains(&hour) => hour % 12,
        Some("pm" | "p.m.") if (1..=12).contains(&hour) => hour % 12 + 12,
        Some(_) => return None,
    };
    Time::new(hour, minute, second, 0).ok()
}

/// The day in a file's path, such as `2024-01-31 A walk`, `notes/2024/01/31` or `20240131`, with where it ends.
pub(super) fn find_day(path: &str) -> Option<(Date, std::ops::Range<usize>)> {
    let bytes = path.as_bytes();
    let number = |at: usize, length: usize| -> Option<i16> {
        let digits = bytes.get(at..at + length)?;
        digits
            .iter()
            .all(u8::is_ascii_digit)
            .then(|| std::str::from_utf8(digits).ok()?.parse().ok())
            .flatten()
    };
    let free = |at: usize, end: usize| {
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        (at == 0 || !digit(at - 1)) && !digit(end)
    };
    let is_gap = |at: usize| bytes.get(at).is_some_and(|byte| b"-/_.".contains(byte));
    (0..bytes.len()).find_map(|at| {
        let apart = is_gap(at + 4) && is_gap(at + 7);
        let (month, day, end) = if apart {
            (at + 5, at + 8, at + 10)
        } else {
            (at + 4, at + 6, at + 8)
        };
        let (year, month, day) = (number(at, 4)?, number(month, 2)?, number(day, 2)?);
        let date = Date::new(year, month as i8, day as i8).ok()?;
        (year >= 1900 && free(at, end)).then_some((date, at..end))
    })
}

/// Noon of a day found in a file's name.
pub(super) fn noon(date: Date, zone: &TimeZone) -> Option<ZonedDateTime> {
    date.to_datetime(NOON).to_zoned_datetime(zone.clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_programs_write_them() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        for (text, expected) in [
            (
                "2024-01-31T18:30:05+01:00[Europe/Berlin]",
                "2024-01-31T18:30:05+01:00[Europe/Berlin]",
            ),
            (
                "2024-01-31T18:30:05+05:30",
                "2024-01-31T18:30:05+05:30[+05:30]",
            ),
            (
                "2024-01-31T18:30:05.25Z",
                "2024-01-31T18:30:05.25+00:00[UTC]",
            ),
            (
                "2024-01-31T18:30",
                "2024-01-31T18:30:00+01:00[Europe/Berlin]",
            ),
            (
                "2024-07-31 18:30:05",
                "2024-07-31T18:30:05+02:00[Europe/Berlin]",
            ),
            (
                "2024-01-31 06:30 PM",
                "2024-01-31T18:30:00+01:00[Europe/Berlin]",
            ),
            (
                "2024-01-31 12:05:06 am",
                "2024-01-31T00:05:06+01:00[Europe/Berlin]",
            ),
            (
                "2024/01/31 6:30pm",
                "2024-01-31T18:30:00+01:00[Europe/Berlin]",
            ),
            ("2024-01-31", "2024-01-31T12:00:00+01:00[Europe/Berlin]"),
            (
                "2024-01-31T18:30:05+01:00[Nowhere/Atlantis]",
                "2024-01-31T18:30:05+01:00[+01:00]",
            ),
        ] {
            assert_eq!(
                parse_when(text, &zone).expect(text).to_string(),
                expected,
                "{text}"
            );
        }
        for bad in [
            "",
            "yesterday",
            "2024-13-01",
            "2024-01-31 25:00",
            "2024-01-31 13:00 PM",
            "31",
            "2024-01-31 18:30 xx",
        ] {
            assert!(parse_when(bad, &zone).is_err(), "{bad}");
        }
    }

    #[test]
    fn days_are_found_in_paths() {
        for (path, day) in [
            ("2024-01-31", Some("2024-01-31")),
            ("notes/2024-01-31 A walk", Some("2024-01-31")),
            ("2024/01/31", Some("2024-01-31")),
            ("20240131_evening", Some("2024-01-31")),
            ("call 00202401312", None),
            ("2024-02-31", None),
            ("plans", None),
        ] {
            assert_eq!(
                find_day(path).map(|(date, _)| date.to_string()).as_deref(),
                day,
                "{path}"
            );
        }
    }
}
