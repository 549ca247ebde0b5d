//! When an entry speaks of wanting to die, of self-harm, or of being in danger from somebody: that is noticed here, and
//! answered with a fixed card of numbers to call. No model writes a word of it, nothing is stored, nothing is sent.
//!
//! Two things notice. Rules: phrases that say it outright, in English; some of them need a second opinion, because people
//! also cut themselves on tin openers. And a classifier: one linear map over the words, and over the sentence vectors that
//! search needs anyway, of up to three sentences that stand together; it must be surer where no phrase agrees.
//! Together they still miss much; `docs/accuracy.md` says how much.

mod card;
mod classifier;
mod phrases;
mod rules;

use std::ops::Range;

pub use card::{Card, Line, card};
pub use classifier::Classifier;

use crate::Analysed;
use rules::Strength;

/// Sentences that are judged together: what is meant is often said in two, "I have decided. It need not be long."
const RUN: usize = 3;

/// True where `text` speaks of danger to the writer. `read` is what the encoder and the reader made of it, by an encoder that
/// `classifier` serves; without it only phrases that need no second opinion count.
pub fn speaks_of_danger(text: &str, read: Option<(&Classifier, &Analysed)>) -> bool {
    let certain = |span: Range<usize>| rules::strength(&text[span]) == Some(Strength::Certain);
    if crate::sentences(text).into_iter().any(certain) {
        return true;
    }
    let Some((classifier, read)) = read else {
        return false;
    };
    let sentences: Vec<(&str, &[f32])> = read
        .vectors
        .sentences
        .iter()
        .filter_map(|(span, vector)| Some((text.get(span.clone())?, vector.as_slice())))
        .collect();
    let phrase: Vec<bool> = sentences
        .iter()
        .map(|(sentence, _)| rules::strength(sentence).is_some())
        .collect();
    let run = RUN.min(sentences.len()).max(1);
    sentences
        .windows(run)
        .zip(phrase.windows(run))
        .any(|(sentences, phrase)| {
            classifier.notices(classifier.score(sentences), phrase.contains(&true))
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
