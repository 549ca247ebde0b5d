//! Text to analysis, against what the training tool computed with the published encoder. Needs the real one.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::Arc;

use assistant::{Instant, LinearReader};
use common::{encoder, real_models};
use journal::Sentiment;
use serde::Deserialize;

/// What `tools/train/heads_fixture.py` computed with sentence-transformers and NumPy.
#[derive(Deserialize)]
struct Expected {
    text: String,
    sentences: Vec<String>,
    sentiment: Sentiment,
    confidence: f32,
    valence: f32,
    mixed: bool,
    themes: Vec<f32>,
}

#[test]
fn the_whole_path_says_what_the_training_tool_says() {
    let Some(models) = real_models() else { return };
    let expected: Vec<Expected> =
        serde_json::from_str(include_str!("fixtures/heads_expected.json")).unwrap();
    let texts: Vec<&str> = expected.iter().map(|e| e.text.as_str()).collect();
    // INT8 moves an embedding by about a cosine of 0.002, and a probability with it.
    for (model, slack) in [("minilm", 2e-3), ("minilm-int8", 0.08)] {
        if !models.join(model).is_dir() {
            continue;
        }
        let heads = Arc::new(LinearReader::committed().unwrap());
        let analysed = Instant::with_reader(encoder(&models.join(model)), heads)
            .analyse(&texts, &mut |_| {})
            .unwrap();
        for (e, a) in expected.iter().zip(analysed) {
            let spans = &a.vectors.sentences;
            let sentences: Vec<&str> = spans.iter().map(|(s, _)| &e.text[s.clone()]).collect();
            assert_eq!(sentences, e.sentences, "{model}");
            let near = |a: f32, b: f32| (a - b).abs() <= slack;
            assert!(
                near(a.analysis.confidence, e.confidence),
                "{model} {:?} {}",
                e.text,
                a.analysis.confidence
            );
            let clear = e.confidence > 0.5 + slack;
            if clear || model == "minilm" {
                assert_eq!(
                    (a.analysis.sentiment, a.analysis.mixed),
                    (e.sentiment, e.mixed),
                    "{model} {:?}",
                    e.text
                );
                assert!(
                    near(a.analysis.valence, e.valence),
                    "{model} {:?} {}",
                    e.text,
                    a.analysis.valence
                );
            }
            for (name, p) in assistant::THEMES.iter().zip(&e.themes) {
                let got = a
                    .analysis
                    .themes
                    .iter()
                    .find(|t| t.name == *name)
                    .map(|t| t.probability);
                assert!(
                    got.map_or(*p < 0.5 + slack, |g| near(g, *p)),
                    "{model} {name} {got:?} {p} {:?}",
                    e.text
                );
            }
        }
    }
}
