//! Making strings from outside harmless on a terminal.
//!
//! An entry, a tag, a file name or a model's metadata may hold terminal escapes or bidirectional
//! overrides. They are shown, not obeyed: each becomes `\u{…}`.

use std::borrow::Cow;

/// Whether `c` could move the cursor, change colours, reorder or hide text.
///
/// Joiners (U+200C, U+200D) stay: emoji and several scripts need them.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' // bidi embeddings, overrides, isolates
            | '\u{2028}' | '\u{2029}'                         // line and paragraph separator
            | '\u{FFF9}'..='\u{FFFB}'                         // interlinear annotation
            | '\u{FEFF}'                                      // byte order mark
        )
}

/// Whether `text` is nothing but printable ASCII: most of what is shown, and told at a glance.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    if is_plain(text) || !text.chars().any(|c| is_harmful(c) && !keep(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_harmful(c) && !keep(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// `text` for one line: also line breaks and tabs are shown escaped.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// `text` for several lines: line breaks and tabs stay.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| c == '\n' || c == '\t')
}

/// `json` (already valid JSON) with the characters that JSON itself leaves raw written as `\uXXXX`.
/// The value stays the same.
pub(crate) fn json(json: &str) -> Cow<'_, str> {
    if !json.chars().any(|c| is_harmful(c) && c != '\n') {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_harmful(c) && c != '\n' {
            // All harmful characters are in the basic plane, so one unit is enough.
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_escapes_and_overrides_instead_of_obeying_them() {
        for (given, expected) in [
            ("plain", "plain"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("bell\u{7}", "bell\\u{7}"),
            ("two\nlines", "two\\u{a}lines"),
            ("👩\u{200d}🚀", "👩\u{200d}🚀"),
        ] {
            assert_eq!(line(given), expected);
        }
        assert_eq!(lines("two\n\tlines\r"), "two\n\tlines\\u{d}");
    }

    #[test]
    fn json_keeps_its_value() {
        let text = "a\u{202e}b\u{7f}\u{9b}";
        let written = serde_json::to_string(text).unwrap();
        let safe = json(&written);
        assert!(safe.is_ascii());
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
    }
}
