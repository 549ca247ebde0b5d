//! Questions: none twice in 30 days, the same for the same state, and quotes that are really there.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use assistant::prompt::Mood;
use assistant::{catch_up, prompt, style};
use common::{add, analyse, at, journal, tiny};
use jiff::{ToSpan, ZonedDateTime};
use journal::Journal;

const DAY: &str = "2026-11-24 20:00";

fn written() -> (Journal, tempfile::TempDir) {
    let (mut journal, dir) = journal();
    let texts: [(&str, f32, &[&str]); 4] = [
        (
            "The review went badly, and I said nothing in the meeting. Home late.",
            -0.6,
            &["work"],
        ),
        (
            "Long walk with Nadia along the canal, all the way to the mill and back again before dark.",
            0.7,
            &["friends", "nature"],
        ),
        ("🎉🎉", 0.5, &[]),
        (
            "Could not sleep; counted the hours \"one by one\" until the blackbird began.",
            -0.4,
            &["sleep"],
        ),
    ];
    for (i, (text, valence, themes)) in texts.iter().enumerate() {
        let entry = add(&mut journal, &format!("2026-11-2{} 21:00", i), text);
        analyse(&mut journal, &entry, *valence, themes);
    }
    (journal, dir)
}

/// Asks and records, as a face of Companion does.
fn ask(journal: &mut Journal, now: &ZonedDateTime, seed: u64) -> prompt::Prompt {
    let chosen = prompt::choose(journal, None, now, seed).unwrap();
    journal.record_prompt(&chosen.id, now.timestamp()).unwrap();
    chosen
}

#[test]
fn no_question_comes_twice_in_thirty_days_and_every_quote_is_in_its_entry() {
    let (mut journal, _dir) = written();
    let mut asked: HashMap<String, ZonedDateTime> = HashMap::new();
    let mut followed = 0;
    for step in 0..240_i64 {
        let now = at(DAY).checked_add((step * 5).hours()).unwrap();
        let chosen = ask(&mut journal, &now, step.unsigned_abs());
        if let Some(before) = asked.insert(chosen.id.clone(), now.clone()) {
            let days = now
                .timestamp()
                .duration_since(before.timestamp())
                .as_hours()
                / 24;
            assert!(days >= 30, "{} after {days} days", chosen.id);
        }
        assert!(
            !chosen.repeated && !chosen.text.contains("{quote}"),
            "{}",
            chosen.text
        );
        assert_eq!(style::breaches(&chosen.why), Vec::<String>::new());
        if let Some(follow) = &chosen.follows {
            followed += 1;
            let text = journal.get(follow.entry).unwrap().text;
            assert!(text.contains(&follow.sentence));
            if !follow.quote.is_empty() {
                assert_eq!(
                    text.get(follow.start..follow.end),
                    Some(follow.quote.as_str())
                );
                assert!(
                    chosen.text.contains(&follow.quote)
                        && follow.quote.split_whitespace().count() <= 12
                );
            }
        }
    }
    assert!(
        followed > 5,
        "only {followed} of 240 questions follow something up"
    );
}

#[test]
fn the_same_state_day_and_seed_give_the_same_question() {
    let (journal, _dir) = written();
    let choose = |seed| prompt::choose(&journal, None, &at(DAY), seed).unwrap();
    assert_eq!(choose(1), choose(1));
    let different: std::collections::HashSet<String> =
        (0..20).map(|seed| choose(seed).id).collect();
    assert!(different.len() > 3, "{different:?}");
}

#[test]
fn an_empty_journal_is_asked_something_that_presupposes_nothing() {
    let (journal, _dir) = journal();
    for seed in 0..50 {
        let chosen = prompt::choose(&journal, None, &at(DAY), seed).unwrap();
        let question = prompt::question(&chosen.id).unwrap();
        assert!(
            !question.follows && question.mood == prompt::Mood::Any && chosen.follows.is_none(),
            "{}",
            chosen.text
        );
        assert!(!chosen.why.is_empty());
    }
}

#[test]
fn what_became_of_something_is_asked_only_hours_after_it_was_written() {
    let (mut journal, _dir) = journal();
    let text =
        "The report is half done. I moved the tables to the end and rang the printer about it.";
    let entry = add(&mut journal, "2026-11-24 19:40", text);
    analyse(&mut journal, &entry, 0.1, &["work"]);
    let asks_later = |now: &str| {
        (0..300).any(|seed| {
            let chosen = prompt::choose(&journal, None, &at(now), seed).unwrap();
            prompt::question(&chosen.id).is_some_and(|q| q.later)
        })
    };
    assert!(!asks_later("2026-11-24 20:00"));
    assert!(asks_later("2026-11-25 20:00"));
}

#[test]
fn questions_of_the_morning_are_not_asked_at_night() {
    let (journal, _dir) = written();
    for (hour, wrong) in [
        ("08:00", prompt::Time::Night),
        ("23:30", prompt::Time::Morning),
        ("13:00", prompt::Time::Evening),
    ] {
        for seed in 0..40 {
            let now = at(&format!("2026-11-24 {hour}"));
            let chosen = prompt::choose(&journal, None, &now, seed).unwrap();
            let time = prompt::question(&chosen.id).unwrap().time;
            assert!(
                time != wrong && time != prompt::Time::Weekend,
                "{hour}: {}",
                chosen.text
            );
        }
    }
}

#[test]
fn when_every_question_was_asked_the_one_that_waited_longest_comes_back_and_says_so() {
    let (mut journal, _dir) = journal();
    let start = at("2026-11-24 12:00");
    for (i, question) in prompt::bank().iter().enumerate() {
        let when = start.checked_add((i as i64).minutes()).unwrap();
        journal
            .record_prompt(&question.id, when.timestamp())
            .unwrap();
    }
    let chosen = ask(&mut journal, &at("2026-11-25 12:00"), 0);
    assert!(
        chosen.repeated && chosen.why.contains("30 days"),
        "{chosen:?}"
    );
    assert_ne!(ask(&mut journal, &at("2026-11-25 12:00"), 0).id, chosen.id);
}

#[test]
fn with_an_encoder_the_choice_stays_deterministic() {
    let (mut journal, _dir) = written();
    let instant = tiny();
    journal.requeue_all(None).unwrap();
    catch_up(
        &mut journal,
        &instant,
        &mut |_, _| {},
        &AtomicBool::new(false),
    )
    .unwrap();
    let choose = || prompt::choose(&journal, Some(&instant), &at(DAY), 3).unwrap();
    assert_eq!(choose(), choose());
}

#[test]
fn the_mood_is_that_of_the_last_two_days_where_they_are_known() {
    let (journal, _dir) = written();
    let mood = |now| prompt::mood(&journal, &at(now)).unwrap();
    assert_eq!(mood("2026-11-20 22:00"), Some(Mood::Low));
    assert_eq!(mood("2026-11-21 22:00"), Some(Mood::Mixed));
    assert_eq!(mood("2026-11-24 20:00"), Some(Mood::Mixed));
    assert_eq!(mood("2026-11-25 20:00"), Some(Mood::Low));
    assert_eq!(mood("2026-12-24 20:00"), None, "nothing was written lately");
}
