//! What needs the real encoder. Skipped, with a line that says so, where `make test` has not set it up.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::person::Person;

/// Somebody with the models of `make test`.
pub(crate) fn reader() -> Option<Person> {
    let Some(models) = std::env::var_os("COMPANION_TEST_MODELS").map(PathBuf::from) else {
        eprintln!("skipped: COMPANION_TEST_MODELS is not set; run `make test`");
        return None;
    };
    let person = Person::new();
    std::fs::create_dir(person.home()).unwrap();
    std::os::unix::fs::symlink(models, person.home().join("models")).unwrap();
    Some(person)
}

const GOOD: &str =
    "What a wonderful day with my friends by the lake, I laughed so much and felt happy.";
pub(crate) const BAD: &str =
    "I feel terrible. The doctor called with bad news and I cried all evening.";

#[test]
fn an_entry_is_saved_first_and_then_read() {
    let Some(person) = reader() else { return };
    let text = person.run(&["new", GOOD]).ok();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("saved 1 · today 14:30"));
    assert!(
        lines.next().unwrap().starts_with("feels positive ("),
        "{text}"
    );
    let entry = person.run(&["new", "--json", BAD]).json();
    assert_eq!(entry["analysis"]["sentiment"], "negative");
    assert!(entry["analysis"]["valence"].as_f64().unwrap() < -0.2);
    assert_eq!(
        person.run(&["list", "--mood", "negative", "--json"]).json()[0]["id"],
        2
    );
    let list = person.run(&["list"]).ok();
    assert!(list.starts_with("1  2131-03-14 14:30 + "), "{list}");
    assert!(list.contains("2  2131-03-14 14:30 − "), "{list}");
}

#[test]
fn what_waits_is_read_before_a_search() {
    let Some(person) = reader() else { return };
    person
        .run(&[
            "new",
            "--no-analysis",
            "The hive was humming when we opened it.",
        ])
        .ok();
    person
        .run(&["new", "--no-analysis", "Taxes took the whole afternoon."])
        .ok();
    let hits = person.run(&["search", "bees", "--json"]).json();
    assert_eq!(hits[0]["id"], 1);
    assert_eq!(
        hits[0]["snippet"],
        "The hive was humming when we opened it."
    );
    assert_ne!(
        person.run(&["show", "2", "--json"]).json()["analysis"],
        serde_json::Value::Null
    );
}

#[test]
fn similar_entries_do_not_hold_the_entry_itself() {
    let Some(person) = reader() else { return };
    for text in [
        "I ran ten kilometres.",
        "A long run along the river.",
        "The tax form is due.",
    ] {
        person.run(&["new", "--no-analysis", text]).ok();
    }
    let hits = person.run(&["similar", "1", "--json"]).json();
    assert_eq!(hits[0]["id"], 2);
    assert!(hits.as_array().unwrap().iter().all(|hit| hit["id"] != 1));
}

#[test]
fn an_import_whose_analysis_is_stopped_says_so_by_its_exit_code() {
    let Some(person) = reader() else { return };
    let lines: String = (0..3000)
        .map(|n| format!("{{\"date\":\"2131-03-01\",\"id\":\"{n}\",\"text\":\"{BAD}\"}}\n"))
        .collect();
    let file = person.dir.path().join("many.jsonl");
    std::fs::write(&file, lines).unwrap();
    let mut command = person.command(&["import", "many.jsonl"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "imported 3000 entries\n");
    // Before the analysis has begun Ctrl-C ends the program at once, with the same code.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let id = child.id().to_string();
    Command::new("kill").args(["-INT", &id]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
}

#[test]
fn an_edited_entry_is_read_again() {
    let Some(person) = reader() else { return };
    person.run(&["new", GOOD]).ok();
    let entry = person.run(&["edit", "1", "--json", BAD]).json();
    assert_eq!(entry["analysis"]["sentiment"], "negative");
}

#[test]
fn enough_entries_draw_a_line_and_moods() {
    let Some(person) = reader() else { return };
    let lines: String = (1..=14)
        .map(|day| {
            let text = if day % 2 == 0 { GOOD } else { BAD };
            format!("{{\"date\":\"2131-03-{day:02}T20:00:00\",\"text\":\"{text}\"}}\n")
        })
        .collect();
    person
        .pipe(&["import", "-", "--format", "jsonl"], lines)
        .ok();
    let text = person.run(&["trends", "--from", "march 1"]).ok();
    assert!(text.contains('●') && text.contains("mood"), "{text}");
    assert!(
        text.contains("95 % interval") && text.contains("n = 14"),
        "{text}"
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    let summary = person.run(&["summary", "--week"]).ok();
    assert!(summary.contains("spread"), "{summary}");
}

#[test]
fn a_broken_model_never_costs_an_entry() {
    let person = Person::with(&["before"]);
    let model = person.home().join("models").join("minilm-int8");
    std::fs::create_dir_all(&model).unwrap();
    std::fs::write(model.join("model.json"), "{\"name\": \"\u{1b}[31m\"").unwrap();
    std::fs::write(model.join("model.safetensors"), [0xff; 64]).unwrap();
    let run = person.run(&["new", "text"]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (0, "saved 2 · today 14:30\n")
    );
    assert!(
        run.stderr.starts_with("saved, but not analysed yet: "),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains('\u{1b}'));
    assert_eq!(person.run(&["search", "text"]).code, 5);
    // Words are still found without it.
    assert_eq!(person.run(&["search", "--text", "text"]).code, 0);
}
