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
    SemanticCache, Served, Task, Verdict,
};
use common::{add, journal};
use journal::{EntryEdit, EntryId, Home, Journal, Secret};
use proptest::prelude::*;

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

/// A cache as another process opens it: at this moment, with these settings.
fn opened(journal: &Journal, options: &CacheOptions, second: i64) -> SemanticCache {
    let store = Box::new(JournalStore::new(journal.answers().unwrap()));
    let decider = Decider::default();
    let cache = SemanticCache::new(store, Some(Arc::new(Words)), decider, options.clone());
    let now = jiff::Timestamp::from_second(1_764_000_000 + second).unwrap();
    let now = now.to_zoned_datetime(jiff::tz::TimeZone::UTC);
    cache.with_clock(Arc::new(move || now.clone()))
}

fn summary<'a>(intent: &'a str, user: &str) -> Request<'a> {
    Request {
        task: Task::Summary,
        intent,
        context: Context {
            user: user.to_owned(),
            ..Context::default()
        },
    }
}

const STORED: &str = "please recap the whole holiday trip with Ana and Carla";
const ASKED: &str = "recap please the whole holiday trip with Ana and Carla";

#[test]
fn an_audit_sees_the_hits_of_other_processes() {
    let (journal, _dir) = journal();
    let ask = |intent, answer: &str| {
        let compute = || Ok::<_, Infallible>(Computed::from(answer));
        let request = Request {
            task: Task::Ask,
            ..summary(intent, "u")
        };
        cache_of(&journal)
            .get_or_compute(&request, Mode::Use, compute)
            .unwrap()
    };
    assert_eq!(ask(STORED, "a").how, How::Miss);
    assert_eq!(ask(ASKED, "b").how, How::Semantic);
    let mut asked = Vec::new();
    let report = cache_of(&journal)
        .audit(1.0, 7, |case| {
            asked.push((case.asked.clone(), case.answer.clone()));
            Some(false)
        })
        .unwrap();
    assert_eq!(asked, [(ASKED.to_owned(), "a".to_owned())]);
    assert_eq!((report.open, report.checked, report.wrong), (1, 1, 1));
    assert_eq!((report.audit.judged, report.audit.wrong), (1, 1));
    // A person's word on the same hit takes the place of the audit's.
    let cache = cache_of(&journal);
    let id = cache.list(false).unwrap()[0].id;
    cache.verdict(id, Verdict::Right).unwrap();
    let tier = cache.tier();
    assert_eq!((tier.audit.judged, tier.complaints.right), (0, 1));
}

#[test]
fn what_was_kept_without_an_encoder_does_not_blind_the_search() {
    let (journal, _dir) = journal();
    let options = CacheOptions::default();
    let store = Box::new(JournalStore::new(journal.answers().unwrap()));
    let blind = SemanticCache::new(store, None, Decider::default(), options);
    let compute = |answer: &'static str| move || Ok::<_, Infallible>(Computed::from(answer));
    let ask = |cache: &SemanticCache, intent, answer| {
        let served = cache.get_or_compute(&summary(intent, "u"), Mode::Use, compute(answer));
        served.unwrap().how
    };
    assert_eq!(ask(&blind, "sum up the trip", "a"), How::Miss);
    let cache = cache_of(&journal);
    assert_eq!(ask(&cache, STORED, "b"), How::Miss);
    assert_eq!(ask(&cache, ASKED, "c"), How::Semantic);
    assert_eq!(ask(&cache_of(&journal), ASKED, "c"), How::Semantic);
}

/// What somebody may do with a cache whose settings change.
#[derive(Debug, Clone)]
enum Step {
    Ask(u8, u16),
    Pass(u16),
    Settings {
        ttl_minutes: i64,
        max_entries: usize,
        max_bytes: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..6_u8, 0..900_u16).prop_map(|(intent, size)| Step::Ask(intent, size)),
        2 => (0..3_000_u16).prop_map(Step::Pass),
        2 => (0..90_i64, 0..5_usize, 0..5_000_u64)
            .prop_map(|(ttl_minutes, max_entries, max_bytes)| Step::Settings { ttl_minutes, max_entries, max_bytes }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// The settings that hold now hold for what was kept under others too.
    #[test]
    fn bounds_hold_for_what_was_kept_under_others(steps in prop::collection::vec(step(), 1..30)) {
        let (journal, _dir) = journal();
        let (mut options, mut now) = (CacheOptions::default(), 0_i64);
        for step in steps {
            match step {
                Step::Pass(seconds) => now += i64::from(seconds),
                Step::Settings { ttl_minutes, max_entries, max_bytes } => {
                    options.ttl = jiff::SignedDuration::from_mins(ttl_minutes);
                    (options.max_entries, options.max_bytes) = (max_entries, max_bytes);
                }
                Step::Ask(intent, size) => {
                    let ttl = options.ttl.as_secs();
                    let made = format!("{now} {ttl} {}", "x".repeat(size.into()));
                    let cache = opened(&journal, &options, now);
                    let compute = || Ok::<_, Infallible>(Computed::from(made.as_str()));
                    let served = cache
                        .get_or_compute(&summary(&format!("wish {intent}"), "u"), Mode::Use, compute)
                        .unwrap();
                    let mut said = served.answer.split(' ').map(|part| part.parse::<i64>());
                    let (made, then) = (said.next().unwrap().unwrap(), said.next().unwrap().unwrap());
                    if served.how.is_hit() {
                        prop_assert!(now - made < ttl.min(then), "{now} {made} {ttl} {then}");
                        prop_assert!(options.max_entries > 0 && options.max_bytes > 0);
                    }
                }
            }
            let kept = opened(&journal, &options, now).list(true).unwrap();
            prop_assert!(kept.len() <= options.max_entries);
            prop_assert!(kept.iter().map(|a| a.size_bytes).sum::<u64>() <= options.max_bytes);
        }
    }
}
