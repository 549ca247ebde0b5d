//! Measures the journal on 10,000 synthetic entries: `cargo run --release -p companion-journal --example measure [entries]`.
//!
//! Prints one line a figure: what, best (which a busy machine
//! disturbs least), median and 95th percentile in milliseconds, number of runs.

#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

use std::time::Instant;

use journal::*;

const DIMENSION: usize = 384;

fn main() -> Result<()> {
    let count: usize = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(10_000);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let home = Home::at(dir.path().join("home"));
    let mut journal = Journal::create(&home, &Secret::None)?;
    let mut random = Random(7);
    let start = Instant::now();
    journal.add_many((0..count).map(|at| entry(&mut random, at)), &mut |_| ())?;
    println!(
        "import of {count} entries: {:.0} entries/s",
        count as f64 / start.elapsed().as_secs_f64()
    );
    let start = Instant::now();
    while journal.queued_count()? > 0 {
        let queued = journal.queued(500)?;
        let made: Vec<_> = queued
            .iter()
            .map(|e| (e.id, e.version, analysis(), Some(vectors(&mut random))))
            .collect();
        journal.save_analysis(&made)?;
    }
    println!(
        "storing {count} analyses with vectors: {:.0} entries/s",
        count as f64 / start.elapsed().as_secs_f64()
    );
    drop(journal);
    println!(
        "database: {:.1} MB",
        home.database().metadata().map_or(0, |m| m.len()) as f64 / 1e6
    );

    measure("open, key file", 30, || {
        Journal::open(&home, &Secret::None).map(drop)
    })?;
    let cold = |work: fn(&Journal) -> Result<()>| {
        let home = home.clone();
        move || Journal::open(&home, &Secret::None).and_then(|journal| work(&journal))
    };
    measure(
        "open and list all, cold cache",
        10,
        cold(|j| j.list(&Filter::default()).map(drop)),
    )?;
    measure(
        "open and list newest 20",
        20,
        cold(|j| j.list(&newest(20)).map(drop)),
    )?;
    measure(
        "open and full text, two words",
        20,
        cold(|j| {
            j.full_text("river evening", &Filter::default(), 20)
                .map(drop)
        }),
    )?;
    measure(
        "open and vector search, top 20",
        20,
        cold(|j| {
            j.vector_search("m", &[0.1; DIMENSION], &Filter::default(), 20)
                .map(drop)
        }),
    )?;

    let mut journal = Journal::open(&home, &Secret::None)?;
    measure("list all", 20, || {
        journal.list(&Filter::default()).map(drop)
    })?;
    measure("list newest 20", 20, || journal.list(&newest(20)).map(drop))?;
    let tagged = Filter {
        tags_all: vec!["tag3".into()],
        ..Filter::default()
    };
    measure("list one tag", 20, || journal.list(&tagged).map(drop))?;
    let containing = Filter {
        contains: vec!["zebra crossing".into()],
        ..Filter::default()
    };
    measure("list containing a phrase (scan)", 20, || {
        journal.list(&containing).map(drop)
    })?;
    measure("full text, one rare word", 20, || {
        journal.full_text("w1999", &Filter::default(), 20).map(drop)
    })?;
    measure("full text, two words", 20, || {
        journal
            .full_text("river evening", &Filter::default(), 20)
            .map(drop)
    })?;
    let question = "what did I think about the river that evening when we were at home";
    measure("full text, a question of common words", 20, || {
        journal
            .full_text(question, &Filter::default(), 20)
            .map(drop)
    })?;
    measure("full text, a prefix", 20, || {
        journal.full_text("w12", &Filter::default(), 20).map(drop)
    })?;
    measure("vector search, top 20", 20, || {
        journal
            .vector_search("m", &[0.1; DIMENSION], &Filter::default(), 20)
            .map(drop)
    })?;
    measure("vector search in one tag, top 20", 20, || {
        journal
            .vector_search("m", &[0.1; DIMENSION], &tagged, 20)
            .map(drop)
    })?;
    measure("analyses of all", 10, || {
        journal.analyses(&Filter::default()).map(drop)
    })?;
    measure("add, durable", 100, || {
        journal.add(entry(&mut random, count)).map(drop)
    })?;
    let locked = Home::at(dir.path().join("locked"));
    drop(Journal::create(
        &locked,
        &Secret::passphrase("correct horse"),
    )?);
    measure("open, passphrase", 5, || {
        Journal::open(&locked, &Secret::passphrase("correct horse")).map(drop)
    })
}

fn newest(limit: usize) -> Filter {
    Filter {
        limit: Some(limit),
        newest_first: true,
        ..Filter::default()
    }
}

fn measure(what: &str, runs: usize, mut work: impl FnMut() -> Result<()>) -> Result<()> {
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    println!(
        "{what}: best {:.2} ms, p50 {:.2} ms, p95 {:.2} ms (n {runs})",
        times[0],
        times[runs / 2],
        times[(runs * 95 / 100).min(runs - 1)]
    );
    Ok(())
}

/// About 100 words, drawn so that few are common and most are rare, as in a language.
fn entry(random: &mut Random, at: usize) -> NewEntry {
    const COMMON: [&str; 16] = [
        "the", "I", "and", "to", "was", "we", "at", "home", "river", "evening", "that", "about",
        "when", "did", "think", "what",
    ];
    let mut text = String::new();
    for _ in 0..100 {
        let draw = random.next();
        if draw.is_multiple_of(2) {
            text += COMMON[(draw as usize / 2) % 16];
        } else {
            let rank = (random.unit().powi(3) * 8000.0) as u32;
            text += &format!("w{rank}");
        }
        text.push(' ');
    }
    text += &format!("#tag{} mood:{}", at % 50, at % 10);
    let start: jiff::ZonedDateTime = "2000-01-01T08:00[Europe/Berlin]".parse().expect("a time");
    NewEntry::new(
        text,
        &start + jiff::SignedDuration::from_hours(23 * at as i64),
    )
}

fn analysis() -> Analysis {
    Analysis {
        sentiment: Sentiment::Neutral,
        confidence: 0.5,
        valence: 0.0,
        mixed: false,
        unsure: false,
        themes: vec![ThemeScore {
            name: "home".into(),
            probability: 0.75,
        }],
        evidence: vec![Evidence {
            claim: "home".into(),
            start: 0,
            end: 10,
        }],
        tier: "instant".into(),
        model: "m".into(),
        truncated: false,
        corrected: false,
    }
}

fn vectors(random: &mut Random) -> Vectors {
    let mut one = || {
        (0..DIMENSION)
            .map(|_| random.unit() as f32 - 0.5)
            .collect::<Vec<f32>>()
    };
    Vectors {
        model: "m".into(),
        entry: one(),
        sentences: (0..6).map(|at| (at * 80..at * 80 + 79, one())).collect(),
    }
}

/// xorshift64*: the same entries at every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn unit(&mut self) -> f64 {
        (self.next() & 0xffff_ffff) as f64 / f64::from(u32::MAX)
    }
}
