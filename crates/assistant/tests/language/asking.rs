use std::sync::atomic::AtomicBool;

use assistant::language::ask::{Answer, BAR, NOTHING, ask, evidence};
use assistant::language::{Language, Tier};
use assistant::search::{Mode, search};
use assistant::{Instant, catch_up};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use journal::{Filter, Journal, NewEntry};
use serde::Deserialize;

use crate::common::{add, at, journal, open, real_models};
use crate::scripted::{Scripted, with};

fn put(journal: &Journal, language: Option<&Language<'_>>, question: &str) -> Answer {
    let now = at("2026-03-20 09:00");
    ask(journal, language, None, question, &Filter::default(), &now).unwrap()
}

#[test]
fn an_answer_cites_what_was_written_and_forged_citations_are_dropped() {
    let (mut journal, _dir) = journal();
    let id = add(
        &mut journal,
        "2026-03-05 21:00",
        "Nadia gave me the key to the boat shed.",
    )
    .id
    .0;
    add(
        &mut journal,
        "2026-03-06 21:00",
        "Rain on the roof all day.",
    );
    let say = move |found: bool, text: &str, entry: i64, quote: &str| {
        serde_json::json!({"found": found, "sentences": [
            {"text": text, "cites": [{"entry": entry, "quote": quote}]}]})
        .to_string()
    };
    let good = say(
        true,
        "Nadia gave you the key to the boat shed.",
        id,
        "Nadia gave me the key",
    );
    let forged = [
        say(true, "Nadia gave you a horse.", id, "Nadia gave me a horse"),
        say(true, "Boris gave you the key.", id, "Nadia gave me the key"),
        say(true, "Nadia gave you the key.", 77, "Nadia gave me the key"),
        say(
            true,
            "You must thank Nadia for the key.",
            id,
            "Nadia gave me the key",
        ),
        r#"{"found": true, "sentences": []}"#.to_owned(),
        r#"{"found": "yes"}"#.to_owned(),
        String::new(),
        "FAIL".to_owned(),
    ];
    let question = "Who gave me the key to the boat shed?";
    let model = Scripted::new(move |_, _| good.clone());
    let answer = put(&journal, Some(&with(&model)), question);
    assert_eq!((answer.tier, answer.found), (Tier::Language, true));
    assert_eq!(answer.citations[0].quote, "Nadia gave me the key");
    for said in forged {
        let model = Scripted::new(move |_, _| said.clone());
        let answer = put(&journal, Some(&with(&model)), question);
        assert_eq!((answer.tier, answer.found), (Tier::Instant, true));
        assert!(
            answer
                .answer
                .contains("Nadia gave me the key to the boat shed.")
        );
        assert_eq!(answer.notes.len(), 1);
    }
    let denied = say(false, "", id, "");
    let model = Scripted::new(move |_, _| denied.clone());
    let answer = put(&journal, Some(&with(&model)), question);
    assert_eq!(
        (answer.tier, answer.found, answer.answer.as_str()),
        (Tier::Language, false, NOTHING)
    );
}

#[test]
fn what_the_model_was_not_shown_is_named() {
    let (mut journal, _dir) = journal();
    let key = "Nadia gave me the key to the boat shed.";
    let long = format!(
        "{}{key} {}",
        "It rained on the roof. ".repeat(300),
        "We went home. ".repeat(300)
    );
    let long = add(&mut journal, "2026-03-05 21:00", &long);
    let said = serde_json::json!({"found": true, "sentences": [
        {"text": "Nadia gave you the key.", "cites": [{"entry": long.id.0, "quote": "Nadia gave me the key"}]}]});
    let model = Scripted::new(move |_, _| said.to_string()).context(1200);
    let answer = put(&journal, Some(&with(&model)), "Who gave me the key?");
    assert_eq!((answer.tier, answer.truncated), (Tier::Language, true));
    let [(first, before), (last, after)] = &answer.dropped_spans[..] else {
        panic!("{:?}", answer.dropped_spans);
    };
    assert_eq!((*first, *last), (long.id, long.id));
    assert_eq!((before.start, after.end), (0, long.text.len()));
    assert!(long.text[before.end..after.start].contains(key));
}

#[test]
fn below_the_bar_the_model_is_not_even_asked() {
    let (mut journal, _dir) = journal();
    add(
        &mut journal,
        "2026-03-05 21:00",
        "Nadia gave me the key to the boat shed.",
    );
    let model = Scripted::new(|_, _| "{}".to_owned());
    for question in [
        "What did the accountant find in my tax return?",
        "",
        "🎉",
        "?",
    ] {
        let answer = put(&journal, Some(&with(&model)), question);
        assert_eq!(
            (answer.found, answer.answer.as_str()),
            (false, NOTHING),
            "{question}"
        );
        assert!(answer.citations.is_empty());
    }
    assert_eq!(model.calls(), 0);
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    date: DateTime,
    text: String,
}

#[derive(Deserialize)]
struct Question {
    question: String,
    entry: Option<String>,
}

fn lines<T: for<'a> Deserialize<'a>>(json: &'static str) -> Vec<T> {
    let lines = json.lines().filter(|l| !l.trim().is_empty());
    lines.map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn filled(instant: &Instant) -> (Journal, tempfile::TempDir) {
    let (mut journal, dir) = journal();
    let mut entries: Vec<Entry> = lines(include_str!("../fixtures/search_entries.jsonl"));
    entries.extend(lines::<Entry>(include_str!("../fixtures/demo.jsonl")));
    for entry in entries {
        let when = entry.date.to_zoned_datetime(TimeZone::UTC).unwrap();
        let new = NewEntry::new(entry.text, when);
        journal
            .add(NewEntry {
                source_id: Some(entry.id),
                ..new
            })
            .unwrap();
    }
    catch_up(
        &mut journal,
        instant,
        &mut |_, _| {},
        &AtomicBool::new(false),
    )
    .unwrap();
    (journal, dir)
}

/// The bar is what it is because of these 100 questions of our own: 50 that one of 76 entries answers, 50 that none does.
#[test]
fn the_bar_of_evidence_is_where_it_was_measured() {
    let Some(models) = real_models() else { return };
    let int8 = models.join("minilm-int8");
    let instant = open(&if int8.is_dir() {
        int8
    } else {
        models.join("minilm")
    });
    let (journal, _dir) = filled(&instant);
    let now = at("2026-03-20 09:00");
    let all = Filter::default();
    let (mut yes, mut no) = (Vec::new(), Vec::new());
    let (mut right, mut made_up, mut cited) = (0, 0, 0);
    for q in lines::<Question>(include_str!("../fixtures/questions.jsonl")) {
        let hits = search(&journal, Some(&instant), &q.question, &all, 8, Mode::Hybrid).unwrap();
        let best = hits
            .iter()
            .map(|h| evidence(&q.question, h, &journal.get(h.id).unwrap(), Some(&instant)))
            .fold(0.0, f32::max);
        if q.entry.is_some() {
            yes.push(best)
        } else {
            no.push(best)
        }
        let answer = ask(&journal, None, Some(&instant), &q.question, &all, &now).unwrap();
        match &q.entry {
            Some(id) => {
                let hit = answer
                    .citations
                    .iter()
                    .any(|c| c.source_id.as_ref() == Some(id));
                right += usize::from(hit);
                if !hit {
                    eprintln!("missed ({best:.2}): {}", q.question);
                }
            }
            None => {
                made_up += usize::from(answer.found);
                if answer.found {
                    eprintln!("found ({best:.2}): {}", q.question);
                }
            }
        }
        for c in &answer.citations {
            assert_eq!(&journal.get(c.entry).unwrap().text[c.start..c.end], c.quote);
            cited += 1;
        }
    }
    yes.sort_by(f32::total_cmp);
    no.sort_by(f32::total_cmp);
    eprintln!("answerable: {yes:.2?}\nnot answerable: {no:.2?}");
    for bar in [0.3_f32, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7] {
        let passed = |all: &[f32]| all.iter().filter(|e| **e >= bar).count();
        eprintln!(
            "bar {bar:.2}: {} of {} answerable pass, {} of {} others",
            passed(&yes),
            yes.len(),
            passed(&no),
            no.len()
        );
    }
    eprintln!(
        "bar {BAR}: {right} of {} answered from the right entry, {made_up} of {} answered that nothing answers; {cited} quotes, all exact",
        yes.len(),
        no.len()
    );
    assert!(made_up * 50 <= no.len(), "{made_up} of {}", no.len());
    assert!(right * 2 >= yes.len(), "{right} of {}", yes.len());
}
