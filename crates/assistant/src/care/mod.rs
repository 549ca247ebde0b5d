//! When an entry speaks of wanting to die, of self-harm, or of being in danger from somebody: that is noticed here, and
//! answered with a fixed card of numbers to call. No model writes a word of it, nothing is stored, nothing is sent.
//!
//! Two things notice. Rules: phrases that say it outright, in English; some of them need a second opinion, because people
//! also cut themselves on tin openers. And a classifier: one linear map over the sentence vectors that search needs
//! anyway, for what is said without any of the phrases. Each alone misses much; `docs/accuracy.md` says how much.

mod card;
mod classifier;
mod rules;

use journal::Vectors;

pub use card::{Card, Line, card};
pub use classifier::Classifier;

use rules::Strength;

/// True where `text` speaks of danger to the writer. `vectors` are its embeddings by the encoder that `classifier` serves;
/// without them, or without a classifier for that encoder, only phrases that need no second opinion count.
pub fn speaks_of_danger(
    text: &str,
    classifier: Option<&Classifier>,
    vectors: Option<&Vectors>,
) -> bool {
    let spans = crate::sentences(text);
    let strongest = spans
        .iter()
        .filter_map(|s| rules::strength(&text[s.clone()]))
        .max();
    if strongest == Some(Strength::Certain) {
        return true;
    }
    let Some((classifier, vectors)) = classifier.zip(vectors) else {
        return false;
    };
    let loudest = std::iter::once(&vectors.entry)
        .chain(vectors.sentences.iter().map(|(_, v)| v))
        .map(|v| classifier.score(v))
        .fold(f32::NEG_INFINITY, f32::max);
    classifier.notices(loudest, strongest.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_model_only_the_certain_phrases_count() {
        assert!(speaks_of_danger(
            "Rain. I don\u{2019}t want to be alive any more.",
            None,
            None
        ));
        assert!(!speaks_of_danger(
            "Cut myself on the tin opener.",
            None,
            None
        ));
        assert!(!speaks_of_danger("", None, None));
    }
}
