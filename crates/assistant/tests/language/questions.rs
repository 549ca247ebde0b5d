use assistant::language::Tier;
use assistant::language::question::{continuation, today};
use assistant::style;
use journal::EntryEdit;

use crate::common::{add, at, journal, tiny};
use crate::scripted::{Scripted, with};

fn says(question: &str, entry: i64, quote: &str) -> String {
    serde_json::json!({"question": question, "entry": entry, "quote": quote}).to_string()
}

#[test]
fn the_question_quotes_what_was_written_is_kept_and_dies_with_an_edit() {
    let (mut journal, _dir) = journal();
    let entry = add(
        &mut journal,
        "2026-03-05 21:00",
        "Nadia gave me the key to the boat shed.",
    );
    let said = says(
        "What do you hope to find in the boat shed?",
        entry.id.0,
        "the key to the boat shed",
    );
    let model = Scripted::new(move |_, _| said.clone());
    let now = at("2026-03-06 09:00");
    let asked = today(&mut journal, Some(&with(&model)), None, &now, 0).unwrap();
    assert_eq!(asked.tier, Tier::Language);
    let follow = asked.prompt.follows.as_ref().unwrap();
    assert_eq!(&entry.text[follow.start..follow.end], follow.quote);
    assert!(
        !asked.prompt.id.contains("boat"),
        "the id holds no words: {}",
        asked.prompt.id
    );
    let started = std::time::Instant::now();
    let again = today(&mut journal, Some(&with(&model)), None, &now, 0).unwrap();
    eprintln!(
        "a kept question, with the bank's beside it: {:?}",
        started.elapsed()
    );
    assert_eq!((again.prompt.text, model.calls()), (asked.prompt.text, 1));
    journal
        .edit(entry.id, EntryEdit::text("Nothing today."))
        .unwrap();
    let asked = today(&mut journal, Some(&with(&model)), None, &now, 0).unwrap();
    assert_eq!(asked.tier, Tier::Instant);
}

#[test]
fn the_same_question_is_not_asked_again_within_30_days_in_other_words_either() {
    let (mut journal, _dir) = journal();
    let entry = add(
        &mut journal,
        "2026-03-05 21:00",
        "Nadia gave me the key to the boat shed.",
    );
    let id = entry.id.0;
    let model = Scripted::new(move |_, _| {
        says(
            "What do you hope to find in that boat shed?",
            id,
            "the key to the boat shed",
        )
    });
    let now = at("2026-03-06 09:00");
    let first = today(&mut journal, Some(&with(&model)), None, &now, 0).unwrap();
    journal
        .record_prompt(&first.prompt.id, now.timestamp())
        .unwrap();
    let reworded = Scripted::new(move |_, _| {
        says(
            "In the boat shed, what do you hope you find?",
            id,
            "the key to the boat shed",
        )
    });
    let later = at("2026-03-16 09:00");
    let second = today(&mut journal, Some(&with(&reworded)), None, &later, 0).unwrap();
    assert_eq!(second.tier, Tier::Instant);
    assert!(second.notes[0].contains("30 days"), "{:?}", second.notes);
}

#[test]
fn a_question_that_breaks_a_rule_is_replaced_by_the_banks() {
    let bad = [
        (
            "What did Boris say about the boat shed?",
            "the key to the boat shed",
        ),
        ("What is in the shed?", "a golden key and a map"),
        ("You should open the boat shed.", "the key to the boat shed"),
        (
            "Why not open the boat shed tonight?",
            "the key to the boat shed",
        ),
        ("", "the key to the boat shed"),
        ("What is the capital of France?", "the key to the boat shed"),
        (
            "What do you think will be in the boat shed when you finally open it one day with Nadia and all the others there?",
            "the key to the boat shed",
        ),
    ];
    for (question, quote) in bad {
        let (mut journal, _dir) = journal();
        let entry = add(
            &mut journal,
            "2026-03-05 21:00",
            "Nadia gave me the key to the boat shed.",
        );
        let said = says(question, entry.id.0, quote);
        let model = Scripted::new(move |_, _| said.clone());
        let now = at("2026-03-06 09:00");
        let asked = today(&mut journal, Some(&with(&model)), None, &now, 0).unwrap();
        assert_eq!(asked.tier, Tier::Instant, "{question}");
        assert_eq!(asked.notes.len(), 1);
    }
}

#[test]
fn a_half_written_text_gets_a_question_about_itself() {
    let text = "Came home early. The kitchen smelled of smoke and nobody would say why";
    let instant = tiny();
    for instant in [None, Some(&instant)] {
        let bank = continuation(None, instant, text).unwrap();
        assert_eq!(bank.tier, Tier::Instant);
        assert_eq!(&text[bank.start..bank.end], bank.quote);
        assert!(
            !bank.quote.is_empty() && bank.text.contains(&bank.quote),
            "{}",
            bank.text
        );
    }
    let model = Scripted::lines([
        r#"{"question": "Who would know why the kitchen smelled of smoke?", "quote": "the kitchen smelled of smoke"}"#,
        r#"{"question": "Who would know?", "quote": "the bathroom smelled of roses"}"#,
    ]);
    let good = continuation(Some(&with(&model)), None, text).unwrap();
    assert_eq!(
        (good.tier, good.quote.as_str()),
        (Tier::Language, "The kitchen smelled of smoke")
    );
    let forged = continuation(Some(&with(&model)), None, text).unwrap();
    assert_eq!(forged.tier, Tier::Instant);
    for odd in ["", " ", "🎉", "#tag", "x"] {
        let asked = continuation(None, None, odd).unwrap();
        assert!(
            style::question_breaches(&asked.text).is_empty(),
            "{odd}: {}",
            asked.text
        );
    }
}
