//! Backups, repair, and what locks the journal.

use crate::person::{Person, finish};

#[test]
fn a_backup_comes_back_into_an_empty_home() {
    let person = Person::with(&["one", "two"]);
    let run = person.run(&["backup", "create", "b"]);
    assert_eq!(run.stdout, "backed up 2 entries to b\n");
    assert_eq!(
        run.stderr,
        "it holds the key: whoever has this file can read the journal, so guard it like the journal\n"
    );
    assert_eq!(
        person.run(&["backup", "verify", "b"]).ok(),
        "b is whole, opens, and holds 2 entries\n"
    );
    let other = Person::new();
    let file = person.dir.path().join("b");
    let file = file.to_str().unwrap();
    assert_eq!(
        other.run(&["backup", "restore", file]).ok(),
        format!("restored 2 entries into {}\n", other.home().display())
    );
    assert_eq!(other.text(2), "two");
}

#[test]
fn a_backup_without_the_key_wants_it_beside_the_restored_journal() {
    let person = Person::with(&["one"]);
    let run = person.run(&["backup", "create", "b", "--without-key"]);
    assert_eq!(
        run.stderr,
        "it does not hold the key: keep journal.key too, or the backup is of no use\n"
    );
    let other = Person::new();
    let file = person.dir.path().join("b");
    let run = other.run(&["backup", "restore", file.to_str().unwrap()]);
    let home = other.home().display().to_string();
    assert_eq!(run.stdout, format!("restored 1 entry into {home}\n"));
    assert_eq!(
        run.stderr,
        format!(
            "the backup does not hold the key: put journal.key into {home} before you open the journal\n"
        )
    );
    let missing = format!(
        "companion: the key file {home}/journal.key is missing, and without it the journal cannot be read; \
         put it back from a backup\n"
    );
    assert_eq!(other.run(&["list"]).fails(4), missing);
    std::fs::copy(
        person.home().join("journal.key"),
        other.home().join("journal.key"),
    )
    .unwrap();
    assert_eq!(other.text(1), "one");
}

#[test]
fn a_restore_replaces_only_when_told_and_keeps_what_was_there() {
    let person = Person::with(&["one"]);
    person.run(&["backup", "create", "b"]).ok();
    person.run(&["new", "--no-analysis", "two"]).ok();
    let message = person.run(&["backup", "restore", "b"]).fails(2);
    assert!(
        message.contains("already holds a journal; nothing was changed"),
        "{message}"
    );
    let run = person.run(&["backup", "restore", "b", "--replace"]);
    let before = run
        .stderr
        .strip_prefix("the journal that was there before is in ")
        .unwrap()
        .trim_end()
        .to_owned();
    assert_eq!(person.run(&["list"]).ok(), "1  2131-03-14 14:30     one\n");
    person
        .run(&["backup", "restore", &before, "--replace"])
        .ok();
    assert_eq!(person.text(2), "two");
}

#[test]
fn a_damaged_backup_is_refused_before_anything_is_touched() {
    let person = Person::with(&["one"]);
    person.run(&["backup", "create", "b"]).ok();
    let path = person.dir.path().join("b");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    for args in [
        &["backup", "verify", "b"][..],
        &["backup", "restore", "b", "--replace"],
    ] {
        let message = person.run(args).fails(5);
        assert!(
            message.starts_with("companion: b is not a usable backup"),
            "{message}"
        );
    }
    assert_eq!(person.text(1), "one");
    assert_eq!(person.run(&["backup", "verify", "none"]).code, 3);
}

#[test]
fn a_whole_journal_is_said_to_be_whole() {
    let person = Person::with(&["one", "two"]);
    let text = person.run(&["fsck"]).ok();
    assert!(
        text.starts_with("the journal is whole: 2 entries, 0 removed"),
        "{text}"
    );
    let report = person.run(&["fsck", "--json"]).json();
    assert_eq!(report["problems"], serde_json::json!([]));
}

#[test]
fn what_a_damaged_journal_still_holds_is_saved_elsewhere() {
    let texts: Vec<String> = (0..40)
        .map(|n| format!("entry {n} {}", "word ".repeat(400)))
        .collect();
    let person = Person::new();
    let lines: String = texts
        .iter()
        .map(|text| format!("{{\"date\":\"2031-01-02\",\"text\":\"{text}\"}}\n"))
        .collect();
    person
        .pipe(
            &["import", "-", "--no-analysis", "--format", "jsonl"],
            lines,
        )
        .ok();
    // Closing the last connection moves everything from the log into the database.
    person.run(&["list"]).ok();
    let path = person.home().join("journal.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).unwrap();

    let report = person.run(&["fsck"]);
    assert_eq!(report.code, 5, "{report:?}");
    assert!(report.stdout.contains("is damaged"), "{report:?}");
    let saved = person.run(&["fsck", "--salvage", "saved"]);
    assert_eq!(
        saved.code == 5,
        saved.stderr.contains("could not be read: "),
        "5 where entries are lost, and only then: {saved:?}"
    );
    assert!(matches!(saved.code, 0 | 5), "{saved:?}");
    assert!(saved.stdout.starts_with("saved "), "{saved:?}");
    assert_eq!(
        std::fs::read(&path).unwrap(),
        bytes,
        "the damaged journal is only read"
    );
    let list = person.run(&["list", "--home", "saved", "--json"]).json();
    assert!(
        list.as_array().unwrap().len() >= 30,
        "{}",
        list.as_array().unwrap().len()
    );
}

#[test]
fn a_passphrase_is_set_changed_and_taken_away() {
    let person = Person::with(&["one"]);
    std::fs::write(person.dir.path().join("first"), "first passphrase\n").unwrap();
    std::fs::write(person.dir.path().join("second"), "second passphrase\n").unwrap();
    person
        .run(&["passphrase", "set", "--new-passphrase-file", "first"])
        .ok();
    assert_eq!(person.run(&["list"]).code, 4);
    person
        .run(&[
            "passphrase",
            "set",
            "--passphrase-file",
            "first",
            "--new-passphrase-file",
            "second",
        ])
        .ok();
    assert_eq!(person.run(&["list", "--passphrase-file", "first"]).code, 4);
    let second = ["--passphrase-file", "second"];
    let rekeyed = person.run(&[&["rekey", "--json"][..], &second].concat());
    assert_eq!(rekeyed.json(), serde_json::json!({"rekeyed": true}));
    let removed = person.run(&[&["passphrase", "remove", "--json"][..], &second].concat());
    assert_eq!(
        removed.json(),
        serde_json::json!({"protection": "key-file"})
    );
    assert_eq!(person.text(1), "one");
}

#[test]
fn nobody_is_asked_for_a_new_passphrase_without_a_terminal() {
    let person = Person::with(&["one"]);
    assert_eq!(
        person.run(&["passphrase", "set"]).fails(4),
        "companion: there is nobody to ask for the new passphrase; use --new-passphrase-file FILE\n"
    );
    let mut command = person.command(&["passphrase", "set"]);
    command.env("COMPANION_PASSPHRASE", "given");
    finish(&mut command).ok();
    assert_eq!(person.run(&["list"]).code, 4);
}

#[test]
fn a_broken_configuration_does_not_stop_what_rescues_a_journal() {
    let person = Person::with(&["before"]);
    let config = person.home().join("config.toml");
    std::fs::write(&config, "editor = vim\n").unwrap();
    let message = person.run(&["list"]).fails(2);
    assert!(
        message.starts_with(&format!("companion: {}: TOML", config.display())),
        "{message}"
    );
    for args in [
        &["fsck"][..],
        &["backup", "create", "saved.backup"],
        &["export", "--format", "json"],
        &["version"],
    ] {
        let run = person.run(args);
        assert_eq!(run.code, 0, "{args:?}: {run:#?}");
        assert!(!run.stdout.is_empty() || args[0] == "backup", "{run:#?}");
        let warning = format!(
            "note: going on with the defaults: {}: TOML",
            config.display()
        );
        assert!(run.stderr.starts_with(&warning), "{args:?}: {run:#?}");
        assert_eq!(run.stderr.matches("note: ").count(), 1, "{run:#?}");
    }
}
