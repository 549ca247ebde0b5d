//! From words to a [`Reading`]: a day part, a time part, or both in either order.

use jiff::civil::{Date, DateTime, ISOWeekDate, Time, Weekday};
use jiff::{Span, Timestamp, ToSpan as _, ZonedDateTime};

use super::clock::{self, Hours};
use super::names;
use super::{Reading, WhenError};

/// The hour of an entry for which only the day is known.
const DEFAULT_TIME: Time = Time::constant(9, 0, 0, 0);

/// Longer than any expression; keeps a whole paragraph from being looked at.
const MAX_WORDS: usize = 8;

/// A day, or several.
#[derive(Clone, Copy, Debug)]
enum Day {
    One(Date),
    /// A weekday without "last" or "next": a week earlier, should its time not have come yet.
    Recent(Date),
    /// So many days, weeks, months or years ago: at the clock time of now.
    Ago(Date),
    /// `[start, end)`.
    Many(Date, Date),
}

/// Reads `text`; every word has to belong to the date.
pub(super) fn parse(text: &str, now: &ZonedDateTime) -> Result<Reading, WhenError> {
    let unknown = || WhenError::Unknown(text.trim().to_owned());
    if let Some(at) = machine_form(text.trim(), now)? {
        return Ok(at);
    }
    let lower = text.to_lowercase().replace(',', " ");
    let mut words: Vec<&str> = lower
        .split_whitespace()
        .filter(|w| !matches!(*w, "on" | "the" | "of"))
        .collect();
    if words.is_empty() || words.len() > MAX_WORDS {
        return Err(unknown());
    }
    if let ["last", "night", ..] = words[..] {
        words[0] = "yesterday";
    }
    if words == ["now"] {
        return Ok(Reading::Instant(now.clone()));
    }
    if let Some(at) = hours_ago(&words, now) {
        return at.map(Reading::Instant);
    }
    let today = now.date();
    // Day first, then time; or the other way round; either may stand alone.
    for split in (0..=words.len()).rev() {
        let (left, right) = words.split_at(split);
        for (day_words, time_words) in [(left, right), (right, left)] {
            let day = match day_words {
                [] => Some(Day::One(today)),
                words => day(words, today)?,
            };
            let hours = match time_words {
                [] => Some(None),
                words => clock::time(words)?.map(Some),
            };
            if let (Some(day), Some(hours)) = (day, hours)
                && let Some(reading) = combine(day, hours, now)
            {
                return Ok(reading);
            }
        }
    }
    Err(unknown())
}

/// Forms with a `T`, an offset or a zone, as programs write them.
fn machine_form(text: &str, now: &ZonedDateTime) -> Result<Option<Reading>, WhenError> {
    let dated = text.len() > 10
        && text.is_char_boundary(10)
        && names::year(&text[..4.min(text.len())]).is_some();
    if !dated || !text[10..].starts_with(['T', 't', ' ']) {
        return Ok(None);
    }
    if let Ok(at) = text.parse::<ZonedDateTime>() {
        return Ok(Some(Reading::Instant(at)));
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        let at = at.to_zoned_datetime(now.time_zone().clone());
        return Ok(Some(Reading::Instant(at)));
    }
    if let Ok(at) = text.parse::<DateTime>() {
        let end = at
            .checked_add(1.minute())
            .map_err(|_| WhenError::OutOfRange(text.to_owned()))?;
        return Ok(Some(Reading::Stretch {
            start: at,
            end,
            moment: Some(at),
        }));
    }
    Ok(None)
}

/// "2 hours ago", "an hour ago", "10 minutes ago": an instant.
fn hours_ago(words: &[&str], now: &ZonedDateTime) -> Option<Result<ZonedDateTime, WhenError>> {
    let [count, unit, "ago"] = words else {
        return None;
    };
    let count = names::count(count)?;
    let span = match unit.trim_end_matches('s') {
        "hour" | "hr" => count.hours(),
        "minute" | "min" => count.minutes(),
        _ => return None,
    };
    Some(
        now.checked_sub(span)
            .map_err(|_| WhenError::OutOfRange(words.join(" "))),
    )
}

/// The day that all of `words` name; `None` if they name none.
fn day(words: &[&str], today: Date) -> Result<Option<Day>, WhenError> {
    let one = |date: Date| Ok(Some(Day::One(date)));
    let back = |days: i64| today.saturating_sub(days.days());
    match words {
        ["today"] => return one(today),
        ["yesterday"] => return one(back(1)),
        ["tomorrow"] => return one(back(-1)),
        ["day", "before", "yesterday"] => return one(back(2)),
        [count, unit, "ago"] => return Ok(ago(count, unit, today)),
        ["last" | "past", count, unit] => return Ok(rolling(count, unit, today)),
        ["past", unit] => return Ok(rolling("1", unit, today)),
        [which @ ("last" | "this" | "next"), unit] => {
            if let Some(day) = relative(which, unit, today) {
                return Ok(Some(day));
            }
        }
        _ => {}
    }
    if let [word] = words {
        if let Some(weekday) = names::weekday(word) {
            return Ok(Some(Day::Recent(on_or_before(today, weekday))));
        }
        if let Some(year) = names::year(word) {
            return Ok(year_span(year));
        }
        if let Some(month) = names::month(word) {
            let year = today.year() - i16::from(month > today.month());
            return Ok(month_span(year, month));
        }
        return numeric(word);
    }
    named_day(words, today)
}

/// "march 3", "3rd march 2026", "march 2026", with a weekday before it or not.
fn named_day(words: &[&str], today: Date) -> Result<Option<Day>, WhenError> {
    let words = match words {
        [first, rest @ ..] if names::weekday(first).is_some() && rest.len() > 1 => rest,
        words => words,
    };
    let (words, year) = match words {
        [rest @ .., last] if rest.len() > 1 && names::year(last).is_some() => {
            (rest, names::year(last))
        }
        words => (words, None),
    };
    let [a, b] = words else { return Ok(None) };
    if year.is_none()
        && let (Some(month), Some(year)) = (names::month(a), names::year(b))
    {
        return Ok(month_span(year, month));
    }
    let pair = match (names::month(a), names::month(b)) {
        (Some(month), None) => names::day_of_month(b).map(|day| (month, day)),
        (None, Some(month)) => names::day_of_month(a).map(|day| (month, day)),
        _ => None,
    };
    let Some((month, day)) = pair else {
        return Ok(None);
    };
    let no_such = || WhenError::NoSuchTime(words.join(" "));
    if let Some(year) = year {
        return Date::new(year, month, day)
            .map(|date| Some(Day::One(date)))
            .map_err(|_| no_such());
    }
    // The latest one that has been; February 29 may be years back.
    (0..9)
        .filter_map(|back| Date::new(today.year() - back, month, day).ok())
        .find(|date| *date <= today)
        .map(|date| Some(Day::One(date)))
        .ok_or_else(no_such)
}

/// `2026-03-02`, `2026/3/2`, `2026-03`, `2026-w10`, `2.3.2026`, `25/12/2026`.
fn numeric(word: &str) -> Result<Option<Day>, WhenError> {
    let Some(separator) = word.chars().find(|c| matches!(c, '-' | '/' | '.')) else {
        return Ok(None);
    };
    let parts: Vec<&str> = word.split(separator).collect();
    let small = |text: &str| -> Option<i8> {
        (1..=2)
            .contains(&text.len())
            .then(|| text.parse().ok())?
            .filter(|n| *n > 0)
    };
    let no_such = || WhenError::NoSuchTime(word.to_owned());
    let made = |y: i16, m: i8, d: i8| {
        Date::new(y, m, d)
            .map(|date| Some(Day::One(date)))
            .map_err(|_| no_such())
    };
    match parts[..] {
        [y, m, d] if names::year(y).is_some() => match (names::year(y), small(m), small(d)) {
            (Some(y), Some(m), Some(d)) => made(y, m, d),
            _ => Ok(None),
        },
        [y, rest] if separator == '-' && names::year(y).is_some() => {
            let year = names::year(y).unwrap_or_default();
            if let Some(week) = rest.strip_prefix('w').and_then(small) {
                let monday = ISOWeekDate::new(year, week, Weekday::Monday)
                    .map_err(|_| no_such())?
                    .date();
                return Ok(Some(Day::Many(monday, monday.saturating_add(7.days()))));
            }
            match small(rest) {
                Some(month) if month <= 12 => Ok(month_span(year, month)),
                Some(_) => Err(no_such()),
                None => Ok(None),
            }
        }
        [a, b, y] => match (small(a), small(b), names::year(y)) {
            (Some(day), Some(month), Some(year)) if separator == '.' => made(year, month, day),
            (Some(a), Some(b), Some(year)) => match (a > 12, b > 12) {
                (false, true) => made(year, a, b),
                (true, false) => made(year, b, a),
                (true, true) => Err(no_such()),
                (false, false) if a == b => made(year, a, b),
                (false, false) => Err(WhenError::Ambiguous(
                    word.to_owned(),
                    [
                        format!("{year:04}-{b:02}-{a:02}"),
                        format!("{year:04}-{a:02}-{b:02}"),
                    ],
                )),
            },
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// So many days, weeks, months or years as a span.
fn units(count: i64, unit: &str) -> Option<Span> {
    match unit.strip_suffix('s').unwrap_or(unit) {
        "day" => Span::new().try_days(count).ok(),
        "week" => Span::new().try_weeks(count).ok(),
        "month" => Span::new().try_months(count).ok(),
        "year" => Span::new().try_years(count).ok(),
        _ => None,
    }
}

fn ago(count: &str, unit: &str, today: Date) -> Option<Day> {
    let span = units(names::count(count)?, unit)?;
    today.checked_sub(span).ok().map(Day::Ago)
}

/// "last 7 days", "past two weeks": up to and with today.
fn rolling(count: &str, unit: &str, today: Date) -> Option<Day> {
    let span = units(names::count(count)?, unit)?;
    let tomorrow = today.tomorrow().ok()?;
    Some(Day::Many(tomorrow.checked_sub(span).ok()?, tomorrow))
}

/// "last friday", "this week", "next month".
fn relative(which: &str, unit: &str, today: Date) -> Option<Day> {
    let step: i64 = match which {
        "last" => -1,
        "this" => 0,
        _ => 1,
    };
    if let Some(weekday) = names::weekday(unit) {
        let monday = on_or_before(today, Weekday::Monday);
        return Some(Day::One(match which {
            "last" => on_or_before(today.yesterday().ok()?, weekday),
            "this" => monday.saturating_add(i64::from(weekday.to_monday_zero_offset()).days()),
            _ => on_or_before(today.saturating_add(7.days()), weekday),
        }));
    }
    match unit {
        "week" => {
            let start = on_or_before(today, Weekday::Monday).saturating_add((7 * step).days());
            Some(Day::Many(start, start.saturating_add(7.days())))
        }
        "month" => {
            let start = today.first_of_month().saturating_add(step.months());
            Some(Day::Many(start, start.saturating_add(1.month())))
        }
        "year" => {
            let start = today.first_of_year().saturating_add(step.years());
            Some(Day::Many(start, start.saturating_add(1.year())))
        }
        _ => None,
    }
}

fn on_or_before(date: Date, weekday: Weekday) -> Date {
    let back = date.weekday().since(weekday);
    date.saturating_sub(i64::from(back).days())
}

fn month_span(year: i16, month: i8) -> Option<Day> {
    let start = Date::new(year, month, 1).ok()?;
    Some(Day::Many(start, start.saturating_add(1.month())))
}

fn year_span(year: i16) -> Option<Day> {
    let start = Date::new(year, 1, 1).ok()?;
    Some(Day::Many(start, start.saturating_add(1.year())))
}

fn combine(day: Day, hours: Option<Hours>, now: &ZonedDateTime) -> Option<Reading> {
    let at = |date: Date, hours: Hours| {
        let end_date = if hours.overnight {
            date.tomorrow().ok()?
        } else {
            date
        };
        Some((
            date.to_datetime(hours.start),
            end_date.to_datetime(hours.end),
            date.to_datetime(hours.moment),
        ))
    };
    let (start, end, moment) = match (day, hours) {
        (Day::Many(start, end), None) => {
            return Some(Reading::Stretch {
                start: start.to_datetime(Time::midnight()),
                end: end.to_datetime(Time::midnight()),
                moment: None,
            });
        }
        (Day::Many(..), Some(_)) => return None,
        (Day::Recent(date), Some(hours)) if at(date, hours)?.0 > now.datetime() => {
            at(date.saturating_sub(7.days()), hours)?
        }
        (Day::One(date) | Day::Recent(date) | Day::Ago(date), Some(hours)) => at(date, hours)?,
        (Day::One(date) | Day::Recent(date) | Day::Ago(date), None) => {
            let moment = match day {
                Day::Ago(_) => date.to_datetime(now.time()),
                _ if date == now.date() => now.datetime(),
                _ => date.to_datetime(DEFAULT_TIME),
            };
            (
                date.to_datetime(Time::midnight()),
                date.tomorrow().ok()?.to_datetime(Time::midnight()),
                moment,
            )
        }
    };
    Some(Reading::Stretch {
        start,
        end,
        moment: Some(moment),
    })
}
