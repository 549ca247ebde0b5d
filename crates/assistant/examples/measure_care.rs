//! How often the help card is shown, and how often rightly.
//!
//!     cargo run --release -p companion-assistant --example measure_care -- MODEL_DIR FILE.jsonl…
//!
//! Each line is an object with `text` and, where the entry speaks of danger, `"care": true`. Prints one row of a Markdown
//! table a file: how many of those that speak of it are found, and how many others are taken for such, by the phrases
//! alone and by phrases and classifier.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints, and stops at what is wrong"
)]

use std::path::{Path, PathBuf};

use assistant::Instant;
use assistant::care::{Classifier, speaks_of_danger};
use engine::encoder::{Encoder, EncoderOptions};
use serde::Deserialize;

#[derive(Deserialize)]
struct Row {
    text: String,
    #[serde(default)]
    care: bool,
}

fn main() {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = args.next().expect("the folder of a model");
    let encoder = Encoder::open(&folder, &EncoderOptions::default()).unwrap();
    let classifier = Classifier::committed(&encoder)
        .unwrap()
        .expect("the classifier was trained on another encoder");
    let instant = Instant::open(encoder).unwrap();
    println!(
        "| set | speak of danger | found by phrases | found by both | others | phrases by mistake | both by mistake |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for file in args {
        measure(&instant, &classifier, &file);
    }
}

fn measure(instant: &Instant, classifier: &Classifier, file: &Path) {
    let text = std::fs::read_to_string(file).unwrap();
    let rows: Vec<Row> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // By label: how many there are, and how many were noticed by the phrases and by both.
    let mut counts = [[0usize; 3]; 2];
    for group in rows.chunks(64) {
        let texts: Vec<&str> = group.iter().map(|row| row.text.as_str()).collect();
        let analysed = instant.analyse(&texts, &mut |_| {}).unwrap();
        for (row, analysed) in group.iter().zip(analysed) {
            let count = &mut counts[usize::from(row.care)];
            count[0] += 1;
            count[1] += usize::from(speaks_of_danger(&row.text, None));
            let both = speaks_of_danger(&row.text, Some((classifier, &analysed)));
            count[2] += usize::from(both);
            if both != row.care && std::env::var_os("SHOW").is_some() {
                println!(
                    "{}: {}",
                    if both { "by mistake" } else { "missed" },
                    row.text
                );
            }
        }
    }
    let [others, care] = counts;
    println!(
        "| {} | {} | {} | {} | {} | {} | {} |",
        file.display(),
        care[0],
        care[1],
        care[2],
        others[0],
        others[1],
        others[2]
    );
}
