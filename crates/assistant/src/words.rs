//! Words as search and summaries compare them: lower case, without accents, apostrophes folded away.

use std::ops::Range;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Words that say nothing about what a sentence is about. Matching one of them is no match.
#[rustfmt::skip]
const STOP: &[&str] = &[
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be",
    "because", "been", "but", "by", "can", "could", "did", "do", "does", "dont", "for", "from",
    "get", "got", "had", "has", "have", "he", "her", "him", "his", "how", "i", "if", "im", "in",
    "into", "is", "it", "its", "ive", "just", "me", "my", "no", "not", "of", "on", "one", "or",
    "our", "out", "she", "so", "some", "than", "that", "the", "their", "them", "then", "there",
    "they", "this", "to", "too", "up", "was", "we", "were", "what", "when", "where", "which",
    "who", "why", "will", "with", "would", "you", "your",
];

/// `word` in the form in which words are compared: decomposed, accents dropped, lower case, no apostrophes.
pub(crate) fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word
            .chars()
            .filter(|c| *c != '\'')
            .map(|c| c.to_ascii_lowercase())
            .collect();
    }
    word.nfkd()
        .filter(|c| {
            !is_combining_mark(*c) && !matches!(c, '\'' | '\u{2019}' | '\u{2018}' | '\u{02bc}')
        })
        .flat_map(char::to_lowercase)
        .collect()
}

/// Byte spans of the words of `text`: runs of letters and digits, with apostrophes and hyphens inside them.
pub(crate) fn spans(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut chars = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (start, first) = chars.find(|(_, c)| is_word(*c))?;
        let mut end = start + first.len_utf8();
        while let Some(&(at, c)) = chars.peek() {
            if is_word(c) {
                end = at + c.len_utf8();
            } else if !(is_joiner(c)
                && text[at + c.len_utf8()..]
                    .chars()
                    .next()
                    .is_some_and(is_word))
            {
                break;
            }
            chars.next();
        }
        Some(start..end)
    })
}

/// The folded words of `text`, in order.
pub(crate) fn folded(text: &str) -> impl Iterator<Item = String> + '_ {
    spans(text).map(|s| fold(&text[s]))
}

/// The folded words of `text` that carry meaning; all its words when none does.
pub(crate) fn content(text: &str) -> Vec<String> {
    let all: Vec<String> = folded(text).collect();
    let kept: Vec<String> = all.iter().filter(|w| !is_stop(w)).cloned().collect();
    if kept.is_empty() { all } else { kept }
}

/// True for a folded word too common to mean anything by itself.
pub(crate) fn is_stop(folded: &str) -> bool {
    STOP.binary_search(&folded).is_ok()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stop_words_are_sorted_for_the_binary_search() {
        assert!(STOP.is_sorted());
    }

    #[test]
    fn words_are_found_and_folded_alike_in_every_normal_form() {
        let cases = [
            ("Didn’t sleep.", vec!["didnt", "sleep"]),
            ("caf\u{e9} cafe\u{301}", vec!["cafe", "cafe"]),
            ("mother-in-law - yes", vec!["mother-in-law", "yes"]),
            ("🎉🎉", vec![]),
            ("a\0b", vec!["a", "b"]),
            ("ÜBER ß", vec!["uber", "ß"]),
        ];
        for (text, want) in cases {
            assert_eq!(folded(text).collect::<Vec<_>>(), want, "{text:?}");
        }
    }

    #[test]
    fn a_query_of_stop_words_keeps_them() {
        assert_eq!(
            content("to be or not to be"),
            ["to", "be", "or", "not", "to", "be"]
        );
        assert_eq!(content("what about the garden"), ["garden"]);
    }
}
