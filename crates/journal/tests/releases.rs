//! Stores of every release, which must open for ever, here and without us.

#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::*;
use journal::*;

fn fixture(release: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(release)
}

/// A copy to open, since opening may migrate.
fn copy_of(release: &str, vault: &str) -> (tempfile::TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path());
    fs::copy(fixture(release).join("journal.db"), home.database()).unwrap();
    fs::copy(fixture(release).join(vault), home.vault()).unwrap();
    fs::copy(fixture(release).join("journal.key"), home.key_file()).unwrap();
    (dir, home)
}

#[test]
fn the_store_of_release_0_1_opens_with_everything_in_it() {
    for (vault, secret) in [
        ("vault.json", Secret::None),
        ("vault.passphrase.json", Secret::passphrase("test only")),
    ] {
        let (_dir, home) = copy_of("release-0.1", vault);
        let journal = Journal::open(&home, &secret).unwrap();
        let entries = journal.list(&Filter::default()).unwrap();
        assert_eq!(
            entries.iter().map(|e| e.id.0).collect::<Vec<_>>(),
            [2, 1, 3]
        );
        let walk = &entries[0];
        assert_eq!(
            walk.when.to_string(),
            "2026-02-27T07:45:00-05:00[America/New_York]"
        );
        assert_eq!(walk.text, "Walked before work, edited. #calm sleep:7.5");
        assert_eq!(
            (walk.title.as_deref(), walk.starred),
            (Some("Morning"), true)
        );
        assert_eq!(walk.fields["sleep"], FieldValue::Number(7.5));
        assert_eq!(walk.fields["with"], FieldValue::Text("Anna".into()));
        assert_eq!(journal.history(EntryId(2)).unwrap().len(), 2);
        assert_eq!(
            journal.full_text("cafe", &Filter::default(), 9).unwrap()[0].id,
            EntryId(1)
        );
        assert_eq!(
            journal.analysis(EntryId(1)).unwrap(),
            Some(analysis("model@1"))
        );
        assert_eq!(
            journal
                .vector_search("model@1", &[1.0, 0.0, 0.0, 0.0], &Filter::default(), 9)
                .unwrap()[0]
                .id,
            EntryId(1)
        );
        assert_eq!(
            journal.sentence_vectors(EntryId(1), "model@1").unwrap()[0].0,
            0..7
        );
        assert_eq!(
            journal.draft("new").unwrap().unwrap().text,
            "half a thought"
        );
        assert_eq!(
            journal
                .count(&Filter {
                    deleted: true,
                    ..Filter::default()
                })
                .unwrap(),
            1
        );
        drop(journal);
        let mut journal = Journal::open(&home, &secret).unwrap();
        // It was made before anything was measured.
        let day = jiff::civil::date(2026, 3, 1);
        assert_eq!(journal.measured(day, day).unwrap(), []);
        let mut measured = metrics::Measured::default();
        measured.record(metrics::Measure::Save, 4_000);
        journal.keep_measured(day, &measured).unwrap();
        assert_eq!(journal.measured(day, day).unwrap(), [(day, measured)]);
        journal.restore(EntryId(4)).unwrap();
        drop(journal);
        assert!(fsck::check(&home, &secret).unwrap().is_clean());
    }
}

#[test]
fn the_python_decryptor_reads_the_store_of_every_release() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let own = root.join("target/venv-recover/bin/python");
    let python = std::env::var_os("COMPANION_TEST_PYTHON").map_or(own, PathBuf::from);
    let python = if python.exists() {
        python
    } else {
        "python3".into()
    };
    let ready = "import argon2, cryptography, sqlite3; sqlite3.Connection.deserialize";
    if !Command::new(&python)
        .args(["-c", ready])
        .output()
        .is_ok_and(|done| done.status.success())
    {
        eprintln!(
            "skipped: tools/recover.py needs Python 3.11 with `pip install cryptography argon2-cffi`; name it in COMPANION_TEST_PYTHON"
        );
        return;
    }
    for (vault, passphrase) in [
        ("vault.json", None),
        ("vault.passphrase.json", Some("test only\n")),
    ] {
        let (dir, home) = copy_of("release-0.1", vault);
        let mut command = Command::new(&python);
        command.arg(root.join("tools/recover.py")).arg(home.path());
        if let Some(passphrase) = passphrase {
            let file = dir.path().join("passphrase");
            fs::write(&file, passphrase).unwrap();
            command.arg(file);
        } else {
            // With a log that is not merged yet.
            let mut journal = Journal::open(&home, &Secret::None).unwrap();
            journal
                .add(NewEntry::new(
                    "in the log only",
                    at("2030-01-01T00:00[UTC]"),
                ))
                .unwrap();
            std::mem::forget(journal);
        }
        let done = command.output().unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        let out = String::from_utf8(done.stdout).unwrap();
        let texts: Vec<String> = out
            .lines()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["text"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        assert!(
            texts.contains(&"Walked before work, edited. #calm sleep:7.5".into()),
            "{texts:?}"
        );
        assert_eq!(texts.len(), if passphrase.is_none() { 5 } else { 4 });
        assert_eq!(
            texts.contains(&"in the log only".into()),
            passphrase.is_none()
        );
    }
}

/// Made the fixture, once: `cargo test -p companion-journal --test releases -- --ignored make_the_fixture`. A store
/// that was released is never made again.
#[test]
#[ignore = "makes the store of the release that is current"]
fn make_the_fixture() {
    let to = fixture("release-0.1");
    assert!(!to.exists(), "a released store stays as it was released");
    let (_dir, home, mut journal) = fresh();
    let mut add = |new: NewEntry| journal.add(new).unwrap().id;
    let cafe = add(NewEntry::new(
        "Caf\u{e9} by the river \u{1f389}",
        at("2026-03-01T22:10[Europe/Berlin]"),
    ));
    let walk = add(NewEntry {
        title: Some("Morning".into()),
        starred: true,
        source_id: Some("notes/2.md".into()),
        fields: [("with".into(), FieldValue::Text("Anna".into()))].into(),
        ..NewEntry::new(
            "Walked before work. #calm sleep:7.5",
            at("2026-02-27T07:45[America/New_York]"),
        )
    });
    add(NewEntry::new(
        "Long. ".repeat(2000),
        at("2026-03-02T09:00+05:30[+05:30]"),
    ));
    let removed = add(NewEntry::new("removed", at("2026-03-03T09:00[UTC]")));
    journal
        .edit(
            walk,
            EntryEdit::text("Walked before work, edited. #calm sleep:7.5"),
        )
        .unwrap();
    journal.remove(removed).unwrap();
    journal
        .save_analysis(&[(cafe, 1, analysis("model@1"), Some(vectors("model@1", 1.0)))])
        .unwrap();
    journal.save_draft("new", "half a thought").unwrap();
    journal
        .record_prompt("q1", "2026-03-01T22:10Z".parse().unwrap())
        .unwrap();
    fs::create_dir_all(&to).unwrap();
    fs::copy(home.vault(), to.join("vault.json")).unwrap();
    fs::copy(home.key_file(), to.join("journal.key")).unwrap();
    journal
        .change_passphrase(&Secret::passphrase("test only"))
        .unwrap();
    fs::copy(home.vault(), to.join("vault.passphrase.json")).unwrap();
    drop(journal);
    fs::copy(home.database(), to.join("journal.db")).unwrap();
}
