//! Search on 76 entries and 40 labelled probes of our own: twenty ask for a meaning in words that the entries do not
//! use, twenty for a rare word whose meaning no encoder knows. Needs the real encoder.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::print_stderr, reason = "the measured table is the point")]

mod common;

use std::sync::atomic::AtomicBool;

use assistant::search::{Hit, Mode, search};
use assistant::{Instant, catch_up};
use common::{journal, open, real_models};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use journal::{Filter, Journal, NewEntry};
use serde::Deserialize;

#[derive(Deserialize)]
struct Labelled {
    id: String,
    date: DateTime,
    text: String,
}

#[derive(Deserialize)]
struct Probe {
    query: String,
    relevant: Vec<String>,
}

fn lines<T: for<'a> Deserialize<'a>>(json: &'static str) -> Vec<T> {
    json.lines()
        .filter(|l| !l.trim().is_empty())
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

fn probes() -> Vec<Probe> {
    lines(include_str!("fixtures/search_probes.jsonl"))
}

/// The journal of the labelled entries, analysed by the best encoder that is there.
fn filled() -> Option<(Journal, tempfile::TempDir, Instant)> {
    let models = real_models()?;
    let int8 = models.join("minilm-int8");
    let instant = open(&if int8.is_dir() {
        int8
    } else {
        models.join("minilm")
    });
    let (mut journal, dir) = journal();
    let mut entries: Vec<Labelled> = lines(include_str!("fixtures/search_entries.jsonl"));
    entries.extend(lines::<Labelled>(include_str!("fixtures/demo.jsonl")));
    let new = entries.into_iter().map(|e| {
        let when = e.date.to_zoned_datetime(TimeZone::UTC).unwrap();
        NewEntry {
            source_id: Some(e.id),
            ..NewEntry::new(e.text, when)
        }
    });
    for entry in new {
        journal.add(entry).unwrap();
    }
    catch_up(
        &mut journal,
        &instant,
        &mut |_, _| {},
        &AtomicBool::new(false),
    )
    .unwrap();
    Some((journal, dir, instant))
}

fn find(journal: &Journal, instant: &Instant, query: &str, mode: Mode) -> Vec<Hit> {
    search(journal, Some(instant), query, &Filter::default(), 10, mode).unwrap()
}

/// Mean over the probes of the share of relevant entries among the first `k`, and of 1 / rank of the first of them.
fn quality(
    journal: &Journal,
    instant: &Instant,
    probes: &[Probe],
    mode: Mode,
    k: usize,
) -> (f64, f64) {
    let (mut recall, mut rank) = (0.0, 0.0);
    for probe in probes {
        let found: Vec<String> = find(journal, instant, &probe.query, mode)
            .into_iter()
            .take(k)
            .filter_map(|h| h.source_id)
            .collect();
        let hits = probe
            .relevant
            .iter()
            .filter(|id| found.contains(id))
            .count();
        recall += hits as f64 / probe.relevant.len() as f64;
        rank += found
            .iter()
            .position(|id| probe.relevant.contains(id))
            .map_or(0.0, |at| 1.0 / (at + 1) as f64);
    }
    (recall / probes.len() as f64, rank / probes.len() as f64)
}

#[test]
fn hybrid_search_finds_nine_in_ten_and_more_than_either_alone() {
    let Some((journal, _dir, instant)) = filled() else {
        return;
    };
    let probes = probes();
    let (meaning, words) = probes.split_at(20);
    let mut table = Vec::new();
    for mode in [Mode::Text, Mode::Meaning, Mode::Hybrid] {
        let of = |probes: &[Probe], k| quality(&journal, &instant, probes, mode, k);
        let (all, mrr) = of(&probes, 10);
        let line = [
            of(meaning, 10).0,
            of(words, 10).0,
            of(&probes, 5).0,
            of(&probes, 1).0,
        ];
        eprintln!(
            "{mode:?}: recall@10 {all:.3} (meaning {:.3}, words {:.3}), @5 {:.3}, @1 {:.3}, mrr {mrr:.3}",
            line[0], line[1], line[2], line[3]
        );
        table.push((all, mrr));
    }
    let [text, meaning, hybrid] = table[..] else {
        unreachable!("three modes")
    };
    assert!(hybrid.0 >= 0.9, "recall@10 {:.3}", hybrid.0);
    assert!(hybrid.0 > text.0 && hybrid.0 > meaning.0, "{table:?}");
    assert!(hybrid.1 > text.1 && hybrid.1 > meaning.1, "{table:?}");
}

#[test]
fn the_snippet_is_the_sentence_with_the_word_or_the_one_nearest_in_meaning() {
    let Some((journal, _dir, instant)) = filled() else {
        return;
    };
    for probe in probes() {
        for hit in find(&journal, &instant, &probe.query, Mode::Hybrid) {
            let text = journal.get(hit.id).unwrap().text;
            assert_eq!(
                text.get(hit.start..hit.end),
                Some(hit.snippet.as_str()),
                "{}",
                probe.query
            );
        }
    }
    let first = |query: &str| {
        find(&journal, &instant, query, Mode::Hybrid)
            .remove(0)
            .snippet
    };
    assert!(first("propolis").contains("propolis"));
    let bees = first("insects leaving the hive together");
    assert!(bees.contains("bees") || bees.contains("colony"), "{bees}");
}
