use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::NewEntry;

fn journal_with(texts: &[&str]) -> (tempfile::TempDir, Home, Journal) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path().join("home"));
    let mut journal = Journal::create(&home, &Secret::None).unwrap();
    for text in texts {
        journal
            .add(NewEntry::new(
                *text,
                "2026-03-01T22:10[UTC]".parse().unwrap(),
            ))
            .unwrap();
    }
    (dir, home, journal)
}

#[test]
fn a_backup_is_encrypted_private_and_brings_everything_back() {
    let (dir, _home, journal) = journal_with(&["one heron", "two"]);
    let file = dir.path().join("b.companion-backup");
    let manifest = create(&journal, &file, true).unwrap();
    assert_eq!(
        (manifest.entries, manifest.holds_key, manifest.protection),
        (Some(2), true, Protection::KeyFile)
    );
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let bytes = fs::read(&file).unwrap();
    for plain in ["SQLite format", "heron", "CREATE TABLE"] {
        assert!(
            !bytes.windows(plain.len()).any(|w| w == plain.as_bytes()),
            "{plain}"
        );
    }
    assert_eq!(verify(&file, Some(&Secret::None)).unwrap().entries, Some(2));
    assert_eq!(verify(&file, None).unwrap().entries, None);
    let other = Home::at(dir.path().join("other"));
    assert_eq!(
        restore(&file, &other, false).unwrap().automatic_backup,
        None
    );
    let back = Journal::open(&other, &Secret::None).unwrap();
    assert_eq!(
        back.list(&Filter::default()).unwrap(),
        journal.list(&Filter::default()).unwrap()
    );
    assert_eq!(
        back.full_text("heron", &Filter::default(), 9)
            .unwrap()
            .len(),
        1
    );
    assert_eq!(back.uid(), journal.uid());
}

#[test]
fn a_journal_is_replaced_only_on_request_and_can_be_brought_back() {
    let (dir, home, journal) = journal_with(&["kept"]);
    let file = dir.path().join("b");
    create(&journal, &file, true).unwrap();
    drop(journal);
    let mut journal = Journal::open(&home, &Secret::None).unwrap();
    journal
        .add(NewEntry::new(
            "later",
            "2026-03-02T22:10[UTC]".parse().unwrap(),
        ))
        .unwrap();
    assert!(matches!(
        restore(&file, &home, true),
        Err(Error::InUse { .. })
    ));
    drop(journal);
    assert!(matches!(
        restore(&file, &home, false),
        Err(Error::HomeNotEmpty { .. })
    ));
    let before = restore(&file, &home, true)
        .unwrap()
        .automatic_backup
        .unwrap();
    assert_eq!(
        Journal::open(&home, &Secret::None)
            .unwrap()
            .count(&Filter::default())
            .unwrap(),
        1
    );
    restore(&before, &home, true).unwrap();
    assert_eq!(
        Journal::open(&home, &Secret::None)
            .unwrap()
            .count(&Filter::default())
            .unwrap(),
        2
    );
}

#[test]
fn without_the_key_a_backup_says_so_and_cannot_be_opened() {
    let (dir, home, journal) = journal_with(&["one"]);
    let file = dir.path().join("b");
    assert!(!create(&journal, &file, false).unwrap().holds_key);
    assert_eq!(verify(&file, Some(&Secret::None)).unwrap().entries, None);
    let other = Home::at(dir.path().join("other"));
    restore(&file, &other, false).unwrap();
    assert!(matches!(
        Journal::open(&other, &Secret::None),
        Err(Error::KeyFileMissing { .. })
    ));
    fs::copy(home.key_file(), other.key_file()).unwrap();
    assert_eq!(
        Journal::open(&other, &Secret::None)
            .unwrap()
            .count(&Filter::default())
            .unwrap(),
        1
    );
}

#[test]
fn every_kind_of_damage_is_noticed_before_anything_is_restored() {
    let (dir, _home, journal) = journal_with(&["one"]);
    let file = dir.path().join("b");
    create(&journal, &file, true).unwrap();
    let whole = fs::read(&file).unwrap();
    let other = Home::at(dir.path().join("other"));
    let bad = dir.path().join("bad");
    let mut cases: Vec<Vec<u8>> = [0, 10, 100, whole.len() / 2, whole.len() - 1]
        .map(|n| whole[..n].to_vec())
        .into();
    cases.push([whole.as_slice(), b"more"].concat());
    for at in (0..whole.len()).step_by(whole.len() / 40) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        cases.push(flipped);
    }
    for case in cases {
        fs::write(&bad, case).unwrap();
        assert!(matches!(
            restore(&bad, &other, false),
            Err(Error::Backup { .. })
        ));
        assert!(matches!(verify(&bad, None), Err(Error::Backup { .. })));
        assert!(!other.exists() && !other.database().exists());
    }
}

#[test]
fn names_that_lead_out_of_the_home_are_refused() {
    let (dir, home, journal) = journal_with(&["one"]);
    let file = dir.path().join("b");
    let mut manifest = create(&journal, &file, true).unwrap();
    for name in ["../evil", "/etc/evil", "backups/x", "journal.db\0"] {
        let hostile = dir.path().join("hostile");
        let _ = fs::remove_file(&hostile);
        manifest.files[1].name = name.into();
        let sources = [
            ("journal.db", dir.path().join("copy")),
            ("vault.json", home.vault()),
            ("journal.key", home.key_file()),
        ];
        let _ = fs::remove_file(&sources[0].1);
        journal.snapshot_to(&sources[0].1).unwrap();
        let described = container::describe(&sources).unwrap();
        for (file, real) in manifest.files.iter_mut().zip(described) {
            (file.bytes, file.sha256) = (real.bytes, real.sha256);
        }
        container::write(&hostile, &manifest, &sources).unwrap();
        let error = restore(&hostile, &Home::at(dir.path().join("x")), false).unwrap_err();
        assert!(
            error.to_string().contains("which no journal has"),
            "{error}"
        );
    }
}

#[test]
fn a_key_file_kept_beside_a_backup_without_it_opens_what_is_restored() {
    let (dir, home, journal) = journal_with(&["one"]);
    let file = dir.path().join("b");
    create(&journal, &file, false).unwrap();
    drop(journal);
    let key = fs::read(home.key_file()).unwrap();
    let other = Home::at(dir.path().join("other"));
    other.prepare().unwrap();
    fs::write(other.key_file(), &key).unwrap();
    restore(&file, &other, false).unwrap();
    restore(&file, &home, true).unwrap();
    for home in [&home, &other] {
        assert_eq!(fs::read(home.key_file()).unwrap(), key);
        let back = Journal::open(home, &Secret::None).unwrap();
        assert_eq!(back.count(&Filter::default()).unwrap(), 1);
    }
}

#[test]
fn a_key_file_that_does_not_open_the_backup_is_neither_removed_nor_overlooked() {
    let (dir, home, journal) = journal_with(&["one"]);
    let (without, with) = (dir.path().join("without"), dir.path().join("with"));
    create(&journal, &without, false).unwrap();
    create(&journal, &with, true).unwrap();
    let (_other_dir, other, other_journal) = journal_with(&["another"]);
    drop(other_journal);
    let whole = fs::read(other.key_file()).unwrap();
    let error = restore(&without, &other, true).unwrap_err().to_string();
    assert!(
        error.contains(&format!("the one that journal {} had on", journal.uid())),
        "{error}"
    );
    assert!(
        error.contains("is not that one; nothing was changed"),
        "{error}"
    );
    assert_eq!(fs::read(other.key_file()).unwrap(), whole);
    assert_eq!(
        Journal::open(&other, &Secret::None)
            .unwrap()
            .count(&Filter::default())
            .unwrap(),
        1
    );
    // A key file alone may be all that opens another backup.
    let alone = Home::at(dir.path().join("alone"));
    alone.prepare().unwrap();
    fs::write(alone.key_file(), &whole).unwrap();
    assert!(matches!(
        restore(&without, &alone, false),
        Err(Error::Backup { .. })
    ));
    assert!(matches!(
        restore(&with, &alone, false),
        Err(Error::HomeNotEmpty { .. })
    ));
    assert_eq!(fs::read(alone.key_file()).unwrap(), whole);
    let kept = restore(&with, &alone, true).unwrap().automatic_backup;
    assert!(kept.is_some(), "the key file was replaced without a copy");
    assert_eq!(
        fs::read(alone.key_file()).unwrap(),
        fs::read(home.key_file()).unwrap()
    );
}

#[test]
fn a_restore_cut_short_leaves_a_home_that_says_how_to_go_on() {
    let (dir, home, journal) = journal_with(&["one", "two"]);
    let file = dir.path().join("b");
    create(&journal, &file, true).unwrap();
    drop(journal);
    let before = copy_unopened(&home).unwrap();
    // Whichever file is the first that cannot be put in its place, here by not being there.
    for missing in ["journal.db", "journal.key", "vault.json"] {
        let (manifest, mut content) = container::open(&file).unwrap();
        let staging = Staging::beside(&home.database()).unwrap();
        container::extract(&file, &manifest, &mut content, staging.0.path()).unwrap();
        fs::remove_file(staging.0.path().join(missing)).unwrap();
        put_in_place(&home, staging.0.path(), &manifest).unwrap_err();
        let error = Journal::open(&home, &Secret::None).unwrap_err();
        assert!(
            matches!(error, Error::VaultMissing { .. }),
            "{missing}: {error:?}"
        );
        let way_out = format!(
            "restore the newest file in {} with --replace",
            home.backups().display()
        );
        assert!(error.to_string().ends_with(&way_out), "{error}");
        restore(&before, &home, true).unwrap();
        let back = Journal::open(&home, &Secret::None).unwrap();
        assert_eq!(back.count(&Filter::default()).unwrap(), 2);
    }
}

#[test]
fn the_automatic_backup_of_a_home_that_lacks_files_brings_it_back_as_it_was() {
    let (dir, home, journal) = journal_with(&["one"]);
    let file = dir.path().join("b");
    create(&journal, &file, true).unwrap();
    drop(journal);
    let names = ["journal.db", "vault.json", "vault.json.previous"];
    for gone in [&names[1..], &names[..1], &names[..]] {
        for name in gone {
            fs::remove_file(home.path().join(name)).unwrap();
        }
        let was = |name: &&str| fs::read(home.path().join(name)).ok();
        let before = names.each_ref().map(was);
        // Some other key, so that the file alone is worth a backup as well.
        fs::write(home.key_file(), "another key").unwrap();
        let automatic = restore(&file, &home, true)
            .unwrap()
            .automatic_backup
            .unwrap();
        let error = verify(&automatic, Some(&Secret::None)).unwrap_err();
        assert!(
            error.to_string().contains(&format!("had no {}", gone[0])),
            "{error}"
        );
        verify(&automatic, None).unwrap();
        restore(&automatic, &home, true).unwrap();
        assert_eq!(names.each_ref().map(was), before);
        assert_eq!(fs::read(home.key_file()).unwrap(), b"another key");
        restore(&file, &home, true).unwrap();
        let back = Journal::open(&home, &Secret::None).unwrap();
        assert_eq!(back.count(&Filter::default()).unwrap(), 1);
    }
}
