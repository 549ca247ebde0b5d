//! Cutting exact quotes: every function returns byte offsets into the text it was given, never new words.

use std::ops::Range;

use crate::words;

/// Most words that a quote inside a question may have.
pub(crate) const QUOTE_WORDS: usize = 12;
/// Fewest words that say something by themselves.
const FEWEST: usize = 3;

/// Length of the longest prefix of `text` of at most `most` bytes that ends with a whole word, or at least with a
/// whole character where a single word is longer.
pub(crate) fn shorten(text: &str, most: usize) -> usize {
    if text.len() <= most {
        return text.trim_end().len();
    }
    let cut = floor(text, most);
    let whole = text[..cut]
        .rfind(char::is_whitespace)
        .filter(|at| *at > most / 2)
        .unwrap_or(cut);
    text[..whole].trim_end().len()
}

/// The first start of a word at or after the byte `at`, within the next few characters; else the nearest character.
pub(crate) fn word_start(text: &str, at: usize) -> usize {
    let at = floor(text, at);
    if at == 0 {
        return 0;
    }
    let near = floor(text, at + 40);
    text[at..near].find(char::is_whitespace).map_or(at, |gap| {
        let gap = at + gap;
        gap + (text[gap..near].len() - text[gap..near].trim_start().len())
    })
}

/// The last start of a character of `text` at or before the byte `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|i| text.is_char_boundary(*i))
        .unwrap_or(0)
}

/// Span of the words of `sentence` that a question quotes: all of it where it has at most `most` words, else its first
/// clause of 4 to `most`, else its first `most`. Nothing where it has fewer than 3 or cannot be quoted on one line.
pub(crate) fn clause(sentence: &str, most: usize) -> Option<Range<usize>> {
    let whole = strip(sentence, 0..sentence.len());
    let span = if count(&sentence[whole.clone()]) <= most {
        whole
    } else {
        let fits = |s: &Range<usize>| (4..=most).contains(&count(&sentence[s.clone()]));
        clauses(sentence, whole.clone())
            .into_iter()
            .find(fits)
            .unwrap_or_else(|| first_words(sentence, whole, most))
    };
    let quote = &sentence[span.clone()];
    let fine = count(quote) >= FEWEST
        && quote.len() <= 140
        && !quote.contains(|c: char| c.is_control() || c == '"');
    fine.then_some(span)
}

fn count(text: &str) -> usize {
    words::spans(text).count()
}

/// Parts of `sentence` between commas, semicolons, dashes and brackets.
fn clauses(sentence: &str, within: Range<usize>) -> Vec<Range<usize>> {
    let base = within.start;
    let breaks = |c: char| {
        matches!(
            c,
            ',' | ';' | ':' | '(' | ')' | '\u{2014}' | '\u{2013}' | '"' | '\u{201c}' | '\u{201d}'
        )
    };
    let text = &sentence[within];
    text.split(breaks)
        .map(|part| {
            let start = base + (part.as_ptr() as usize - text.as_ptr() as usize);
            strip(sentence, start..start + part.len())
        })
        .collect()
}

/// The first `most` words, cut before the last word that begins another thought.
fn first_words(sentence: &str, within: Range<usize>, most: usize) -> Range<usize> {
    const JOINTS: &[&str] = &[
        "and", "as", "because", "but", "or", "so", "than", "that", "then", "though", "until",
        "when", "which", "while",
    ];
    let text = &sentence[within.clone()];
    let spans: Vec<Range<usize>> = words::spans(text).take(most + 1).collect();
    let is_joint = |i: &usize| JOINTS.contains(&words::fold(&text[spans[*i].clone()]).as_str());
    let mut last = (4..spans.len())
        .rev()
        .find(is_joint)
        .unwrap_or(spans.len().min(most));
    while last > 4 && is_joint(&(last - 1)) {
        last -= 1;
    }
    let end = last
        .checked_sub(1)
        .and_then(|i| spans.get(i))
        .map_or(text.len(), |w| w.end);
    strip(sentence, within.start..within.start + end)
}

/// `span` without the space and punctuation around it.
fn strip(text: &str, span: Range<usize>) -> Range<usize> {
    let outer = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '.' | ','
                    | ';'
                    | ':'
                    | '!'
                    | '?'
                    | '"'
                    | '\u{201c}'
                    | '\u{201d}'
                    | '-'
                    | '*'
                    | '\u{2026}'
            )
    };
    let part = &text[span.clone()];
    let start = span.start + (part.len() - part.trim_start_matches(outer).len());
    let end = span.start + part.trim_end_matches(outer).len();
    start..end.max(start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_sentence_is_quoted_whole_and_a_long_one_by_a_clause() {
        let cases = [
            (
                "I walked home in the rain.",
                Some("I walked home in the rain"),
            ),
            (
                "After the meeting, which ran late again, I sat in the car for ten minutes and did nothing at all.",
                Some("which ran late again"),
            ),
            (
                "we went to the market and bought plums and then we walked all the way back along the canal",
                Some("we went to the market and bought plums"),
            ),
            ("Tired.", None),
            ("🎉🎉🎉", None),
        ];
        for (sentence, want) in cases {
            assert_eq!(
                clause(sentence, QUOTE_WORDS).map(|s| &sentence[s]),
                want,
                "{sentence:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_quote_is_words_of_the_sentence_and_short(sentence in "\\PC{0,300}") {
            if let Some(span) = clause(&sentence, QUOTE_WORDS) {
                let quote = sentence.get(span);
                prop_assert!(quote.is_some_and(|q| count(q) <= QUOTE_WORDS && !q.is_empty()));
            }
        }

        #[test]
        fn shortening_keeps_whole_characters(text in "\\PC{0,200}", most in 0_usize..100, at in 0_usize..300) {
            prop_assert!(text.get(..shorten(&text, most)).is_some());
            prop_assert!(text.get(word_start(&text, at.min(text.len()))..).is_some());
        }
    }
}
