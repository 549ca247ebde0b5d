//! How long the analysis of an entry takes, and its parts.
//!
//!     cargo run --release -p companion-assistant --example measure_analysis -- MODEL_DIR [RUNS]
//!
//! Threads and kernel as everywhere: `COMPANION_THREADS`, `COMPANION_KERNEL`.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints, and stops at what is wrong"
)]

use std::path::PathBuf;
use std::time::Instant as Clock;

use assistant::{AdaptedReader, Instant, LinearReader, Passage, Reader};
use engine::encoder::{Encoder, EncoderOptions};

/// 200 words, as one writes them in the evening.
const ENTRY: &str = "Slept badly again, the street was loud until two and then the heating woke me at five. I went in \
    early because of it and had the office to myself for an hour, which was the best part of the day. Then the call \
    with Martin. He was friendly the whole time and I still came out of it with twice the work and the feeling that I \
    had thanked him for it. Lunch at my desk, cold rice. In the afternoon I could not get the numbers to agree, and it \
    was half past four when I saw that I had been reading last year's sheet. I laughed out loud, alone, like a lunatic. \
    Mum rang while I was on the tram. Her knee is better and she has been down to the lake twice this week, without the \
    stick. She told me about the herons at such length that I missed my stop and walked back along the canal, and it \
    was light still, and somebody was practising the trumpet badly behind an open window. I do not know why that helped \
    but it did. Cooked properly for once. Wrote to Ines, did not send it. To bed before eleven, if the neighbours and \
    the heating allow it.";

fn main() {
    let mut args = std::env::args_os().skip(1);
    let folder = PathBuf::from(args.next().expect("the folder of a model"));
    let runs = args
        .next()
        .map_or(100, |n| n.to_str().unwrap().parse().unwrap());

    let open = || Encoder::open(&folder, &EncoderOptions::default()).unwrap();
    let encoder = open();
    println!(
        "{} · {} · {} threads · {} words, {} word pieces · {runs} runs",
        encoder.model_id(),
        encoder.kernel_name(),
        encoder.threads(),
        ENTRY.split_whitespace().count(),
        encoder.count_tokens(ENTRY),
    );
    measure("open the encoder", runs.min(20), || drop(open()));
    measure("open the adapter", runs.min(20), || {
        drop(AdaptedReader::committed(&encoder).unwrap());
    });

    let spans = engine::text::sentences(ENTRY);
    let mut inputs = vec![ENTRY];
    inputs.extend(spans.iter().map(|s| &ENTRY[s.clone()]));
    let passage = Passage {
        text: ENTRY,
        sentences: &spans,
        entry: &[],
        vectors: &[],
    };
    measure("embed the entry and its sentences", runs, || {
        drop(encoder.embed(&inputs));
    });
    measure("embed the entry", runs, || drop(encoder.embed(&[ENTRY])));
    let reader = AdaptedReader::committed(&encoder).unwrap();
    if let Some(reader) = reader {
        measure("read it with the adapter", runs, || {
            drop(reader.read(&[passage]));
        });
    }
    let instant = Instant::open(encoder.clone()).unwrap();
    measure("analyse", runs, || {
        drop(instant.read(&[ENTRY]).unwrap());
    });
    measure("analyse and embed for search", runs, || {
        drop(instant.analyse(&[ENTRY], &mut |_| {}).unwrap());
    });
    let heads = LinearReader::committed().unwrap();
    let heads = Instant::with_reader(encoder, std::sync::Arc::new(heads));
    measure("analyse with the heads", runs, || {
        drop(heads.analyse(&[ENTRY], &mut |_| {}).unwrap());
    });

    let bulk = [ENTRY; 64];
    let start = Clock::now();
    let rounds = (runs / 25).max(1);
    for _ in 0..rounds {
        instant.read(&bulk).unwrap();
    }
    let count = (rounds * bulk.len()) as f64;
    let rate = count / start.elapsed().as_secs_f64();
    println!("{:36}{rate:8.1} entries/s", "analyse many at once");
    let start = Clock::now();
    for _ in 0..rounds {
        instant.analyse(&bulk, &mut |_| {}).unwrap();
    }
    let rate = count / start.elapsed().as_secs_f64();
    println!(
        "{:36}{rate:8.1} entries/s",
        "analyse and embed many at once"
    );
}

/// Prints the median, the 95th percentile and the least of `runs` times, after three to warm up; and, with one thread on
/// Linux, the time on the processor, which other work on the machine disturbs less.
fn measure(what: &str, runs: usize, mut run: impl FnMut()) {
    (0..3).for_each(|_| run());
    let before = on_processor();
    let mut times: Vec<f64> = (0..runs)
        .map(|_| {
            let start = Clock::now();
            run();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    let busy = before
        .zip(on_processor())
        .map(|(before, after)| (after - before) / runs as f64);
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    let (p50, p95, least) = (at(0.5), at(0.95), times[0]);
    let busy = busy.map_or(String::new(), |ms| format!("   caller busy {ms:7.2} ms"));
    println!("{what:36}p50 {p50:7.2} ms   p95 {p95:7.2} ms   least {least:7.2} ms{busy}");
}

/// Milliseconds that this thread has run so far.
fn on_processor() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = stat.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds / 1e6)
}
