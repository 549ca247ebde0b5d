//! Looking back: every line is an exact quote of its entry, and few entries are called few.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use assistant::summary::{ChangeKind, Summary, summary};
use assistant::{Span, style};
use common::{add, analyse, at, journal, odd_texts};
use jiff::civil::date;
use journal::Journal;
use proptest::prelude::*;

const NOW: &str = "2026-11-29 21:00";

fn week(journal: &Journal) -> Summary {
    summary(journal, None, Span::week(date(2026, 11, 24)), &at(NOW)).unwrap()
}

fn cites_exactly(journal: &Journal, summary: &Summary) {
    for line in &summary.lines {
        let entry = journal.get(line.entry).unwrap();
        assert_eq!(
            entry.text.get(line.start..line.end),
            Some(line.quote.as_str())
        );
        assert_eq!(entry.when, line.date);
        assert!(!line.quote.trim().is_empty() && line.quote.len() <= 280);
    }
}

/// Everything that Companion says in its own words.
fn own_words(summary: &Summary) -> Vec<String> {
    let changes = summary.changes.iter().map(|c| c.text.clone());
    let why = summary.closing_question.iter().map(|q| q.why.clone());
    summary
        .notes
        .iter()
        .cloned()
        .chain(changes)
        .chain(why)
        .collect()
}

#[test]
fn a_week_is_told_in_quotes_moods_themes_people_and_changes() {
    let (mut journal, _dir) = journal();
    for day in 16..=20 {
        let text = format!("Deadline again, stayed until nine on day {day}. Ate at the desk.");
        let entry = add(&mut journal, &format!("2026-11-{day} 22:00"), &text);
        analyse(&mut journal, &entry, -0.6, &["work"]);
    }
    let texts = [
        "Swam forty lengths with Priya before breakfast. Cold and bright.",
        "Priya brought her dog, and we laughed until the neighbours knocked.",
        "The garden is raked. Mum rang, then Mum rang again.",
        "Swam with Priya once more; the water was like glass.",
        "Read all day by the window, soup at four.",
    ];
    for (i, text) in texts.iter().enumerate() {
        let entry = add(&mut journal, &format!("2026-11-2{} 20:00", i + 3), text);
        analyse(&mut journal, &entry, 0.6, &["exercise", "friends"]);
    }
    let summary = week(&journal);
    cites_exactly(&journal, &summary);
    assert_eq!((summary.entries, summary.analysed), (5, 5));
    assert!(
        (3..=8).contains(&summary.lines.len()) && summary.cited().len() >= 3,
        "{:?}",
        summary.lines
    );
    assert!(summary.lines.is_sorted_by_key(|l| l.date.timestamp()));
    let mood = summary.mood.as_ref().unwrap();
    assert!(
        (mood.mean - 0.6).abs() < 1e-6
            && mood.n == 5
            && mood.positive == 5
            && mood.interval.is_some()
    );
    assert_eq!(
        (summary.themes[0].name.as_str(), summary.themes[0].entries),
        ("exercise", 5)
    );
    assert_eq!(
        (
            summary.people[0].name.as_str(),
            summary.people[0].entries.len()
        ),
        ("Priya", 3)
    );
    let kinds: Vec<ChangeKind> = summary.changes.iter().map(|c| c.kind).collect();
    for kind in [
        ChangeKind::Entries,
        ChangeKind::Mood,
        ChangeKind::ThemeNew,
        ChangeKind::ThemeGone,
        ChangeKind::PersonNew,
    ] {
        assert!(kinds.contains(&kind), "{kind:?} is missing of {kinds:?}");
    }
    assert!(
        summary.closing_question.is_some() && summary.notes.is_empty(),
        "{:?}",
        summary.notes
    );
    for text in own_words(&summary) {
        assert_eq!(style::breaches(&text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn an_empty_week_says_so_and_asks_nothing() {
    let (journal, _dir) = journal();
    let summary = week(&journal);
    assert!(
        summary.lines.is_empty() && summary.mood.is_none() && summary.closing_question.is_none()
    );
    assert_eq!(summary.notes, ["nothing was written in these days"]);
}

#[test]
fn a_single_entry_is_not_called_a_pattern() {
    let (mut journal, _dir) = journal();
    let entry = add(
        &mut journal,
        "2026-11-24 20:00",
        "A quiet day. Nothing broke.",
    );
    analyse(&mut journal, &entry, 0.3, &[]);
    let summary = week(&journal);
    cites_exactly(&journal, &summary);
    assert_eq!(summary.lines.len(), 1, "{:?}", summary.lines);
    assert!(summary.mood.as_ref().unwrap().interval.is_none());
    assert!(
        summary.notes.iter().any(|n| n.contains("one entry only")),
        "{:?}",
        summary.notes
    );
}

#[test]
fn entries_without_analysis_are_quoted_and_counted_as_such() {
    let (mut journal, _dir) = journal();
    for day in 23..=28 {
        add(
            &mut journal,
            &format!("2026-11-{day} 20:00"),
            &format!("Something happened on day {day}. More."),
        );
    }
    let summary = week(&journal);
    cites_exactly(&journal, &summary);
    assert!(summary.mood.is_none() && !summary.lines.is_empty());
    assert!(
        summary
            .notes
            .iter()
            .any(|n| n.contains("6 of 6 entries are not analysed")),
        "{:?}",
        summary.notes
    );
}

#[test]
fn an_entry_said_twice_is_quoted_once() {
    let (mut journal, _dir) = journal();
    for hour in 10..16 {
        let entry = add(
            &mut journal,
            &format!("2026-11-24 {hour}:00"),
            "The boiler broke again today.",
        );
        analyse(&mut journal, &entry, -0.5, &["home"]);
    }
    assert_eq!(week(&journal).lines.len(), 1);
}

#[test]
fn odd_entries_are_summed_up_without_panic() {
    let (mut journal, _dir) = journal();
    for text in odd_texts()
        .iter()
        .filter(|t| t.chars().any(|c| !c.is_whitespace() && !c.is_control()))
    {
        // What the journal refuses cannot be summed up.
        let Ok(entry) = journal.add(journal::NewEntry::new(
            text.as_str(),
            at("2026-11-24 20:00"),
        )) else {
            continue;
        };
        analyse(&mut journal, &entry, 0.5, &["work"]);
    }
    let summary = week(&journal);
    assert!(summary.entries > 10);
    cites_exactly(&journal, &summary);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_line_is_an_exact_span_of_its_entry(
        entries in proptest::collection::vec(("\\PC{1,80}[.!?] \\PC{0,40}", -1.0_f32..1.0, 23_i8..30), 1..8),
    ) {
        let (mut journal, _dir) = journal();
        for (text, valence, day) in &entries {
            let new = journal::NewEntry::new(text.as_str(), at(&format!("2026-11-{day} 09:00")));
            let Ok(entry) = journal.add(new) else { continue };
            analyse(&mut journal, &entry, *valence, &["work", "home"]);
        }
        let summary = week(&journal);
        cites_exactly(&journal, &summary);
        prop_assert!(summary.lines.len() <= 2 * entries.len());
    }
}
