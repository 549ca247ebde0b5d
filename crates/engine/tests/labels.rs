//! Labels have the same probabilities alone and in company, to the bit: what is read side by side is what would be read one
//! after the other.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // A failed test may panic, and a skipped one says so.

use std::path::Path;
use std::sync::mpsc;

use engine::batch::{Batcher, Class, End, Greedy, Limits, ScoreLabels, Text};
use engine::decoder::{Decoder, DecoderOptions, Work};

/// Labels of up to so many tokens: of two they are read side by side, of more one after the other.
fn labels(most: usize) -> Vec<Vec<u32>> {
    let labels: [&[u32]; 7] = [
        &[7],
        &[7, 300],
        &[7, 300, 12],
        &[7, 41, 5, 1200],
        &[90],
        &[2, 2, 2],
        &[1999, 0],
    ];
    labels
        .iter()
        .map(|label| label[..label.len().min(most)].to_vec())
        .collect()
}

fn prompt(seed: u32, length: u32) -> Vec<u32> {
    (0..length)
        .map(|at| (at * at * 31 + seed * 97 + at) % 2000)
        .collect()
}

fn log_probability(logits: &[f32], token: u32) -> f64 {
    let max = logits.iter().fold(f32::NEG_INFINITY, |m, v| m.max(*v));
    let sum: f64 = logits.iter().map(|v| f64::from(v - max).exp()).sum();
    f64::from(logits[token as usize]) - (f64::from(max) + sum.ln())
}

/// Every label read token by token, from an empty cache.
fn one_after_the_other(decoder: &Decoder, prompt: &[u32], most: usize) -> Vec<f64> {
    let of = |label: &Vec<u32>| {
        decoder.clear_kv();
        let mut sequence = decoder.start(prompt).unwrap();
        let mut unread = prompt.to_vec();
        let mut sum = 0.0;
        for token in label {
            let work = Work {
                sequence: &mut sequence,
                tokens: &unread,
                logits: true,
            };
            let logits = decoder.forward(&mut [work]).unwrap().remove(0).unwrap();
            sum += log_probability(&logits, *token);
            unread = vec![*token];
        }
        sum
    };
    labels(most).iter().map(of).collect()
}

fn open() -> Option<Decoder> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/models/companion-tiny");
    if !folder.join("model.safetensors").is_file() {
        eprintln!("skipped: {} has no weights", folder.display());
        return None;
    }
    let options = DecoderOptions {
        threads: Some(1),
        ..DecoderOptions::default()
    };
    Some(Decoder::open(&folder, &options).unwrap())
}

fn ask(prompt: &[u32], most: usize) -> (Text, mpsc::Receiver<Vec<f64>>) {
    let (to, heard) = mpsc::channel();
    let driver = ScoreLabels::new(labels(most), to);
    let text = Text {
        class: Class::Bulk,
        prompt: prompt.to_vec(),
        reply: driver.reply(),
        driver: Some(Box::new(driver)),
        timeout: None,
    };
    (text, heard)
}

#[test]
fn labels_are_as_likely_side_by_side_as_one_after_the_other() {
    let Some(decoder) = open() else { return };
    let batcher = Batcher::start(decoder.clone(), Limits::default()).unwrap();
    for (length, most) in [(1, 2), (31, 4), (32, 2), (33, 2), (33, 4), (200, 2)] {
        let prompt = prompt(1, length);
        let want = one_after_the_other(&decoder, &prompt, most);
        let (text, heard) = ask(&prompt, most);
        assert_eq!(batcher.submit(text).unwrap().wait(), End::Done);
        assert_eq!(heard.recv().unwrap(), want, "{length} tokens, {most}");
    }
    let stats = decoder.kv_stats();
    assert_eq!(stats.used_bytes, stats.idle_bytes, "a fork's page is held");
}

/// Few slots, short steps and people who go first: texts lose their slots with some of their forks read.
#[test]
fn so_they_are_where_others_take_the_slots() {
    let Some(decoder) = open() else { return };
    let limits = Limits {
        max_size: 2,
        max_rows: 5,
        ..Limits::default()
    };
    let batcher = Batcher::start(decoder.clone(), limits).unwrap();
    let prompts: Vec<_> = (2..8).map(|seed| prompt(seed, 20 * seed)).collect();
    let (to, _heard) = mpsc::channel();
    let mut company = Vec::new();
    let mut asked = Vec::new();
    for (at, prompt) in prompts.iter().enumerate() {
        let most = 2 + 2 * (at % 2);
        let (text, heard) = ask(prompt, most);
        asked.push((prompt, most, heard, batcher.submit(text).unwrap()));
        std::thread::sleep(std::time::Duration::from_millis(5 * at as u64));
        company.push(batcher.submit(Text {
            class: Class::Interactive,
            prompt: prompt[..at + 1].to_vec(),
            reply: 8,
            driver: Some(Box::new(Greedy::new(8, to.clone()))),
            timeout: None,
        }));
    }
    let mut found = Vec::new();
    for (prompt, most, heard, ticket) in asked {
        assert_eq!(ticket.wait(), End::Done);
        found.push((prompt, most, heard.recv().unwrap()));
    }
    for (prompt, most, found) in found {
        assert_eq!(found, one_after_the_other(&decoder, prompt, most));
    }
}
