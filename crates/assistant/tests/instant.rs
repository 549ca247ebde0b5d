//! What the instant tier promises about any text, walked with the tiny encoder.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use assistant::{Analysed, THEMES};
use common::{odd_texts, tiny};
use journal::Sentiment;

fn keeps_its_promises(text: &str, a: &Analysed) {
    let shown: String = text.chars().take(20).collect();
    let fits = match a.analysis.sentiment {
        Sentiment::Positive => a.analysis.valence > 0.2,
        Sentiment::Neutral => a.analysis.valence.abs() <= 0.2,
        Sentiment::Negative => a.analysis.valence < -0.2,
    };
    assert!(
        fits && a.analysis.valence.abs() <= 1.0,
        "{shown:?}: {:?}",
        a.analysis
    );
    assert!(
        (1.0 / 3.0 - 1e-6..=1.0).contains(&a.analysis.confidence),
        "{shown:?}: {}",
        a.analysis.confidence
    );
    assert!(
        a.analysis
            .themes
            .iter()
            .all(|t| THEMES.contains(&t.name.as_str()) && t.probability >= 0.5)
    );
    assert!(!a.analysis.truncated, "nothing is cut");
    for e in &a.analysis.evidence {
        let quote = text
            .get(e.start..e.end)
            .expect("evidence is a span of the text");
        assert!(
            !quote.trim().is_empty() && quote.trim() == quote,
            "{shown:?}"
        );
        assert!(e.claim == "sentiment" || a.analysis.themes.iter().any(|t| t.name == e.claim));
    }
    assert!(a.vectors.entry.iter().all(|v| v.is_finite()), "{shown:?}");
    assert!(
        a.vectors
            .sentences
            .iter()
            .all(|(s, v)| text.get(s.clone()).is_some() && v.len() == a.vectors.entry.len())
    );
}

#[test]
fn odd_texts_are_analysed_without_panic_and_keep_every_promise() {
    let texts = odd_texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut heard = Vec::new();
    let analysed = tiny().analyse(&texts, &mut |n| heard.push(n)).unwrap();
    assert_eq!(analysed.len(), texts.len());
    assert_eq!(heard.last(), Some(&texts.len()));
    for (text, a) in texts.iter().zip(&analysed) {
        keeps_its_promises(text, a);
        assert_eq!(a.vectors.sentences.is_empty(), text.trim().is_empty());
    }
}

#[test]
fn an_entry_is_analysed_alike_alone_and_among_others() {
    let instant = tiny();
    let texts = [
        "Rain all day. I stayed in and read.",
        "Ran five miles!",
        "",
        "Mum called; she is better. I slept.",
    ];
    let together = instant.analyse(&texts, &mut |_| {}).unwrap();
    for (text, among) in texts.iter().zip(together) {
        let alone = instant.analyse(&[text], &mut |_| {}).unwrap().remove(0);
        assert_eq!(alone.analysis, among.analysis, "{text}");
        assert_eq!(alone.vectors, among.vectors, "{text}");
    }
}

#[test]
fn the_end_of_a_very_long_entry_counts() {
    let instant = tiny();
    let start = "we walked along the river and said little. ".repeat(60);
    let texts = [
        format!("{start}zzzz qqqq xxxx 9999 zzzz qqqq."),
        format!("{start}the end of the walk."),
    ];
    let both = instant
        .analyse(&[&texts[0], &texts[1]], &mut |_| {})
        .unwrap();
    assert_ne!(both[0].vectors.entry, both[1].vectors.entry);
    assert!(both[0].tokens > 1_000, "{}", both[0].tokens);
    assert_eq!(both[0].vectors.sentences.len(), 61);
}

#[test]
fn analysis_and_vectors_name_what_made_them() {
    let instant = tiny();
    let a = instant
        .analyse(&["A plain day."], &mut |_| {})
        .unwrap()
        .remove(0);
    assert!(
        a.analysis.model.starts_with("minilm@") && a.analysis.model.contains("+heads-"),
        "{}",
        a.analysis.model
    );
    assert_eq!(a.vectors.model, instant.encoder().model_id());
    assert_eq!(a.analysis.tier, "instant");
}

#[test]
fn reading_without_vectors_says_the_same() {
    let texts = odd_texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let analysed = tiny().analyse(&texts, &mut |_| {}).unwrap();
    for (said, analysed) in tiny().read(&texts).unwrap().iter().zip(analysed) {
        assert_eq!(said.analysis, analysed.analysis);
        assert_eq!(said.reading, analysed.reading);
    }
}
