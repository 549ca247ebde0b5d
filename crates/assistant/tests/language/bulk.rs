//! Many entries read at once: several together, each kept, and the same as one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use assistant::language::Language;
use assistant::language::bulk::{self, ReadAll, ReadDone};
use assistant::language::read;
use journal::{EntryId, Filter, Journal};

use crate::common::{add, journal};
use crate::mechanics::tiny;
use crate::scripted::{Scripted, shipped, stays, with};

const WAITS: Duration = Duration::from_secs(20);

fn some_entries(journal: &mut Journal, count: usize) -> Vec<EntryId> {
    for day in 1..=count {
        let text = format!(
            "Walked to the harbour with Nadia on day {day}. The wind was strong, and we were glad."
        );
        add(journal, &format!("2026-03-{day:02} 21:00"), &text);
    }
    journal.list_ids(&Filter::default()).unwrap()
}

fn how(together: usize) -> ReadAll<'static> {
    ReadAll {
        together,
        refresh: false,
        is_analysing: &|| false,
    }
}

/// Reads them one at a time.
fn one_by_one(journal: &mut Journal, language: &Language<'_>, ids: &[EntryId]) -> ReadDone {
    bulk::read_all(journal, language, None, ids, &how(1), &mut |_| {}).unwrap()
}

fn good(reply: impl Fn() + Send + Sync + 'static) -> Scripted {
    Scripted::new(move |chat, _| {
        reply();
        if crate::scripted::last(chat).ends_with("Summary, as JSON:") {
            r#"{"summary": "Walked to the harbour with Nadia."}"#.into()
        } else {
            r#"{"people": ["Nadia"], "places": [], "commitments": []}"#.into()
        }
    })
}

#[test]
fn as_many_entries_as_allowed_are_read_at_the_same_time_and_each_is_kept() {
    let (mut journal, _dir) = journal();
    let ids = some_entries(&mut journal, 7);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (theirs, highest) = (Arc::clone(&now), Arc::clone(&most));
    // Each waits until three are at it, or for long: then they were not together.
    let model = good(move || {
        let begun = Instant::now();
        highest.fetch_max(theirs.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        while highest.load(Ordering::SeqCst) < 3 && begun.elapsed() < WAITS {
            std::thread::yield_now();
        }
        theirs.fetch_sub(1, Ordering::SeqCst);
    });
    let mut told = Vec::new();
    let mut on_done = |done| told.push(done);
    let done = bulk::read_all(
        &mut journal,
        &with(&model),
        None,
        &ids,
        &how(3),
        &mut on_done,
    );
    let done = done.unwrap();
    assert_eq!(
        (done.read, done.kept, done.failed, done.stopped),
        (7, 0, 0, false),
        "{:?}",
        done.notes
    );
    assert_eq!(most.load(Ordering::SeqCst), 3);
    assert_eq!(told.last(), Some(&7));
    let calls = model.calls();
    let again = bulk::read_all(
        &mut journal,
        &with(&model),
        None,
        &ids,
        &how(3),
        &mut |_| {},
    );
    assert_eq!(
        again.unwrap(),
        ReadDone {
            kept: 7,
            ..ReadDone::default()
        }
    );
    assert_eq!(model.calls(), calls);
}

#[test]
fn what_was_read_before_it_was_stopped_is_kept_and_the_rest_is_read_the_next_time() {
    let (mut journal, _dir) = journal();
    let ids = some_entries(&mut journal, 6);
    let stop = Arc::new(AtomicBool::new(false));
    let (flag, replies) = (Arc::clone(&stop), AtomicUsize::new(0));
    let model = good(move || {
        // Two replies an entry: in the middle of the third.
        flag.store(
            replies.fetch_add(1, Ordering::SeqCst) == 4,
            Ordering::SeqCst,
        );
    });
    let language = Language {
        stop: &stop,
        ..with(&model)
    };
    let done = one_by_one(&mut journal, &language, &ids);
    assert_eq!((done.read, done.stopped), (2, true));
    stop.store(false, Ordering::SeqCst);
    let rest = bulk::read_all(
        &mut journal,
        &with(&model),
        None,
        &ids,
        &how(1),
        &mut |_| {},
    )
    .unwrap();
    assert_eq!((rest.read, rest.kept), (4, 2));
}

#[test]
fn an_entry_that_makes_the_model_give_up_takes_no_other_with_it() {
    let (mut journal, _dir) = journal();
    let ids = some_entries(&mut journal, 3);
    let replies = AtomicUsize::new(0);
    let model = good(move || assert!(replies.fetch_add(1, Ordering::SeqCst) != 2, "an accident"));
    let done = bulk::read_all(
        &mut journal,
        &with(&model),
        None,
        &ids,
        &how(1),
        &mut |_| {},
    )
    .unwrap();
    assert_eq!((done.read, done.failed), (2, 1));
    assert_eq!(done.notes, [(ids[1], "the reading gave up".to_owned())]);
}

#[test]
fn entries_wait_for_the_encoder_and_the_others_do_not_wait_for_them() {
    let (mut journal, _dir) = journal();
    let ids = some_entries(&mut journal, 4);
    let model = good(|| {});
    let glances = AtomicUsize::new(0);
    let is_analysing = || glances.fetch_add(1, Ordering::SeqCst) < 40;
    let how = ReadAll {
        together: 2,
        refresh: false,
        is_analysing: &is_analysing,
    };
    let done = bulk::read_all(&mut journal, &with(&model), None, &ids, &how, &mut |_| {}).unwrap();
    assert_eq!(done.read, 4);
    assert!(glances.load(Ordering::SeqCst) >= 40, "they did not wait");
}

#[test]
fn together_a_trained_model_says_of_each_entry_what_it_says_of_it_alone() {
    let Some(model) = tiny() else {
        return;
    };
    let language = Language {
        model: &model,
        prompts: shipped(),
        stop: stays(),
    };
    let (mut together, _dir) = journal();
    let (mut alone, _other) = journal();
    let ids = some_entries(&mut together, 5);
    some_entries(&mut alone, 5);
    bulk::read_all(&mut together, &language, None, &ids, &how(4), &mut |_| {}).unwrap();
    for id in ids {
        let of = |journal: &mut Journal| {
            let entry = journal.get(id).unwrap();
            let mut reading = read::read(journal, Some(&language), None, &entry, false).unwrap();
            // What was remembered from whom differs; what was said does not.
            reading.usage = Default::default();
            reading
        };
        assert_eq!(of(&mut together), of(&mut alone), "entry {id}");
    }
}
