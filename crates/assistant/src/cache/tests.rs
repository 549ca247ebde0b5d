//! The cache as a whole, with a stand-in for the encoder: one number a word, so that texts with the same words are near.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use jiff::{SignedDuration, Timestamp, ZonedDateTime};
use journal::EntryId;
use proptest::prelude::*;

use super::*;

mod questions;
mod verdicts;

/// Puts each word of a text at a place of its own.
pub(super) struct Words;

impl Embed for Words {
    fn id(&self) -> &str {
        "words"
    }

    fn embed(&self, text: &str) -> Vec<f32> {
        let mut vector = vec![0.0; 64];
        for word in normalised(text).split(' ') {
            vector[crate::stats::fnv(word.as_bytes()) as usize % 64] += 1.0;
        }
        vector
    }
}

/// A clock that a test sets, in seconds.
#[derive(Clone)]
struct Hands(Arc<AtomicI64>);

impl Hands {
    fn new() -> Hands {
        Hands(Arc::new(AtomicI64::new(1_764_000_000)))
    }

    fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> ZonedDateTime {
        let at = Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap();
        at.to_zoned_datetime(jiff::tz::TimeZone::UTC)
    }
}

fn cache(options: CacheOptions, clock: &Hands) -> SemanticCache {
    SemanticCache::new(
        Box::new(MemoryStore::default()),
        Some(Arc::new(Words)),
        Decider::default(),
        options,
    )
    .with_clock(Arc::new(clock.clone()))
}

fn request(task: Task, intent: &str) -> Request<'_> {
    Request {
        task,
        intent,
        context: Context::default(),
    }
}

fn ask(cache: &SemanticCache, request: &Request<'_>, answer: &str) -> Served {
    let computed = || Ok::<_, std::convert::Infallible>(Computed::from(answer));
    cache.get_or_compute(request, Mode::Use, computed).unwrap()
}

#[test]
fn what_a_request_takes_is_known_by_its_kind() {
    let cache = cache(CacheOptions::default(), &Hands::new());
    let mut state = cache.state();
    assert_eq!(state.miss_us(Task::Generate).unwrap(), None);
    state.missed(Task::Generate, 8_000_000);
    assert_eq!(state.miss_us(Task::Generate).unwrap(), Some(8_000_000));
    state.missed(Task::Generate, 1_000_000);
    state.missed(Task::Question, 500);
    assert_eq!(state.miss_us(Task::Generate).unwrap(), Some(4_500_000));
    assert_eq!(state.miss_us(Task::Question).unwrap(), Some(500));
    assert_eq!(state.miss_us(Task::Ask).unwrap(), None);
}

#[test]
fn what_means_the_same_is_served_and_what_only_looks_so_is_computed() {
    let clock = Hands::new();
    let cache = cache(CacheOptions::default(), &clock);
    let summary = |intent| request(Task::Summary, intent);
    assert_eq!(
        ask(
            &cache,
            &summary("please recap the whole holiday trip with Ana"),
            "a"
        )
        .how,
        How::Miss
    );
    let served = ask(
        &cache,
        &summary("Please recap the whole holiday trip with Ana now"),
        "b",
    );
    assert_eq!(
        (served.answer.as_str(), served.how),
        ("b", How::Miss),
        "a gate doubts and there is no judge"
    );
    let served = ask(
        &cache,
        &summary("recap please the whole holiday trip with Ana"),
        "c",
    );
    assert_eq!((served.answer.as_str(), served.how), ("a", How::Semantic));
    let served = ask(
        &cache,
        &summary("please recap the whole holiday trip with Ben"),
        "d",
    );
    assert_eq!((served.answer.as_str(), served.how), ("d", How::Miss));
    let counters = cache.counters().unwrap();
    assert!(counters.refused["people"] >= 1, "{:?}", counters.refused);
    assert_eq!((counters.semantic, counters.missed), (1, 3));
}

#[test]
fn reflections_are_reused_for_the_same_words_only_and_danger_never() {
    let clock = Hands::new();
    let cache = cache(CacheOptions::default(), &clock);
    let reflection = |intent| request(Task::Reflection, intent);
    ask(
        &cache,
        &reflection("reflect on the whole holiday with me"),
        "a",
    );
    assert_eq!(
        ask(
            &cache,
            &reflection("Reflect on the whole holiday with me!"),
            "b"
        )
        .how,
        How::Exact
    );
    assert_eq!(
        ask(
            &cache,
            &reflection("with me reflect on the whole holiday"),
            "b"
        )
        .how,
        How::Miss
    );
    let danger = request(Task::Generate, "I want to die");
    assert_eq!(ask(&cache, &danger, "a").how, How::Bypassed("crisis"));
    assert_eq!(ask(&cache, &danger, "b").answer, "b");
    assert!(
        cache
            .list(true)
            .unwrap()
            .iter()
            .all(|a| !a.request.contains("die"))
    );
    let story = request(Task::Generate, "tell me a story");
    let dark = "he said: I want to kill myself";
    assert_eq!(ask(&cache, &story, dark).answer, dark);
    assert_eq!(ask(&cache, &story, "a bright one").answer, "a bright one");
    assert_eq!(cache.counters().unwrap().bypassed["crisis"], 3);
}

#[test]
fn signs_that_change_the_meaning_make_another_request() {
    let clock = Hands::new();
    let cache = cache(CacheOptions::default(), &clock);
    for (at, intent) in [
        "a day like that :)",
        "a day like that :(",
        "I miss him",
        "I miss him?",
    ]
    .iter()
    .enumerate()
    {
        let served = ask(&cache, &request(Task::Reflection, intent), &at.to_string());
        assert_eq!(served.answer, at.to_string(), "{intent}");
    }
    let served = ask(&cache, &request(Task::Reflection, "i miss  him."), "x");
    assert_eq!((served.how, served.answer.as_str()), (How::Exact, "2"));
}

#[test]
fn refresh_replaces_and_no_cache_leaves_no_trace() {
    let clock = Hands::new();
    let cache = cache(CacheOptions::default(), &clock);
    let request = request(Task::Generate, "a poem on rain");
    let compute =
        |answer: &'static str| move || Ok::<_, std::convert::Infallible>(Computed::from(answer));
    let off = cache
        .get_or_compute(&request, Mode::Off, compute("x"))
        .unwrap();
    assert_eq!(
        (off.how, cache.list(true).unwrap().len()),
        (How::Bypassed("asked"), 0)
    );
    ask(&cache, &request, "old");
    cache
        .get_or_compute(&request, Mode::Refresh, compute("new"))
        .unwrap();
    assert_eq!(ask(&cache, &request, "x").answer, "new");
    assert_eq!(cache.list(true).unwrap().len(), 1);
}

#[test]
fn two_equal_requests_at_once_run_one_inference() {
    let clock = Hands::new();
    let cache = cache(CacheOptions::default(), &clock);
    let (runs, both) = (AtomicUsize::new(0), Barrier::new(4));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                both.wait();
                let served = cache.get_or_compute(
                    &request(Task::Generate, "a long story"),
                    Mode::Use,
                    || {
                        runs.fetch_add(1, Ordering::SeqCst);
                        std::thread::sleep(std::time::Duration::from_millis(50));
                        Ok::<_, std::convert::Infallible>(Computed::from("once"))
                    },
                );
                assert_eq!(served.unwrap().answer, "once");
            });
        }
    });
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[test]
fn a_computation_that_fails_or_panics_lets_the_next_one_try() {
    let clock = Hands::new();
    let cache = cache(CacheOptions::default(), &clock);
    let request = request(Task::Generate, "a story");
    assert_eq!(
        cache.get_or_compute(&request, Mode::Use, || Err::<Computed, _>("no model")),
        Err("no model")
    );
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = cache.get_or_compute(&request, Mode::Use, || -> Result<Computed, ()> {
            panic!("in the model")
        });
    }));
    assert!(panicked.is_err());
    assert_eq!(ask(&cache, &request, "at last").answer, "at last");
}

#[test]
fn what_was_stopped_half_way_serves_nobody_else() {
    let clock = Hands::new();
    let cache = cache(CacheOptions::default(), &clock);
    let request = request(Task::Generate, "a story");
    let half = || {
        Ok::<_, std::convert::Infallible>(Computed {
            answers: vec!["once upon".into()],
            fleeting: true,
            ..Computed::default()
        })
    };
    let served = cache.get_or_compute(&request, Mode::Use, half).unwrap();
    assert_eq!(
        (served.how, served.answer.as_str()),
        (How::Miss, "once upon")
    );
    assert_eq!(ask(&cache, &request, "whole").answer, "whole");
}

#[test]
fn a_clock_that_is_set_back_makes_nothing_live_longer() {
    let clock = Hands::new();
    let cache = cache(CacheOptions::default(), &clock);
    let request = request(Task::Generate, "a story");
    ask(&cache, &request, "a");
    clock.pass(3_000);
    assert_eq!(ask(&cache, &request, "b").how, How::Exact);
    clock.pass(-2_000);
    assert_eq!(
        ask(&cache, &request, "b").how,
        How::Miss,
        "nobody knows how old it is now"
    );
    clock.pass(-400 * 86_400);
    assert_eq!(ask(&cache, &request, "c").how, How::Miss);
    clock.pass(800 * 86_400);
    assert_eq!(ask(&cache, &request, "d").how, How::Miss);
}

/// What somebody may do with a cache.
#[derive(Debug, Clone)]
enum Step {
    Ask {
        intent: u8,
        size: u16,
        user: u8,
        model: u8,
        prompt: u8,
        source: u8,
        /// The source is found in computing only, and is no part of the key.
        found: bool,
    },
    Pass(i32),
    Change(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..12_u8, 0..700_u16, 0..2_u8, 0..2_u8, 0..2_u8, 0..3_u8, any::<bool>()).prop_map(
            |(intent, size, user, model, prompt, source, found)| Step::Ask { intent, size, user, model, prompt, source, found }
        ),
        2 => (-5_000..5_000_i32).prop_map(Step::Pass),
        1 => (0..3_u8).prop_map(Step::Change),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    /// Never over its bounds; nothing after its time, after its source changed, across users, models, or prompt versions.
    #[test]
    fn bounds_times_sources_and_contexts_hold_whatever_happens(steps in prop::collection::vec(step(), 1..80)) {
        let clock = Hands::new();
        let options = CacheOptions { max_entries: 6, max_bytes: 4_000, ..CacheOptions::default() };
        let cache = cache(options.clone(), &clock);
        // Time that really passes, whatever the clock says.
        let (mut real, mut changes) = (0_i64, [0_i64; 3]);
        for step in steps {
            match step {
                Step::Pass(seconds) => {
                    clock.pass(i64::from(seconds));
                    real += i64::from(seconds).max(0);
                }
                Step::Change(source) => {
                    changes[source as usize] += 1;
                    cache.entry_changed(EntryId(i64::from(source))).unwrap();
                }
                Step::Ask { intent, size, user, model, prompt, source, found } => {
                    let text = format!("wish {intent}");
                    // The version does not change with the source: only the invalidation can be what saves this.
                    let sources = vec![(EntryId(i64::from(source)), 1)];
                    let context = Context {
                        user: user.to_string(),
                        model: model.to_string(),
                        prompt_version: prompt.to_string(),
                        // Another source without its name in the key would be another request in the same words.
                        parameters: format!("{source} {found}"),
                        sources: if found { Vec::new() } else { sources.clone() },
                        ..Context::default()
                    };
                    let asked = Request { task: Task::Generate, intent: &text, context };
                    let made = format!("{intent} {user} {model} {prompt} {source} {} {real} {}", changes[source as usize], "x".repeat(size.into()));
                    let computed = Computed {
                        answers: vec![made],
                        sources: if found { sources } else { Vec::new() },
                        fleeting: false,
                    };
                    let served = cache.get_or_compute(&asked, Mode::Use, || Ok::<_, std::convert::Infallible>(computed)).unwrap();
                    let parts: Vec<&str> = served.answer.split(' ').collect();
                    prop_assert_eq!(parts[..5].join(" "), format!("{intent} {user} {model} {prompt} {source}"));
                    prop_assert_eq!(parts[5].parse::<i64>().unwrap(), changes[source as usize]);
                    prop_assert!(real - parts[6].parse::<i64>().unwrap() < 3_600, "{} seconds old", real);
                }
            }
            let kept = cache.list(true).unwrap();
            prop_assert!(kept.len() <= options.max_entries);
            prop_assert!(kept.iter().map(|a| a.size_bytes).sum::<u64>() <= options.max_bytes);
        }
    }
}
