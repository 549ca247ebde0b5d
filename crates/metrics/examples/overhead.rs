//! What recording costs: nanoseconds a call, alone and with every core recording the same.
//!
//!     cargo run --release -p companion-metrics --example overhead

#![allow(clippy::print_stdout, reason = "it is a program")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use metrics::{Count, Measure};

const CALLS: u64 = 2_000_000;

fn record_many() -> f64 {
    let begun = Instant::now();
    for i in 0..CALLS {
        metrics::record(Measure::InterToken, black_box(40_000 + i % 9000));
    }
    nanos(begun.elapsed())
}

fn nanos(took: Duration) -> f64 {
    took.as_secs_f64() * 1e9 / CALLS as f64
}

fn main() {
    record_many(); // warm
    let mut alone: Vec<f64> = (0..9).map(|_| record_many()).collect();
    alone.sort_by(f64::total_cmp);
    println!(
        "record, one thread             {:6.1} ns a call (least {:.1}, most {:.1}, n 9)",
        alone[4], alone[0], alone[8]
    );

    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let each: Vec<f64> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(record_many)).collect();
        all.into_iter()
            .map(|one| one.join().expect("it records only"))
            .collect()
    });
    let worst = each.iter().copied().fold(0.0, f64::max);
    println!("record, {threads} threads on one measure {worst:6.1} ns a call (the slowest thread)");

    let begun = Instant::now();
    for _ in 0..CALLS {
        metrics::add(Count::TokensWritten, black_box(1));
    }
    println!(
        "add                            {:6.1} ns a call",
        nanos(begun.elapsed())
    );

    let begun = Instant::now();
    let measured = metrics::take();
    let took = begun.elapsed().as_secs_f64() * 1e6;
    let bytes = measured
        .histogram(Measure::InterToken)
        .map_or(0, |h| h.to_bytes().len());
    println!("take                           {took:6.1} us; {bytes} bytes as stored");
}
