//! What Companion does with a journal and a model: it reads entries, finds them again, asks the next question, and
//! looks back.
//!
//! Everything here is a value: nothing prints, nothing asks, nothing opens a socket. What is derived from an entry is
//! either a number with its uncertainty or an exact quote with the entry that it came from.
//!
//! ```
//! use assistant::{THEMES, prompt, style};
//!
//! let question = &prompt::bank()[0];
//! assert!(style::question_breaches(&prompt::embedded_text(question)).is_empty());
//! assert_eq!(THEMES.len(), 20);
//! ```

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

pub mod cache;
pub mod care;
mod catch_up;
pub mod dashboard;
mod error;
pub mod gate;
mod instant;
pub mod language;
pub mod personal;
pub mod prompt;
mod quote;
pub mod search;
mod span;
mod stats;
pub mod style;
pub mod summary;
pub mod trends;
mod words;

use std::ops::Range;

use jiff::ZonedDateTime;
use serde::Serializer;

pub use catch_up::{CatchUp, catch_up, catch_up_with, keep_measured_if_due};
pub use error::{Error, Result};
pub use instant::{
    AdaptedReader, Analysed, EmotionScore, Instant, LinearReader, Passage, Reader, Reading, Said,
};
pub use span::{Span, Unit};
pub use stats::Interval;

/// The themes an entry can have, in the order of the heads.
pub const THEMES: [&str; 20] = [
    "work",
    "school",
    "family",
    "friends",
    "romance",
    "health",
    "exercise",
    "sleep",
    "food",
    "money",
    "leisure",
    "creativity",
    "nature",
    "travel",
    "home",
    "pets",
    "spirituality",
    "technology",
    "emotions",
    "growth",
];

/// The words for what is felt in an entry, in the order of the adapted reader.
pub const EMOTIONS: [&str; 29] = [
    "joy",
    "contentment",
    "gratitude",
    "love",
    "pride",
    "hope",
    "excitement",
    "relief",
    "amusement",
    "calm",
    "nostalgia",
    "sadness",
    "grief",
    "loneliness",
    "anger",
    "frustration",
    "anxiety",
    "fear",
    "shame",
    "guilt",
    "disappointment",
    "disgust",
    "jealousy",
    "boredom",
    "exhaustion",
    "overwhelm",
    "confusion",
    "surprise",
    "longing",
];

/// The tier of everything that is made here without a language model.
pub(crate) const TIER: &str = "instant";

/// Spans of the sentences of `text`, without those that are only tags and fields (`#home sleep:7.5`); all of them
/// where there is nothing else; its trimmed whole where nothing in it begins or ends a sentence (emoji, digits, one
/// unbroken line); none for blank text.
pub(crate) fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found = engine::text::sentences(text);
    let trimmed = text.trim();
    if found.is_empty() && !trimmed.is_empty() {
        let start = text.len() - text.trim_start().len();
        found.push(start..start + trimmed.len());
    }
    let prose = |s: &Range<usize>| !text[s.clone()].split_whitespace().all(is_mark);
    if found.iter().any(prose) {
        found.retain(prose);
    }
    found
}

/// True for `#tag` and `name:value`, which are kept beside the text and say nothing in it.
fn is_mark(word: &str) -> bool {
    let named = |(name, value): (&str, &str)| {
        !value.is_empty() && name.starts_with(char::is_alphabetic) && !value.starts_with('/')
    };
    word.starts_with('#') || word.split_once(':').is_some_and(named)
}

/// Dates leave as RFC 3339 with the offset of their zone: what every reader of JSON understands.
pub(crate) fn rfc3339<S: Serializer>(
    date: &ZonedDateTime,
    to: S,
) -> std::result::Result<S::Ok, S::Error> {
    to.collect_str(&date.strftime("%Y-%m-%dT%H:%M:%S%:z"))
}

/// And come back with that offset for a zone.
pub(crate) fn from_rfc3339<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> std::result::Result<ZonedDateTime, D::Error> {
    let text = <String as serde::Deserialize>::deserialize(from)?;
    let offset = text.get(text.len().saturating_sub(6)..).unwrap_or_default();
    format!("{text}[{offset}]")
        .parse()
        .map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    #[test]
    fn lines_of_tags_and_fields_are_no_sentences_unless_there_is_nothing_else() {
        let of = |text: &'static str| {
            crate::sentences(text)
                .into_iter()
                .map(|s| &text[s])
                .collect::<Vec<_>>()
        };
        assert_eq!(
            of("Rain at 18:30.\n#home #rain sleep:6.5"),
            ["Rain at 18:30."]
        );
        assert_eq!(of("#home sleep:6.5"), ["#home sleep:6.5"]);
        assert_eq!(of("Saw #nadia today.\n🎉"), ["Saw #nadia today.", "🎉"]);
        assert_eq!(of(" \n "), Vec::<&str>::new());
    }
}
