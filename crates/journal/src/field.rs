//! Typed fields (`sleep:7.5`, `ran:yes`): their values, and what makes a name.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::UnicodeNormalization;

use crate::{Error, Result};

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// A finite number.
    Number(f64),
    /// Yes or no.
    Bool(bool),
    /// A day.
    Date(Date),
    /// Anything else.
    Text(String),
}

impl FieldValue {
    /// Reads a value as it stands in a text: `7.5`, `yes`, `2026-03-01`, or a word.
    pub fn from_text(text: &str) -> FieldValue {
        match text.to_lowercase().as_str() {
            "true" | "yes" => return FieldValue::Bool(true),
            "false" | "no" => return FieldValue::Bool(false),
            _ => {}
        }
        if let Some(number) = parse_number(text) {
            return FieldValue::Number(number);
        }
        match parse_date(text) {
            Some(date) => FieldValue::Date(date),
            None => FieldValue::Text(text.into()),
        }
    }

    /// The one form a value is stored in: a text that is a date is a date, and a number is finite.
    pub(crate) fn canonical(self) -> FieldValue {
        match self {
            FieldValue::Text(text) => {
                parse_date(&text).map_or(FieldValue::Text(text), FieldValue::Date)
            }
            FieldValue::Number(number) if !number.is_finite() => {
                FieldValue::Text(number.to_string())
            }
            // -0 and 0 are the same number to everybody but a bit pattern.
            FieldValue::Number(0.0) => FieldValue::Number(0.0),
            other => other,
        }
    }
}

impl fmt::Display for FieldValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FieldValue::Number(number) => number.fmt(f),
            FieldValue::Bool(yes) => yes.fmt(f),
            FieldValue::Date(date) => date.fmt(f),
            FieldValue::Text(text) => text.fmt(f),
        }
    }
}

impl Serialize for FieldValue {
    /// As a JSON number, boolean or string; dates are strings.
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            FieldValue::Number(number) => to.serialize_f64(*number),
            FieldValue::Bool(yes) => to.serialize_bool(*yes),
            FieldValue::Date(date) => to.collect_str(date),
            FieldValue::Text(text) => to.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for FieldValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<FieldValue, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Plain {
            Bool(bool),
            Number(f64),
            Text(String),
        }
        Ok(match Plain::deserialize(from)? {
            Plain::Bool(yes) => FieldValue::Bool(yes),
            Plain::Number(number) => FieldValue::Number(number),
            Plain::Text(text) => FieldValue::Text(text),
        }
        .canonical())
    }
}

/// Plain decimal notation only: `1e5`, `inf`, `007` and `+5` are words to a diary.
fn parse_number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let plain =
        all_digits(whole) && all_digits(fraction) && (whole == "0" || !whole.starts_with('0'));
    // Beyond 15 digits a float would change what was written.
    (plain && whole.len() + fraction.len() <= 15)
        .then(|| text.parse().ok())
        .flatten()
}

fn parse_date(text: &str) -> Option<Date> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| match i {
            4 | 7 => b == b'-',
            _ => b.is_ascii_digit(),
        });
    shape.then(|| text.parse().ok()).flatten()
}

/// The one form of a tag or field name: NFC, lower case, without `#`, with `-` for white space.
pub(crate) fn canonical_name(what: &'static str, given: &str) -> Result<String> {
    let invalid = |reason| Error::Invalid {
        what,
        value: given.chars().take(80).collect(),
        reason,
    };
    let name = given
        .trim()
        .trim_start_matches('#')
        .split_whitespace()
        .collect::<Vec<_>>()
        .join("-");
    let name: String = name
        .nfc()
        .collect::<String>()
        .to_lowercase()
        .nfc()
        .collect();
    if name.is_empty() {
        return Err(invalid("it is empty"));
    }
    if name.chars().count() > 64 {
        return Err(invalid("it is longer than 64 characters"));
    }
    if let Some(bad) = name.chars().find(|c| !is_name_char(*c)) {
        return Err(if bad.is_control() {
            invalid("it holds a control character")
        } else {
            invalid("only letters, digits, emoji and _ - / . & + ' are allowed")
        });
    }
    Ok(name)
}

fn is_name_char(c: char) -> bool {
    // Not ASCII, not white space, not a control or an invisible bidi character: letters, marks and emoji of any script.
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || "_-/.&+'".contains(c);
    }
    !c.is_whitespace() && !c.is_control() && !is_bidi_control(c)
}

fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_a_text_have_the_type_they_look_like() {
        let cases = [
            ("7.5", FieldValue::Number(7.5)),
            ("-3", FieldValue::Number(-3.0)),
            ("yes", FieldValue::Bool(true)),
            ("False", FieldValue::Bool(false)),
            (
                "2026-03-01",
                FieldValue::Date(jiff::civil::date(2026, 3, 1)),
            ),
            ("2026-02-30", FieldValue::Text("2026-02-30".into())),
            ("007", FieldValue::Text("007".into())),
            ("1e5", FieldValue::Text("1e5".into())),
            ("inf", FieldValue::Text("inf".into())),
            (
                "12345678901234567890",
                FieldValue::Text("12345678901234567890".into()),
            ),
            ("anna", FieldValue::Text("anna".into())),
        ];
        for (text, value) in cases {
            assert_eq!(FieldValue::from_text(text), value, "{text}");
        }
    }

    #[test]
    fn names_have_one_form() {
        for (given, name) in [
            ("#Work", "work"),
            (" Deep Sleep ", "deep-sleep"),
            ("Cafe\u{301}", "caf\u{e9}"),
            ("🎉", "🎉"),
        ] {
            assert_eq!(canonical_name("tag", given).expect("valid"), name);
        }
        for bad in ["", "#", "a\u{7}b", "a\u{202e}b", "a,b", &"x".repeat(65)] {
            assert!(canonical_name("tag", bad).is_err(), "{bad:?}");
        }
    }
}
