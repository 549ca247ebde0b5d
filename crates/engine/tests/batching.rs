//! Random schedules through the worker with the real model and its paged cache: whoever stays to the end gets the tokens
//! that it would get alone, whoever goes leaves no page behind (companion-tiny; a schedule's order of steps depends on the
//! machine's time, so the same schedule need not take the same way twice).
#![allow(clippy::unwrap_used, clippy::print_stderr)] // A failed test may panic, and what was covered is worth reading.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use engine::batch::{Batcher, Class, End, Greedy, Limits, Text};
use engine::decoder::{Decoder, DecoderOptions, KvKind, Work};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

const SCHEDULES: u32 = 20;
/// Every schedule is over in less than a second; whoever waits so long was forgotten.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bounds of tokens in the cache: the longest request (200 and 30) fits the smallest alone, and no two of its kind fit any.
const TIGHT: std::ops::RangeInclusive<usize> = 256..=448;

/// How a request ends.
#[derive(Debug, Clone, Copy)]
enum Leaves {
    /// When it is done.
    Last,
    /// It is cancelled after so many tokens,
    AfterTokens(usize),
    /// or milliseconds,
    After(u64),
    /// or whoever asked goes away after so many milliseconds.
    Drops(u64),
}

#[derive(Debug, Clone)]
struct Request {
    class: Class,
    prompt: Vec<u32>,
    /// 0: it is read only, for others.
    reply: usize,
    /// Milliseconds from the beginning.
    comes: u64,
    leaves: Leaves,
}

#[derive(Debug, Clone)]
struct Schedule {
    requests: Vec<Request>,
    kv: KvKind,
    /// Texts at once.
    slots: usize,
    /// Tokens that the scheduler gives out, where it is fewer than the cache holds.
    given: Option<usize>,
    /// Tokens that the cache holds, where they are few.
    held: Option<usize>,
}

/// Class, beginning, how much of it, what follows, tokens of reply, when it comes, how it ends.
type Drawn = (Class, usize, usize, Vec<u32>, usize, u64, Leaves);

/// Random schedules; the cache is small in all of them, or in none.
fn schedules(small: bool) -> impl Strategy<Value = Schedule> {
    let leaves = prop_oneof![
        6 => Just(Leaves::Last),
        1 => (0_usize..20).prop_map(Leaves::AfterTokens),
        1 => (0_u64..40).prop_map(Leaves::After),
        1 => (0_u64..40).prop_map(Leaves::Drops),
    ];
    // Beginnings that several requests share, each up to somewhere.
    let stems = vec(vec(0_u32..2000, 1..=150), 1..=3);
    let request = (
        select(&Class::ALL[..]),
        0_usize..3,
        1_usize..=150,
        vec(0_u32..2000, 0..=50),
        0_usize..=30,
        0_u64..40,
        leaves,
    );
    let kinds = select(&[KvKind::F32, KvKind::F16, KvKind::U8][..]);
    let held = TIGHT.prop_map(move |tokens| small.then_some(tokens));
    let parts = (
        stems,
        vec(request, 3..=12),
        kinds,
        1_usize..=8,
        option::of(TIGHT),
        held,
    );
    parts.prop_map(|(stems, requests, kv, slots, given, held)| {
        let request = |(class, stem, cut, tail, reply, comes, leaves): Drawn| {
            let stem = &stems[stem % stems.len()];
            let shared = &stem[..stem.len().min(cut)];
            Request {
                class,
                prompt: [shared, &tail[..]].concat(),
                reply,
                comes,
                leaves,
            }
        };
        Schedule {
            requests: requests.into_iter().map(request).collect(),
            kv,
            slots,
            given,
            held,
        }
    })
}

/// The tokens after `prompt` from an empty cache, one request at a time.
fn alone(decoder: &Decoder, prompt: &[u32], count: usize) -> Vec<u32> {
    decoder.clear_kv();
    let mut sequence = decoder.start(prompt).unwrap();
    let mut tokens = prompt.to_vec();
    for _ in 0..count {
        let work = Work {
            tokens: &tokens[sequence.len()..],
            sequence: &mut sequence,
            logits: true,
        };
        let logits = decoder.forward(&mut [work]).unwrap().remove(0);
        tokens.push(decoder.argmax(&logits.unwrap()));
    }
    tokens.split_off(prompt.len())
}

/// Asks and leaves as `request` says. Gives how it ended, where somebody was there to hear it, and what was heard.
fn ask(batcher: &Batcher, request: &Request) -> (Option<End>, Vec<u32>) {
    let (to, from) = mpsc::channel();
    let driver = (request.reply > 0).then(|| Box::new(Greedy::new(request.reply, to)) as _);
    thread::sleep(Duration::from_millis(request.comes));
    let text = Text {
        class: request.class,
        prompt: request.prompt.clone(),
        reply: request.reply,
        driver,
        timeout: None,
    };
    let ticket = batcher.submit(text).unwrap();
    let mut heard = Vec::new();
    match request.leaves {
        Leaves::Last => {}
        Leaves::AfterTokens(count) => {
            heard.extend(rest(&from).take(count));
            ticket.cancel();
        }
        Leaves::After(time) => {
            thread::sleep(Duration::from_millis(time));
            ticket.cancel();
        }
        Leaves::Drops(time) => {
            thread::sleep(Duration::from_millis(time));
            drop(ticket);
            heard.extend(rest(&from));
            return (None, heard);
        }
    }
    let end = ticket.wait_for(PATIENCE).expect("nobody starves");
    heard.extend(rest(&from));
    (Some(end), heard)
}

/// What comes until the worker lets go of the other end.
fn rest(from: &Receiver<u32>) -> impl Iterator<Item = u32> {
    std::iter::from_fn(|| match from.recv_timeout(PATIENCE) {
        Ok(token) => Some(token),
        Err(mpsc::RecvTimeoutError::Disconnected) => None,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("a request was forgotten"),
    })
}

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/models/companion-tiny");
    let is_there = folder.join("model.safetensors").is_file();
    if !is_there {
        eprintln!("skipped: {} has no weights", folder.display());
    }
    is_there.then_some(folder)
}

fn open(folder: &Path, kv: KvKind, kv_bytes: Option<usize>) -> Decoder {
    let options = DecoderOptions {
        threads: Some(1),
        kv,
        kv_bytes,
        ..DecoderOptions::default()
    };
    Decoder::open(folder, &options).unwrap()
}

/// What the schedules of a run came to, so that a test of nothing is seen.
#[derive(Debug, Default)]
struct Covered {
    done: Cell<usize>,
    cancelled: Cell<usize>,
    stopped: Cell<u64>,
    found: Cell<u64>,
}

fn run(folder: &Path, schedule: &Schedule, covered: &Covered) {
    let reference = open(folder, schedule.kv, None);
    let token_bytes = reference.kv_stats().limit_bytes / reference.kv_tokens();
    let decoder = open(folder, schedule.kv, schedule.held.map(|t| t * token_bytes));
    let limits = Limits {
        max_size: schedule.slots,
        kv_tokens: schedule.given.unwrap_or(usize::MAX),
        gather: Duration::from_millis(5),
        ageing: Duration::from_millis(20),
        ..Limits::default()
    };
    let batcher = Batcher::start(decoder.clone(), limits).unwrap();
    let heard: Vec<_> = thread::scope(|scope| {
        let batcher = &batcher;
        let asking = |request| scope.spawn(move || ask(batcher, request));
        let threads: Vec<_> = schedule.requests.iter().map(asking).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    // Whoever has heard of its end finds its room free.
    let stats = decoder.kv_stats();
    assert_eq!(stats.used_bytes, stats.idle_bytes, "a page is held");
    assert_eq!(batcher.open(), 0);
    for (request, (end, heard)) in schedule.requests.iter().zip(heard) {
        let want = alone(&reference, &request.prompt, request.reply);
        match (request.leaves, end) {
            (_, Some(End::Done)) => {
                assert_eq!(heard, want, "{request:?}");
                covered.done.set(covered.done.get() + 1);
            }
            (Leaves::Drops(_), None)
            | (Leaves::After(_) | Leaves::AfterTokens(_), Some(End::Cancelled)) => {
                assert!(want.starts_with(&heard), "{heard:?} of {want:?}");
                covered.cancelled.set(covered.cancelled.get() + 1);
            }
            (_, end) => panic!("{end:?}: {request:?}"),
        }
    }
    covered
        .stopped
        .set(covered.stopped.get() + batcher.stats().stopped);
    covered.found.set(covered.found.get() + stats.tokens_found);
    drop(batcher);
    decoder.clear_kv();
    assert_eq!(decoder.kv_stats().used_bytes, 0, "a page is lost");
}

/// Runs random schedules, and says what they came to.
fn run_all(small: bool, count: u32) {
    let Some(folder) = folder() else { return };
    let config = Config {
        cases: count,
        // A smaller schedule seldom fails by the same chance; a few tries are worth it.
        max_shrink_iters: 50,
        failure_persistence: None,
        ..Config::default()
    };
    let covered = Covered::default();
    TestRunner::new(config)
        .run(&schedules(small), |schedule| {
            run(&folder, &schedule, &covered);
            Ok(())
        })
        .unwrap();
    eprintln!("{count} schedules: {covered:?}");
    assert!(
        covered.done.get() > 0 && covered.cancelled.get() > 0,
        "{covered:?}"
    );
    assert!(
        covered.stopped.get() > 0,
        "no slot was taken away: {covered:?}"
    );
    assert!(
        covered.found.get() > 0,
        "no beginning was shared: {covered:?}"
    );
}

#[test]
fn whoever_is_not_cancelled_gets_the_tokens_that_it_gets_alone_and_no_page_is_held() {
    run_all(false, SCHEDULES);
}

/// The scheduler counts whole pages, and one that is copied before it is written to.
#[test]
fn so_they_do_where_the_cache_is_full() {
    run_all(true, SCHEDULES);
}
