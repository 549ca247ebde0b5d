//! Numbers and quantities: three prompts are not five, all is not some.

use super::text::{Text, overlap};
use super::{Verdict, said};

/// Small numbers as words; a dozen and a couple are numbers too.
#[rustfmt::skip]
const WORDS: &[(&str, u64)] = &[
    ("zero", 0), ("two", 2), ("twice", 2), ("second", 2), ("couple", 2), ("pair", 2), ("double", 2), ("three", 3), ("third", 3), ("thrice", 3),
    ("four", 4), ("fourth", 4), ("five", 5), ("fifth", 5), ("six", 6), ("sixth", 6), ("seven", 7), ("seventh", 7), ("eight", 8), ("eighth", 8),
    ("nine", 9), ("ninth", 9), ("ten", 10), ("tenth", 10), ("eleven", 11), ("twelve", 12), ("dozen", 12), ("thirteen", 13), ("fourteen", 14), ("fifteen", 15),
    ("sixteen", 16), ("seventeen", 17), ("eighteen", 18), ("nineteen", 19), ("twenty", 20), ("thirty", 30), ("forty", 40), ("fifty", 50),
    ("sixty", 60), ("seventy", 70), ("eighty", 80), ("ninety", 90), ("hundred", 100), ("thousand", 1000), ("million", 1_000_000),
];
/// "One" and what may stand for it. It is often no number at all.
const ONE: &[&str] = &["one", "single", "once", "1"];
const ALL: &[&str] = &[
    "all",
    "every",
    "everything",
    "each",
    "entire",
    "whole",
    "everyone",
    "everybody",
];
const NONE: &[&str] = &["none", "nothing", "nobody", "zero"];
const PART: &[&str] = &["some", "few", "several", "half", "part", "any", "handful"];
const MOST: &[&str] = &["most", "majority", "mostly"];

/// From this share of common words on, a number in one only is the difference.
const ALIKE: f64 = 0.3;

pub(super) fn look(a: &Text, b: &Text) -> Verdict {
    let (in_a, in_b) = (numbers(a), numbers(b));
    if in_a != in_b {
        let only = |x: &[String], y: &[String]| {
            x.iter()
                .find(|n| !y.contains(n))
                .or(x.first())
                .cloned()
                .unwrap_or_default()
        };
        let what = said("numbers", &only(&in_a, &in_b), &only(&in_b, &in_a));
        // A number that only one names, in quite other words, may be part of how it is told.
        let told = (in_a.is_empty() || in_b.is_empty()) && overlap(a, b) < ALIKE;
        return match told {
            true => Verdict::Doubt(what),
            false => Verdict::Refuse(what),
        };
    }
    let one = |text: &Text| text.has_any(ONE);
    if one(a) != one(b) && !in_a.is_empty() {
        return Verdict::Doubt("\u{201c}one\u{201d} in one only".to_owned());
    }
    quantities(a, b)
}

/// All, most, some, none: two of them against each other.
fn quantities(a: &Text, b: &Text) -> Verdict {
    let kinds: [(&str, &[&str]); 4] =
        [("all", ALL), ("most", MOST), ("some", PART), ("none", NONE)];
    let of = |text: &Text| -> Vec<&str> {
        kinds
            .iter()
            .filter(|(_, words)| text.has_any(words))
            .map(|(name, _)| *name)
            .collect()
    };
    let (in_a, in_b) = (of(a), of(b));
    if in_a == in_b || in_a.is_empty() || in_b.is_empty() {
        // "Half of it" is less than it.
        if a.has("half") != b.has("half") {
            return Verdict::Refuse("\u{201c}half\u{201d} in one only".to_owned());
        }
        return Verdict::Pass;
    }
    if in_a.iter().any(|kind| in_b.contains(kind)) {
        return Verdict::Pass;
    }
    let pair = |x: &[&str], y: &[&str]| {
        x == ["all"] && y.contains(&"none") || x.contains(&"none") && y == ["all"]
    };
    if pair(&in_a, &in_b) || in_a.contains(&"none") || in_b.contains(&"none") {
        return Verdict::Refuse(said("quantities", in_a[0], in_b[0]));
    }
    Verdict::Doubt(said("quantities", in_a[0], in_b[0]))
}

/// Every number, sorted: `3`, `7.5`, `7:30`, `20%`.
fn numbers(text: &Text) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut tens: Option<u64> = None;
    for (at, word) in text.words.iter().enumerate() {
        let form = word.form.as_str();
        if let Some((_, value)) = WORDS.iter().find(|(w, _)| *w == form) {
            // "second" is mostly a moment or an order of two.
            if form == "second" && !matches!(text.form(at.wrapping_sub(1)), "the" | "my" | "a") {
                continue;
            }
            match tens.take() {
                // "twenty five"
                Some(before) if before >= 20 && before % 10 == 0 && (1..10).contains(value) => {
                    found.pop();
                    found.push((before + value).to_string());
                }
                Some(before) if *value >= 100 && before < *value => {
                    found.pop();
                    found.push((before * value).to_string());
                }
                _ => {
                    found.push(value.to_string());
                    tens = Some(*value);
                }
            }
            continue;
        }
        tens = None;
        // "4 today" and "talk 2 me" are words in a hurry, unless a thing is counted.
        let hurried =
            (form == "4" && hurried_for(text, at)) || (form == "2" && hurried_to(text, at));
        if form.starts_with(|c: char| c.is_ascii_digit()) && form != "1" && !hurried {
            let digits: String = form
                .chars()
                .take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':'))
                .collect();
            let rest = &form[digits.len()..];
            let digits = digits.trim_start_matches('0');
            found.push(match rest {
                "" | "st" | "nd" | "rd" | "th" | "x" => digits.to_owned(),
                other => format!("{digits}{other}"),
            });
        }
    }
    found.sort();
    found.dedup();
    found
}

/// "thankful 4 today", "what can i do 4 her".
fn hurried_for(text: &Text, at: usize) -> bool {
    at > 0
        && [
            "today", "me", "my", "her", "him", "them", "us", "the", "this", "a", "tonight",
            "tomorrow", "now", "u", "you", "it", "that", "myself",
        ]
        .contains(&text.form(at + 1))
}

/// "talk 2 me", "want 2 go".
fn hurried_to(text: &Text, at: usize) -> bool {
    let before = [
        "want", "need", "have", "talk", "how", "what", "speak", "going", "listen", "go", "able",
        "trying", "like", "happened", "it", "said", "say", "used", "time", "done",
    ];
    let after = [
        "me", "my", "her", "him", "them", "us", "the", "do", "go", "get", "be", "it", "say",
        "write", "make", "a", "sleep", "stop", "start",
    ];
    at > 0 && (before.contains(&text.form(at - 1)) || after.contains(&text.form(at + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_words_and_digits() {
        for (text, want) in [
            ("give me three things", vec!["3"]),
            ("3 things and twenty-five more", vec!["25", "3"]),
            ("a couple of things, 1 thing", vec!["2"]),
            ("thankful 4 today", vec![]),
            ("son doesn't talk 2 me", vec![]),
            ("the 3rd of two hundred", vec!["200", "3"]),
            ("wake at 7am", vec!["7am"]),
            ("one of these days", vec![]),
        ] {
            assert_eq!(numbers(&Text::read(text)), want, "{text}");
        }
    }

    #[test]
    fn another_number_or_quantity_is_refused() {
        let refused =
            |a: &str, b: &str| matches!(look(&Text::read(a), &Text::read(b)), Verdict::Refuse(_));
        assert!(refused("three things", "five things"));
        assert!(refused("three prompts", "some prompts"));
        assert!(refused("all my regrets", "none of my regrets"));
        assert!(refused("summarise half of it", "summarise it"));
        assert!(!refused("2 ideas please", "a couple of ideas"));
        assert!(!refused("all my entries", "my entries"));
    }
}
