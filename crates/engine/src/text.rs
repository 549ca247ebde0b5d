//! Sentences: where one thought ends and the next begins, in text as people write it.

use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// Words whose full stop does not end a sentence, lower-case, without the stop.
const ABBREVIATIONS: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "sr", "jr", "st", "mt", "vs", "etc", "e.g", "i.e", "eg", "ie",
    "cf", "ca", "approx", "dept", "est", "fig", "inc", "ltd", "co", "corp", "no", "nos", "vol",
    "pp", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
    "mon", "tue", "wed", "thu", "fri", "sat", "sun", "a.m", "p.m", "u.s", "u.k", "ph.d", "rev",
    "gen", "col", "capt", "lt", "sgt", "hon", "ave", "blvd", "rd",
];

/// Of those, the ones that often do end a sentence: they do so before a capital.
const MAY_END: &[&str] = &[
    "etc", "a.m", "p.m", "u.s", "u.k", "ph.d", "inc", "ltd", "co", "corp", "no", "sat", "sun",
    "mar", "jr", "sr", "st", "rd", "ave", "est",
];

/// The sentences of `text` as byte ranges: in order, disjoint, trimmed, never blank.
///
/// A sentence ends at `.`, `!`, `?`, `…` and their CJK forms (with closing quotes and brackets behind
/// them), or at a line break. A stop inside an abbreviation, an initial, a number, or one that is
/// followed by a lower-case letter, does not end it. Emoji belong to the sentence they follow. Every
/// character that is not white space lies in exactly one sentence.
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut start = 0;
    let mut graphemes = text.grapheme_indices(true).peekable();
    while let Some((at, cluster)) = graphemes.next() {
        let after = at + cluster.len();
        if is_line_break(cluster) {
            push_trimmed(text, start..at, &mut spans);
            start = after;
            continue;
        }
        if !is_terminator(cluster) {
            continue;
        }
        // The whole run of terminators and closers belongs to the sentence: `?!`, `...`, `."`.
        let mut end = after;
        while let Some(&(next, following)) = graphemes.peek() {
            if !(is_terminator(following) || is_closer(following)) {
                break;
            }
            end = next + following.len();
            graphemes.next();
        }
        if ends_sentence(text, start, at, end) {
            // Emoji right after the stop still belong to the sentence they comment on.
            end = past_emoji(text, end);
            while graphemes.peek().is_some_and(|&(next, _)| next < end) {
                graphemes.next();
            }
            push_trimmed(text, start..end, &mut spans);
            start = end;
        }
    }
    push_trimmed(text, start..text.len(), &mut spans);
    spans
}

fn is_line_break(cluster: &str) -> bool {
    matches!(
        cluster,
        "\n" | "\r\n" | "\r" | "\u{b}" | "\u{c}" | "\u{85}" | "\u{2028}" | "\u{2029}"
    )
}

fn is_terminator(cluster: &str) -> bool {
    cluster.chars().next().is_some_and(|c| {
        matches!(c, '.' | '!' | '?' | '…' | '‼' | '⁇' | '⁈' | '⁉') || is_wide_stop(c)
    })
}

/// Stops of scripts that put no space after a sentence.
fn is_wide_stop(c: char) -> bool {
    matches!(
        c,
        '\u{3002}'
            | '\u{ff01}'
            | '\u{ff1f}'
            | '\u{ff0e}'
            | '\u{ff61}'
            | '\u{964}'
            | '\u{965}'
            | '\u{61f}'
            | '\u{6d4}'
    )
}

fn is_closer(cluster: &str) -> bool {
    matches!(
        cluster,
        "\"" | "'"
            | ")"
            | "]"
            | "}"
            | "”"
            | "’"
            | "»"
            | "」"
            | "』"
            | "\u{ff09}"
            | "】"
            | "*"
            | "_"
            | "~"
    )
}

/// Whether the stop at `at` (its run ends at `end`) closes the sentence that began at `start`.
fn ends_sentence(text: &str, start: usize, at: usize, end: usize) -> bool {
    let (before, run, rest) = (&text[start..at], &text[at..end], &text[end..]);
    if run.contains(is_wide_stop) {
        return true;
    }
    let Some(next) = rest.chars().next() else {
        return true;
    };
    if !next.is_whitespace() {
        // `3.5`, `example.org`, `e.g.`, but `end!Start` and `end…Start` are two thoughts.
        return !run.starts_with('.') && next.is_uppercase() || is_emoji(next);
    }
    if rest.starts_with(['\n', '\r']) {
        return true;
    }
    let first = rest.trim_start().chars().next();
    let Some(first) = first else { return true };
    if run.starts_with(['!', '?']) && !run.contains('.') {
        // `Why? because.` is two; `"Stop!" she said` is one.
        return !(first.is_lowercase()
            && run.chars().any(|c| is_closer(c.encode_utf8(&mut [0; 4]))));
    }
    if first.is_lowercase() && (run.len() > 1 || is_abbreviated(before)) {
        return false;
    }
    if run == "." {
        let word = last_word(before);
        let known = ABBREVIATIONS.contains(&word.as_str());
        let may_end = MAY_END.contains(&word.as_str());
        if known && !(may_end && first.is_uppercase()) {
            return false;
        }
        if is_initial(before) && first.is_uppercase() {
            return false;
        }
        // `1. Wash up` is a list number, not a sentence.
        if before.trim().len() <= 3
            && !before.trim().is_empty()
            && before.trim().bytes().all(|b| b.is_ascii_digit())
        {
            return false;
        }
    }
    true
}

fn is_abbreviated(before: &str) -> bool {
    let word = last_word(before);
    word.contains('.') || ABBREVIATIONS.contains(&word.as_str())
}

/// The word that ends `before`, lower-case, with inner stops.
fn last_word(before: &str) -> String {
    before
        .rsplit(|c: char| !(c.is_alphanumeric() || c == '.'))
        .next()
        .unwrap_or_default()
        .to_lowercase()
}

/// Whether `before` ends in a single capital, as in `J. Smith`; `I` is a pronoun, not an initial.
fn is_initial(before: &str) -> bool {
    let word = before
        .rsplit(|c: char| !(c.is_alphanumeric() || c == '.'))
        .next()
        .unwrap_or_default();
    let mut letters = word.chars();
    matches!((letters.next(), letters.next()), (Some(c), None) if c.is_uppercase() && c != 'I')
}

/// The end of the emoji that follow position `end`, spaces between allowed; `end` if there are none.
fn past_emoji(text: &str, end: usize) -> usize {
    let mut reached = end;
    let mut at = end;
    for cluster in text[end..].graphemes(true) {
        let first = cluster.chars().next().unwrap_or(' ');
        at += cluster.len();
        if is_emoji(first) {
            reached = at;
        } else if is_line_break(cluster) || !first.is_whitespace() {
            break;
        }
    }
    reached
}

fn is_emoji(c: char) -> bool {
    matches!(c as u32, 0x1F000..=0x1FAFF | 0x2600..=0x27BF | 0x2B00..=0x2BFF)
}

fn push_trimmed(text: &str, span: Range<usize>, spans: &mut Vec<Range<usize>>) {
    let piece = &text[span.clone()];
    let trimmed = piece.trim();
    if trimmed.is_empty() {
        return;
    }
    let start = span.start + (piece.len() - piece.trim_start().len());
    let span = start..start + trimmed.len();
    // A piece without a letter, a digit or a sign of its own (`...`, `)`) joins the sentence before it.
    let bare = trimmed
        .chars()
        .all(|c| c.is_ascii_punctuation() || is_terminator(c.encode_utf8(&mut [0; 4])));
    if bare && let Some(last) = spans.last_mut() {
        last.end = span.end;
        return;
    }
    spans.push(span);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str) -> Vec<&str> {
        sentences(text)
            .into_iter()
            .map(|span| &text[span])
            .collect()
    }

    #[test]
    fn splits_prose_where_a_reader_would() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("  \n\t ", &[]),
            ("One thought", &["One thought"]),
            ("One. Two! Three?", &["One.", "Two!", "Three?"]),
            (
                "I saw Dr. Smith at 3 p.m. today.",
                &["I saw Dr. Smith at 3 p.m. today."],
            ),
            (
                "We left at 3 p.m. Then it rained.",
                &["We left at 3 p.m.", "Then it rained."],
            ),
            ("Met J. K. Rowling. Nice.", &["Met J. K. Rowling.", "Nice."]),
            ("So do I. You too?", &["So do I.", "You too?"]),
            (
                "It cost 3.50 euros. Fine.",
                &["It cost 3.50 euros.", "Fine."],
            ),
            ("Well... maybe not. ok", &["Well... maybe not.", "ok"]),
            ("Well... Maybe.", &["Well...", "Maybe."]),
            (
                "\"Stop!\" she said. I did.",
                &["\"Stop!\" she said.", "I did."],
            ),
            ("He said \"go.\" We went.", &["He said \"go.\"", "We went."]),
            (
                "line one\nline two\r\nline three",
                &["line one", "line two", "line three"],
            ),
            (
                "Great day! 😀🎉 Then home.",
                &["Great day! 😀🎉", "Then home."],
            ),
            ("🎉", &["🎉"]),
            (
                "今日は楽しかった。明日も\u{ff01}行く",
                &["今日は楽しかった。", "明日も\u{ff01}", "行く"],
            ),
            ("What?! No way.", &["What?!", "No way."]),
            (
                "See example.org for more. Bye.",
                &["See example.org for more.", "Bye."],
            ),
            ("1. Wash up. 2. Sleep.", &["1. Wash up.", "2. Sleep."]),
            (
                "i went home. it was late. i slept.",
                &["i went home.", "it was late.", "i slept."],
            ),
            (
                "Bring milk, eggs, etc. and bread.",
                &["Bring milk, eggs, etc. and bread."],
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(&split(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn covers_every_visible_character_once_and_in_order(text in "\\PC{0,80}|[a-zA-Z0-9.!? \\n\"')😀。]{0,120}") {
            let spans = sentences(&text);
            let mut last = 0;
            for span in &spans {
                prop_assert!(span.start >= last && span.end > span.start);
                prop_assert!(text[last..span.start].trim().is_empty());
                prop_assert_eq!(text[span.clone()].trim(), &text[span.clone()]);
                last = span.end;
            }
            prop_assert!(text[last..].trim().is_empty());
        }
    }
}
