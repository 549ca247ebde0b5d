//! Bulk jobs that are killed and go on: each entry exactly once. `tools/kill_import.py` does the same with ten thousand
//! entries and more accidents.

use std::process::Stdio;
use std::time::Duration;

use crate::person::Person;

const ENTRIES: usize = 400;

fn source() -> String {
    (0..ENTRIES)
        .map(|i| {
            let (day, minute) = (1 + i % 28, i % 60);
            format!(
                "{{\"id\": \"e{i}\", \"date\": \"2031-01-{day:02}T08:{minute:02}:00Z\", \
                 \"text\": \"Entry {i} of many. It rained, and I walked {i} steps to the river.\"}}\n"
            )
        })
        .collect()
}

/// Starts the command and kills it after `time`.
fn killed(person: &Person, args: &[&str], time: Duration) {
    let mut command = person.command(args);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(time);
    // SIGKILL; it may have ended by itself.
    let _ = child.kill();
    child.wait().unwrap();
}

#[test]
fn an_import_and_an_analysis_that_are_killed_go_on_where_they_were() {
    let person = Person::new();
    if let Some(models) = std::env::var_os("COMPANION_TEST_MODELS") {
        std::fs::create_dir_all(person.home()).unwrap();
        std::os::unix::fs::symlink(models, person.home().join("models")).unwrap();
    } else {
        eprintln!("without analysis: COMPANION_TEST_MODELS is not set; run `make test`");
    }
    let file = person.dir.path().join("entries.jsonl");
    std::fs::write(&file, source()).unwrap();
    let file = file.to_str().unwrap();
    for ms in [15, 60, 150, 400] {
        killed(&person, &["import", file], Duration::from_millis(ms));
    }
    assert_eq!(person.run(&["import", file]).code, 0);
    let has_models = person.home().join("models").exists();
    if has_models {
        for ms in [40, 300] {
            killed(&person, &["analyze", "--all"], Duration::from_millis(ms));
        }
        person.run(&["analyze", "--all"]).ok();
        let counts = person.run(&["analyze", "--json"]).json();
        assert_eq!(counts["waiting"], 0);
    }
    let again = person.run(&["import", file, "--json"]).json();
    assert_eq!(
        (&again["added"], &again["updated"], &again["unchanged"]),
        (&0.into(), &0.into(), &ENTRIES.into())
    );
    let listed = person.run(&["list", "--json", "--limit", "100000"]).json();
    let listed = listed.as_array().unwrap();
    let mut ids: Vec<&str> = listed
        .iter()
        .map(|entry| entry["source_id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((listed.len(), ids.len()), (ENTRIES, ENTRIES));
    let unread = listed.iter().filter(|entry| entry["analysis"].is_null());
    assert_eq!(unread.count(), if has_models { 0 } else { ENTRIES });
    person.run(&["fsck"]).ok();
}

#[test]
fn an_import_goes_on_with_the_analysis_that_an_earlier_one_left() {
    let Some(models) = std::env::var_os("COMPANION_TEST_MODELS") else {
        eprintln!("skipped: COMPANION_TEST_MODELS is not set; run `make test`");
        return;
    };
    let person = Person::new();
    std::fs::create_dir_all(person.home()).unwrap();
    std::os::unix::fs::symlink(models, person.home().join("models")).unwrap();
    let one = "{\"id\": \"a\", \"date\": \"2031-01-02T08:00:00Z\", \"text\": \"a quiet day\"}\n";
    person
        .pipe(&["import", "-", "--format", "jsonl", "--no-analysis"], one)
        .ok();
    person.pipe(&["import", "-", "--format", "jsonl"], one).ok();
    assert_eq!(
        person.run(&["analyze", "--json"]).json()["analysed"],
        0,
        "nothing was left"
    );
}

/// Somebody with an encoder of their own to write into; `None` where the tests have none.
fn with_encoder() -> Option<Person> {
    let Some(models) = std::env::var_os("COMPANION_TEST_MODELS") else {
        eprintln!("skipped: COMPANION_TEST_MODELS is not set; run `make test`");
        return None;
    };
    let person = Person::new();
    let own = person.home().join("models");
    std::fs::create_dir_all(&own).unwrap();
    for model in std::fs::read_dir(models).unwrap() {
        let model = model.unwrap();
        if model.file_name().to_string_lossy().starts_with("minilm") {
            std::os::unix::fs::symlink(model.path(), own.join(model.file_name())).unwrap();
        }
    }
    Some(person)
}

#[test]
fn the_language_model_reads_several_entries_in_one_step_beside_the_encoder() {
    let Some(person) = with_encoder() else { return };
    person.takes_companion_tiny();
    for day in 1..=4 {
        let text = format!("Day {day}: walked to the river, and it rained.");
        let date = format!("2031-01-0{day}");
        person
            .run(&["new", "--no-analysis", "--date", &date, &text])
            .ok();
    }
    let counts = person.run(&["analyze", "--language", "--json"]).json();
    assert_eq!(
        (&counts["analysed"], &counts["waiting"]),
        (&4.into(), &0.into())
    );
    let language = &counts["language"];
    assert_eq!(
        language["read"].as_u64().unwrap() + language["failed"].as_u64().unwrap(),
        4
    );
    let measured = person.run(&["metrics", "--json"]).json();
    let most = measured["inference"]["batch_texts"]["max"].as_f64();
    assert!(most.is_some_and(|most| most >= 2.0), "{measured}");
}

#[test]
fn who_asks_does_not_wait_for_another_process_that_reads_the_queue() {
    let Some(person) = with_encoder() else { return };
    person
        .run(&["new", "--no-analysis", "The key is in the boat shed."])
        .ok();
    let other = std::fs::File::create(person.home().join("analysis.lock")).unwrap();
    other.lock().unwrap();
    let found = person.run(&["search", "boat shed"]);
    assert_eq!(found.code, 0, "{}", found.stderr);
    assert!(found.stdout.contains("boat shed"));
    assert!(
        found
            .stderr
            .contains("1 entry is being read by another companion"),
        "{}",
        found.stderr
    );
    drop(other);
    let after = person.run(&["search", "boat shed"]);
    assert!(
        !after.stderr.contains("another companion"),
        "{}",
        after.stderr
    );
    assert_eq!(person.run(&["analyze", "--json"]).json()["waiting"], 0);
}
