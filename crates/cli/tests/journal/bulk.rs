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
