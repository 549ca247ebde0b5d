//! When two texts are the same request without anything being compared: the same words and the same signs.
//!
//! [`normalised`](super::decide::normalised) is coarser, and says nothing about identity: it does not tell "him." from
//! "him?", nor "we're" from "were".

/// A question that begins with one of these is one without its mark too.
#[rustfmt::skip]
const ASKING: &[&str] = &[
    "what", "who", "when", "where", "why", "how", "which", "whose", "do", "does", "did", "is", "are", "am", "was", "were", "can", "could",
    "should", "would", "will", "has", "have", "may", "might", "shall",
];

/// The form in which two texts are one request: in lower case, white space as single spaces, typographic quotes and
/// apostrophes as plain ones, without a final full stop or exclamation mark, and without a final question mark where the
/// first word says that it is a question. All else stays.
pub fn same_words(text: &str) -> String {
    let lower: String = text
        .chars()
        .flat_map(char::to_lowercase)
        .map(plain)
        .collect();
    let words: Vec<&str> = lower.split_whitespace().collect();
    let mut same = words.join(" ");
    let asks = words.first().is_some_and(|word| {
        // "What's" begins with "what".
        let word = word.split('\'').next().unwrap_or_default();
        ASKING.contains(&word)
    });
    let says_nothing = match same.chars().next_back() {
        // An ellipsis leaves something unsaid.
        Some('.') => !same.ends_with(".."),
        Some('!') => true,
        Some('?') => asks,
        _ => false,
    };
    if says_nothing {
        same.pop();
        same.truncate(same.trim_end().len());
    }
    same
}

fn plain(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{02bc}' => '\'',
        '\u{201c}' | '\u{201d}' | '\u{201e}' => '"',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_nothing_is_left_out() {
        for (a, b) in [
            ("Summarise my week!", " summarise  my\nweek"),
            ("What did I do?", "what did i do"),
            ("What\u{2019}s new?", "what's new"),
            ("\u{201c}Quoted\u{201d} text.", "\"quoted\" text"),
            ("Is it late ?", "is it late"),
        ] {
            assert_eq!(same_words(a), same_words(b));
        }
        for (a, b) in [
            ("today was :)", "today was :("),
            ("I miss him.", "I miss him?"),
            ("what we're like", "what were like"),
            ("she'll go", "shell go"),
            ("I wonder.", "I wonder..."),
            ("I wonder", "I wonder\u{2026}"),
            ("what, is it", "what is it"),
            ("7.5 hours", "75 hours"),
            ("well-known", "well known"),
            ("why?!", "why"),
        ] {
            assert_ne!(same_words(a), same_words(b));
        }
    }
}
