//! Citations, checked: a quotation counts if its words stand in the entry that it names, and a sentence counts if what
//! it cites supports it.
//!
//! Finding is exact up to what a model cannot be asked to copy: white space, typographic against plain quotation marks,
//! apostrophes and dashes, the case of letters, and the signs that [`neutral`](super::prompts::neutral) changed. What is
//! kept is always the entry's own bytes.

use std::collections::HashMap;
use std::ops::Range;

use journal::{Entry, EntryId};
use serde::{Deserialize, Serialize};

use crate::{Instant, search::dot, words};

/// Fewest words that a quotation has: shorter ones stand in every entry and prove nothing.
pub const FEWEST_WORDS: usize = 3;
/// Most bytes of a quotation.
const LONGEST: usize = 400;
/// Least cosine between a sentence and what it cites, where there is an encoder. On 50 pairs of our own
/// (`tests/fixtures/supported.jsonl`) the test `the_bar_of_support_is_where_it_was_measured` says what it lets through.
pub const LEAST_LIKENESS: f32 = 0.18;

/// A place in an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// The entry.
    pub entry: EntryId,
    /// The id that it was imported with.
    pub source_id: Option<String>,
    /// Its words, exactly as written.
    pub quote: String,
    /// Byte offset of the quote in the entry's text.
    pub start: usize,
    /// End of the same.
    pub end: usize,
}

/// A sentence with what it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cited {
    /// The sentence.
    pub text: String,
    /// At least one place.
    pub citations: Vec<Citation>,
}

/// What a model says it cites.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claim {
    pub(crate) entry: i64,
    pub(crate) quote: String,
}

/// A sentence as a model gives it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claimed {
    pub(crate) text: String,
    pub(crate) cites: Vec<Claim>,
}

/// The schema of an array of [`Claimed`].
pub(crate) fn schema(most: usize) -> serde_json::Value {
    serde_json::json!({
        "type": "array", "maxItems": most,
        "items": {
            "type": "object", "additionalProperties": false, "required": ["text", "cites"],
            "properties": {
                "text": {"type": "string"},
                "cites": {
                    "type": "array", "minItems": 1, "maxItems": 3,
                    "items": {
                        "type": "object", "additionalProperties": false, "required": ["entry", "quote"],
                        "properties": {"entry": {"type": "integer"}, "quote": {"type": "string"}}
                    }
                }
            }
        }
    })
}

/// Counts of what a check did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Sentences that were kept.
    pub kept: usize,
    /// Sentences dropped because no quotation of theirs stands in the entry that it names.
    pub forged: usize,
    /// Sentences dropped because what they cite does not support them.
    pub unsupported: usize,
    /// Sentences dropped because they break the contract of [`crate::style`].
    pub style: usize,
}

/// Checks what a model said against `entries`, those that it was shown.
pub(crate) fn check(
    claimed: Vec<Claimed>,
    entries: &[Entry],
    instant: Option<&Instant>,
) -> (Vec<Cited>, Checked) {
    let by_id: HashMap<i64, &Entry> = entries.iter().map(|e| (e.id.0, e)).collect();
    let mut counts = Checked::default();
    let mut kept: Vec<Cited> = Vec::new();
    for one in claimed {
        let text = tidy(&one.text);
        let mut citations: Vec<Citation> = Vec::new();
        for claim in &one.cites {
            let found = by_id.get(&claim.entry).and_then(|e| cite(e, &claim.quote));
            if let Some(found) = found.filter(|f| !citations.contains(f)) {
                citations.push(found);
            }
        }
        if citations.is_empty() {
            counts.forged += 1;
        } else if !crate::style::breaches(&text).is_empty() {
            counts.style += 1;
        } else if !supports(&text, &citations, &by_id, instant)
            || kept.iter().any(|k| k.text == text)
        {
            counts.unsupported += 1;
        } else {
            counts.kept += 1;
            kept.push(Cited { text, citations });
        }
    }
    (kept, counts)
}

/// One line, no white space around it.
pub(crate) fn tidy(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The place in `entry` where `quote` stands.
pub(crate) fn cite(entry: &Entry, quote: &str) -> Option<Citation> {
    let span = locate(&entry.text, quote)?;
    Some(Citation {
        entry: entry.id,
        source_id: entry.source_id.clone(),
        quote: entry.text[span.clone()].to_owned(),
        start: span.start,
        end: span.end,
    })
}

/// Where `quote` stands in `text`, on whole words. Nothing for fewer than [`FEWEST_WORDS`].
pub fn locate(text: &str, quote: &str) -> Option<Range<usize>> {
    let outer = |c: char| {
        c.is_whitespace() || matches!(folded(c), '"' | '\'' | '.' | ',' | '…' | ';' | ':')
    };
    let quote = quote.trim_matches(outer);
    if quote.len() > LONGEST || words::spans(quote).count() < FEWEST_WORDS {
        return None;
    }
    place(text, quote)
}

/// Where the words of `part` stand in `text`, on whole words; however few they are.
pub(crate) fn place(text: &str, part: &str) -> Option<Range<usize>> {
    let (want, _) = flat(part);
    if want.is_empty() {
        return None;
    }
    let (have, offsets) = flat(text);
    let mut from = 0;
    while let Some(at) = find(&have, &want, from) {
        let end = at + want.len();
        let word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric());
        let cut_before = word(have.get(at)) && at > 0 && word(have.get(at - 1));
        let cut_after = word(have.get(end - 1)) && word(have.get(end));
        if !cut_before && !cut_after {
            let start = offsets[at];
            let last = offsets[end - 1];
            let end = last + text[last..].chars().next().map_or(0, char::len_utf8);
            return Some(start..end);
        }
        from = at + 1;
    }
    None
}

fn find(have: &[char], want: &[char], from: usize) -> Option<usize> {
    let last = have.len().checked_sub(want.len())?;
    (from..=last).find(|at| have[*at..*at + want.len()] == *want)
}

/// The characters of `text` as they are compared, runs of white space as one, with their byte offsets.
fn flat(text: &str) -> (Vec<char>, Vec<usize>) {
    let (mut chars, mut offsets) = (Vec::new(), Vec::new());
    for (at, c) in text.trim_end().char_indices() {
        // What a model is not shown cannot be copied.
        if super::prompts::neutral(c.encode_utf8(&mut [0; 4])).is_empty() {
            continue;
        }
        if c.is_whitespace() {
            if chars.last().is_none_or(|last| *last == ' ') {
                continue;
            }
            chars.push(' ');
        } else {
            chars.push(folded(c));
        }
        offsets.push(at);
    }
    while chars.last() == Some(&' ') {
        chars.pop();
        offsets.pop();
    }
    (chars, offsets)
}

fn folded(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{02bc}' => '\'',
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '«' | '»' => '"',
        '\u{2010}'..='\u{2015}' => '-',
        '‹' => '<',
        '⟦' => '[',
        '❴' => '{',
        c => c.to_lowercase().next().unwrap_or(c),
    }
}

/// Whether what is cited can carry the sentence: every number and every name of it stands in a cited entry, it has a
/// word of meaning in common with a quote or is close to one in meaning, and, where there is an encoder, it is not far
/// from all of them. This is no proof; it is what a program can see.
fn supports(
    text: &str,
    citations: &[Citation],
    entries: &HashMap<i64, &Entry>,
    instant: Option<&Instant>,
) -> bool {
    let cited = || citations.iter().filter_map(|c| entries.get(&c.entry.0));
    let stands = |word: &str| -> bool {
        cited().any(|e| {
            place(&e.text, word).is_some()
                || e.title.as_deref().is_some_and(|t| place(t, word).is_some())
        })
    };
    if text.is_empty() || is_strange(text) || !claims_of(text).into_iter().all(stands) {
        return false;
    }
    if !(openers(text).iter()).all(|w| cited().any(|e| has_like(&e.text, w))) {
        return false;
    }
    match instant {
        Some(instant) => {
            let sentence = instant.embed(text);
            citations
                .iter()
                .any(|c| dot(&sentence, &instant.embed(&c.quote)) >= LEAST_LIKENESS)
        }
        None => {
            let said = words::content(text);
            citations.iter().any(|c| {
                words::content(&c.quote)
                    .iter()
                    .any(|q| said.iter().any(|s| alike(s, q)))
            })
        }
    }
}

/// Whether every number and name of `sentence` stands in `text`, and at least one word of meaning does.
pub(crate) fn rests_on(sentence: &str, text: &str) -> bool {
    let have = words::content(text);
    !is_strange(sentence)
        && has_claims(text, sentence)
        && openers(sentence).iter().all(|w| has_like(text, w))
        && words::content(sentence)
            .iter()
            .any(|s| have.iter().any(|h| alike(s, h)))
}

/// Whether `text` has every number and every name inside `sentence`.
pub(crate) fn has_claims(text: &str, sentence: &str) -> bool {
    claims_of(sentence).iter().all(|w| place(text, w).is_some())
}

/// Whether a sentence carries what no sentence of this program has: tags, braces, control tokens, addresses.
pub(crate) fn is_strange(text: &str) -> bool {
    text.contains(['<', '>', '‹', '{', '}', '|', '\\', '`'])
        || text.contains("://")
        || text.to_lowercase().contains("www.")
}

/// Whether `text` has `word`, up to its ending.
fn has_like(text: &str, word: &str) -> bool {
    let word = words::fold(word);
    words::folded(text).any(|w| alike(&w, &word))
}

/// The same word up to its ending.
pub(crate) fn alike(a: &str, b: &str) -> bool {
    let stem = |w: &str| w.chars().take(5).collect::<String>();
    a == b || (a.len() >= 5 && b.len() >= 5 && stem(a) == stem(b))
}

/// Words that begin a sentence and could be a name: capitalised as any first word, so they have to be like a word of the
/// entry, unless they are words that sentences just begin with.
fn openers(text: &str) -> Vec<&str> {
    #[rustfmt::skip]
    const BEGIN: &[&str] = &[
        "after", "afterwards", "again", "although", "another", "before", "between", "both", "despite",
        "during", "earlier", "each", "early", "even", "every", "finally", "for", "given", "instead", "last",
        "late", "later", "many", "meanwhile", "most", "much", "next", "nothing", "now", "once", "only",
        "overall", "several", "since", "something", "still", "though", "through", "throughout", "toward",
        "towards", "until", "what", "while", "without", "yet", "youd", "youre", "youve",
    ];
    let mut found = Vec::new();
    let mut last = 0;
    for (index, span) in words::spans(text).enumerate() {
        let starts = index == 0 || text[last..span.start].contains(['.', '!', '?', ':']);
        let word = &text[span.clone()];
        let folded = words::fold(word);
        let begins = words::is_stop(&folded) || BEGIN.contains(&folded.as_str());
        if starts && word.chars().next().is_some_and(char::is_uppercase) && !begins {
            found.push(word);
        }
        last = span.end;
    }
    found
}

/// Numbers, and words that are written like names inside a sentence: what a reader would take for a fact.
fn claims_of(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut starts = true;
    let mut last = 0;
    for span in words::spans(text) {
        starts |= text[last..span.start].contains(['.', '!', '?', ':']);
        let word = text[span.clone()]
            .trim_end_matches("'s")
            .trim_end_matches("\u{2019}s");
        let number = word.chars().any(|c| c.is_ascii_digit());
        let name = !starts
            && word.chars().next().is_some_and(char::is_uppercase)
            && !matches!(word, "I" | "I'm" | "I've" | "I'll" | "I'd");
        if number || name {
            found.push(word);
        }
        starts = false;
        last = span.end;
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_quote_is_found_as_it_was_written_and_its_bytes_are_the_entrys() {
        let text =
            "She said \u{201c}come  home\u{201d} \u{2014} and I didn\u{2019}t.\nNot </b> once.";
        let cases = [
            (
                "she said \"come home\" - and I didn't",
                Some("She said \u{201c}come  home\u{201d} \u{2014} and I didn\u{2019}t"),
            ),
            (
                "\"and I didn't. not ‹/b> once\"",
                Some("and I didn\u{2019}t.\nNot </b> once"),
            ),
            ("I didn't", None),
            ("and I did it", None),
            ("she said come home", None),
            ("e said \"come home", None),
            ("", None),
        ];
        for (quote, want) in cases {
            assert_eq!(locate(text, quote).map(|s| &text[s]), want, "{quote}");
        }
    }

    #[test]
    fn numbers_and_names_of_a_sentence_are_claims() {
        assert_eq!(
            claims_of("You met Ana's sister at 18:30, and on Friday I paid 40 euros. Rain fell."),
            ["Ana", "18", "30", "Friday", "40"]
        );
        assert_eq!(
            openers("You met Ana. Boris left. After that, rain. Rain fell."),
            ["Boris", "Rain"]
        );
    }

    proptest! {
        #[test]
        fn whatever_is_located_stands_there(text in "\\PC{0,120}", from in 0_usize..100, len in 1_usize..60) {
            let chars: Vec<char> = text.chars().collect();
            let part: String = chars.iter().skip(from).take(len).collect();
            if let Some(span) = locate(&text, &part) {
                prop_assert!(text.get(span.clone()).is_some());
                prop_assert_eq!(flat(&text[span]).0, flat(part.trim_matches(|c: char| c.is_whitespace() || matches!(folded(c), '"' | '\'' | '.' | ',' | '…' | ';' | ':'))).0);
            }
        }
    }
}
