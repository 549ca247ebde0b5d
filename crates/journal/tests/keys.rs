//! What locks a journal, and changing it.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use common::*;
use journal::*;

fn mode(path: impl AsRef<std::path::Path>) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_home_and_all_in_it_is_private() {
    let (_dir, home, mut journal) = fresh();
    journal
        .add(NewEntry::new("one", at("2026-03-01T22:10[UTC]")))
        .unwrap();
    assert_eq!(mode(home.path()), 0o700);
    for entry in fs::read_dir(home.path()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn an_open_directory_is_closed_when_it_becomes_a_home() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    Journal::create(&Home::at(dir.path()), &Secret::None).unwrap();
    assert_eq!(mode(dir.path()), 0o700);
}

#[test]
fn a_passphrase_opens_and_a_wrong_one_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path().join("home"));
    let right = Secret::passphrase("correct horse");
    let mut journal = Journal::create(&home, &right).unwrap();
    let id = journal
        .add(NewEntry::new("one", at("2026-03-01T22:10[UTC]")))
        .unwrap()
        .id;
    drop(journal);
    assert_eq!(home.protection().unwrap(), Protection::Passphrase);
    assert!(!home.key_file().exists());
    let error = Journal::open(&home, &Secret::passphrase("wrong")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "wrong passphrase: vault.json is intact, but this passphrase does not open it; try again"
    );
    assert!(matches!(
        Journal::open(&home, &Secret::None),
        Err(Error::PassphraseNeeded)
    ));
    assert_eq!(
        Journal::open(&home, &right).unwrap().get(id).unwrap().text,
        "one"
    );
    assert!(matches!(
        Journal::create(&home, &right),
        Err(Error::AlreadyExists { .. })
    ));
}

#[test]
fn an_empty_passphrase_is_refused_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path().join("home"));
    assert!(matches!(
        Journal::create(&home, &Secret::passphrase("")),
        Err(Error::EmptyPassphrase)
    ));
    assert!(!home.exists() && !home.database().exists());
}

#[test]
fn changing_the_passphrase_rewrites_only_the_vault_and_the_old_one_opens_no_copy() {
    let (_dir, home, mut journal) = fresh();
    journal
        .add(NewEntry::new("one", at("2026-03-01T22:10[UTC]")))
        .unwrap();
    let old_vault = fs::read(home.vault()).unwrap();
    let database = fs::read(home.database()).unwrap();
    let new = Secret::passphrase("n\u{e9}w");
    journal.change_passphrase(&new).unwrap();
    assert_eq!(journal.protection(), Protection::Passphrase);
    assert!(!home.key_file().exists());
    assert_eq!(fs::read(home.database()).unwrap(), database);
    assert_ne!(fs::read(home.vault()).unwrap(), old_vault);
    assert_eq!(
        fs::read(home.vault()).unwrap(),
        fs::read(home.vault_previous()).unwrap()
    );
    drop(journal);
    assert!(matches!(
        Journal::open(&home, &Secret::None),
        Err(Error::PassphraseNeeded)
    ));
    let mut journal = Journal::open(&home, &new).unwrap();
    assert_eq!(journal.count(&Filter::default()).unwrap(), 1);
    journal.change_passphrase(&Secret::None).unwrap();
    drop(journal);
    assert_eq!(
        Journal::open(&home, &Secret::None)
            .unwrap()
            .count(&Filter::default())
            .unwrap(),
        1
    );
}

#[test]
fn the_key_in_an_automatic_backup_opens_nothing_written_after_a_passphrase_was_set() {
    let (dir, home, mut journal) = fresh();
    let entry = |text: &str| NewEntry::new(text, at("2026-03-01T22:10[UTC]"));
    journal.add(entry("before")).unwrap();
    assert_eq!(
        journal.backups_with_key().unwrap(),
        [] as [std::path::PathBuf; 0]
    );
    let file = dir.path().join("own");
    backup::create(&journal, &file, true).unwrap();
    drop(journal);
    let automatic = backup::restore(&file, &home, true)
        .unwrap()
        .automatic_backup
        .unwrap();
    let mut journal = Journal::open(&home, &Secret::None).unwrap();
    let new = Secret::passphrase("new");
    journal.change_passphrase(&new).unwrap();
    journal.add(entry("after")).unwrap();
    assert_eq!(
        journal.backups_with_key().unwrap(),
        std::slice::from_ref(&automatic)
    );
    drop(journal);
    assert!(!home.key_file().exists());
    let thief = Home::at(dir.path().join("thief"));
    backup::restore(&automatic, &thief, false).unwrap();
    fs::copy(home.database(), thief.database()).unwrap();
    assert!(matches!(
        Journal::open(&thief, &Secret::None),
        Err(Error::DatabaseDamaged { .. })
    ));
    let journal = Journal::open(&home, &new).unwrap();
    assert_eq!(journal.count(&Filter::default()).unwrap(), 2);
    drop(journal);
    assert!(fsck::check(&home, &new).unwrap().is_clean());
}

#[test]
fn rekeying_encrypts_every_page_anew_and_keeps_every_entry() {
    let (_dir, home, mut journal) = fresh();
    let entries = (0..60).map(|i| {
        NewEntry::new(
            format!("entry {i} {}", "lorem ".repeat(100)),
            at("2026-03-01T22:10[UTC]"),
        )
    });
    journal.add_many(entries, &mut |_| ()).unwrap();
    drop(journal);
    let before = fs::read(home.database()).unwrap();
    let old_home = tempfile::tempdir().unwrap();
    for name in ["vault.json", "journal.key"] {
        fs::copy(home.path().join(name), old_home.path().join(name)).unwrap();
    }
    let mut journal = Journal::open(&home, &Secret::None).unwrap();
    journal.rekey(&Secret::None).unwrap();
    journal
        .add(NewEntry::new("after", at("2026-03-01T22:10[UTC]")))
        .unwrap();
    drop(journal);
    let after = fs::read(home.database()).unwrap();
    let same = before
        .chunks(4096)
        .zip(after.chunks(4096))
        .filter(|(a, b)| a == b)
        .count();
    assert_eq!(same, 0, "pages still encrypted under the old key");
    assert_eq!(
        Journal::open(&home, &Secret::None)
            .unwrap()
            .count(&Filter::default())
            .unwrap(),
        61
    );
    assert!(fsck::check(&home, &Secret::None).unwrap().is_clean());
    fs::copy(home.database(), old_home.path().join("journal.db")).unwrap();
    let old = Journal::open(&Home::at(old_home.path()), &Secret::None);
    assert!(
        matches!(old, Err(Error::DatabaseDamaged { .. })),
        "the old data key must not open it"
    );
}

#[test]
fn a_copied_key_file_opens_a_rekeyed_journal_until_the_key_file_is_changed_as_well() {
    let (_dir, home, mut journal) = fresh();
    let copied = fs::read(home.key_file()).unwrap();
    journal.rekey(&Secret::None).unwrap();
    assert_eq!(fs::read(home.key_file()).unwrap(), copied);
    journal
        .change_passphrase(&Secret::passphrase("for a moment"))
        .unwrap();
    journal.change_passphrase(&Secret::None).unwrap();
    drop(journal);
    drop(Journal::open(&home, &Secret::None).unwrap());
    fs::write(home.key_file(), copied).unwrap();
    assert!(matches!(
        Journal::open(&home, &Secret::None),
        Err(Error::WrongKeyFile { .. })
    ));
}

#[test]
fn keys_are_changed_by_nobody_while_somebody_else_has_the_journal_open() {
    let (_dir, home, mut journal) = fresh();
    let other = Journal::open(&home, &Secret::None).unwrap();
    let error = journal.rekey(&Secret::None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "another Companion has this journal open; close it, then re-encrypt the journal again"
    );
    drop(other);
    journal.rekey(&Secret::None).unwrap();
    journal
        .add(NewEntry::new("still writable", at("2026-03-01T22:10[UTC]")))
        .unwrap();
}

#[test]
fn debug_output_shows_no_text_and_no_key() {
    let (_dir, home, mut journal) = fresh();
    let entry = journal
        .add(NewEntry {
            title: Some("heron".into()),
            ..NewEntry::new("heron #heron", at("2026-03-01T22:10[UTC]"))
        })
        .unwrap();
    journal
        .edit(entry.id, EntryEdit::text("heron again"))
        .unwrap();
    journal.save_draft("new", "heron").unwrap();
    let key = fs::read_to_string(home.key_file()).unwrap();
    let shown = format!(
        "{entry:?} {journal:?} {:?} {:?} {:?}",
        journal.history(entry.id),
        journal.draft("new"),
        NewEntry::from(entry.clone())
    );
    assert!(!shown.contains("heron"), "{shown}");
    assert!(!shown.contains(key.split(' ').nth(2).unwrap()));
}
