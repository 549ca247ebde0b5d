//! What the person says of an entry outranks what any model says of it, now and later.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::*;
use journal::*;

fn said(sentiment: Option<Sentiment>, themes: Option<&[&str]>) -> Correction {
    Correction {
        sentiment,
        themes: themes.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
    }
}

/// A journal with one entry that `model@1` has read as positive and about sleep.
fn read_once() -> (tempfile::TempDir, Home, Journal, EntryId) {
    let (dir, home, mut journal) = fresh();
    let entry = journal
        .add(NewEntry::new(
            "Great. Just great.",
            at("2026-03-01T22:10[UTC]"),
        ))
        .unwrap();
    let made = (
        entry.id,
        entry.version,
        analysis("model@1"),
        Some(vectors("model@1", 1.0)),
    );
    journal.save_analysis(&[made]).unwrap();
    (dir, home, journal, entry.id)
}

#[test]
fn a_correction_outranks_the_analysis_that_is_stored_and_every_later_one() {
    let (_dir, _home, mut journal, id) = read_once();
    let wrong = said(Some(Sentiment::Negative), Some(&["work", "health"]));
    let holds = journal.correct(id, &wrong).unwrap().unwrap();
    assert_eq!(journal.analysis(id).unwrap().unwrap(), holds);
    assert_eq!(holds.sentiment, Sentiment::Negative);
    assert!(holds.corrected && holds.valence < -0.2 && !holds.unsure);
    assert_eq!(
        holds.evidence,
        [],
        "what spoke for the wrong claims is gone"
    );

    let mut later = analysis("model@2");
    later.unsure = true;
    journal
        .save_analysis(&[(id, 1, later.clone(), None)])
        .unwrap();
    let holds = journal.analysis(id).unwrap().unwrap();
    assert_eq!(
        (holds.sentiment, holds.model.as_str()),
        (Sentiment::Negative, "model@2")
    );
    let kept = journal.corrections().unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (kept[0].correction.clone(), kept[0].said.clone()),
        (wrong, Some(later))
    );
}

#[test]
fn filters_see_the_correction_and_not_the_model() {
    let (_dir, _home, mut journal, id) = read_once();
    journal
        .correct(id, &said(Some(Sentiment::Negative), Some(&["work"])))
        .unwrap();
    let count = |filter: Filter| journal.count(&filter).unwrap();
    let mood = |sentiment| Filter {
        sentiment: Some(sentiment),
        ..Filter::default()
    };
    assert_eq!(
        (
            count(mood(Sentiment::Negative)),
            count(mood(Sentiment::Positive))
        ),
        (1, 0)
    );
    let theme = |name: &str| Filter {
        themes: vec![name.into()],
        ..Filter::default()
    };
    assert_eq!((count(theme("work")), count(theme("sleep"))), (1, 0));
}

#[test]
fn what_is_left_open_stays_as_it_was() {
    let (_dir, _home, mut journal, id) = read_once();
    journal.correct(id, &said(None, Some(&["work"]))).unwrap();
    let holds = journal.analysis(id).unwrap().unwrap();
    assert_eq!(
        (holds.sentiment, holds.confidence),
        (Sentiment::Positive, 0.75)
    );
    journal
        .correct(id, &said(Some(Sentiment::Neutral), None))
        .unwrap();
    let holds = journal.analysis(id).unwrap().unwrap();
    assert_eq!((holds.sentiment, holds.valence), (Sentiment::Neutral, 0.0));
    let names: Vec<&str> = holds.themes.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["work"]);
}

#[test]
fn taking_a_correction_back_brings_the_models_word_again() {
    let (_dir, _home, mut journal, id) = read_once();
    assert!(
        !journal.uncorrect(id).unwrap(),
        "there is nothing to take back"
    );
    journal
        .correct(id, &said(Some(Sentiment::Negative), Some(&[])))
        .unwrap();
    assert!(journal.uncorrect(id).unwrap());
    assert_eq!(journal.analysis(id).unwrap(), Some(analysis("model@1")));
    assert_eq!(journal.corrections().unwrap(), []);
}

#[test]
fn a_correction_survives_edits_removal_and_restoring_but_not_destruction() {
    let (_dir, _home, mut journal, id) = read_once();
    let wrong = said(Some(Sentiment::Negative), None);
    journal.correct(id, &wrong).unwrap();
    journal
        .edit(id, EntryEdit::text("Great. Just great, again."))
        .unwrap();
    assert_eq!(
        journal.analysis(id).unwrap(),
        None,
        "the new text is not read yet"
    );
    journal
        .save_analysis(&[(id, 2, analysis("model@1"), None)])
        .unwrap();
    assert_eq!(
        journal.analysis(id).unwrap().unwrap().sentiment,
        Sentiment::Negative
    );
    journal.remove(id).unwrap();
    assert_eq!(
        journal.corrections().unwrap(),
        [],
        "a removed entry does not count"
    );
    journal.restore(id).unwrap();
    assert_eq!(journal.corrections().unwrap()[0].correction, wrong);
    journal.remove(id).unwrap();
    journal.purge(id).unwrap();
    assert_eq!(journal.correction(id).unwrap(), None);
}

#[test]
fn a_correction_made_before_any_model_has_read_waits_for_it() {
    let (_dir, _home, mut journal) = fresh();
    let entry = journal
        .add(NewEntry::new("Nothing today.", at("2026-03-01T22:10[UTC]")))
        .unwrap();
    let wrong = said(Some(Sentiment::Neutral), Some(&[]));
    assert_eq!(journal.correct(entry.id, &wrong).unwrap(), None);
    journal
        .save_analysis(&[(entry.id, 1, analysis("model@1"), None)])
        .unwrap();
    let holds = journal.analysis(entry.id).unwrap().unwrap();
    assert_eq!(
        (holds.sentiment, holds.themes),
        (Sentiment::Neutral, vec![])
    );
}

#[test]
fn salvage_brings_corrections_along() {
    let (dir, home, mut journal, id) = read_once();
    let wrong = said(Some(Sentiment::Negative), None);
    journal.correct(id, &wrong).unwrap();
    drop(journal);
    let to = Home::at(dir.path().join("saved"));
    fsck::salvage(&home, &Secret::None, &to).unwrap();
    let saved = Journal::open(&to, &Secret::None).unwrap();
    assert_eq!(saved.correction(id).unwrap().unwrap().correction, wrong);
}
