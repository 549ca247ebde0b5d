//! What searching promises whatever the model: filters count, nothing is invented, nothing panics.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::atomic::AtomicBool;

use assistant::search::{MatchedBy, Mode, search, similar};
use assistant::{Instant, catch_up};
use common::{add, journal, tiny};
use journal::{Filter, Journal};

fn filled() -> (Journal, tempfile::TempDir, Instant) {
    let (mut journal, dir) = journal();
    for (day, text) in [
        (
            1,
            "The boiler broke. A man came, looked at it, and sighed. #home",
        ),
        (2, "Nadia brought plums. We ate them on the steps."),
        (3, "Rain. The boiler hums again, and so do I. #home"),
        (4, "🎉 Passed the exam! 🎉"),
        (5, "Café with Zoë, then the long way home."),
    ] {
        add(&mut journal, &format!("2026-11-0{day} 20:00"), text);
    }
    let instant = tiny();
    catch_up(
        &mut journal,
        &instant,
        &mut |_, _| {},
        &AtomicBool::new(false),
    )
    .unwrap();
    (journal, dir, instant)
}

#[test]
fn without_a_model_words_are_found_with_their_sentence() {
    let (journal, _dir, _) = filled();
    let hits = search(
        &journal,
        None,
        "boiler hums",
        &Filter::default(),
        10,
        Mode::Hybrid,
    )
    .unwrap();
    assert_eq!(hits[0].snippet, "The boiler hums again, and so do I.");
    assert_eq!(
        hits[1].snippet, "The boiler broke.",
        "half of the words come after all of them"
    );
    assert!(
        hits.iter()
            .all(|h| h.matched_by == MatchedBy::Text && h.score > 0.0 && h.score <= 1.0)
    );
    for (query, want) in [
        ("cafe zoe", "Café with Zoë, then the long way home."),
        ("🎉", "🎉 Passed the exam! 🎉"),
    ] {
        let hits = search(&journal, None, query, &Filter::default(), 10, Mode::Text).unwrap();
        assert_eq!((hits.len(), hits[0].snippet.as_str()), (1, want), "{query}");
    }
}

#[test]
fn filters_count_for_words_and_for_meaning() {
    let (journal, _dir, instant) = filled();
    let home = Filter {
        tags_all: vec!["home".into()],
        ..Filter::default()
    };
    for mode in [Mode::Text, Mode::Meaning, Mode::Hybrid] {
        let hits = search(&journal, Some(&instant), "boiler", &home, 10, mode).unwrap();
        assert!(
            !hits.is_empty() && hits.iter().all(|h| matches!(h.id.0, 1 | 3)),
            "{mode:?} {hits:?}"
        );
        assert!(
            search(&journal, Some(&instant), "boiler", &home, 1, mode)
                .unwrap()
                .len()
                <= 1
        );
    }
}

#[test]
fn a_word_that_stands_there_comes_first_in_both_ways_together() {
    let (journal, _dir, instant) = filled();
    let hits = search(
        &journal,
        Some(&instant),
        "plums",
        &Filter::default(),
        10,
        Mode::Hybrid,
    )
    .unwrap();
    assert_eq!(hits[0].snippet, "Nadia brought plums.");
    assert!(hits.is_sorted_by(|a, b| a.score >= b.score));
    let again = search(
        &journal,
        Some(&instant),
        "plums",
        &Filter::default(),
        10,
        Mode::Hybrid,
    )
    .unwrap();
    assert_eq!(hits, again);
}

#[test]
fn odd_queries_find_nothing_wrong_and_break_nothing() {
    let (journal, _dir, instant) = filled();
    for query in [
        "",
        "  ",
        "\0",
        "\"",
        "\"\"",
        "AND OR NOT",
        "a*",
        "(",
        "'; --",
        "NEAR(a b)",
        "-x",
        "\u{202e}",
        &"w ".repeat(5_000),
    ] {
        for mode in [Mode::Text, Mode::Meaning, Mode::Hybrid] {
            for hit in search(
                &journal,
                Some(&instant),
                query,
                &Filter::default(),
                10,
                mode,
            )
            .unwrap()
            {
                let text = journal.get(hit.id).unwrap().text;
                assert_eq!(text.get(hit.start..hit.end), Some(hit.snippet.as_str()));
            }
        }
    }
}

#[test]
fn similar_leaves_the_entry_itself_out_and_says_when_there_is_no_vector() {
    let (mut journal, _dir, instant) = filled();
    let id = journal.list(&Filter::default()).unwrap()[0].id;
    let hits = similar(&journal, &instant, id, &Filter::default(), 3).unwrap();
    assert!(hits.len() <= 3 && hits.iter().all(|h| h.id != id));
    let fresh = add(&mut journal, "2026-11-06 20:00", "Not embedded yet.");
    let error = similar(&journal, &instant, fresh.id, &Filter::default(), 3).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("has not been embedded by minilm@"),
        "{error}"
    );
}
