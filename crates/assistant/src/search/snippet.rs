//! The sentence of an entry that a search matched.

use std::ops::Range;

use crate::{quote, words};

/// Snippets longer than this are cut around the match: a sentence may be a megabyte.
const LONGEST: usize = 400;

/// Span of the sentence of `text` that answers the query best: the one with the most of the query's `terms` in it
/// (folded; the last term also as a prefix) where that is at least half of them, else the one nearest in meaning by
/// `vectors` to `query`, else the first.
pub(super) fn snippet(
    text: &str,
    terms: &[String],
    vectors: &[(Range<usize>, Vec<f32>)],
    query: Option<&[f32]>,
) -> Range<usize> {
    let spans = crate::sentences(text);
    let (found, lexical) = spans
        .iter()
        .map(|s| (hits(&text[s.clone()], terms), s))
        .fold(
            (0, None),
            |best, (n, s)| if n > best.0 { (n, Some(s)) } else { best },
        );
    // One word of many says less than the nearest meaning does.
    let lexical =
        lexical.filter(|_| found * 2 >= terms.len() || query.is_none() || vectors.is_empty());
    let nearest = || {
        let query = query?;
        let fits = vectors
            .iter()
            .filter(|(s, _)| text.get(s.clone()).is_some());
        fits.max_by(|a, b| dot(&a.1, query).total_cmp(&dot(&b.1, query)))
            .map(|(s, _)| s.clone())
    };
    let span = lexical
        .cloned()
        .or_else(nearest)
        .or_else(|| spans.first().cloned())
        .unwrap_or(0..0);
    around(text, span, terms)
}

/// How many different terms occur in `sentence`.
fn hits(sentence: &str, terms: &[String]) -> usize {
    let found: Vec<String> = words::folded(sentence).collect();
    terms
        .iter()
        .enumerate()
        .filter(|(i, t)| found.iter().any(|w| matches(w, t, i + 1 == terms.len())))
        .count()
}

/// Share of `terms` that occur in `text`, from 0 to 1.
pub(super) fn coverage(text: &str, terms: &[String]) -> f64 {
    hits(text, terms) as f64 / terms.len().max(1) as f64
}

fn matches(word: &str, term: &str, last: bool) -> bool {
    word == term || (last && word.starts_with(term)) || word.split('-').any(|part| part == term)
}

/// `span`, cut to about [`LONGEST`] bytes around the first term where it is longer.
fn around(text: &str, span: Range<usize>, terms: &[String]) -> Range<usize> {
    if span.len() <= LONGEST {
        return span;
    }
    let sentence = &text[span.clone()];
    let hit = words::spans(sentence)
        .find(|w| {
            let word = words::fold(&sentence[w.clone()]);
            terms
                .iter()
                .enumerate()
                .any(|(i, t)| matches(&word, t, i + 1 == terms.len()))
        })
        .map_or(0, |w| w.start);
    let from = quote::word_start(sentence, hit.saturating_sub(LONGEST / 3));
    let cut = quote::shorten(&sentence[from..], LONGEST);
    span.start + from..span.start + from + cut
}

/// Inner product of two vectors of one length; of L2-normalised ones the cosine. Eight sums side by side, so that the
/// compiler may use the machine's vectors.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (x, x_rest) = a.as_chunks::<8>();
    let (y, y_rest) = b.as_chunks::<8>();
    let mut sums = [0.0_f32; 8];
    for (x, y) in x.iter().zip(y) {
        for i in 0..8 {
            sums[i] += x[i] * y[i];
        }
    }
    sums.iter().sum::<f32>() + x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Slept badly. The new café opened on our street. Then it rained all day.";

    fn of(terms: &[&str]) -> &'static str {
        let terms: Vec<String> = terms.iter().map(|t| t.to_string()).collect();
        &TEXT[snippet(TEXT, &terms, &[], None)]
    }

    #[test]
    fn the_sentence_with_the_most_words_of_the_query_is_shown() {
        assert_eq!(
            of(&["cafe", "street"]),
            "The new café opened on our street."
        );
        assert_eq!(
            of(&["rain"]),
            "Then it rained all day.",
            "the last word matches as a prefix"
        );
        assert_eq!(of(&["elephant"]), "Slept badly.");
    }

    #[test]
    fn without_a_word_in_common_the_nearest_sentence_in_meaning_is_shown() {
        let vectors = vec![(0..12, vec![1.0, 0.0]), (13..48, vec![0.0, 1.0])];
        let span = snippet(TEXT, &["insomnia".to_owned()], &vectors, Some(&[0.9, 0.1]));
        assert_eq!(&TEXT[span], "Slept badly.");
    }

    #[test]
    fn a_sentence_of_a_megabyte_is_cut_around_the_match_at_whole_characters() {
        let text = format!("{}needle {}", "äö ".repeat(200_000), "ü".repeat(200_000));
        let span = snippet(&text, &["needle".to_owned()], &[], None);
        assert!(
            text[span.clone()].contains("needle") && span.len() <= LONGEST,
            "{span:?}"
        );
    }

    #[test]
    fn blank_and_odd_texts_have_a_snippet_too() {
        for text in ["", "   ", "\0", "🎉🎉🎉"] {
            let span = snippet(text, &["x".to_owned()], &[], None);
            assert!(text.get(span).is_some(), "{text:?}");
        }
    }
}
