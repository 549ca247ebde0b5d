//! Correcting the model, and the card for entries that speak of danger.

use crate::person::Person;
use crate::understanding::{BAD, reader};

#[test]
fn a_correction_holds_at_once_and_after_every_later_reading() {
    let Some(person) = reader() else { return };
    person.run(&["new", BAD]).ok();
    let said = person
        .run(&[
            "fix",
            "1",
            "--sentiment",
            "positive",
            "--themes",
            "friends, health",
        ])
        .ok();
    assert_eq!(
        said.lines().next(),
        Some("feels positive · friends, health · as you said")
    );
    assert!(
        said.contains("1 entry corrected so far; the model had felt 1 of 1 otherwise"),
        "{said}"
    );
    person.run(&["analyze", "--all"]).ok();
    let entry = person.run(&["show", "1", "--json"]).json();
    let analysis = &entry["analysis"];
    assert_eq!(
        (&analysis["sentiment"], &analysis["corrected"]),
        (&"positive".into(), &true.into())
    );
    assert_eq!(
        person.run(&["list", "--mood", "positive", "--json"]).json()[0]["id"],
        1
    );
    let cleared = person.run(&["fix", "1", "--clear", "--json"]).json();
    assert_eq!(cleared["analysis"]["sentiment"], "negative");
    assert_eq!(person.run(&["fix"]).ok(), "nothing corrected so far\n");
}

#[test]
fn a_correction_without_a_model_is_kept_and_counted() {
    let person = Person::with(&["An afternoon."]);
    assert_eq!(
        person.run(&["fix", "1", "--sentiment", "neutral"]).ok(),
        "kept; it holds as soon as a model has read the entry\n\
         1 entry corrected so far; the model had felt 0 of 1 otherwise\n"
    );
    let counts = person.run(&["fix", "--json"]).json();
    assert_eq!(
        (&counts["entries"], &counts["sentiment"]),
        (&1.into(), &1.into())
    );
}

#[test]
fn what_cannot_be_a_correction_is_refused_by_name() {
    let person = Person::with(&["An afternoon."]);
    for (args, code, message) in [
        (
            vec!["fix", "1"],
            2,
            "say what is right: companion fix 1 --sentiment",
        ),
        (
            vec!["fix", "1", "--sentiment", "sad"],
            2,
            "it is one of positive, neutral, negative",
        ),
        (
            vec!["fix", "1", "--themes", "work,labour"],
            2,
            "no theme \"labour\"",
        ),
        (vec!["fix", "9", "--sentiment", "neutral"], 3, "9"),
        (
            vec!["fix", "1", "--clear"],
            3,
            "entry 1 was never corrected",
        ),
    ] {
        let run = person.run(&args);
        assert!(
            run.code != 0 && run.stderr.contains(message),
            "{args:?}: {} {}",
            run.code,
            run.stderr
        );
        assert!(code != 2 || run.code == 2, "{args:?}: {}", run.code);
    }
}

#[test]
fn an_entry_that_speaks_of_danger_is_answered_with_a_card_and_nothing_is_noted() {
    let person = Person::new();
    let run = person.run(&["new", "I don't want to be alive any more."]);
    let said = run.ok();
    assert!(
        said.contains("999  Emergency")
            && said.contains("116 123  Samaritans")
            && said.contains("findahelpline.com"),
        "{said}"
    );
    let json = person.run(&["new", "--json", "I want to die."]);
    assert!(json.stderr.contains("findahelpline.com"), "{}", json.stderr);
    assert_eq!(json.json()["id"], 2);
    assert!(!person.run(&["show", "1"]).ok().contains("findahelpline"));
    for (key, value) in [("country", "DE"), ("care_language", "de")] {
        person.run(&["config", "set", key, value]).ok();
    }
    let said = person.run(&["new", "I want to die."]).ok();
    assert!(
        said.contains("0800 111 0 111  Telefonseelsorge") && said.contains("Notruf"),
        "{said}"
    );
    person.run(&["config", "set", "care", "false"]).ok();
    assert_eq!(
        person.run(&["new", "I want to die."]).ok(),
        "saved 4 · today 14:30\n"
    );
}

#[test]
fn what_only_sounds_like_danger_gets_no_card() {
    let person = Person::new();
    for text in [
        "I was killing myself laughing.",
        "Cut myself on the tin opener.",
        "I wanted to die of embarrassment.",
    ] {
        assert!(
            !person.run(&["new", text]).ok().contains("findahelpline"),
            "{text}"
        );
    }
}
