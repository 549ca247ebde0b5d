//! The decoder against transformers, on the tiny models in `tools/fixtures/decoder`, and on companion-tiny.
//!
//! stories260K is foreign and not committed: its part runs where `../shared/data/models/stories260k` and Python are, or
//! where COMPANION_STORIES260K names a converted folder; it is skipped, and says so, where
//! not.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // A failed test may panic, and what was skipped is worth reading.

use std::path::{Path, PathBuf};
use std::process::Command;

use engine::decoder::{Decoder, DecoderOptions, KvKind, Work};
use engine::weights::Weights;

/// What a logit may differ by: sums in another order.
const TOLERANCE: f32 = 1e-4;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn fixture(name: &str) -> PathBuf {
    root().join("tools/fixtures/decoder").join(name)
}

fn open(folder: &Path) -> Decoder {
    open_with(folder, KvKind::F32)
}

fn open_with(folder: &Path, kv: KvKind) -> Decoder {
    let options = DecoderOptions {
        kv,
        ..DecoderOptions::default()
    };
    Decoder::open(folder, &options).unwrap()
}

/// A sequence's tensors out of `reference.safetensors`.
struct Reference {
    ids: Vec<u32>,
    /// Which tokens the rows of `logits` stand behind.
    positions: Vec<usize>,
    /// `[positions, vocabulary]`.
    logits: Vec<f32>,
}

fn references(folder: &Path, vocabulary: usize) -> Vec<Reference> {
    let file = Weights::open(&folder.join("reference.safetensors")).unwrap();
    let integers = |name: String| -> Option<Vec<u32>> {
        let count = file.tensors().get(&name)?.shape[0];
        let tensor = file.tensor::<i32>(&name, &[count]).unwrap();
        Some(tensor.iter().map(|id| *id as u32).collect())
    };
    let mut found = Vec::new();
    while let Some(ids) = integers(format!("ids.{}", found.len())) {
        let at = found.len();
        let positions = match integers(format!("positions.{at}")) {
            Some(positions) => positions.iter().map(|p| *p as usize).collect(),
            None => (0..ids.len()).collect::<Vec<usize>>(),
        };
        let shape = [positions.len(), vocabulary];
        let logits = file.tensor::<f32>(&format!("logits.{at}"), &shape).unwrap();
        found.push(Reference {
            ids,
            positions,
            logits: logits.to_vec(),
        });
    }
    assert!(found.len() >= 3, "{} sequences", found.len());
    found
}

/// The logits after each of `ids`, read `step` at a time.
fn logits(decoder: &Decoder, ids: &[u32], step: usize) -> Vec<Vec<f32>> {
    decoder.clear_kv();
    let mut sequence = decoder.start(ids).unwrap();
    let mut all = Vec::new();
    for tokens in ids.chunks(step) {
        let work = Work {
            sequence: &mut sequence,
            tokens,
            logits: true,
        };
        all.push(decoder.forward(&mut [work]).unwrap().remove(0).unwrap());
    }
    all
}

fn greedy(decoder: &Decoder, prompt: &[u32], count: usize) -> Vec<u32> {
    let mut sequence = decoder.start(prompt).unwrap();
    let mut tokens = prompt[sequence.len()..].to_vec();
    let mut made = Vec::new();
    while made.len() < count {
        let work = Work {
            sequence: &mut sequence,
            tokens: &tokens,
            logits: true,
        };
        let logits = decoder.forward(&mut [work]).unwrap().remove(0).unwrap();
        let best = (0..logits.len())
            .max_by(|a, b| logits[*a].total_cmp(&logits[*b]).then(b.cmp(a)))
            .unwrap();
        made.push(best as u32);
        tokens = vec![best as u32];
    }
    made
}

/// The largest difference of a logit, token by token and with the whole text at once.
fn worst(decoder: &Decoder, references: &[Reference]) -> f32 {
    let vocabulary = decoder.config().vocab_size;
    let mut worst = 0.0_f32;
    for reference in references {
        let each = logits(decoder, &reference.ids, 1);
        let whole = logits(decoder, &reference.ids, reference.ids.len());
        let rows = reference.logits.chunks_exact(vocabulary);
        for (position, want) in reference.positions.iter().zip(rows) {
            let mut compare = |got: &[f32]| {
                for (got, want) in got.iter().zip(want) {
                    // A value that is not a number must fail.
                    let apart = (got - want).abs();
                    worst = if apart <= worst { worst } else { apart };
                }
            };
            compare(&each[*position]);
            if position + 1 == reference.ids.len() {
                compare(&whole[0]);
            }
        }
    }
    worst
}

#[test]
fn logits_are_those_of_transformers() {
    for name in [
        "qwen2-tied",
        "qwen2-untied",
        "qwen2-sharded",
        "qwen2-bf16",
        "llama",
        "linear-rope",
        "llama3-rope",
        "yarn-rope",
    ] {
        let decoder = open(&fixture(name));
        let found = worst(
            &decoder,
            &references(&fixture(name), decoder.config().vocab_size),
        );
        eprintln!("{name}: largest difference of a logit {found:.1e}");
        assert!(found <= TOLERANCE, "{name}: {found}");
    }
}

#[test]
fn smaller_caches_stay_near() {
    for (kv, most) in [(KvKind::F16, 1e-2), (KvKind::U8, 1e-1)] {
        let decoder = open_with(&fixture("qwen2-tied"), kv);
        let references = references(&fixture("qwen2-tied"), decoder.config().vocab_size);
        let largest = (references.iter().flat_map(|r| &r.logits))
            .fold(1.0_f32, |largest, logit| largest.max(logit.abs()));
        let found = worst(&decoder, &references);
        eprintln!("{kv}: largest difference of a logit {found:.1e}, of {largest:.1}");
        assert!(found > 0.0 && found < most * largest, "{kv}: {found}");
    }
}

#[test]
fn the_trained_model_says_what_it_says_in_transformers() {
    let decoder = open(&root().join("data/models/companion-tiny"));
    let folder = fixture("companion-tiny");
    let found = worst(&decoder, &references(&folder, decoder.config().vocab_size));
    eprintln!("companion-tiny: largest difference of a logit {found:.1e}");
    assert!(found <= TOLERANCE, "{found}");
    #[derive(serde::Deserialize)]
    struct Text {
        ids: Vec<u32>,
        greedy: Vec<u32>,
    }
    let lines = std::fs::read_to_string(folder.join("texts.jsonl")).unwrap();
    for line in lines.lines() {
        let text: Text = serde_json::from_str(line).unwrap();
        assert_eq!(greedy(&decoder, &text.ids, text.greedy.len()), text.greedy);
    }
}

/// The converted foreign model, if it can be had here.
fn stories() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("COMPANION_STORIES260K") {
        return Some(folder.into());
    }
    let source = std::env::var_os("SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let source = source.join("data/models/stories260k");
    if !source.is_dir() {
        eprintln!(
            "skipped: no {}; set COMPANION_STORIES260K",
            source.display()
        );
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stories260k");
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let made = Command::new(&python)
        .arg(root().join("tools/convert_stories260k.py"))
        .args([&source, &folder])
        .output();
    match made {
        Ok(output) if output.status.success() => Some(folder),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            eprintln!(
                "skipped: {python} cannot convert stories260K: {}",
                said.trim()
            );
            None
        }
        Err(error) => {
            eprintln!("skipped: no {python} to convert stories260K with: {error}");
            None
        }
    }
}

#[test]
fn tells_the_foreign_models_stories_word_for_word() {
    let Some(folder) = stories() else { return };
    #[derive(serde::Deserialize)]
    struct Told {
        greedy: Vec<Story>,
    }
    #[derive(serde::Deserialize)]
    struct Story {
        prompt: Vec<u32>,
        greedy: Vec<u32>,
    }
    let text = std::fs::read(fixture("stories260k/reference.json")).unwrap();
    let told: Told = serde_json::from_slice(&text).unwrap();
    let decoder = open(&folder);
    for story in told.greedy {
        assert_eq!(story.greedy.len(), 200);
        assert_eq!(greedy(&decoder, &story.prompt, 200), story.greedy);
    }
}
