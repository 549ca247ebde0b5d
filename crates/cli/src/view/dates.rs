//! Dates as they are shown.

use jiff::ZonedDateTime;

/// `Tuesday, 10 March 2026, 20:00`.
pub(crate) fn long(when: &ZonedDateTime) -> String {
    when.strftime("%A, %-d %B %Y, %H:%M").to_string()
}

/// `2026-03-10 20:00`, always sixteen columns.
pub(crate) fn short(when: &ZonedDateTime) -> String {
    when.strftime("%Y-%m-%d %H:%M").to_string()
}

/// `today 14:30`, `yesterday 20:00`, `Monday 9 March, 20:00`, `24 December 2025, 20:00`: as one
/// would say it at `now`.
pub(crate) fn spoken(when: &ZonedDateTime, now: &ZonedDateTime) -> String {
    let days = now.date().duration_since(when.date()).as_hours() / 24;
    let format = match days {
        0 => "today %H:%M",
        1 => "yesterday %H:%M",
        2..=6 => "%A %-d %B, %H:%M",
        _ if when.year() == now.year() => "%-d %B, %H:%M",
        _ => "%-d %B %Y, %H:%M",
    };
    when.strftime(format).to_string()
}

/// `Tue 10 March 20:00`, as the lines of a summary are dated.
pub(crate) fn weekday(when: &ZonedDateTime) -> String {
    when.strftime("%a %-d %B, %H:%M").to_string()
}

/// RFC 3339 with the offset, for JSON: `2026-03-10T20:00:00+01:00`.
pub(crate) fn machine(when: &ZonedDateTime) -> String {
    when.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_dates_as_one_would() {
        let now: ZonedDateTime = "2026-03-11T14:30:00+00:00[UTC]".parse().unwrap();
        for (when, expected) in [
            ("2026-03-11T09:05:00+00:00[UTC]", "today 09:05"),
            ("2026-03-10T20:00:00+00:00[UTC]", "yesterday 20:00"),
            ("2026-03-06T20:00:00+00:00[UTC]", "Friday 6 March, 20:00"),
            ("2026-01-02T20:00:00+00:00[UTC]", "2 January, 20:00"),
            ("2025-12-24T20:00:00+00:00[UTC]", "24 December 2025, 20:00"),
            ("2026-03-12T20:00:00+00:00[UTC]", "12 March, 20:00"),
        ] {
            assert_eq!(spoken(&when.parse().unwrap(), &now), expected);
        }
        assert_eq!(machine(&now), "2026-03-11T14:30:00+00:00");
        assert_eq!(long(&now), "Wednesday, 11 March 2026, 14:30");
    }
}
