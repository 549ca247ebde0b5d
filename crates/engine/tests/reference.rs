//! The real model against sentence-transformers, on the fixture in `tools/fixtures/minilm`.
//!
//! Runs where `COMPANION_TEST_MODELS` names a folder that holds `minilm` and `minilm-int8`, as `make test`
//! sees to; skipped, and said so, where not.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // A failed test may panic, and results are worth reading.

mod common;

use std::path::{Path, PathBuf};

use common::{cosine, kernels_here, real_models};
use engine::encoder::{Encoder, EncoderOptions};
use engine::tokenizer::Tokenizer;
use engine::weights::Weights;

#[derive(serde::Deserialize)]
struct Text {
    kind: String,
    text: String,
    ids: Vec<u32>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/fixtures/minilm")
}

fn texts() -> Vec<Text> {
    let lines = std::fs::read_to_string(fixtures().join("texts.jsonl")).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn encoder(models: &Path, name: &str, kernel: kernels::Isa) -> Encoder {
    Encoder::open(
        &models.join(name),
        &EncoderOptions {
            threads: None,
            kernel: Some(kernel),
        },
    )
    .unwrap()
}

#[test]
fn word_pieces_are_those_of_the_reference() {
    let Some(models) = real_models() else { return };
    let tokenizer = Tokenizer::open(&models.join("minilm/tokenizer.json")).unwrap();
    for text in texts() {
        assert_eq!(
            tokenizer.encode(&text.text),
            text.ids[1..text.ids.len() - 1],
            "{:?}",
            text.text
        );
    }
}

#[test]
fn f32_vectors_are_those_of_sentence_transformers() {
    let Some(models) = real_models() else { return };
    let reference = Weights::open(&fixtures().join("embeddings.safetensors")).unwrap();
    let want = reference.tensor::<f32>("embeddings", &[200, 384]).unwrap();
    let texts: Vec<String> = texts()
        .into_iter()
        .filter(|t| t.kind != "long")
        .map(|t| t.text)
        .collect();
    let refs: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert_eq!(refs.len(), 200);
    for isa in kernels_here() {
        // The scalar kernels take seconds for all of them.
        let count = if isa == kernels::Isa::Scalar { 20 } else { 200 };
        let got = encoder(&models, "minilm", isa).embed(&refs[..count]);
        let mut worst = 0.0_f32;
        for (got, want) in got.iter().zip(want.chunks_exact(384)) {
            got.vector
                .iter()
                .zip(want)
                .for_each(|(g, w)| worst = worst.max((g - w).abs()));
        }
        eprintln!("f32 {isa}: largest difference {worst:.2e}");
        assert!(worst < 1e-4, "{isa}: {worst}");
    }
}

#[test]
fn int8_vectors_stay_close_to_f32_on_every_kernel() {
    let Some(models) = real_models() else { return };
    let texts: Vec<String> = texts().into_iter().map(|t| t.text).collect();
    let refs: Vec<&str> = texts.iter().map(String::as_str).collect();
    let want = encoder(&models, "minilm", kernels::Isa::detect()).embed(&refs);
    for isa in kernels_here() {
        let count = if isa == kernels::Isa::Scalar {
            60
        } else {
            refs.len()
        };
        let got = encoder(&models, "minilm-int8", isa).embed(&refs[..count]);
        let mut cosines: Vec<f64> = got
            .iter()
            .zip(&want)
            .map(|(g, w)| cosine(&g.vector, &w.vector))
            .collect();
        cosines.sort_by(f64::total_cmp);
        let mean = cosines.iter().sum::<f64>() / count as f64;
        let first_percentile = cosines[count / 100];
        eprintln!(
            "int8 {isa}: mean {mean:.5}, first percentile {first_percentile:.5}, worst {:.5}",
            cosines[0]
        );
        assert!(
            mean >= 0.998 && first_percentile >= 0.995,
            "{isa}: {mean} {first_percentile}"
        );
    }
}

/// The bound is 50 ms; several times that is allowed here, because tests share the machine.
#[test]
fn the_encoder_is_ready_at_once() {
    let Some(models) = real_models() else { return };
    let mut best = std::time::Duration::MAX;
    for _ in 0..5 {
        let start = std::time::Instant::now();
        drop(encoder(&models, "minilm-int8", kernels::Isa::detect()));
        best = best.min(start.elapsed());
    }
    eprintln!("encoder ready in {best:?}");
    assert!(best.as_millis() < 250 || cfg!(debug_assertions), "{best:?}");
}
