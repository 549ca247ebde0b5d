//! What was measured: added up over processes and days, and what a kill costs.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use common::*;
use jiff::civil::{Date, date};
use journal::*;
use metrics::{Count, Measure, Measured};

const DAY: Date = date(2026, 3, 1);
/// What a child records before it keeps it.
const EACH: u64 = 100;
const ROUNDS: u64 = 40;

/// `EACH` records of a thousand microseconds to a thousand and ninety-nine.
fn round() -> Measured {
    let mut measured = Measured::default();
    (0..EACH).for_each(|i| measured.record(Measure::FirstToken, 1000 + i));
    measured.add(Count::TokensWritten, 3);
    measured
}

const SUM: u64 = 1000 * EACH + EACH * (EACH - 1) / 2;

#[test]
#[ignore = "the child process of the other tests"]
fn child_measures() {
    let home = Home::at(std::env::var_os("JOURNAL_TEST_HOME").unwrap());
    let mut journal = Journal::open(&home, &Secret::None).unwrap();
    for _ in 0..ROUNDS {
        journal.keep_measured(DAY, &round()).unwrap();
        println!("kept");
        std::io::stdout().flush().unwrap();
    }
}

fn child(home: &Home) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_measures", "--ignored", "--nocapture"])
        .env("JOURNAL_TEST_HOME", home.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn kept(child: &mut Child) -> impl Iterator<Item = ()> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines
        .map_while(std::io::Result::ok)
        .filter(|line| line.contains("kept"))
        .map(drop)
}

#[test]
fn of_eight_processes_at_once_and_one_killed_all_that_was_kept_is_there() {
    let (_dir, home, journal) = fresh();
    drop(journal);
    let mut children: Vec<Child> = (0..8).map(|_| child(&home)).collect();
    let mut killed = children.remove(0);
    let mut lines = kept(&mut killed);
    let before = lines.by_ref().take(7).count() as u64;
    killed.kill().unwrap();
    killed.wait().unwrap();
    let told = before + lines.count() as u64;
    for child in &mut children {
        assert_eq!(kept(child).count() as u64, ROUNDS);
        assert!(child.wait().unwrap().success());
    }
    let journal = Journal::open(&home, &Secret::None).unwrap();
    let days = journal.measured(DAY, DAY).unwrap();
    let [(DAY, all)] = &days[..] else {
        panic!("{days:?}")
    };
    let rounds = all.count(Count::TokensWritten) / 3;
    // The kill may have come between a round that was kept and the word of it.
    let (least, most) = (7 * ROUNDS + told, 7 * ROUNDS + told + 1);
    assert!((least..=most).contains(&rounds), "{rounds} of {least}");
    let first = all.histogram(Measure::FirstToken).unwrap();
    assert_eq!(
        (first.n(), first.sum(), first.max()),
        (EACH * rounds, SUM * rounds, 1099)
    );
    let median = first.quantile(0.5).unwrap() as f64;
    assert!(
        (median - 1049.0).abs() <= 1049.0 * metrics::STATED_ERROR,
        "{median}"
    );
    drop(journal);
    assert!(fsck::check(&home, &Secret::None).unwrap().is_clean());
}

#[test]
fn days_stay_apart_and_those_of_long_ago_go() {
    let (_dir, home, mut journal) = fresh();
    let long_ago = DAY.checked_sub(jiff::Span::new().days(401)).unwrap();
    let yesterday = DAY.yesterday().unwrap();
    for day in [long_ago, yesterday, DAY] {
        journal.keep_measured(day, &round()).unwrap();
    }
    journal.keep_measured(DAY, &round()).unwrap();
    let all = journal.measured(Date::MIN, Date::MAX).unwrap();
    let n = |of: &Measured| of.histogram(Measure::FirstToken).unwrap().n();
    let found: Vec<_> = all.iter().map(|(day, of)| (*day, n(of))).collect();
    assert_eq!(found, [(yesterday, EACH), (DAY, 2 * EACH)]);
    assert_eq!(journal.measured(DAY, DAY).unwrap(), all[1..]);
    // A journal that keeps numbers of itself is whole, and a backup takes them along.
    drop(journal);
    assert!(fsck::check(&home, &Secret::None).unwrap().is_clean());
}
