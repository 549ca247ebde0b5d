//! What a damaged home costs: the message, the entries lost, and what salvage saves.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::fs;
use std::path::Path;

use common::*;
use journal::*;

/// A journal of `count` entries with texts long enough to fill pages, closed.
fn written(count: usize) -> (tempfile::TempDir, Home) {
    let (dir, home, mut journal) = fresh();
    let entries = (0..count).map(|i| {
        NewEntry::new(
            format!("entry {i} #tag{} {}", i % 7, "lorem ipsum ".repeat(40)),
            at("2026-03-01T22:10[UTC]"),
        )
    });
    journal.add_many(entries, &mut |_| ()).unwrap();
    journal
        .add(NewEntry::new(
            format!("a long one {}", "dolor sit amet ".repeat(2000)),
            at("2026-03-02T22:10[UTC]"),
        ))
        .unwrap();
    journal
        .edit(EntryId(3), EntryEdit::text("entry 3, edited"))
        .unwrap();
    journal.remove(EntryId(5)).unwrap();
    journal.save_draft("new", "half a thought").unwrap();
    (dir, home)
}

fn flip(path: &Path, at: u64) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at as usize] ^= 0x40;
    fs::write(path, bytes).unwrap();
}

fn digest_of(home: &Home) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(home.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_whole_journal_is_clean_also_with_a_log_that_is_not_merged() {
    let (_dir, home, mut journal) = fresh();
    for i in 0..50 {
        journal
            .add(NewEntry::new(
                format!("entry {i}"),
                at("2026-03-01T22:10[UTC]"),
            ))
            .unwrap();
    }
    // Leaving without closing leaves the log as a crash would.
    std::mem::forget(journal);
    assert!(home.path().join("journal.db-wal").metadata().unwrap().len() > 0);
    let copy = tempfile::tempdir().unwrap();
    for name in [
        "journal.db",
        "journal.db-wal",
        "vault.json",
        "vault.json.previous",
        "journal.key",
    ] {
        fs::copy(home.path().join(name), copy.path().join(name)).unwrap();
    }
    let copy = Home::at(copy.path());
    let kept = || {
        let mut files = digest_of(&copy);
        files.retain(|(name, _)| name.ends_with(".db") || name.ends_with("-wal"));
        files
    };
    let before = kept();
    let report = fsck::check(&copy, &Secret::None).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.entries, 50);
    assert_eq!(before.len(), 2);
    assert!(before == kept(), "a check changed the database or its log");
    let journal = Journal::open(&copy, &Secret::None).unwrap();
    assert_eq!(journal.count(&Filter::default()).unwrap(), 50);
}

#[test]
fn fsck_counts_what_is_there_and_changes_nothing() {
    let (_dir, home) = written(300);
    let before = digest_of(&home);
    let report = fsck::check(&home, &Secret::None).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(
        (report.entries, report.removed, report.versions),
        (300, 1, 1)
    );
    let names = |files: Vec<(String, Vec<u8>)>| {
        files
            .into_iter()
            .filter(|(name, _)| name.ends_with(".db") || name.ends_with(".json"))
            .collect::<Vec<_>>()
    };
    assert!(names(before) == names(digest_of(&home)));
}

#[test]
fn every_damaged_page_is_named_with_its_entries_and_salvage_saves_the_rest() {
    let (dir, home) = written(150);
    let whole = fs::read(home.database()).unwrap();
    let journal = Journal::open(&home, &Secret::None).unwrap();
    let mut all = journal.list(&Filter::default()).unwrap();
    all.extend(
        journal
            .list(&Filter {
                deleted: true,
                ..Filter::default()
            })
            .unwrap(),
    );
    drop(journal);
    let pages = whole.len() / 4096;
    let mut some_lost = 0;
    for page in 1..=pages {
        // Every page of a small store would be thorough and slow: the first ones, where roots lie, and every seventh.
        if page > 40 && page % 3 != 0 {
            continue;
        }
        fs::write(home.database(), &whole).unwrap();
        flip(&home.database(), (page as u64 - 1) * 4096 + 1000);
        let report = fsck::check(&home, &Secret::None).unwrap();
        assert_eq!(
            report
                .damaged_pages
                .iter()
                .map(|p| p.page as usize)
                .collect::<Vec<_>>(),
            [page]
        );
        some_lost += usize::from(!report.lost.is_empty());
        if page > 8 && page % 7 != 0 {
            continue;
        }
        let damaged = fs::read(home.database()).unwrap();
        let to = Home::at(dir.path().join(format!("salvaged-{page}")));
        let saved = fsck::salvage(&home, &Secret::None, &to).unwrap();
        assert!(
            fs::read(home.database()).unwrap() == damaged,
            "the original was touched"
        );
        assert_eq!(saved.lost, report.lost);
        let journal = Journal::open(&to, &Secret::None).unwrap();
        for entry in &all {
            match journal.get_any(entry.id) {
                Ok(back) => assert_eq!(&back, entry, "page {page}"),
                Err(_) => assert!(
                    report.lost.contains(&entry.id),
                    "page {page}: entry {} is missing and not named",
                    entry.id
                ),
            }
        }
        assert!(
            report.lost.len() < 80 || page == 1,
            "page {page} cost {} entries",
            report.lost.len()
        );
        assert_eq!(
            journal.queued_count().unwrap(),
            journal.count(&Filter::default()).unwrap()
        );
        if page % 20 == 1 {
            drop(journal);
            assert!(
                fsck::check(&to, &Secret::None).unwrap().is_clean(),
                "page {page}"
            );
        }
        fs::remove_dir_all(to.path()).unwrap();
    }
    assert!(some_lost > 3, "pages of entries were among them");
}

#[test]
fn a_database_cut_short_gives_up_only_what_was_cut() {
    let (dir, home) = written(300);
    let whole = fs::read(home.database()).unwrap();
    fs::write(home.database(), &whole[..whole.len() / 2 + 100]).unwrap();
    let report = fsck::check(&home, &Secret::None).unwrap();
    assert!(!report.is_clean());
    let to = Home::at(dir.path().join("salvaged"));
    let saved = fsck::salvage(&home, &Secret::None, &to).unwrap();
    assert!(saved.entries > 20, "{saved:?}");
    assert!(fsck::check(&to, &Secret::None).unwrap().is_clean());
}

#[test]
fn opening_a_damaged_database_says_so_and_not_that_the_secret_is_wrong() {
    let (_dir, home) = written(6);
    flip(&home.database(), 2000);
    let error = Journal::open(&home, &Secret::None).unwrap_err();
    assert!(matches!(error, Error::DatabaseDamaged { .. }), "{error:?}");
    assert!(
        error.to_string().starts_with("the database is damaged ("),
        "{error}"
    );
    assert!(
        error.to_string().contains("companion fsck --salvage"),
        "{error}"
    );
}

#[test]
fn reading_a_damaged_page_says_so() {
    let (_dir, home) = written(300);
    let whole = fs::read(home.database()).unwrap();
    let mut hit = 0;
    for page in (2..whole.len() as u64 / 4096).step_by(9) {
        fs::write(home.database(), &whole).unwrap();
        flip(&home.database(), (page - 1) * 4096 + 1000);
        match Journal::open(&home, &Secret::None)
            .and_then(|journal| journal.list(&Filter::default()))
        {
            Ok(_) => {}
            Err(Error::DatabaseDamaged { .. }) => hit += 1,
            Err(other) => panic!("page {page}: {other:?}"),
        }
    }
    assert!(hit > 3);
}

#[test]
fn a_damaged_vault_is_recovered_from_its_previous_copy_with_a_message() {
    let (_dir, home) = written(6);
    let vault = fs::read(home.vault()).unwrap();
    for damage in [
        &b""[..],
        &vault[..50],
        b"{\"format\":\"companion-vault\",\"version\":1}",
    ] {
        fs::write(home.vault(), damage).unwrap();
        let journal = Journal::open(&home, &Secret::None).unwrap();
        assert!(
            matches!(journal.notices(), [Notice::VaultRecovered { .. }]),
            "{:?}",
            journal.notices()
        );
        assert!(
            journal.notices()[0]
                .to_string()
                .contains("vault.json was restored from it")
        );
        assert_eq!(fs::read(home.vault()).unwrap(), vault);
        assert_eq!(Journal::open(&home, &Secret::None).unwrap().notices(), []);
    }
    fs::remove_file(home.vault()).unwrap();
    assert_eq!(
        Journal::open(&home, &Secret::None).unwrap().notices().len(),
        1
    );
}

#[test]
fn a_second_copy_of_the_vault_that_is_no_copy_is_reported_and_mended() {
    let (_dir, home) = written(6);
    let vault = fs::read(home.vault()).unwrap();
    let (_other_dir, other, _journal) = fresh();
    let old = fs::read(other.vault()).unwrap();
    for (damage, said) in [
        (&b"x"[..], "is damaged (not a vault: "),
        (
            &old,
            "differs from vault.json, so an old secret may open it",
        ),
    ] {
        fs::write(home.vault_previous(), damage).unwrap();
        let problems = fsck::check(&home, &Secret::None).unwrap().problems;
        let [problem] = problems.as_slice() else {
            panic!("{problems:?}")
        };
        assert!(
            problem.starts_with("vault.json.previous, the second copy of the key, ")
                && problem.contains(said)
                && problem.ends_with("; opening the journal makes it equal to vault.json"),
            "{problem}"
        );
        drop(Journal::open(&home, &Secret::None).unwrap());
        assert_eq!(fs::read(home.vault_previous()).unwrap(), vault);
        assert!(fsck::check(&home, &Secret::None).unwrap().is_clean());
    }
}

#[test]
fn a_vault_damaged_in_both_copies_is_not_called_a_wrong_passphrase() {
    let (_dir, home) = written(6);
    flip(&home.vault(), 300);
    flip(&home.vault_previous(), 300);
    let error = Journal::open(&home, &Secret::None).unwrap_err();
    assert!(matches!(error, Error::VaultDamaged { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .ends_with("the passphrase is not the problem"),
        "{error}"
    );
    fs::remove_file(home.vault()).unwrap();
    fs::remove_file(home.vault_previous()).unwrap();
    assert!(matches!(
        Journal::open(&home, &Secret::None),
        Err(Error::VaultMissing { .. })
    ));
    assert!(
        matches!(
            Journal::create(&home, &Secret::None),
            Err(Error::VaultMissing { .. })
        ),
        "nothing may be overwritten"
    );
}

#[test]
fn a_missing_database_is_not_replaced_by_an_empty_one() {
    let (_dir, home) = written(6);
    fs::remove_file(home.database()).unwrap();
    assert!(matches!(
        Journal::open(&home, &Secret::None),
        Err(Error::DatabaseMissing { .. })
    ));
    assert!(matches!(
        Journal::open_or_create(&home, &Secret::None),
        Err(Error::DatabaseMissing { .. })
    ));
    assert!(!home.database().exists());
}

#[test]
fn key_file_troubles_are_told_apart() {
    let (_dir, home) = written(6);
    let key = fs::read_to_string(home.key_file()).unwrap();
    fs::write(
        home.key_file(),
        key.replace("companion-key 1 ", "companion-key 1 0"),
    )
    .unwrap();
    assert!(matches!(
        Journal::open(&home, &Secret::None),
        Err(Error::KeyFileDamaged { .. })
    ));
    let (_other_dir, other, _journal) = fresh();
    fs::copy(other.key_file(), home.key_file()).unwrap();
    assert!(matches!(
        Journal::open(&home, &Secret::None),
        Err(Error::WrongKeyFile { .. })
    ));
    fs::remove_file(home.key_file()).unwrap();
    assert!(matches!(
        Journal::open(&home, &Secret::None),
        Err(Error::KeyFileMissing { .. })
    ));
    assert!(matches!(
        Journal::open(&home, &Secret::passphrase("x")),
        Err(Error::PassphraseNotUsed)
    ));
}
