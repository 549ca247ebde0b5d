//! `--since`: a length of time, or what a person calls a day.

use jiff::civil::Date;
use jiff::{Span, ZonedDateTime};

use crate::exit::Failure;
use crate::span;

/// The first day of the span that `text` names and that ends now. Days are whole: measurements are kept by the day.
pub(super) fn first_day(text: &str, now: &ZonedDateTime) -> anyhow::Result<Date> {
    let text = text.trim();
    if text == "all" {
        return Ok(Date::constant(1970, 1, 1));
    }
    let Some(length) = length(text) else {
        let day = span::first_day(text, now)?;
        if day > now.date() {
            return Err(Failure::usage(format!("--since {text:?} lies ahead ({day})")).into());
        }
        return Ok(day);
    };
    let from = length.and_then(|length| now.checked_sub(length).ok());
    from.map(|from| from.date()).ok_or_else(|| {
        Failure::usage(format!(
            "--since {text:?} is longer than any calendar; `all` shows everything"
        ))
        .into()
    })
}

/// `7d`, `24h`, `4w`, `6m`, `1y`: outer `None` where it is not of that form, inner where it is too long.
fn length(text: &str) -> Option<Option<Span>> {
    let unit = text.chars().next_back()?;
    let digits = &text[..text.len() - unit.len_utf8()];
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count = digits.parse::<i64>().ok();
    // Today counts: one day is today alone.
    let days = |days: i64| Span::new().try_days((days - 1).max(0)).ok();
    Some(match unit {
        'h' => count.and_then(|hours| Span::new().try_hours(hours).ok()),
        'd' => count.and_then(days),
        'w' => count.and_then(|weeks| days(weeks.checked_mul(7)?)),
        'm' => count.and_then(|months| Span::new().try_months(months).ok()),
        'y' => count.and_then(|years| Span::new().try_years(years).ok()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_words_name_a_first_day() {
        let now: ZonedDateTime = "2026-03-04T10:00[UTC]".parse().unwrap();
        for (text, first) in [
            ("1d", "2026-03-04"),
            ("7d", "2026-02-26"),
            ("24h", "2026-03-03"),
            ("2w", "2026-02-19"),
            ("1m", "2026-02-04"),
            ("1y", "2025-03-04"),
            ("all", "1970-01-01"),
            ("yesterday", "2026-03-03"),
            ("last monday", "2026-03-02"),
            ("2026-01-05", "2026-01-05"),
        ] {
            assert_eq!(first_day(text, &now).unwrap().to_string(), first, "{text}");
        }
        for text in [
            "",
            "7 parsecs",
            "99999999999999999999d",
            "99999y",
            "tomorrow",
        ] {
            assert!(first_day(text, &now).is_err(), "{text}");
        }
    }
}
