//! Passphrases and damage.

use crate::person::{Person, Run, finish};

fn run_with(person: &Person, passphrase: &str, args: &[&str]) -> Run {
    finish(person.command(args).env("COMPANION_PASSPHRASE", passphrase))
}

fn locked() -> Person {
    let person = Person::new();
    run_with(
        &person,
        "correct horse",
        &["new", "--no-analysis", "secret text"],
    )
    .ok();
    person
}

#[test]
fn a_passphrase_given_at_the_first_entry_locks_the_journal() {
    let person = Person::new();
    let run = run_with(&person, "correct horse", &["new", "--no-analysis", "text"]);
    assert_eq!(
        run.stderr,
        format!(
            "made a journal in {}, locked by your passphrase: without it, nobody can read the \
             journal, and nobody can help\n",
            person.home().display()
        )
    );
    assert!(!person.home().join("journal.key").exists());
}

#[test]
fn a_wrong_passphrase_is_not_a_damaged_file() {
    let person = locked();
    assert_eq!(
        run_with(&person, "wrong", &["list"]).fails(4),
        "companion: wrong passphrase: vault.json is intact, but this passphrase does not open it; try again\n"
    );
    assert_eq!(run_with(&person, "correct horse", &["list"]).code, 0);
}

#[test]
fn removing_the_passphrase_says_what_opens_the_journal_from_then_on() {
    let person = locked();
    let key = person.home().join("journal.key");
    let removed = run_with(&person, "correct horse", &["passphrase", "remove"]);
    assert_eq!(
        (removed.code, removed.stderr),
        (
            0,
            format!(
                "the passphrase is removed: the key in {} opens the journal now, for whoever can read that file; \
                 `companion passphrase set` locks it with a passphrase again\n\
                 backups made while it was set still need the old passphrase\n",
                key.display()
            )
        )
    );
    assert!(key.exists());
    person.run(&["list"]).ok();
    let again = person.run(&["passphrase", "remove"]);
    assert_eq!(
        (again.code, again.stderr),
        (
            0,
            format!(
                "no passphrase is set, so nothing changed: the key in {} opens the journal\n",
                key.display()
            )
        )
    );
}

#[test]
fn without_a_terminal_a_passphrase_is_never_asked_for() {
    let person = locked();
    assert_eq!(
        person.run(&["list"]).fails(4),
        "companion: this journal is locked by a passphrase, and none was given; \
         set COMPANION_PASSPHRASE or use --passphrase-file FILE\n"
    );
}

#[test]
fn a_passphrase_file_comes_before_the_environment() {
    let person = locked();
    let file = person.dir.path().join("passphrase");
    std::fs::write(&file, "correct horse\n").unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(
        run_with(&person, "wrong", &["list", "--passphrase-file", file]).code,
        0
    );
    let message = person
        .run(&["list", "--passphrase-file", "/nonexistent"])
        .fails(4);
    assert!(
        message.starts_with("companion: cannot read the passphrase from /nonexistent"),
        "{message}"
    );
}

#[test]
fn a_damaged_vault_is_told_from_a_wrong_passphrase() {
    let person = locked();
    for name in ["vault.json", "vault.json.previous"] {
        let path = person.home().join(name);
        if let Ok(mut bytes) = std::fs::read(&path) {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x20;
            std::fs::write(&path, bytes).unwrap();
        }
    }
    let message = run_with(&person, "correct horse", &["list"]).fails(5);
    assert!(message.contains("vault.json is damaged"), "{message}");
    assert!(
        message.contains("the passphrase is not the problem"),
        "{message}"
    );
}

#[test]
fn a_damaged_database_leads_to_fsck() {
    let person = Person::with(&["text"]);
    let path = person.home().join("journal.db");
    let mut bytes = std::fs::read(&path).unwrap();
    for byte in &mut bytes[..4096] {
        *byte ^= 0x55;
    }
    std::fs::write(&path, bytes).unwrap();
    let _ = std::fs::remove_file(person.home().join("journal.db-wal"));
    let message = person.run(&["list"]).fails(5);
    assert!(
        message.starts_with("companion: the database is damaged"),
        "{message}"
    );
    assert!(message.contains("companion fsck"), "{message}");
}

#[test]
fn a_passphrase_that_locks_nothing_is_said_to_be_unused() {
    let person = Person::with(&["text"]);
    let file = person.dir.path().join("passphrase");
    std::fs::write(&file, "correct horse\n").unwrap();
    let args = ["list", "--passphrase-file", file.to_str().unwrap()];
    let run = person.run(&args);
    assert_eq!(
        run.stderr,
        "note: --passphrase-file is not used: a key file locks this journal; \
         `companion passphrase set` locks it with a passphrase\n"
    );
    run.ok();
    // The environment of a script may hold one for another journal: only `health` remarks on it.
    let run = run_with(&person, "correct horse", &["list"]);
    assert_eq!(run.stderr, "");
    let health = run_with(&person, "correct horse", &["health"]).ok();
    assert!(
        health.contains("; COMPANION_PASSPHRASE is not used: a key file locks this journal"),
        "{health}"
    );
    // Locking the journal is what makes use of it.
    let args = ["passphrase", "set", "--passphrase-file", args[2]];
    let run = person.run(&args);
    assert_eq!(run.code, 0, "{run:#?}");
    assert!(!run.stderr.contains("is not used"), "{run:#?}");
    assert_eq!(run_with(&person, "correct horse", &["list"]).stderr, "");
}
