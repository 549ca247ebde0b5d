use super::*;

/// A Wednesday afternoon.
fn now() -> ZonedDateTime {
    "2026-03-11T14:30:00+00:00[UTC]".parse().unwrap()
}

fn berlin(local: &str) -> ZonedDateTime {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    local
        .parse::<DateTime>()
        .unwrap()
        .to_zoned_datetime(zone)
        .unwrap()
}

fn at(text: &str) -> String {
    match moment(text, &now()) {
        Ok(moment) => moment.at.strftime("%Y-%m-%d %H:%M").to_string(),
        Err(error) => format!("error: {error}"),
    }
}

fn range(text: &str) -> String {
    let show = |t: Timestamp| {
        t.strftime("%Y-%m-%d %H:%M")
            .to_string()
            .replace(" 00:00", "")
    };
    match span(text, &now()) {
        Ok(span) => format!("{} .. {}", show(span.from), show(span.until)),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn reads_the_moments_that_people_write() {
    for (text, expected) in [
        ("now", "2026-03-11 14:30"),
        ("today", "2026-03-11 14:30"),
        ("Today 9:15", "2026-03-11 09:15"),
        ("yesterday", "2026-03-10 09:00"),
        ("yesterday 8pm", "2026-03-10 20:00"),
        ("yesterday at 8 pm", "2026-03-10 20:00"),
        ("8pm yesterday", "2026-03-10 20:00"),
        ("yesterday at 8", "2026-03-10 08:00"),
        ("yesterday, 8:30 p.m.", "2026-03-10 20:30"),
        ("yesterday evening", "2026-03-10 20:00"),
        ("the day before yesterday", "2026-03-09 09:00"),
        ("last night", "2026-03-10 22:00"),
        ("this morning", "2026-03-11 09:00"),
        ("monday 9:15", "2026-03-09 09:15"),
        ("wednesday 9:15", "2026-03-11 09:15"),
        ("wednesday 20:00", "2026-03-04 20:00"),
        ("last wednesday", "2026-03-04 09:00"),
        ("last friday", "2026-03-06 09:00"),
        ("last friday at noon", "2026-03-06 12:00"),
        ("3 days ago", "2026-03-08 14:30"),
        ("three days ago", "2026-03-08 14:30"),
        ("a week ago", "2026-03-04 14:30"),
        ("2 months ago", "2026-01-11 14:30"),
        ("an hour ago", "2026-03-11 13:30"),
        ("2026-03-02", "2026-03-02 09:00"),
        ("2026-03-02 14:00", "2026-03-02 14:00"),
        ("2026-03-02T14:00", "2026-03-02 14:00"),
        ("2026-03-02T14:00:00Z", "2026-03-02 14:00"),
        ("2026/3/2 7am", "2026-03-02 07:00"),
        ("2.3.2026", "2026-03-02 09:00"),
        ("25/12/2025", "2025-12-25 09:00"),
        ("march 3", "2026-03-03 09:00"),
        ("3rd of March, 8pm", "2026-03-03 20:00"),
        ("december 24", "2025-12-24 09:00"),
        ("Feb 29", "2024-02-29 09:00"),
        ("tuesday, march 3 2026", "2026-03-03 09:00"),
        ("12am today", "2026-03-11 00:00"),
        ("12pm today", "2026-03-11 12:00"),
        ("noon", "2026-03-11 12:00"),
    ] {
        assert_eq!(at(text), expected, "{text}");
    }
}

#[test]
fn reads_the_spans_that_filters_mean() {
    for (text, expected) in [
        ("today", "2026-03-11 .. 2026-03-12"),
        ("yesterday", "2026-03-10 .. 2026-03-11"),
        ("this week", "2026-03-09 .. 2026-03-16"),
        ("last week", "2026-03-02 .. 2026-03-09"),
        ("last month", "2026-02-01 .. 2026-03-01"),
        ("this year", "2026-01-01 .. 2027-01-01"),
        ("last 7 days", "2026-03-05 .. 2026-03-12"),
        ("past two weeks", "2026-02-26 .. 2026-03-12"),
        ("march", "2026-03-01 .. 2026-04-01"),
        ("april", "2025-04-01 .. 2025-05-01"),
        ("march 2024", "2024-03-01 .. 2024-04-01"),
        ("2025", "2025-01-01 .. 2026-01-01"),
        ("2026-02", "2026-02-01 .. 2026-03-01"),
        ("2026-W10", "2026-03-02 .. 2026-03-09"),
        ("yesterday 8pm", "2026-03-10 20:00 .. 2026-03-10 20:01"),
        ("yesterday evening", "2026-03-10 18:00 .. 2026-03-11"),
    ] {
        assert_eq!(range(text), expected, "{text}");
    }
}

#[test]
fn says_why_a_date_cannot_be_read() {
    for (text, expected) in [
        (
            "03/04/2026",
            "\"03/04/2026\" can be two days; write 2026-04-03 or 2026-03-04",
        ),
        ("2026-02-30", "there is no 2026-02-30"),
        ("february 30 2026", "there is no february 30"),
        ("yesterday 25:00", "there is no 25:00"),
        ("13pm", "there is no 13pm"),
        (
            "last week",
            "\"last week\" is longer than a day; name a day, such as \"last friday\"",
        ),
        (
            "someday",
            "cannot read \"someday\" as a date; try \"yesterday 8pm\", \"last friday\", \
             \"3 days ago\" or \"2026-03-02 14:00\"",
        ),
    ] {
        assert_eq!(at(text), format!("error: {expected}"), "{text}");
    }
    for text in [
        "",
        "   ",
        "9",
        "may be",
        "99999999 days ago",
        "\u{1b}[31m",
        "last",
        "10:5",
    ] {
        assert!(
            matches!(moment(text, &now()), Err(WhenError::Unknown(_))),
            "{text}"
        );
    }
}

#[test]
fn says_what_a_clock_change_did() {
    let now = berlin("2026-11-11T12:00:00");
    let skipped = moment("2026-03-29 02:30", &now).unwrap();
    assert_eq!(
        skipped.at.to_string(),
        "2026-03-29T03:30:00+02:00[Europe/Berlin]"
    );
    assert_eq!(
        skipped.note.unwrap(),
        "the clocks skip 2026-03-29 02:30; taken as 03:30"
    );
    let twice = moment("2026-10-25 02:30", &now).unwrap();
    assert_eq!(
        twice.at.to_string(),
        "2026-10-25T02:30:00+02:00[Europe/Berlin]"
    );
    assert_eq!(
        twice.note.unwrap(),
        "2026-10-25 02:30 comes twice that night; taken as the first, 02:30 CEST"
    );
}

#[test]
fn a_day_of_a_clock_change_is_23_hours_long() {
    let now = berlin("2026-03-29T12:00:00");
    let span = span("today", &now).unwrap();
    assert_eq!(span.until.duration_since(span.from).as_hours(), 23);
}

#[test]
fn early_this_morning_means_now() {
    let now: ZonedDateTime = "2026-03-11T07:10:00+00:00[UTC]".parse().unwrap();
    assert_eq!(moment("this morning", &now).unwrap().at, now);
}

#[test]
fn takes_a_date_off_the_front_of_an_entry() {
    for (text, time, rest) in [
        (
            "yesterday 8pm: walked #lake",
            "2026-03-10 20:00",
            "walked #lake",
        ),
        ("monday 9:15: stand-up", "2026-03-09 09:15", "stand-up"),
        ("Yesterday:slept", "2026-03-10 09:00", "slept"),
        (
            "2026-03-02 14:00: late lunch: soup",
            "2026-03-02 14:00",
            "late lunch: soup",
        ),
        ("yesterday:", "2026-03-10 09:00", ""),
    ] {
        let prefix = split_prefix(text, &now());
        let at = prefix
            .moment
            .unwrap()
            .at
            .strftime("%Y-%m-%d %H:%M")
            .to_string();
        assert_eq!(
            (at.as_str(), prefix.text, prefix.note),
            (time, rest, None),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_date_stays_text() {
    for text in [
        "Note: call Ana",
        "today 10:30 was fun",
        "read this: yesterday: a poem",
        "monday\nbad: very",
        "last week: all of it",
        "https://example.org",
        "plain",
        ":",
        "",
    ] {
        let prefix = split_prefix(text, &now());
        assert_eq!(
            (prefix.moment, prefix.text, prefix.note),
            (None, text, None),
            "{text}"
        );
    }
}

#[test]
fn a_date_that_lies_ahead_stays_text_and_is_said() {
    let text = "tomorrow 8am: dentist";
    let prefix = split_prefix(text, &now());
    assert_eq!((prefix.moment, prefix.text), (None, text));
    assert_eq!(
        prefix.note.unwrap(),
        "\"tomorrow 8am\" lies ahead, so it stays part of the text"
    );
    let prefix = split_prefix("03/04/2025: rain", &now());
    assert_eq!(
        prefix.note.unwrap(),
        "\"03/04/2025\" can be two days; write 2025-04-03 or 2025-03-04; it stays part of the text"
    );
}
