//! Finds `#tags` and `key:value` fields in a text. The text itself is never altered.

use std::collections::{BTreeMap, BTreeSet};

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::FieldValue;
use crate::field::canonical_name;

/// What a text says about itself.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Extracted {
    pub(crate) tags: BTreeSet<String>,
    pub(crate) fields: BTreeMap<String, FieldValue>,
}

/// The tags and fields of `text`. A later field of the same name wins.
pub(crate) fn extract(text: &str) -> Extracted {
    let mut found = Extracted::default();
    // Most words hold neither; only those are looked at closely that hold a `#` or `:`.
    if !text.contains(['#', ':']) {
        return found;
    }
    let text: String = text.nfc().collect();
    let mut rest = text.as_str();
    while let Some(start) = rest.find(|c: char| !is_gap(c)) {
        rest = &rest[start..];
        let word = &rest[..rest.find(is_gap).unwrap_or(rest.len())];
        let mut taken = word.len();
        if word.contains(['#', ':']) && !is_url(word) {
            let bare = word.trim_start_matches(is_opening);
            if let Some(tag) = tag(bare) {
                found.tags.insert(tag);
            } else if let Some((name, value, length)) =
                field(bare, &rest[word.len() - bare.len()..])
            {
                found.fields.insert(name, value);
                taken = taken.max(word.len() - bare.len() + length);
            }
        }
        rest = &rest[taken..];
    }
    found
}

fn is_gap(c: char) -> bool {
    c.is_whitespace() || c == '\0'
}

fn is_opening(c: char) -> bool {
    matches!(
        c,
        '(' | '[' | '{' | '"' | '\'' | '*' | '_' | '“' | '‘' | '«' | '„' | '¿' | '¡' | '~'
    )
}

fn is_url(word: &str) -> bool {
    word.contains("://") || word.trim_start_matches(is_opening).starts_with("www.")
}

/// `#name` with at least one letter: `#1` is a number, `##` a heading.
fn tag(word: &str) -> Option<String> {
    let body = word.strip_prefix('#')?;
    let end =
        body.find(|c: char| !(c.is_alphanumeric() || is_combining_mark(c) || "_-/".contains(c)));
    let name = body[..end.unwrap_or(body.len())].trim_end_matches(['-', '/']);
    let named = name.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        && name.chars().any(char::is_alphabetic);
    named.then(|| canonical_name("tag", name).ok()).flatten()
}

/// `key:value` at the start of `word`; `rest` is the text from there, for a value in quotes.
/// Gives name, value and the length taken.
fn field(word: &str, rest: &str) -> Option<(String, FieldValue, usize)> {
    let (key, value) = word.split_once(':')?;
    let is_key = key.starts_with(char::is_alphabetic)
        && key.chars().count() <= 32
        && key
            .chars()
            .all(|c| c.is_alphanumeric() || is_combining_mark(c) || c == '_' || c == '-')
        && !key.ends_with('-');
    if !is_key || is_scheme(key) {
        return None;
    }
    let name = canonical_name("field", key).ok()?;
    let start = key.len() + 1;
    if let Some(quoted) = rest[start..].strip_prefix('"') {
        let end = quoted.find(['"', '\n'])?;
        let closed = quoted[end..].starts_with('"') && end > 0;
        return closed.then(|| {
            (
                name,
                FieldValue::Text(quoted[..end].into()).canonical(),
                start + end + 2,
            )
        });
    }
    let value = value.trim_end_matches(is_closing);
    let first = value.chars().next()?;
    // `hello:D` and `hello:)` smile.
    let smiles = matches!(value, "D" | "P" | "p" | "O" | "o");
    let starts = first.is_alphanumeric()
        || (first == '-' && value[1..].starts_with(|c: char| c.is_ascii_digit()));
    (starts && !smiles).then(|| (name, FieldValue::from_text(value), start + value.len()))
}

fn is_closing(c: char) -> bool {
    matches!(
        c,
        '.' | ','
            | ';'
            | '!'
            | '?'
            | ')'
            | ']'
            | '}'
            | '"'
            | '\''
            | ':'
            | '*'
            | '_'
            | '”'
            | '’'
            | '»'
            | '…'
            | '~'
    )
}

/// The part before the colon of an address without `//`.
fn is_scheme(key: &str) -> bool {
    [
        "mailto",
        "tel",
        "sms",
        "data",
        "urn",
        "http",
        "https",
        "ftp",
        "file",
        "javascript",
        "doi",
        "geo",
    ]
    .iter()
    .any(|scheme| key.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tags(text: &str) -> Vec<String> {
        extract(text).tags.into_iter().collect()
    }

    fn fields(text: &str) -> Vec<(String, String)> {
        extract(text)
            .fields
            .into_iter()
            .map(|(k, v)| (k, v.to_string()))
            .collect()
    }

    #[test]
    fn tags_are_words_behind_a_hash() {
        let cases: &[(&str, &[&str])] = &[
            ("A #Run, then #deep-work.", &["deep-work", "run"]),
            ("(#family) \"#home\"", &["family", "home"]),
            ("#projects/garden/", &["projects/garden"]),
            ("caf\u{65}\u{301} #Caf\u{65}\u{301}", &["caf\u{e9}"]),
            ("#हिन्दी #日記", &["हिन्दी", "日記"]),
            ("we came in #1, issue #42", &[]),
            ("# Heading\n## Another\n#!", &[]),
            (
                "see https://example.org/page#section and http://x.org/#/a",
                &[],
            ),
            ("C# and a#b &#39;", &[]),
            ("#tag's", &["tag"]),
            ("#2024goals", &["2024goals"]),
        ];
        for (text, expected) in cases {
            assert_eq!(tags(text), *expected, "{text}");
        }
    }

    #[test]
    fn fields_are_words_with_a_value_behind_a_colon() {
        let cases: &[(&str, &[(&str, &str)])] = &[
            (
                "slept badly sleep:5.5, mood:3.",
                &[("mood", "3"), ("sleep", "5.5")],
            ),
            ("(ran:yes)", &[("ran", "true")]),
            (
                "with:\"Anna Lee\" at:home",
                &[("at", "home"), ("with", "Anna Lee")],
            ),
            ("temp:-3", &[("temp", "-3")]),
            ("met at 8:30, 10:15pm", &[]),
            ("meeting:8:30", &[("meeting", "8:30")]),
            (
                "see https://a.b/c:d, mailto:me@x.org, C:\\dir and std::vec",
                &[],
            ),
            ("note: this, re:", &[]),
            (":smile: hello:) hello:D", &[]),
            ("mood:3 then mood:8", &[("mood", "8")]),
            ("open:\"never closed", &[]),
        ];
        for (text, expected) in cases {
            let expected: Vec<_> = expected
                .iter()
                .map(|(k, v)| (k.to_string(), v.to_string()))
                .collect();
            assert_eq!(fields(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic_and_names_are_canonical(text in "(\\PC|[#: \"\n]){0,80}") {
            let found = extract(&text);
            for name in found.tags.iter().chain(found.fields.keys()) {
                prop_assert_eq!(canonical_name("name", name).expect("valid"), name.clone());
            }
            for value in found.fields.values() {
                prop_assert_eq!(value.clone().canonical(), value.clone());
            }
        }
    }
}
