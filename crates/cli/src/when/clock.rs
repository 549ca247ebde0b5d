//! Times of day: "8:30pm", "at 8", "noon", "evening".

use jiff::ToSpan as _;
use jiff::civil::Time;

use super::WhenError;

/// A time of day: the stretch it means, and the moment that an entry gets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hours {
    pub(super) start: Time,
    /// Exclusive; on the next day where `overnight`.
    pub(super) end: Time,
    pub(super) overnight: bool,
    pub(super) moment: Time,
}

/// The time of day that all of `words` name; `None` if they name none.
pub(super) fn time(words: &[&str]) -> Result<Option<Hours>, WhenError> {
    let part = |start: i8, end: i8, moment: i8| {
        Ok(Some(Hours {
            start: Time::constant(start, 0, 0, 0),
            end: Time::constant(end % 24, 0, 0, 0),
            overnight: end >= 24,
            moment: Time::constant(moment, 0, 0, 0),
        }))
    };
    match words {
        ["this" | "in", rest @ ("morning" | "afternoon" | "evening")] => return time(&[rest]),
        ["morning"] => return part(5, 12, 9),
        ["afternoon"] => return part(12, 18, 15),
        ["evening"] => return part(18, 24, 20),
        ["night" | "tonight"] | ["at", "night"] => return part(21, 28, 22),
        ["noon" | "midday"] | ["at", "noon" | "midday"] => return Ok(Some(minute(12, 0, 0))),
        ["midnight"] | ["at", "midnight"] => return Ok(Some(minute(0, 0, 0))),
        _ => {}
    }
    let (clock, at) = match words {
        ["at", rest @ ..] => (rest, true),
        rest => (rest, false),
    };
    let joined = match clock {
        [one] => (*one).to_owned(),
        [time, half @ ("am" | "pm" | "a.m." | "p.m.")] => format!("{time}{half}"),
        _ => return Ok(None),
    };
    clock_time(&joined.replace('.', ""), at)
}

/// `8pm`, `8:30pm`, `20:15`, `14:00:30`; a bare `8` only after "at".
fn clock_time(word: &str, bare_hour: bool) -> Result<Option<Hours>, WhenError> {
    let (digits, half) = match (word.strip_suffix("am"), word.strip_suffix("pm")) {
        (Some(digits), _) => (digits, Some(0)),
        (_, Some(digits)) => (digits, Some(12)),
        _ => (word, None),
    };
    let parts: Vec<&str> = digits.split(':').collect();
    let well_formed = parts.len() <= 3
        && parts.iter().enumerate().all(|(i, p)| {
            p.bytes().all(|b| b.is_ascii_digit()) && (p.len() == 2 || (i == 0 && p.len() == 1))
        });
    if !well_formed || (parts.len() == 1 && half.is_none() && !bare_hour) {
        return Ok(None);
    }
    let number = |i: usize| parts.get(i).map_or(0, |p| p.parse::<i8>().unwrap_or(99));
    let (mut hour, m, s) = (number(0), number(1), number(2));
    if let Some(half) = half {
        if !(1..=12).contains(&hour) {
            return Err(WhenError::NoSuchTime(word.to_owned()));
        }
        hour = hour % 12 + half;
    }
    if hour > 23 || m > 59 || s > 59 {
        return Err(WhenError::NoSuchTime(word.to_owned()));
    }
    Ok(Some(minute(hour, m, s)))
}

/// The minute that begins at `hour:minute` (values already checked).
fn minute(hour: i8, minute: i8, second: i8) -> Hours {
    let start = Time::constant(hour, minute, second, 0);
    let (end, overnight) = match start.checked_add(1.minute()) {
        Ok(end) => (end, false),
        Err(_) => (Time::midnight(), true),
    };
    Hours {
        start,
        end,
        overnight,
        moment: start,
    }
}
