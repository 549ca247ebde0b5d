//! What holds after any sequence of changes, seen from inside.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{
    Analysis, EntryEdit, EntryId, Filter, NewEntry, Secret, Sentiment, ThemeScore, Vectors,
};

fn journal() -> (tempfile::TempDir, Journal) {
    // In memory where the system has such a place: these tests are about rows, not about the disk.
    let shm = std::path::Path::new("/dev/shm");
    let dir = if shm.is_dir() {
        tempfile::tempdir_in(shm)
    } else {
        tempfile::tempdir()
    }
    .unwrap();
    let journal = Journal::create(&Home::at(dir.path().join("home")), &Secret::None).unwrap();
    (dir, journal)
}

fn analysis() -> Analysis {
    Analysis {
        sentiment: Sentiment::Neutral,
        confidence: 0.5,
        valence: 0.0,
        mixed: false,
        unsure: true,
        themes: vec![ThemeScore {
            name: "work".into(),
            probability: 0.75,
        }],
        evidence: Vec::new(),
        tier: "instant".into(),
        model: "m".into(),
        truncated: false,
        corrected: false,
    }
}

fn vectors() -> Vectors {
    Vectors {
        model: "m".into(),
        entry: vec![1.0, 0.0],
        sentences: vec![(0..1, vec![1.0, 0.0])],
    }
}

#[derive(Debug, Clone)]
enum Op {
    Add(i64, u8),
    Edit(usize, u8),
    Move(usize, i64),
    Remove(usize),
    Restore(usize),
    Purge(usize),
    Analyse(usize),
    ImportAgain(usize, u8),
}

fn any_op() -> impl Strategy<Value = Op> {
    let which = 0usize..8;
    prop_oneof![
        3 => (-5i64..5, any::<u8>()).prop_map(|(at, word)| Op::Add(at, word)),
        2 => (which.clone(), any::<u8>()).prop_map(|(i, word)| Op::Edit(i, word)),
        1 => (which.clone(), -5i64..5).prop_map(|(i, at)| Op::Move(i, at)),
        1 => which.clone().prop_map(Op::Remove),
        1 => which.clone().prop_map(Op::Restore),
        1 => which.clone().prop_map(Op::Purge),
        3 => which.clone().prop_map(Op::Analyse),
        1 => (which, any::<u8>()).prop_map(|(i, word)| Op::ImportAgain(i, word)),
    ]
}

fn moment(at: i64) -> jiff::ZonedDateTime {
    Timestamp::from_second(1_700_000_000 + at * 3600)
        .unwrap()
        .to_zoned_datetime(jiff::tz::TimeZone::UTC)
}

fn text(word: u8) -> String {
    let word = word % 5;
    format!("word{word} #tag{word} n:{word}")
}

/// Does what can be done; what cannot (editing a removed entry) is refused and changes nothing.
fn apply(journal: &mut Journal, op: &Op, ids: &mut Vec<EntryId>) {
    let id = |i: usize| {
        ids.get(i % ids.len().max(1))
            .copied()
            .unwrap_or(EntryId(999))
    };
    match op {
        Op::Add(at, word) => {
            let entry = NewEntry {
                source_id: Some(format!("s{}", ids.len())),
                ..NewEntry::new(text(*word), moment(*at))
            };
            ids.push(journal.add(entry).unwrap().id);
        }
        Op::Edit(i, word) => drop(journal.edit(id(*i), EntryEdit::text(text(*word)))),
        Op::Move(i, at) => drop(journal.edit(
            id(*i),
            EntryEdit {
                when: Some(moment(*at)),
                ..EntryEdit::default()
            },
        )),
        Op::Remove(i) => drop(journal.remove(id(*i))),
        Op::Restore(i) => drop(journal.restore(id(*i))),
        Op::Purge(i) => drop(journal.purge(id(*i))),
        Op::Analyse(i) => {
            let version = journal.get_any(id(*i)).map_or(1, |entry| entry.version);
            journal
                .save_analysis(&[(id(*i), version, analysis(), Some(vectors()))])
                .unwrap();
        }
        Op::ImportAgain(i, word) => {
            let source_id = Some(format!("s{}", i % ids.len().max(1)));
            // A purged entry comes back under a new number when its source is imported again.
            let before = journal.list_ids(&Filter::default()).unwrap();
            journal
                .add_many(
                    [NewEntry {
                        source_id,
                        ..NewEntry::new(text(*word), moment(0))
                    }],
                    &mut |_| (),
                )
                .unwrap();
            let after = journal.list_ids(&Filter::default()).unwrap();
            ids.extend(after.into_iter().filter(|id| !before.contains(id)));
        }
    }
}

fn check(journal: &Journal) {
    let listed = journal.list(&Filter::default()).unwrap();
    assert!(
        listed.is_sorted_by_key(|e| (e.when.timestamp(), e.id)),
        "order is by moment, then id"
    );
    let reversed = journal
        .list(&Filter {
            newest_first: true,
            ..Filter::default()
        })
        .unwrap();
    assert!(reversed.iter().rev().eq(listed.iter()));
    let live: BTreeMap<i64, &crate::Entry> = listed.iter().map(|e| (e.id.0, e)).collect();
    for table in [
        "tags",
        "fields",
        "queue",
        "analyses",
        "themes",
        "entry_vectors",
        "sentence_vectors",
    ] {
        let mut select = journal
            .db
            .prepare(&format!("SELECT DISTINCT entry_id FROM {table}"))
            .unwrap();
        for id in select.query_map([], |row| row.get::<_, i64>(0)).unwrap() {
            assert!(
                live.contains_key(&id.unwrap()),
                "{table} knows an entry that is gone"
            );
        }
    }
    let stale = "SELECT count(*) FROM analyses AS a JOIN entries AS e ON e.id = a.entry_id WHERE a.version <> e.version";
    let count = |sql: &str| {
        journal
            .db
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(count(stale), 0, "an analysis of a former version survived");
    let undone = "SELECT count(*) FROM entries AS e WHERE deleted IS NULL AND NOT EXISTS \
         (SELECT 1 FROM queue WHERE entry_id = e.id) AND NOT EXISTS (SELECT 1 FROM analyses WHERE entry_id = e.id)";
    assert_eq!(
        count(undone),
        0,
        "an entry has neither an analysis nor a place in the queue"
    );
    for word in 0..5 {
        let wanted: Vec<EntryId> = listed
            .iter()
            .filter(|e| e.text.contains(&format!("word{word}")))
            .map(|e| e.id)
            .collect();
        let mut found: Vec<EntryId> = journal
            .full_text(&format!("\"word{word}\""), &Filter::default(), 99)
            .unwrap()
            .iter()
            .map(|h| h.id)
            .collect();
        let by_tag = Filter {
            tags_all: vec![format!("tag{word}")],
            ..Filter::default()
        };
        assert_eq!(
            journal.list_ids(&by_tag).unwrap(),
            wanted,
            "tags fit the texts"
        );
        found.sort();
        let mut wanted = wanted;
        wanted.sort();
        assert_eq!(found, wanted, "the index fits the texts");
    }
    assert_eq!(
        count("SELECT count(*) FROM entry_text_docsize"),
        live.len() as i64
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn order_and_derived_rows_hold_after_any_changes(ops in prop::collection::vec(any_op(), 1..40)) {
        let (dir, mut journal) = journal();
        let mut ids = Vec::new();
        for op in &ops {
            apply(&mut journal, op, &mut ids);
        }
        check(&journal);
        let home = journal.home().clone();
        drop(journal);
        let report = crate::fsck::check(&home, &Secret::None).unwrap();
        prop_assert!(report.is_clean(), "{:?}", report);
        drop(dir);
    }
}

#[test]
fn a_clock_set_back_changes_neither_order_nor_ids() {
    let (_dir, mut journal) = journal();
    journal.clock = || "2026-03-01T10:00Z".parse().unwrap();
    let first = journal.add(NewEntry::new("first", moment(0))).unwrap();
    journal.clock = || "2019-01-01T10:00Z".parse().unwrap();
    let second = journal.add(NewEntry::new("second", moment(1))).unwrap();
    let edited = journal
        .edit(first.id, EntryEdit::text("first, edited"))
        .unwrap();
    assert!(second.id > first.id);
    assert!(second.created < first.created);
    assert_eq!(
        journal.list_ids(&Filter::default()).unwrap(),
        [first.id, second.id]
    );
    assert_eq!(
        journal
            .history(first.id)
            .unwrap()
            .iter()
            .map(|v| v.version)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(journal.restore(edited.id).unwrap().text, "first");
}

#[test]
fn terms_of_a_removed_entry_leave_the_index_at_once() {
    let (_dir, mut journal) = journal();
    let keep = journal
        .add(NewEntry::new("ordinary words stay", moment(0)))
        .unwrap();
    let gone = journal
        .add(NewEntry::new("xylophonquarz", moment(0)))
        .unwrap();
    journal.remove(gone.id).unwrap();
    let mut select = journal
        .db
        .prepare("SELECT block FROM entry_text_data")
        .unwrap();
    let blocks = select
        .query_map([], |row| row.get::<_, Vec<u8>>(0))
        .unwrap();
    for block in blocks {
        // FTS5 stores terms with shared prefixes left out, so the rare end of the word is looked for.
        assert!(!block.unwrap().windows(8).any(|w| w == b"honquarz"));
    }
    assert_eq!(
        journal
            .full_text("ordinary", &Filter::default(), 9)
            .unwrap()[0]
            .id,
        keep.id
    );
}

#[test]
fn an_interrupted_creation_is_completed_or_started_anew() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path().join("home"));
    drop(Journal::create(&home, &Secret::None).unwrap());
    // A crash after the vault was written, before the database got its name.
    std::fs::rename(home.database(), home.path().join("journal.db.new")).unwrap();
    drop(Journal::open(&home, &Secret::None).unwrap());
    // A crash before the vault was written.
    std::fs::rename(home.database(), home.path().join("journal.db.new")).unwrap();
    std::fs::remove_file(home.vault()).unwrap();
    std::fs::remove_file(home.vault_previous()).unwrap();
    drop(Journal::open_or_create(&home, &Secret::None).unwrap());
    assert!(!home.path().join("journal.db.new").exists());
}

#[test]
fn an_interrupted_change_of_key_is_completed_whichever_key_the_pages_have() {
    let (_dir, mut journal) = journal();
    journal.add(NewEntry::new("one", moment(0))).unwrap();
    let home = journal.home().clone();
    for pages_changed in [false, true] {
        let unlocked = crate::vault::unlock(&home, &Secret::None).unwrap();
        let new = Key::random().unwrap();
        let both =
            crate::vault::Vault::seal(&journal.uid, &unlocked.wrapping, &[&journal.key, &new])
                .unwrap();
        crate::vault::write_with_key(&home, &both, &unlocked.wrapping).unwrap();
        if pages_changed {
            journal.encrypt_pages(&new).unwrap();
        }
        drop(journal);
        journal = Journal::open(&home, &Secret::None).unwrap();
        assert_eq!(
            journal.notices().contains(&Notice::RekeyFinished),
            pages_changed
        );
        assert_eq!(journal.count(&Filter::default()).unwrap(), 1);
        assert_eq!(
            crate::vault::unlock(&home, &Secret::None)
                .unwrap()
                .keys
                .len(),
            1
        );
    }
}

#[test]
fn a_newer_schema_is_refused_and_left_as_it_is() {
    let (_dir, journal) = journal();
    let home = journal.home().clone();
    journal.db.pragma_update(None, "user_version", 99).unwrap();
    drop(journal);
    let before = std::fs::read(home.database()).unwrap();
    let error = Journal::open(&home, &Secret::None).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the journal has schema 99, this Companion knows up to {}; update Companion (nothing was changed)",
            crate::migrations::STEPS.len()
        )
    );
    assert_eq!(std::fs::read(home.database()).unwrap(), before);
}

#[test]
fn a_migration_leaves_a_backup_that_brings_the_former_schema_back() {
    let (dir, mut journal) = journal();
    journal.add(NewEntry::new("one", moment(0))).unwrap();
    let (home, key) = (journal.home().clone(), journal.key.clone());
    let now = crate::migrations::STEPS.len() as u32;
    let steps = [crate::migrations::STEPS, &["CREATE TABLE later (x)"]].concat();
    let notice = super::open::bring_up_to_date(&mut journal.db, &home, &key, &steps)
        .unwrap()
        .unwrap();
    let Notice::Migrated { from, to, backup } = notice else {
        panic!("{notice:?}")
    };
    assert_eq!((from, to), (now, now + 1));
    assert_eq!(journal.stats().unwrap().schema, now + 1);
    assert_eq!(journal.count(&Filter::default()).unwrap(), 1);
    drop(journal);
    assert!(matches!(
        Journal::open(&home, &Secret::None),
        Err(Error::NewerSchema { found, known }) if (found, known) == (now + 1, now)
    ));
    let other = Home::at(dir.path().join("other"));
    assert_eq!(
        crate::backup::restore(&backup, &other, false)
            .unwrap()
            .manifest
            .schema,
        Some(now)
    );
    assert_eq!(
        Journal::open(&other, &Secret::None)
            .unwrap()
            .count(&Filter::default())
            .unwrap(),
        1
    );
}

#[test]
fn an_entry_from_a_known_source_is_refused_by_name() {
    let (_dir, mut journal) = journal();
    let entry = NewEntry {
        source_id: Some("a/1".into()),
        ..NewEntry::new("one", moment(0))
    };
    journal.add(entry.clone()).unwrap();
    let error = journal.add(entry).unwrap_err();
    assert_eq!(
        error.to_string(),
        "source id \"a/1\" cannot be used: another entry here has it already"
    );
}

#[test]
fn what_was_removed_long_ago_can_be_destroyed_and_the_rest_stays() {
    let (_dir, mut journal) = journal();
    let ids: Vec<EntryId> = (0..3)
        .map(|i| journal.add(NewEntry::new("x", moment(i))).unwrap().id)
        .collect();
    journal.clock = || "2026-01-01T00:00Z".parse().unwrap();
    journal.remove(ids[0]).unwrap();
    journal.clock = || "2026-03-01T00:00Z".parse().unwrap();
    journal.remove(ids[1]).unwrap();
    assert_eq!(
        journal
            .purge_removed_before("2026-02-01T00:00Z".parse().unwrap())
            .unwrap(),
        1
    );
    assert!(journal.restore(ids[0]).is_err());
    assert!(journal.restore(ids[1]).is_ok());
    assert_eq!(journal.count(&Filter::default()).unwrap(), 2);
}
