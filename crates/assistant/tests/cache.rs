//! The cache over the journal's database: it lives on, dies with its sources, and survives whatever happens to the process.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use assistant::cache::judge::Judge;
use assistant::cache::{
    CacheOptions, Computed, Context, Decider, Embed, How, JournalStore, Mode, Request,
    SemanticCache, Served, Task,
};
use common::{add, journal};
use journal::{EntryEdit, EntryId, Home, Journal, Secret};

/// Places a text by its words.
struct Words;

impl Embed for Words {
    fn id(&self) -> &str {
        "words"
    }

    fn embed(&self, text: &str) -> Vec<f32> {
        let mut vector = vec![0.0; 32];
        for (at, byte) in text.to_lowercase().bytes().enumerate() {
            vector[(at + usize::from(byte)) % 32] += 1.0;
        }
        vector
    }
}

fn cache_of(journal: &Journal) -> SemanticCache {
    let store = Box::new(JournalStore::new(journal.answers().unwrap()));
    let options = CacheOptions::default();
    SemanticCache::new(store, Some(Arc::new(Words)), Decider::default(), options)
}

fn ask(cache: &SemanticCache, user: &str, sources: &[(EntryId, u32)], answer: &str) -> Served {
    let request = Request {
        task: Task::Summary,
        intent: "sum up the trip",
        context: Context {
            user: user.to_owned(),
            sources: sources.to_vec(),
            ..Context::default()
        },
    };
    let compute = || Ok::<_, Infallible>(Computed::from(answer));
    cache.get_or_compute(&request, Mode::Use, compute).unwrap()
}

#[test]
fn answers_outlive_the_process_and_are_encrypted() {
    let (journal, dir) = journal();
    let home = Home::at(dir.path().join("home"));
    ask(&cache_of(&journal), "u", &[], "a canary in the answer");
    drop(journal);
    for file in fs::read_dir(home.path()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            for canary in ["a canary in the answer", "sum up the trip"] {
                let found = bytes.windows(canary.len()).any(|w| w == canary.as_bytes());
                assert!(!found, "{canary:?} in {}", path.display());
            }
        }
    }
    let journal = Journal::open(&home, &Secret::None).unwrap();
    let served = ask(&cache_of(&journal), "u", &[], "another");
    assert_eq!(
        (served.how, served.answer.as_str()),
        (How::Exact, "a canary in the answer")
    );
}

#[test]
fn editing_or_removing_a_source_kills_what_was_made_from_it_at_once() {
    let (mut journal, _dir) = journal();
    let one = add(&mut journal, "2026-11-24 20:00", "By the river with Ana.");
    let two = add(&mut journal, "2026-11-25 20:00", "Rain all day.");
    let cache = cache_of(&journal);
    let both = [(one.id, 1), (two.id, 1)];
    assert_eq!(ask(&cache, "u", &both, "of both").how, How::Miss);
    assert_eq!(ask(&cache, "u", &both, "x").how, How::Exact);
    journal
        .edit(one.id, EntryEdit::text("By the sea with Ana."))
        .unwrap();
    // The caller that does not know of the edit asks with the old version, and still gets nothing old.
    assert_eq!(ask(&cache, "u", &both, "anew").how, How::Miss);
    assert_eq!(
        ask(&cache, "u", &both, "again").how,
        How::Miss,
        "what was made from an old version is not kept"
    );
    let now = [(one.id, 2), (two.id, 1)];
    ask(&cache, "u", &now, "of the new");
    assert_eq!(ask(&cache, "u", &now, "x").how, How::Exact);
    journal.remove(two.id).unwrap();
    assert_eq!(ask(&cache, "u", &now, "y").how, How::Miss);
    assert!(cache.list(true).unwrap().is_empty());
}

#[test]
fn another_process_sees_what_this_one_keeps_and_forgets() {
    let (journal, _dir) = journal();
    let (one, other) = (cache_of(&journal), cache_of(&journal));
    assert_eq!(ask(&other, "u", &[], "first").how, How::Miss);
    assert_eq!(ask(&one, "u", &[], "x").how, How::Exact);
    one.clear(false).unwrap();
    assert_eq!(ask(&other, "u", &[], "second").how, How::Miss);
    assert_eq!(ask(&one, "v", &[], "z").how, How::Miss, "another user");
}

/// Copies a home as a crash would leave it: the files as they are at this moment, nothing closed.
fn crashed_copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let path = file.unwrap().path();
        // The index of the log is rebuilt from it.
        if path.is_file() && !path.to_string_lossy().ends_with("-shm") {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

#[test]
fn a_crash_at_any_point_leaves_a_store_that_opens() {
    let (mut journal, dir) = journal();
    let home = dir.path().join("home");
    let entry = add(&mut journal, "2026-11-24 20:00", "By the river.");
    let cache = cache_of(&journal);
    for step in 0..40 {
        match step % 4 {
            0 => drop(ask(
                &cache,
                &step.to_string(),
                &[(entry.id, 1)],
                &"long ".repeat(50 * step),
            )),
            1 => drop(ask(&cache, "u", &[], "short")),
            2 => cache.flush(),
            _ => cache.clear(step % 8 == 3).unwrap(),
        }
        let copy = dir.path().join(format!("copy{step}"));
        crashed_copy(&home, &copy);
        // A log that was cut in the middle of a write is what a power cut leaves.
        let log = copy.join("journal.db-wal");
        if let Ok(bytes) = fs::read(&log) {
            fs::write(
                &log,
                &bytes[..bytes.len() - bytes.len() % 4096 * (step % 3) / 2],
            )
            .unwrap();
        }
        let reopened = Journal::open(&Home::at(&copy), &Secret::None).unwrap();
        let again = cache_of(&reopened);
        assert!(again.list(true).unwrap().len() <= 100);
        assert!(!ask(&again, "v", &[], "works").answer.is_empty());
        assert_eq!(reopened.list(&journal::Filter::default()).unwrap().len(), 1);
        drop((again, reopened));
        fs::remove_dir_all(&copy).unwrap();
    }
}

/// What `tools/train/judge/export.py` computed with PyTorch, in f32.
#[derive(serde::Deserialize)]
struct Expected {
    a: String,
    b: String,
    cosine: f32,
    logit: f32,
}

#[test]
fn the_judge_says_what_the_training_tool_says_of_the_same_pairs() {
    let Some(models) = common::real_models() else {
        return;
    };
    let encoder = common::encoder(&models.join("minilm"));
    let judge = Judge::committed(&encoder)
        .unwrap()
        .expect("it was trained on these weights");
    let json = include_str!("fixtures/judge_expected.json");
    let rows: Vec<Expected> = serde_json::from_str(json).unwrap();
    for row in &rows {
        let score = judge.score(&row.a, &row.b, row.cosine);
        assert!(
            (score - row.logit).abs() < 0.05,
            "{} | {}: {score}, not {}",
            row.a,
            row.b,
            row.logit
        );
        let turned = judge.score(&row.b, &row.a, row.cosine);
        assert!((score - turned).abs() < 1e-6, "the order does not matter");
    }
    assert!(rows.len() >= 5);
}
