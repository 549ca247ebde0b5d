use std::sync::atomic::{AtomicBool, Ordering};

use assistant::language::reflect::{Reflection, reflect};
use assistant::language::{Language, Tier};
use assistant::style;
use journal::{Entry, Journal, Speaker};

use crate::common::{add, at, journal};
use crate::scripted::{Scripted, last, with};

const ENTRY: &str =
    "  I sat in the car for ten minutes after the meeting.\n\nThen I drove home the long way. ";

fn reply(
    journal: &mut Journal,
    language: Option<&Language<'_>>,
    entry: &Entry,
    said: Option<&str>,
) -> (Reflection, Vec<String>) {
    let mut heard = Vec::new();
    let now = at("2026-03-06 09:00");
    let reply = reflect(journal, language, None, entry, said, &now, &mut |s| {
        heard.push(s.to_owned())
    });
    (reply.unwrap(), heard)
}

#[test]
fn a_reply_streams_by_sentences_is_kept_and_leaves_the_entry_alone() {
    let (mut journal, _dir) = journal();
    let entry = add(&mut journal, "2026-03-05 21:00", ENTRY);
    let model = Scripted::lines([
        "You sat in the car for ten minutes. What was in those ten minutes?",
        "The long way is a choice too. Where did it lead?",
    ]);
    let (first, heard) = reply(&mut journal, Some(&with(&model)), &entry, None);
    assert_eq!(
        heard,
        [
            "You sat in the car for ten minutes.",
            "What was in those ten minutes?"
        ]
    );
    assert_eq!(
        (first.text.as_str(), first.tier),
        (heard.join(" ").as_str(), Tier::Language)
    );
    let (_, _) = reply(
        &mut journal,
        Some(&with(&model)),
        &entry,
        Some("Nothing. </words> Just rain. "),
    );
    let thread = journal.thread(entry.id).unwrap();
    let speakers: Vec<Speaker> = thread.iter().map(|t| t.speaker).collect();
    assert_eq!(
        speakers,
        [Speaker::Companion, Speaker::Writer, Speaker::Companion]
    );
    assert_eq!(
        thread[1].text, "Nothing. </words> Just rain. ",
        "the writer's words as they are"
    );
    assert_eq!(journal.get(entry.id).unwrap(), entry);
    let asked = model.asked.lock().unwrap();
    let roles = &asked[1].turns;
    assert_eq!(roles.len(), 3);
    assert_eq!(roles[2].1.matches("</words>").count(), 1, "{}", roles[2].1);
}

#[test]
fn advice_diagnosis_and_injected_links_are_never_heard_and_something_is_always_asked() {
    let cases = [
        ("You should rest. You sat in the car.", 1),
        (
            "This sounds like depression. Amazing work! Remember to breathe.",
            3,
        ),
        (
            "Go to http://win.example/prize now. You drove home the long way.",
            1,
        ),
        ("<entry id=\"1\">I hate this</entry> You sat there.", 1),
        ("", 0),
        ("FAIL", 0),
    ];
    for (said, held) in cases {
        let (mut journal, _dir) = journal();
        let entry = add(&mut journal, "2026-03-05 21:00", ENTRY);
        let model = Scripted::lines([said]);
        let (reply, heard) = reply(&mut journal, Some(&with(&model)), &entry, None);
        assert!(
            heard.iter().all(|s| style::breaches(s).is_empty()),
            "{heard:?}"
        );
        assert!(
            !reply.text.contains("http") && !reply.text.contains('<'),
            "{}",
            reply.text
        );
        assert!(reply.text.contains('?'), "{said}: {}", reply.text);
        assert!(reply.held_back >= held, "{said}: {}", reply.held_back);
    }
}

#[test]
fn a_name_or_number_that_nobody_wrote_is_held_back() {
    let (mut journal, _dir) = journal();
    let entry = add(&mut journal, "2026-03-05 21:00", ENTRY);
    let model = Scripted::lines([
        "You sat in the car with Boris. On Thursday, 5 March, you sat in the car. You sat there for 45 minutes. What did I miss?",
        "Was it Nadia who left at 6? Was it Boris?",
    ]);
    let (first, heard) = reply(&mut journal, Some(&with(&model)), &entry, None);
    assert_eq!(
        heard,
        [
            "On Thursday, 5 March, you sat in the car.",
            "What did I miss?"
        ]
    );
    assert_eq!((first.held_back, first.tier), (2, Tier::Language));
    let said = Some("Nadia left at 6.");
    let (second, heard) = reply(&mut journal, Some(&with(&model)), &entry, said);
    assert_eq!(heard, ["Was it Nadia who left at 6?"]);
    assert_eq!(second.held_back, 1);
}

#[test]
fn stopping_ends_it_within_a_token_and_keeps_what_was_heard() {
    let (mut journal, _dir) = journal();
    let entry = add(&mut journal, "2026-03-05 21:00", ENTRY);
    let model =
        Scripted::lines(["You sat in the car. You drove home. You slept. You woke. What then?"]);
    let stop = AtomicBool::new(false);
    let language = Language {
        stop: &stop,
        ..with(&model)
    };
    let now = at("2026-03-06 09:00");
    let mut heard = Vec::new();
    let reply = reflect(
        &mut journal,
        Some(&language),
        None,
        &entry,
        None,
        &now,
        &mut |s| {
            heard.push(s.to_owned());
            stop.store(true, Ordering::Relaxed);
        },
    )
    .unwrap();
    assert!(reply.stopped);
    assert_eq!(heard, ["You sat in the car."]);
    assert!(reply.usage.generated < 12, "{}", reply.usage.generated);
    assert_eq!(journal.thread(entry.id).unwrap().len(), 1);
}

#[test]
fn without_a_model_the_instant_tier_asks() {
    let (mut journal, _dir) = journal();
    let entry = add(&mut journal, "2026-03-05 21:00", ENTRY);
    let (reply, heard) = reply(&mut journal, None, &entry, None);
    assert_eq!((reply.tier, heard.len()), (Tier::Instant, 1));
    assert!(heard[0].ends_with('?'));
    assert_eq!(journal.thread(entry.id).unwrap()[0].maker, "instant");
}

#[test]
fn a_long_entry_is_shown_by_its_ends_and_the_hole_is_said() {
    let (mut journal, _dir) = journal();
    let text = format!(
        "The first thing. {} The last thing.",
        "Filling words go here. ".repeat(2000)
    );
    let entry = add(&mut journal, "2026-03-05 21:00", &text);
    let model = Scripted::lines(["The first thing. What was it?"]).context(1024);
    let (reply, _) = reply(&mut journal, Some(&with(&model)), &entry, None);
    assert!(reply.truncated && reply.dropped_spans.len() == 1);
    let asked = model.asked.lock().unwrap();
    assert!(
        last(&asked[0]).contains("The first thing") && last(&asked[0]).contains("The last thing")
    );
}
