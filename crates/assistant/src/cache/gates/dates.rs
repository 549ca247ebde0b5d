//! Days, weeks and tense: today is not yesterday, and what was is not what will be.

use super::text::{Text, overlap};
use super::{Verdict, said};

const UNITS: &[(&str, &str)] = &[
    ("day", "day"),
    ("days", "day"),
    ("daily", "day"),
    ("week", "week"),
    ("weeks", "week"),
    ("weekly", "week"),
    ("weekend", "weekend"),
    ("weekends", "weekend"),
    ("month", "month"),
    ("months", "month"),
    ("monthly", "month"),
    ("year", "year"),
    ("years", "year"),
    ("yr", "year"),
    ("yrs", "year"),
    ("twelvemonth", "year"),
    ("yearly", "year"),
    ("annual", "year"),
    ("quarter", "quarter"),
    ("decade", "decade"),
    ("fortnight", "fortnight"),
    ("hour", "hour"),
    ("hours", "hour"),
];
const PARTS: &[(&str, &str)] = &[
    ("morning", "morning"),
    ("mornings", "morning"),
    ("noon", "noon"),
    ("lunchtime", "noon"),
    ("afternoon", "afternoon"),
    ("afternoons", "afternoon"),
    ("evening", "evening"),
    ("evenings", "evening"),
    ("night", "night"),
    ("nights", "night"),
    ("nite", "night"),
    ("midnight", "night"),
    ("tonight", "night"),
    ("bedtime", "night"),
    ("nighttime", "night"),
];
const NAMED: &[(&str, &str)] = &[
    ("monday", "monday"),
    ("mondays", "monday"),
    ("mon", "monday"),
    ("tuesday", "tuesday"),
    ("tue", "tuesday"),
    ("wed", "wednesday"),
    ("weds", "wednesday"),
    ("thu", "thursday"),
    ("thur", "thursday"),
    ("thurs", "thursday"),
    ("jan", "january"),
    ("feb", "february"),
    ("apr", "april"),
    ("jun", "june"),
    ("jul", "july"),
    ("aug", "august"),
    ("sept", "september"),
    ("sep", "september"),
    ("oct", "october"),
    ("nov", "november"),
    ("dec", "december"),
    ("tuesdays", "tuesday"),
    ("tues", "tuesday"),
    ("wednesday", "wednesday"),
    ("wednesdays", "wednesday"),
    ("thursday", "thursday"),
    ("thursdays", "thursday"),
    ("friday", "friday"),
    ("fridays", "friday"),
    ("fri", "friday"),
    ("saturday", "saturday"),
    ("saturdays", "saturday"),
    ("sunday", "sunday"),
    ("sundays", "sunday"),
    ("january", "january"),
    ("february", "february"),
    ("april", "april"),
    ("june", "june"),
    ("july", "july"),
    ("august", "august"),
    ("september", "september"),
    ("october", "october"),
    ("november", "november"),
    ("december", "december"),
    ("spring", "spring"),
    ("summer", "summer"),
    ("autumn", "autumn"),
    ("winter", "winter"),
    ("christmas", "christmas"),
    ("xmas", "christmas"),
    ("easter", "easter"),
    ("birthday", "birthday"),
    ("bday", "birthday"),
    ("halloween", "halloween"),
    ("thanksgiving", "thanksgiving"),
    ("ramadan", "ramadan"),
    ("diwali", "diwali"),
    ("yesterday", "day before"),
    ("tomorrow", "day after"),
    ("childhood", "childhood"),
];
const BEFORE: &[&str] = &["last", "past", "previous", "prior"];
const AFTER: &[&str] = &["next", "coming", "upcoming", "following"];
/// What is meant anyway where nothing is said: it doubts, and does not refuse, where one text leaves it out.
const UNDERSTOOD: &[&str] = &[
    "this day",
    "day",
    "recently",
    "now",
    "this night",
    "this evening",
    "this morning",
    "this afternoon",
];

/// From this share of common words on, a date in one only is the difference.
const ALIKE: f64 = 0.3;

pub(super) fn look(a: &Text, b: &Text) -> Verdict {
    let (in_a, in_b) = (dates(a), dates(b));
    let only_a: Vec<&String> = in_a.iter().filter(|d| !in_b.contains(d)).collect();
    let only_b: Vec<&String> = in_b.iter().filter(|d| !in_a.contains(d)).collect();
    let understood = |d: &&String| UNDERSTOOD.contains(&d.as_str());
    let weighty = |only: &[&String]| only.iter().find(|d| !understood(d)).map(|d| d.to_string());
    let (one, other) = (weighty(&only_a), weighty(&only_b));
    let near = |x: &str, y: &str| {
        let (x, y) = if x <= y { (x, y) } else { (y, x) };
        matches!(
            (x, y),
            ("these week", "this week")
                | ("these month", "this month")
                | ("before week", "these week")
                | ("before month", "these month")
        ) || matches!(
            (x, y),
            ("these year", "this year") | ("before year", "these year")
        )
    };
    match (&one, &other) {
        (None, None) => {}
        (Some(x), Some(y)) if near(x, y) => return Verdict::Doubt(said("dates", x, y)),
        // A date that only one names, in quite other words, may be part of how it is told.
        (x, y) if (x.is_none() || y.is_none()) && overlap(a, b) < ALIKE => {
            return Verdict::Doubt(said(
                "dates",
                x.as_deref().unwrap_or(""),
                y.as_deref().unwrap_or(""),
            ));
        }
        (x, y) => {
            return Verdict::Refuse(said(
                "dates",
                x.as_deref().unwrap_or(""),
                y.as_deref().unwrap_or(""),
            ));
        }
    }
    let (parts_a, parts_b) = (parts(a), parts(b));
    if !parts_a.is_empty() && !parts_b.is_empty() && !parts_a.iter().any(|p| parts_b.contains(p)) {
        return Verdict::Refuse(said("time of day", parts_a[0], parts_b[0]));
    }
    match tense(a, b) {
        Verdict::Pass => {}
        other => return other,
    }
    if !(only_a.is_empty() && only_b.is_empty()) {
        let first = |only: &[&String]| only.first().map_or("", |d| d.as_str()).to_owned();
        return Verdict::Doubt(said("dates", &first(&only_a), &first(&only_b)));
    }
    if parts_a != parts_b && (parts_a.is_empty() || parts_b.is_empty()) {
        return Verdict::Doubt("a time of day in one only".to_owned());
    }
    Verdict::Pass
}

/// Whether the text speaks of a moment that is another one tomorrow.
pub(super) fn names_relative_date(text: &Text) -> bool {
    let named = [
        "today",
        "tonight",
        "yesterday",
        "tomorrow",
        "daily",
        "weekly",
        "monthly",
        "now",
        "recently",
        "lately",
        "currently",
        "nowadays",
        "moment",
        "ago",
    ];
    text.has_any(&named)
        || dates(text).iter().any(|d| {
            d.starts_with("this ")
                || d.starts_with("these ")
                || d.starts_with("before ")
                || d.starts_with("after ")
                || d == "recently"
                || NAMED.iter().any(|(_, name)| name == d)
        })
}

/// What dates a text names, in one form each, sorted: `this week`, `before month`, `monday`, `day before`.
fn dates(text: &Text) -> Vec<String> {
    let mut found = Vec::new();
    for at in 0..text.words.len() {
        let form = text.form(at);
        match form {
            "today" | "tonight" => found.push("this day".to_owned()),
            "recently" | "lately" | "recent" => found.push("recently".to_owned()),
            "ago" => found.push("ago".to_owned()),
            "march" | "may" if is_month(text, at) => found.push(form.to_owned()),
            _ => {}
        }
        if let Some((_, name)) = NAMED.iter().find(|(word, _)| *word == form) {
            let beside = text.form(at.wrapping_sub(1));
            found.push(match () {
                () if AFTER.contains(&beside) => format!("after {name}"),
                () => (*name).to_owned(),
            });
        }
        if form.len() == 4
            && (form.starts_with("19") || form.starts_with("20"))
            && form.bytes().all(|b| b.is_ascii_digit())
        {
            found.push(form.to_owned());
        }
        let unit = UNITS
            .iter()
            .find(|(word, _)| *word == form)
            .map(|(_, unit)| *unit);
        let part = PARTS
            .iter()
            .find(|(word, _)| *word == form)
            .map(|(_, part)| *part);
        if let Some(date) = unit.and_then(|unit| dated(text, at, unit)) {
            found.push(date);
        } else if let Some(part) = part {
            let before = text.form(at.wrapping_sub(1));
            if BEFORE.contains(&before) {
                found.push(format!("before {part}"));
            } else if AFTER.contains(&before) {
                found.push(format!("after {part}"));
            } else if before == "this" || form == "tonight" {
                found.push(format!("this {part}"));
            }
        }
    }
    // A day that has a name is not also "this day", and "day" alone is every day.
    if found.iter().any(|d| d == "day before" || d == "day after") {
        found.retain(|d| d != "this day");
    }
    if found
        .iter()
        .any(|d| d.starts_with("this ") && d != "this day")
    {
        found.retain(|d| d != "this day");
    }
    found.sort();
    found.dedup();
    found
}

/// What the unit at `at` stands for.
fn dated(text: &Text, at: usize, unit: &str) -> Option<String> {
    let form = text.form(at);
    if form.ends_with("ly") || form == "annual" {
        return Some(if unit == "day" {
            "this day".to_owned()
        } else {
            format!("this {unit}")
        });
    }
    let before: Vec<&str> = (1..=4)
        .map(|back| at.checked_sub(back).map_or("", |i| text.form(i)))
        .collect();
    let near = before.iter().take(3);
    if matches!(text.form(at + 1), "ago") {
        return Some(format!("{unit} ago"));
    }
    if let Some(word) = near.clone().find(|w| BEFORE.contains(w)) {
        // "the last few days", "these past seven days": a stretch up to now. "Last week": the one before.
        let stretch = form.ends_with('s')
            || *word == "past"
            || before.contains(&"7")
            || before.contains(&"seven");
        let week = unit == "day" && before.iter().any(|w| ["7", "seven"].contains(w));
        return Some(match (stretch, week) {
            (_, true) => "these week".to_owned(),
            (true, _) => format!("these {unit}"),
            _ => format!("before {unit}"),
        });
    }
    if near.clone().any(|w| AFTER.contains(w)) {
        return Some(format!("after {unit}"));
    }
    match before[0] {
        "seven" | "7" if unit == "day" => Some("these week".to_owned()),
        "this" | "my" | "our" | "current" | "the" | "whole" | "entire" | "working" | "work" => {
            Some(if unit == "day" && before[0] == "the" {
                "day".to_owned()
            } else {
                format!("this {unit}")
            })
        }
        "every" | "each" | "a" | "per" | "all" if unit != "day" => Some(format!("each {unit}")),
        _ if unit == "day" => None,
        _ if matches!(unit, "hour") => None,
        _ => Some(format!("this {unit}")),
    }
}

fn is_month(text: &Text, at: usize) -> bool {
    let before = text.form(at.wrapping_sub(1));
    text.words[at].capital
        || ["in", "of", "last", "this", "next", "since", "during"].contains(&before)
}

fn parts(text: &Text) -> Vec<&'static str> {
    let mut found: Vec<&str> = text
        .words
        .iter()
        .filter_map(|w| {
            PARTS
                .iter()
                .find(|(word, _)| *word == w.form)
                .map(|(_, part)| *part)
        })
        .map(|part| if part == "night" { "evening" } else { part })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tense {
    Past,
    Present,
    Future,
}

/// Past against future is refused; past against present too where the auxiliaries say so and the words are alike.
fn tense(a: &Text, b: &Text) -> Verdict {
    let (Some(x), Some(y)) = (tense_of(a), tense_of(b)) else {
        return Verdict::Pass;
    };
    let pair = |p, q| (x == p && y == q) || (x == q && y == p);
    if pair(Tense::Past, Tense::Future) {
        return Verdict::Refuse("tense: past against future".to_owned());
    }
    if x != y {
        let what = format!("tense: {} against {}", name(x), name(y));
        return if overlap(a, b) >= 0.6 {
            Verdict::Refuse(what)
        } else {
            Verdict::Doubt(what)
        };
    }
    Verdict::Pass
}

fn name(tense: Tense) -> &'static str {
    match tense {
        Tense::Past => "past",
        Tense::Present => "present",
        Tense::Future => "future",
    }
}

/// The tense that the first auxiliary, or else the first verb whose form tells, has.
fn tense_of(text: &Text) -> Option<Tense> {
    for (at, word) in text.words.iter().enumerate() {
        let next = text.form(at + 1);
        match word.form.as_str() {
            "will" | "shall" => return Some(Tense::Future),
            "going"
                if next == "to"
                    && !["am", "is", "are", "was", "were"]
                        .contains(&text.form(at.wrapping_sub(1))) => {}
            "going" if next == "to" => return Some(Tense::Future),
            "did" | "was" | "were" => return Some(Tense::Past),
            "do" | "does" if ["i", "we", "he", "she", "they", "my", "not"].contains(&next) => {
                return Some(Tense::Present);
            }
            // "What is it that I did" is a frame: the verb comes later.
            "am" | "is" | "are"
                if text.form(at + 2) != "going"
                    && next != "going"
                    && !text.has_any(&["did", "was", "were", "had"]) =>
            {
                return Some(Tense::Present);
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_one_form() {
        for (text, want) in [
            ("summarise my week", vec!["this week"]),
            ("weekly recap", vec!["this week"]),
            ("sum up these seven days", vec!["these week"]),
            ("last week", vec!["before week"]),
            ("what happened yesterday", vec!["day before"]),
            ("plans for next month", vec!["after month"]),
            ("what should I write today", vec!["this day"]),
            ("I may march on", vec![]),
            ("what did I do in May", vec!["may"]),
            ("back in 2019", vec!["2019"]),
            ("the last few days", vec!["these day"]),
        ] {
            assert_eq!(dates(&Text::read(text)), want, "{text}");
        }
    }

    #[test]
    fn other_days_and_tenses_are_refused() {
        let verdict = |a: &str, b: &str| match look(&Text::read(a), &Text::read(b)) {
            Verdict::Pass => '-',
            Verdict::Doubt(_) => '?',
            Verdict::Refuse(_) => 'x',
        };
        for (a, b, want) in [
            ("how was my week", "how was my month", 'x'),
            ("this morning I ran", "this evening I ran", 'x'),
            ("what did I eat", "what will I eat", 'x'),
            ("why do I shout", "why did I shout", 'x'),
            (
                "what should I write about",
                "what should I write about today",
                '?',
            ),
            ("how was Monday", "how was Tuesday", 'x'),
            ("recap this week", "recap my week", '-'),
        ] {
            assert_eq!(verdict(a, b), want, "{a} | {b}");
            assert_eq!(verdict(b, a), want, "{b} | {a}");
        }
    }

    #[test]
    fn relative_dates_are_known() {
        for text in [
            "what about today",
            "sum up my week",
            "how was last month",
            "on Monday",
            "what worries me these days",
            "what is on my mind at the moment",
            "how am I currently doing",
        ] {
            assert!(names_relative_date(&Text::read(text)), "{text}");
        }
        assert!(!names_relative_date(&Text::read("why do I procrastinate")));
    }
}
