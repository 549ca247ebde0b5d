//! Catching up with the queue: nothing lost, nothing stale, stoppable.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use assistant::{Instant, Passage, Reader, Reading, catch_up};
use common::{add, journal, tiny};
use journal::{EntryEdit, Journal};

fn run(journal: &mut Journal, instant: &Instant) -> assistant::CatchUp {
    catch_up(journal, instant, &mut |_, _| {}, &AtomicBool::new(false)).unwrap()
}

#[test]
fn everything_queued_is_analysed_and_embedded_once() {
    let (mut journal, _dir) = journal();
    let instant = tiny();
    for day in 1..=9 {
        add(
            &mut journal,
            &format!("2026-11-0{day} 20:00"),
            &format!("Day {day}. It rained."),
        );
    }
    let mut heard = Vec::new();
    let done = catch_up(
        &mut journal,
        &instant,
        &mut |n, of| heard.push((n, of)),
        &AtomicBool::new(false),
    )
    .unwrap();
    assert_eq!((done.analysed, done.failed, done.cancelled), (9, 0, false));
    assert_eq!(heard.last(), Some(&(9, 9)));
    assert_eq!(journal.queued_count().unwrap(), 0);
    for entry in journal.list(&Default::default()).unwrap() {
        assert!(journal.analysis(entry.id).unwrap().is_some());
        assert_eq!(
            journal
                .sentence_vectors(entry.id, instant.encoder().model_id())
                .unwrap()
                .len(),
            2
        );
    }
    assert_eq!(
        run(&mut journal, &instant).analysed,
        0,
        "a second time finds nothing to do"
    );
}

#[test]
fn an_edited_entry_is_analysed_again() {
    let (mut journal, _dir) = journal();
    let instant = tiny();
    let id = add(&mut journal, "2026-11-01 20:00", "One sentence.").id;
    run(&mut journal, &instant);
    journal
        .edit(id, EntryEdit::text("Now there are two. Indeed."))
        .unwrap();
    assert_eq!(run(&mut journal, &instant).analysed, 1);
    assert_eq!(
        journal
            .sentence_vectors(id, instant.encoder().model_id())
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_cancelled_catch_up_leaves_the_rest_queued() {
    let (mut journal, _dir) = journal();
    let instant = tiny();
    for i in 0..150 {
        add(&mut journal, "2026-11-01 20:00", &format!("Entry {i}."));
    }
    let stop = AtomicBool::new(false);
    let done = catch_up(
        &mut journal,
        &instant,
        &mut |_, _| stop.store(true, Ordering::Relaxed),
        &stop,
    )
    .unwrap();
    assert!(
        done.cancelled && done.analysed > 0 && done.analysed < 150,
        "{done:?}"
    );
    assert_eq!(journal.queued_count().unwrap(), 150 - done.analysed);
    assert_eq!(run(&mut journal, &instant).analysed, 150 - done.analysed);
}

/// Another reader in the place of the heads, as an adapted encoder will be.
struct Cheerful;

impl Reader for Cheerful {
    fn id(&self) -> &str {
        "cheerful"
    }
    fn read(&self, passages: &[Passage<'_>]) -> Vec<Reading> {
        let reading = |_| Reading {
            sentiment: [0.9, 0.1, 0.0],
            valence: 0.8,
            ..Reading::blank()
        };
        passages.iter().map(reading).collect()
    }
}

#[test]
fn another_reader_takes_the_place_of_the_heads_and_everything_is_read_again() {
    let (mut journal, _dir) = journal();
    let instant = tiny();
    let id = add(&mut journal, "2026-11-01 20:00", "One sentence.").id;
    run(&mut journal, &instant);
    let cheerful = Instant::with_reader(instant.encoder().clone(), Arc::new(Cheerful));
    assert_eq!(run(&mut journal, &cheerful).analysed, 1);
    let analysis = journal.analysis(id).unwrap().unwrap();
    assert!(
        analysis.model.ends_with("+cheerful") && analysis.valence == 0.8,
        "{analysis:?}"
    );
    assert_eq!(run(&mut journal, &cheerful).analysed, 0);
}
