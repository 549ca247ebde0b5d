//! The SQL functions that filters need: text comparison that knows Unicode, and no NUL that ends a text.

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::Result;

/// Adds the functions to a connection.
pub(crate) fn register(db: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_DIRECTONLY;
    db.create_scalar_function("has_text", 2, flags, |args| {
        with_texts(args, contains_folded)
    })?;
    db.create_scalar_function("has_word", 2, flags, |args| with_texts(args, contains_word))?;
    Ok(())
}

/// A NULL holds nothing.
fn with_texts(args: &Context<'_>, test: fn(&str, &str) -> bool) -> rusqlite::Result<bool> {
    let text = |at| match args.get_raw(at) {
        ValueRef::Null => Ok(None),
        value => value
            .as_str()
            .map(Some)
            .map_err(|e| rusqlite::Error::UserFunctionError(e.into())),
    };
    Ok(match (text(0)?, text(1)?) {
        (Some(text), Some(wanted)) => test(text, wanted),
        _ => false,
    })
}

/// What `has_text` compares: NFC, lower case.
pub(crate) fn fold(text: &str) -> String {
    text.nfc().flat_map(char::to_lowercase).collect()
}

/// Whether `text` holds `wanted`, which is already folded.
fn contains_folded(text: &str, wanted: &str) -> bool {
    if text.is_ascii() {
        return contains_ascii(text.as_bytes(), wanted.as_bytes());
    }
    fold(text).contains(wanted)
}

fn contains_ascii(text: &[u8], wanted: &[u8]) -> bool {
    let Some(first) = wanted.first() else {
        return true;
    };
    let upper = first.to_ascii_uppercase();
    let mut rest = text;
    while let Some(at) = rest.iter().position(|b| b == first || *b == upper) {
        if rest.len() - at < wanted.len() {
            return false;
        }
        if rest[at..at + wanted.len()].eq_ignore_ascii_case(wanted) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// Whether `text` holds `word` with these very capitals, and not as part of a longer word.
fn contains_word(text: &str, word: &str) -> bool {
    if is_nfc_quick(text.chars()) != IsNormalized::Yes {
        return contains_word_nfc(&text.nfc().collect::<String>(), word);
    }
    contains_word_nfc(text, word)
}

fn contains_word_nfc(text: &str, word: &str) -> bool {
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_found_in_any_case_and_normal_form() {
        for (text, wanted) in [
            ("A Quiet Evening", "quiet e"),
            ("cafe\u{301} au lait", "CAF\u{c9}"),
            ("caf\u{e9}", "cafe\u{301}"),
            ("before\0after", "after"),
            ("ÜBER", "über"),
            ("aab", "ab"),
        ] {
            assert!(contains_folded(text, &fold(wanted)), "{text:?} {wanted:?}");
        }
        assert!(!contains_folded("evening", &fold("evenings")));
    }

    #[test]
    fn a_person_is_a_whole_word_with_its_capital() {
        assert!(contains_word("saw Will, at last", "Will"));
        assert!(contains_word("Zoe\u{308}'s cat", "Zo\u{eb}"));
        for text in ["I will go", "Willow", "GoodWill"] {
            assert!(!contains_word(text, "Will"), "{text}");
        }
    }
}
