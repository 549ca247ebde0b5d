//! A full disk and a home that cannot be written to.

#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

mod common;

use std::path::Path;
use std::process::Command;

use common::*;
use journal::*;
use tempfile::TempDir;

/// A small file system of its own, taken away again at the end. `None`, loudly, where mounting is not allowed.
struct Disk(TempDir);

impl Disk {
    fn new(size: &str) -> Option<Disk> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = mount(
            &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"],
            dir.path(),
        );
        if !mounted {
            eprintln!("skipped: mounting a tmpfs needs root; run this test as root to check it");
            return None;
        }
        Some(Disk(dir))
    }

    fn remount(&self, options: &str) {
        assert!(mount(&["-o", &format!("remount,{options}")], self.0.path()));
    }

    fn home(&self) -> Home {
        Home::at(self.0.path().join("home"))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn mount(args: &[&str], at: &Path) -> bool {
    Command::new("mount")
        .args(args)
        .arg(at)
        .output()
        .is_ok_and(|done| done.status.success())
}

fn entry(i: usize) -> NewEntry {
    NewEntry::new(
        format!("entry {i} {}", "lorem ipsum ".repeat(800)),
        at("2026-03-01T22:10[UTC]"),
    )
}

#[test]
fn a_full_disk_refuses_the_new_entry_and_keeps_the_old_ones() {
    let Some(disk) = Disk::new("3m") else { return };
    let home = disk.home();
    let mut journal = Journal::create(&home, &Secret::None).unwrap();
    let mut saved = 0;
    let error = loop {
        match journal.add(entry(saved)) {
            Ok(_) => saved += 1,
            Err(error) => break error,
        }
        assert!(saved < 1000, "the disk never filled");
    };
    assert!(matches!(error, Error::DiskFull), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the disk that holds the journal is full: this was not saved, everything saved before is safe; free some space and try again"
    );
    assert!(saved > 10);
    let error = backup::create(&journal, &disk.0.path().join("backup"), true).unwrap_err();
    assert!(matches!(error, Error::DiskFull), "{error:?}");
    let error = journal.rekey(&Secret::None).unwrap_err();
    assert!(matches!(error, Error::DiskFull), "{error:?}");
    assert_eq!(journal.count(&Filter::default()).unwrap(), saved as u64);
    drop(journal);
    assert_eq!(
        Journal::open(&home, &Secret::None)
            .unwrap()
            .count(&Filter::default())
            .unwrap(),
        saved as u64
    );
    disk.remount("size=20m");
    let mut journal = Journal::open(&home, &Secret::None).unwrap();
    journal.add(entry(saved)).unwrap();
    assert_eq!(journal.count(&Filter::default()).unwrap(), saved as u64 + 1);
    drop(journal);
    let report = fsck::check(&home, &Secret::None).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn a_full_disk_leaves_no_half_made_journal() {
    let Some(disk) = Disk::new("64k") else { return };
    let error = Journal::create(&disk.home(), &Secret::None).unwrap_err();
    assert!(matches!(error, Error::DiskFull), "{error:?}");
    disk.remount("size=20m");
    let mut journal = Journal::open_or_create(&disk.home(), &Secret::None).unwrap();
    journal.add(entry(0)).unwrap();
}

#[test]
fn a_read_only_home_can_be_read_and_says_why_it_cannot_be_written() {
    let Some(disk) = Disk::new("20m") else { return };
    let home = disk.home();
    let mut journal = Journal::create(&home, &Secret::None).unwrap();
    let id = journal.add(entry(0)).unwrap().id;
    drop(journal);
    disk.remount("ro");
    let mut journal = Journal::open(&home, &Secret::None).unwrap();
    assert!(journal.is_read_only());
    assert_eq!(
        journal
            .notices()
            .iter()
            .map(Notice::to_string)
            .collect::<Vec<_>>(),
        ["the journal's home cannot be written to: reading only"]
    );
    assert_eq!(journal.get(id).unwrap().id, id);
    assert_eq!(
        journal
            .full_text("lorem", &Filter::default(), 5)
            .unwrap()
            .len(),
        1
    );
    // What was measured is read like anything else, and kept no more than anything else.
    let day = jiff::civil::date(2026, 3, 1);
    assert_eq!(journal.measured(day, day).unwrap(), []);
    let mut measured = metrics::Measured::default();
    measured.record(metrics::Measure::Save, 1);
    for error in [
        journal.keep_measured(day, &measured).unwrap_err(),
        journal.add(entry(1)).unwrap_err(),
        journal.remove(id).unwrap_err(),
        journal.edit(id, EntryEdit::text("x")).unwrap_err(),
        journal.rekey(&Secret::None).unwrap_err(),
        journal.save_draft("new", "x").unwrap_err(),
    ] {
        assert!(matches!(error, Error::ReadOnly { .. }), "{error:?}");
        assert!(
            error
                .to_string()
                .starts_with("the journal cannot be written to: "),
            "{error}"
        );
        assert!(error.to_string().contains("nothing was changed"), "{error}");
    }
    let other = Home::at(disk.0.path().join("other"));
    assert!(matches!(
        Journal::create(&other, &Secret::None),
        Err(Error::ReadOnly { .. })
    ));
    drop(journal);
    assert!(fsck::check(&home, &Secret::None).unwrap().is_clean());
    disk.remount("rw");
    assert_eq!(
        Journal::open(&home, &Secret::None)
            .unwrap()
            .count(&Filter::default())
            .unwrap(),
        1
    );
}
