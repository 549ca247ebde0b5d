//! What goes into the full-text index, and how a user's words become a query of it.

use unicode_normalization::UnicodeNormalization;

/// The indexed form of a text: NFC, with a space on both sides of every character that is a word by itself
/// (Chinese and Japanese, emoji), which the tokenizer would otherwise take for one long word.
pub(crate) fn index_text(text: &str) -> String {
    if text.is_ascii() {
        return text.replace('\0', " ");
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.nfc() {
        match c {
            '\0' => out.push(' '),
            c if stands_alone(c) => out.extend([' ', c, ' ']),
            c => out.push(c),
        }
    }
    out
}

fn stands_alone(c: char) -> bool {
    matches!(c,
        '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

/// How the words of a query are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Join {
    /// All of them.
    All,
    /// At least one.
    Any,
}

/// The FTS5 query for a user's `words`, in which nothing but double quotes (a phrase) has a meaning.
/// The last word, from three letters on, also finds longer words that start with it. `None` where there is nothing to search for.
pub(crate) fn fts_query(words: &str, join: Join) -> Option<String> {
    let mut terms = Vec::new();
    let mut ends_in_word = false;
    for (at, part) in words.split('"').enumerate() {
        let quoted = at % 2 == 1;
        let phrases: Vec<&str> = if quoted {
            vec![part]
        } else {
            part.split_whitespace().collect()
        };
        for phrase in phrases {
            let phrase = index_text(phrase);
            if phrase.chars().any(is_token_char) {
                terms.push(format!("\"{phrase}\""));
                // Half of all words start with some pair of letters: two are no beginning of a word yet.
                ends_in_word = !quoted && phrase.chars().count() > 2;
            }
        }
    }
    if ends_in_word {
        terms.last_mut()?.push('*');
    }
    let joiner = if join == Join::All { " AND " } else { " OR " };
    (!terms.is_empty()).then(|| terms.join(joiner))
}

/// What the tokenizer keeps; a phrase without any of it would match nothing.
fn is_token_char(c: char) -> bool {
    c.is_alphanumeric() || stands_alone(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_have_no_syntax_but_phrases() {
        let cases = [
            ("quiet evening", Some("\"quiet\" AND \"evening\"*")),
            (
                "\"by the river\" calm",
                Some("\"by the river\" AND \"calm\"*"),
            ),
            ("\"by the river\"", Some("\"by the river\"")),
            (
                "NOT a* OR (b) ^c -d e:f",
                Some(
                    "\"NOT\" AND \"a*\" AND \"OR\" AND \"(b)\" AND \"^c\" AND \"-d\" AND \"e:f\"*",
                ),
            ),
            (
                "unclosed \"quote here",
                Some("\"unclosed\" AND \"quote here\""),
            ),
            ("日記", Some("\" 日  記 \"*")),
            ("cafe\u{301}", Some("\"caf\u{e9}\"*")),
            ("!!! ... \"\"", None),
            ("", None),
        ];
        for (words, query) in cases {
            assert_eq!(fts_query(words, Join::All).as_deref(), query, "{words}");
        }
        assert_eq!(
            fts_query("a b", Join::Any).as_deref(),
            Some("\"a\" OR \"b\"")
        );
    }
}
