//! Several processes at one journal, and processes that are killed.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::*;
use journal::*;

/// Runs `child_saves` of this very binary in a process of its own.
fn saver(home: &Home, saves: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "child_saves",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env("JOURNAL_TEST_HOME", home.path())
        .env("JOURNAL_TEST_SAVES", saves.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn saved_ids(child: &mut Child) -> impl Iterator<Item = i64> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines
        .map_while(std::io::Result::ok)
        .filter_map(|line| line.split("saved ").nth(1)?.parse().ok())
}

#[test]
#[ignore = "the child process of the other tests"]
fn child_saves() {
    let home = Home::at(std::env::var_os("JOURNAL_TEST_HOME").unwrap());
    let saves: usize = std::env::var("JOURNAL_TEST_SAVES")
        .unwrap()
        .parse()
        .unwrap();
    let mut journal = Journal::open_or_create(&home, &Secret::None).unwrap();
    let mut out = std::io::stdout();
    for i in 0..saves {
        let text = format!(
            "save {i} of {} {}",
            std::process::id(),
            "lorem ".repeat(i % 300)
        );
        let id = journal
            .add(NewEntry::new(text, at("2026-03-01T22:10[UTC]")))
            .unwrap()
            .id;
        writeln!(out, "saved {id}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn killed_at_any_moment_no_saved_entry_is_lost() {
    let (_dir, home, journal) = fresh();
    drop(journal);
    let mut seed = 12345u64;
    let mut saved = Vec::new();
    for round in 0..6 {
        let mut child = saver(&home, 200);
        let mut ids = saved_ids(&mut child);
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let lines = (seed >> 33) as usize % 60;
        saved.extend(ids.by_ref().take(lines));
        // A little later, to hit a save in its middle.
        std::thread::sleep(Duration::from_micros((seed >> 20) % 3000));
        child.kill().unwrap();
        child.wait().unwrap();
        saved.extend(ids);
        let report = fsck::check(&home, &Secret::None).unwrap();
        assert!(report.is_clean(), "round {round}: {report:?}");
        let journal = Journal::open(&home, &Secret::None).unwrap();
        for id in &saved {
            assert!(
                journal.get(EntryId(*id)).is_ok(),
                "round {round}: entry {id} was saved and is lost"
            );
        }
    }
    assert!(!saved.is_empty());
    assert!(fsck::check(&home, &Secret::None).unwrap().is_clean());
}

#[test]
fn killed_while_the_key_changes_the_journal_still_opens() {
    let (_dir, home, mut journal) = fresh();
    let entries = (0..200).map(|i| {
        NewEntry::new(
            format!("entry {i} {}", "lorem ".repeat(200)),
            at("2026-03-01T22:10[UTC]"),
        )
    });
    journal.add_many(entries, &mut |_| ()).unwrap();
    drop(journal);
    for delay in [0, 2, 5, 9, 14, 20, 30] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_rekeys", "--ignored", "--nocapture"])
            .env("JOURNAL_TEST_HOME", home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        lines
            .find(|line| line.as_ref().is_ok_and(|line| line.contains("open")))
            .unwrap()
            .unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(
            Journal::open(&home, &Secret::None)
                .unwrap()
                .count(&Filter::default())
                .unwrap(),
            200,
            "after {delay} ms"
        );
        let report = fsck::check(&home, &Secret::None).unwrap();
        assert!(report.is_clean(), "after {delay} ms: {report:?}");
    }
}

#[test]
#[ignore = "the child process of the other tests"]
fn child_rekeys() {
    let home = Home::at(std::env::var_os("JOURNAL_TEST_HOME").unwrap());
    let mut journal = Journal::open(&home, &Secret::None).unwrap();
    println!("open");
    std::io::stdout().flush().unwrap();
    for _ in 0..20 {
        journal.rekey(&Secret::None).unwrap();
    }
}

#[test]
fn two_processes_that_write_at_once_both_succeed() {
    let (_dir, home, mut journal) = fresh();
    let mut children = [saver(&home, 60), saver(&home, 60)];
    for i in 0..20 {
        journal
            .add(NewEntry::new(
                format!("third writer {i}"),
                at("2026-03-01T22:10[UTC]"),
            ))
            .unwrap();
    }
    for child in &mut children {
        assert_eq!(saved_ids(child).count(), 60);
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(journal.count(&Filter::default()).unwrap(), 140);
    drop(journal);
    assert!(fsck::check(&home, &Secret::None).unwrap().is_clean());
}

#[test]
fn of_processes_that_find_no_journal_one_makes_it_and_all_write() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path().join("new"));
    let mut children: Vec<Child> = (0..3).map(|_| saver(&home, 5)).collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(
        Journal::open(&home, &Secret::None)
            .unwrap()
            .count(&Filter::default())
            .unwrap(),
        15
    );
}
