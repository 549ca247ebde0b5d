//! Trends: numbers with the count behind them, and silence where the count is small.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use assistant::trends::{Bucket, ENOUGH, trends};
use assistant::{Span, style};
use common::{add, analyse, at, journal};
use jiff::civil::date;
use journal::{Filter, Journal, NewEntry};

fn november(journal: &Journal) -> assistant::trends::Trends {
    let span = Span::month(date(2026, 11, 1));
    trends(
        journal,
        span,
        &Filter::default(),
        None,
        &at("2026-11-30 21:00"),
    )
    .unwrap()
}

#[test]
fn below_the_stated_number_there_are_points_but_no_conclusions() {
    let (mut journal, _dir) = journal();
    for day in 1..ENOUGH {
        let entry = add(&mut journal, &format!("2026-11-0{day} 20:00"), "A day.");
        analyse(&mut journal, &entry, 0.5, &["home"]);
    }
    let t = november(&journal);
    assert!(t.too_few && t.mood.is_none() && t.drift.is_none() && t.theme_moods.is_empty());
    assert_eq!(t.line.iter().map(|p| p.n).sum::<usize>(), ENOUGH - 1);
    assert!(t.line.iter().all(|p| p.moving.is_none()));
    assert!(
        t.notes[0].contains("too few entries") && t.notes[0].contains("from 5 on"),
        "{:?}",
        t.notes
    );
}

#[test]
fn a_month_has_a_line_by_day_with_moving_means_and_a_clear_drift() {
    let (mut journal, _dir) = journal();
    for day in 1..=28 {
        let entry = add(&mut journal, &format!("2026-11-{day:02} 20:00"), "A day.");
        analyse(
            &mut journal,
            &entry,
            if day <= 14 { -0.5 } else { 0.5 } + 0.01 * f32::from(day as i8 % 5),
            &["home"],
        );
    }
    let t = november(&journal);
    assert_eq!(
        (t.bucket, t.line.len(), t.entries, t.too_few),
        (Bucket::Day, 30, 28, false)
    );
    assert!(t.line[3].moving.is_none() && t.line[4].moving.is_some_and(|m| m.n == 5));
    assert_eq!((t.line[29].n, t.line[29].mean), (0, None));
    let drift = t.drift.clone().unwrap();
    assert!(drift.clear && drift.difference.mean > 0.9, "{drift:?}");
    assert_eq!((t.distribution.negative, t.distribution.positive), (14, 14));
    assert_eq!((t.themes[0].n, t.themes[0].line.len()), (28, 30));
    assert_eq!(
        serde_json::to_string(&t).unwrap(),
        serde_json::to_string(&november(&journal)).unwrap(),
        "seeded"
    );
}

#[test]
fn only_themes_that_go_with_mood_beyond_chance_are_called_clear() {
    let (mut journal, _dir) = journal();
    for i in 0..24 {
        let heavy = i % 3 == 0;
        // Home goes with nothing; work goes with the heavy days.
        let mut themes = if heavy { vec!["work"] } else { vec![] };
        themes.extend((i % 2 == 0).then_some("home"));
        let entry = add(
            &mut journal,
            &format!("2026-11-{:02} 20:00", i + 1),
            "A day.",
        );
        analyse(
            &mut journal,
            &entry,
            if heavy { -0.6 } else { 0.4 } + 0.02 * (i % 4) as f32,
            &themes,
        );
    }
    let t = november(&journal);
    let of = |name: &str| t.theme_moods.iter().find(|m| m.name == name).unwrap();
    assert!(
        of("work").clear && of("work").difference < -0.8 && of("work").n_with == 8,
        "{:?}",
        of("work")
    );
    assert!(of("work").text.contains("a correlation, not a cause"));
    assert!(!of("home").clear, "{:?}", of("home"));
    for m in &t.theme_moods {
        assert_eq!(style::breaches(&m.text), Vec::<String>::new());
    }
}

#[test]
fn numbers_kept_beside_the_text_become_charts() {
    let (mut journal, _dir) = journal();
    for day in 1..=6 {
        let text = format!("Slept. sleep:{}", 6.0 + 0.5 * f64::from(day));
        journal
            .add(NewEntry::new(text, at(&format!("2026-11-0{day} 08:00"))))
            .unwrap();
    }
    let t = november(&journal);
    let sleep = t.fields.iter().find(|f| f.name == "sleep").unwrap();
    assert_eq!(
        (sleep.n, sleep.min, sleep.max, sleep.points.len()),
        (6, 6.5, 9.0, 6)
    );
    assert!((sleep.mean.unwrap().mean - 7.75).abs() < 1e-9);
}

#[test]
fn a_year_is_drawn_by_the_week_and_nothing_is_drawn_of_nothing() {
    let (journal, _dir) = journal();
    let span = Span::days(date(2026, 1, 1), date(2026, 12, 31)).unwrap();
    let t = trends(
        &journal,
        span,
        &Filter::default(),
        None,
        &at("2026-12-31 21:00"),
    )
    .unwrap();
    assert_eq!((t.bucket, t.line.len(), t.entries), (Bucket::Week, 53, 0));
    assert_eq!(t.notes, ["nothing was written in these days"]);
}
