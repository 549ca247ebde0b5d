//! The worker with a scripted model: the same tokens alone and in company, and no accident touches another.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use super::double::{Double, FAILS, PANICS, continued};
use super::*;

/// A text that takes the likeliest token `count` times, and where its tokens are heard.
fn greedy(class: Class, prompt: &[u32], count: usize) -> (Text, Receiver<u32>) {
    let (to, heard) = mpsc::channel();
    let text = Text {
        class,
        prompt: prompt.to_vec(),
        reply: count,
        driver: Some(Box::new(Greedy::new(count, to))),
        timeout: None,
    };
    (text, heard)
}

fn start(model: &Double) -> Batcher {
    Batcher::start(
        model.clone(),
        Limits {
            gather: Duration::from_millis(5),
            ..Limits::default()
        },
    )
    .expect("a thread")
}

fn prompt(seed: u32, length: usize) -> Vec<u32> {
    (0..length as u32)
        .map(|i| (i * 7 + seed * 13 + i * i * seed) % 40)
        .collect()
}

#[test]
fn every_request_gets_the_tokens_it_would_get_alone_and_nothing_stays_behind() {
    let model = Double::default();
    let batcher = start(&model);
    let mut open = Vec::new();
    for i in 0..60 {
        let class = Class::ALL[i % 4];
        let prompt = prompt(i as u32, 1 + i * 9);
        let (text, heard) = greedy(class, &prompt, i % 30);
        open.push((
            prompt,
            i % 30,
            heard,
            batcher.submit(text).expect("it is taken"),
        ));
    }
    for (prompt, count, heard, ticket) in open {
        assert_eq!(ticket.wait(), End::Done);
        assert_eq!(heard.iter().collect::<Vec<_>>(), continued(&prompt, count));
    }
    drop(batcher);
    assert_eq!(
        model.shared.sequences.load(Ordering::SeqCst),
        0,
        "every sequence is dropped"
    );
}

#[test]
fn a_shared_beginning_is_read_once() {
    let model = Double::default();
    let batcher = start(&model);
    let beginning = prompt(3, 320);
    let mut open = Vec::new();
    for i in 0..8 {
        let mut prompt = beginning.clone();
        prompt.extend([i, i + 1, i + 2]);
        let (text, heard) = greedy(Class::Interactive, &prompt, 4);
        open.push((prompt, heard, batcher.submit(text).expect("it is taken")));
    }
    for (prompt, heard, ticket) in open {
        assert_eq!(ticket.wait(), End::Done);
        assert_eq!(heard.iter().collect::<Vec<_>>(), continued(&prompt, 4));
    }
    let read = model.shared.read.load(Ordering::SeqCst);
    assert!(read <= 320 + 8 * (3 + 4), "{read} tokens were read");
}

#[test]
fn an_accident_ends_one_request_alone() {
    for (bad, says) in [(PANICS, "gave up"), (FAILS, "a token that fails")] {
        let model = Double::default();
        let batcher = start(&model);
        let good: Vec<_> = (0..5)
            .map(|i| {
                let prompt = prompt(i, 50);
                let (text, heard) = greedy(Class::Bulk, &prompt, 20);
                (prompt, heard, batcher.submit(text).expect("it is taken"))
            })
            .collect();
        let (text, _heard) = greedy(Class::Bulk, &[1, 2, bad, 3], 5);
        let ended = batcher.submit(text).expect("it is taken").wait();
        assert!(
            matches!(&ended, End::Failed(reason) if reason.contains(says)),
            "{ended:?}"
        );
        let panicking = |_: &mut [f32], _: usize| -> Next { panic!("a driver that panics") };
        let text = Text {
            class: Class::Bulk,
            prompt: vec![1, 2],
            reply: 3,
            driver: Some(Box::new(panicking)),
            timeout: None,
        };
        let ended = batcher.submit(text).expect("it is taken").wait();
        assert!(matches!(&ended, End::Failed(reason) if reason.contains("a driver that panics")));
        for (prompt, heard, ticket) in good {
            assert_eq!(ticket.wait(), End::Done);
            assert_eq!(heard.iter().collect::<Vec<_>>(), continued(&prompt, 20));
        }
        drop(batcher);
        assert_eq!(model.shared.sequences.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn cancelling_and_deadlines_end_a_request_within_a_step() {
    let model = Double {
        step: Duration::from_millis(10),
        ..Double::default()
    };
    let batcher = start(&model);
    let (text, heard) = greedy(Class::Interactive, &prompt(1, 20), 1000);
    let ticket = batcher.submit(text).expect("it is taken");
    heard.recv().expect("a first token");
    ticket.cancel();
    assert_eq!(
        ticket.wait_for(Duration::from_secs(5)),
        Some(End::Cancelled)
    );
    assert_eq!(batcher.open(), 0);
    let (mut text, _heard) = greedy(Class::Interactive, &prompt(2, 20), 1000);
    text.timeout = Some(Duration::from_millis(60));
    assert_eq!(batcher.submit(text).expect("it is taken").wait(), End::Late);
    // A ticket that is dropped cancels, too.
    let (text, _heard) = greedy(Class::Interactive, &prompt(2, 20), 1000);
    drop(batcher.submit(text).expect("it is taken"));
    assert_eq!(batcher.open(), 0);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(model.shared.sequences.load(Ordering::SeqCst), 0);
}

#[test]
fn texts_that_are_only_read_help_whoever_begins_with_them() {
    let model = Double::default();
    let batcher = start(&model);
    let text = prompt(5, 200);
    for end in [64, 128, 200] {
        let read = Text {
            class: Class::Typing,
            prompt: text[..end].to_vec(),
            reply: 0,
            driver: None,
            timeout: None,
        };
        assert_eq!(batcher.submit(read).expect("it is taken").wait(), End::Done);
    }
    let before = model.shared.read.load(Ordering::SeqCst);
    let (request, heard) = greedy(Class::Interactive, &text, 1);
    assert_eq!(
        batcher.submit(request).expect("it is taken").wait(),
        End::Done
    );
    assert_eq!(heard.iter().collect::<Vec<_>>(), continued(&text, 1));
    assert!(
        model.shared.read.load(Ordering::SeqCst) - before <= 32,
        "a page at most"
    );
}

#[test]
fn what_is_read_while_somebody_writes_leaves_little_for_the_end() {
    let model = Double::default();
    let batcher = start(&model);
    let text = prompt(5, 600);
    let mut ahead = ReadAhead::new();
    for end in (20..=580).step_by(20) {
        ahead.grow(&batcher, &text[..end]).expect("it is taken");
    }
    ahead.finish();
    let before = model.shared.read.load(Ordering::SeqCst);
    assert!(before < 580 + 64, "{before}: nothing much is read twice");
    let (request, heard) = greedy(Class::Interactive, &text, 1);
    assert_eq!(
        batcher.submit(request).expect("it is taken").wait(),
        End::Done
    );
    assert_eq!(heard.iter().collect::<Vec<_>>(), continued(&text, 1));
    assert!(model.shared.read.load(Ordering::SeqCst) - before <= 20 + 32);
}

/// A chore that notes the pieces it is done in.
struct Count {
    left: usize,
    to: mpsc::Sender<usize>,
}

impl Chore for Count {
    fn units(&self) -> usize {
        self.left
    }

    fn work(&mut self, units: usize) -> usize {
        std::thread::sleep(Duration::from_micros(100 * units as u64));
        let done = units.clamp(1, self.left);
        self.left -= done;
        self.to.send(done).expect("the test listens");
        done
    }
}

#[test]
fn a_chore_is_done_in_pieces_and_whole() {
    let batcher = Batcher::start(NoModel, Limits::default()).expect("a thread");
    let (to, heard) = mpsc::channel();
    let chore = Box::new(Count { left: 3000, to });
    assert_eq!(
        batcher
            .submit_chore(Class::Bulk, chore)
            .expect("it is taken")
            .wait(),
        End::Done
    );
    let pieces: Vec<usize> = heard.iter().collect();
    assert_eq!(pieces.iter().sum::<usize>(), 3000);
    assert!(pieces.len() > 2, "{pieces:?}");
    let (text, _) = greedy(Class::Interactive, &[1], 1);
    assert!(matches!(
        batcher.submit(text),
        Err(Refused::TooLarge { .. })
    ));
}

#[test]
fn a_lone_request_that_somebody_waits_for_begins_at_once() {
    let model = Double::default();
    let batcher = Batcher::start(model, Limits::default()).expect("a thread");
    let mut times: Vec<Duration> = (0..50)
        .map(|i| {
            let (text, _heard) = greedy(Class::Interactive, &prompt(i, 30), 0);
            let begun = Instant::now();
            batcher.submit(text).expect("it is taken").wait();
            begun.elapsed()
        })
        .collect();
    times.sort();
    assert!(
        times[25] < Duration::from_millis(20),
        "{:?}: nothing waits for company",
        times[25]
    );
}
