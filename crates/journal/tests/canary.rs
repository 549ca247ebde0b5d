//! Nothing of what a user writes is on the disk in the clear.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::fs;
use std::path::Path;

use common::*;
use journal::*;

const CANARY: &str = "xylophonquarz";

fn files_below(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found)
        } else {
            found.push(path)
        }
    }
}

fn assert_clean(dir: &Path, when: &str) {
    let mut files = Vec::new();
    files_below(dir, &mut files);
    assert!(files.len() >= 3, "{when}: {files:?}");
    let wide: String = CANARY.chars().flat_map(|c| [c, '\0']).collect();
    for file in files {
        let bytes = fs::read(&file).unwrap().to_ascii_lowercase();
        let text = String::from_utf8_lossy(&bytes);
        for needle in [
            CANARY,
            &wide,
            "sqlite format 3",
            "create table",
            "inference.first_token",
        ] {
            assert!(!text.contains(needle), "{when}: {}", file.display());
        }
    }
}

#[test]
fn a_canary_word_is_nowhere_in_the_bytes_of_a_home() {
    let (dir, home, mut journal) = fresh();
    let new = NewEntry {
        title: Some(format!("{CANARY} title")),
        tags: vec![CANARY.into()],
        source_id: Some(CANARY.into()),
        fields: [(CANARY.into(), FieldValue::Text(CANARY.into()))].into(),
        ..NewEntry::new(
            format!(
                "{CANARY} #{CANARY} {CANARY}:{CANARY} {}",
                format!("{CANARY} ").repeat(3000)
            ),
            at("2026-03-01T22:10[UTC]"),
        )
    };
    let id = journal.add(new).unwrap().id;
    journal.save_draft("new", CANARY).unwrap();
    journal.set_meta(CANARY, Some(CANARY)).unwrap();
    journal
        .record_prompt(CANARY, "2026-03-01T22:10Z".parse().unwrap())
        .unwrap();
    let mut made = analysis(CANARY);
    made.themes[0].name = CANARY.into();
    journal
        .save_analysis(&[(id, 1, made, Some(vectors(CANARY, 0.5)))])
        .unwrap();
    assert!(
        home.path().join("journal.db-wal").exists() && home.path().join("journal.db-shm").exists()
    );
    let mut measured = metrics::Measured::default();
    for measure in metrics::Measure::ALL {
        measured.record(*measure, 7);
    }
    for count in metrics::Count::ALL {
        measured.add(*count, 7);
    }
    journal
        .keep_measured(jiff::civil::date(2026, 3, 1), &measured)
        .unwrap();
    assert_clean(dir.path(), "after saving");
    // Large sorts and imports are what would spill into temporary files.
    let many = (0..500).map(|i| {
        NewEntry::new(
            format!("{i} {CANARY} {}", "lorem ".repeat(300)),
            at("2026-03-01T22:10[UTC]"),
        )
    });
    journal.add_many(many, &mut |_| ()).unwrap();
    journal
        .list(&Filter {
            contains: vec![CANARY.into()],
            newest_first: true,
            ..Filter::default()
        })
        .unwrap();
    assert_eq!(
        journal
            .full_text(CANARY, &Filter::default(), 1000)
            .unwrap()
            .len(),
        501
    );
    assert_clean(dir.path(), "after importing and searching");
    journal
        .edit(id, EntryEdit::text(format!("{CANARY} edited")))
        .unwrap();
    journal.remove(id).unwrap();
    backup::create(&journal, &dir.path().join("backup"), true).unwrap();
    backup::verify(&dir.path().join("backup"), Some(&Secret::None)).unwrap();
    journal.rekey(&Secret::None).unwrap();
    assert_clean(dir.path(), "after editing, removing, backing up");
    drop(journal);
    fsck::salvage(&home, &Secret::None, &Home::at(dir.path().join("salvaged"))).unwrap();
    assert_clean(dir.path(), "after closing and salvaging");
}
