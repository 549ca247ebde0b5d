//! When an entry speaks of wanting to die, of self-harm, or of being in danger from somebody: that is noticed here, and
//! answered with a fixed card of numbers to call. No model writes a word of it, nothing is stored, nothing is sent.
//!
//! Two things notice. Rules: phrases that say it outright, in English; some of them need a second opinion, because people
//! also cut themselves on tin openers. And a classifier: one linear map over the sentence vectors that search needs
//! anyway, asked about those phrases, and about sentences with a word that hints at it in an entry that feels bad.
//! Together they still miss much; `docs/accuracy.md` says how much.

mod card;
mod classifier;
mod rules;

use std::ops::Range;

use journal::Sentiment;

pub use card::{Card, Line, card};
pub use classifier::Classifier;

use crate::Analysed;
use rules::Strength;

/// True where `text` speaks of danger to the writer. `read` is what the encoder and the reader made of it, by an encoder that
/// `classifier` serves; without it only phrases that need no second opinion count.
pub fn speaks_of_danger(text: &str, read: Option<(&Classifier, &Analysed)>) -> bool {
    let spans = crate::sentences(text);
    let strength = |s: &Range<usize>| rules::strength(&text[s.clone()]);
    if spans.iter().any(|s| strength(s) == Some(Strength::Certain)) {
        return true;
    }
    let Some((classifier, read)) = read else {
        return false;
    };
    // Without a phrase, only an entry that feels bad is looked at: it halves the mistakes.
    let feels_bad = read.analysis.sentiment == Sentiment::Negative;
    read.vectors.sentences.iter().any(|(span, vector)| {
        let Some(sentence) = text.get(span.clone()) else {
            return false;
        };
        let phrase = rules::strength(sentence).is_some();
        (phrase || feels_bad && rules::hints(sentence))
            && classifier.notices(classifier.score(vector), phrase)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_model_only_the_certain_phrases_count() {
        assert!(speaks_of_danger(
            "Rain. I don\u{2019}t want to be alive any more.",
            None
        ));
        assert!(!speaks_of_danger("Cut myself on the tin opener.", None));
        assert!(!speaks_of_danger("", None));
    }
}
