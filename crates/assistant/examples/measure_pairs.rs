//! What gates and judge say about every pair of written clusters: the input of `tools/train/judge/calibrate.py`.
//!
//! `cargo run --release -p companion-assistant --example measure_pairs -- MODEL_DIR ASSETS_DIR CLUSTERS.jsonl… > SAID.jsonl`
//!
//! The judge is read from `judge.safetensors` and `judge.json` in ASSETS_DIR, so that one that was just exported needs no other build.
//!
//! One line a pair: cluster, kind of pair (`same`, or why the two differ), similarity, what refused it before the judge,
//! how many gates doubt, and the judge's score whether or not a gate refused.
#![allow(clippy::print_stdout, reason = "its output is its result")]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use assistant::cache::judge::Judge;
use assistant::cache::{Decider, Thresholds};
use engine::encoder::{Encoder, EncoderOptions};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Cluster {
    id: String,
    same: Vec<String>,
    different: Vec<Different>,
}

#[derive(Deserialize)]
struct Different {
    text: String,
    why: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let usage = "usage: measure_pairs MODEL_DIR ASSETS_DIR CLUSTERS.jsonl…";
    let (model, assets) = (args.next().ok_or(usage)?, args.next().ok_or(usage)?);
    let encoder = Encoder::open(&model, &EncoderOptions::default())?;
    let weights = std::fs::read(assets.join("judge.safetensors"))?;
    let meta = std::fs::read_to_string(assets.join("judge.json"))?;
    let judge = Judge::parse(&encoder, &weights, &meta)?;
    // Nothing is too far apart to be looked at: the floor is one of the things that are measured.
    let decider = Decider::new(Thresholds {
        candidate_similarity: -1.0,
        similarity: -1.0,
    });
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for file in args {
        for cluster in read(&file)? {
            let pairs = pairs(&cluster);
            let texts: Vec<(&str, &str)> = pairs.iter().map(|(a, b, _)| (*a, *b)).collect();
            let decisions = decider.check(&encoder, &texts);
            let scored: Vec<(&str, &str, f32)> = texts
                .iter()
                .zip(&decisions)
                .map(|((a, b), d)| (*a, *b, d.similarity))
                .collect();
            let scores = judge.scores(&scored);
            for (((a, b, why), decision), score) in pairs.iter().zip(&decisions).zip(scores) {
                let refused = decision.refusal();
                let doubts: Vec<&str> = decision
                    .gates
                    .iter()
                    .filter(|o| matches!(o.verdict, assistant::cache::gates::Verdict::Doubt(_)))
                    .map(|o| o.gate)
                    .collect();
                let line = json!({
                    "cluster": cluster.id, "why": why, "a": a, "b": b, "similarity": decision.similarity,
                    "gate": refused.map(|r| r.0), "reason": refused.map(|r| r.1), "doubts": doubts, "by_rule": decision.by_rule, "score": score,
                });
                writeln!(out, "{line}")?;
            }
        }
    }
    Ok(())
}

/// Every two phrasings, and every phrasing beside every look-alike.
fn pairs(cluster: &Cluster) -> Vec<(&str, &str, &str)> {
    let mut pairs = Vec::new();
    for (at, a) in cluster.same.iter().enumerate() {
        pairs.extend(
            cluster.same[at + 1..]
                .iter()
                .map(|b| (a.as_str(), b.as_str(), "same")),
        );
        pairs.extend(
            cluster
                .different
                .iter()
                .map(|d| (a.as_str(), d.text.as_str(), d.why.as_str())),
        );
    }
    pairs
}

fn read(file: &Path) -> Result<Vec<Cluster>, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(file)?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| Ok(serde_json::from_str(line)?)).collect()
}
