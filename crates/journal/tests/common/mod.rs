//! What the integration tests share.

#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use journal::*;
use tempfile::TempDir;

/// A new journal with a key file in a directory that goes with the first value.
pub(crate) fn fresh() -> (TempDir, Home, Journal) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path().join("home"));
    let journal = Journal::create(&home, &Secret::None).unwrap();
    (dir, home, journal)
}

pub(crate) fn at(when: &str) -> jiff::ZonedDateTime {
    when.parse().unwrap()
}

pub(crate) fn analysis(model: &str) -> Analysis {
    Analysis {
        sentiment: Sentiment::Positive,
        confidence: 0.75,
        valence: 0.5,
        mixed: false,
        unsure: false,
        themes: vec![ThemeScore {
            name: "sleep".into(),
            probability: 0.75,
        }],
        evidence: vec![Evidence {
            claim: "sleep".into(),
            start: 0,
            end: 3,
        }],
        tier: "instant".into(),
        model: model.into(),
        truncated: false,
        corrected: false,
    }
}

/// Unit vectors in the plane of the first two axes whose cosine with the first axis is `x`.
pub(crate) fn vectors(model: &str, x: f32) -> Vectors {
    let entry = vec![x, (1.0 - x * x).sqrt(), 0.0, 0.0];
    Vectors {
        model: model.into(),
        sentences: vec![(0..7, entry.clone())],
        entry,
    }
}
