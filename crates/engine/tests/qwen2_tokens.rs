//! Qwen2's tokenizer, rebuilt from a GGUF vocabulary, against Hugging Face's ids for a thousand texts and
//! against llama.cpp's own test texts.
//!
//! The vocabulary is not in the repository; where it is not beside it either, these tests say so and pass.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // A failed test may panic; a skipped one says so.

use std::path::{Path, PathBuf};

use engine::store::TOKENIZER;
use engine::tokenizer::{DecoderTokenizer, gguf};
use engine::weights::Source;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The vocabulary, if it is there.
fn vocabulary() -> Option<PathBuf> {
    let shared = std::env::var_os("COMPANION_SHARED")
        .map_or_else(|| root().join("../shared"), PathBuf::from);
    let path = shared.join("data/tokenizers/ggml-vocab-qwen2.gguf");
    if !path.is_file() {
        eprintln!(
            "SKIPPED: no {}; COMPANION_SHARED names the folder it is in",
            path.display()
        );
        return None;
    }
    Some(path)
}

fn tokenizer_json(path: &Path) -> String {
    let source = Source::open(path).unwrap();
    gguf::tokenizer_json(source.gguf().unwrap()).unwrap()
}

/// The committed rows: text, ids as text, ids with special tokens recognised.
fn rows() -> Vec<(String, Vec<u32>, Vec<u32>)> {
    let text =
        std::fs::read_to_string(root().join("tools/fixtures/qwen2_tokens/tokens.jsonl")).unwrap();
    let ids = |value: &Value| -> Vec<u32> { serde_json::from_value(value.clone()).unwrap() };
    text.lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            let plain = ids(&row["ids"]);
            let special = row.get("special").map_or_else(|| plain.clone(), ids);
            (row["text"].as_str().unwrap().to_owned(), plain, special)
        })
        .collect()
}

fn check(tokenizer: &DecoderTokenizer) {
    let rows = rows();
    assert_eq!(rows.len(), 1000);
    for (text, plain, special) in &rows {
        assert_eq!(tokenizer.encode(text), *plain, "{text:?}");
        assert_eq!(tokenizer.encode_template(text), *special, "{text:?}");
        // Composing is what the tokenizer does to a text; what it decodes to is the composed one.
        let decoded = tokenizer.decode(plain);
        assert_eq!(tokenizer.encode(&decoded), *plain, "{text:?}");
        let mut stream = tokenizer.stream();
        let mut streamed: String = plain.iter().map(|id| stream.push(*id)).collect();
        streamed.push_str(&stream.finish());
        assert_eq!(streamed, decoded);
    }
}

#[test]
fn a_thousand_texts_have_hugging_faces_ids() {
    let Some(path) = vocabulary() else { return };
    let json = tokenizer_json(&path);
    let tokenizer = DecoderTokenizer::from_json(json.as_bytes()).unwrap();
    assert!(tokenizer.is_compact());
    check(&tokenizer);
}

#[test]
fn the_compiled_form_gives_the_same_ids_and_is_bound_to_its_source() {
    let Some(path) = vocabulary() else { return };
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join(TOKENIZER);
    std::fs::write(&source, tokenizer_json(&path)).unwrap();
    assert!(DecoderTokenizer::compile(folder.path()).unwrap());
    let tokenizer = DecoderTokenizer::open(folder.path()).unwrap();
    assert!(tokenizer.is_compact());
    check(&tokenizer);
    // Another tokenizer.json: the compiled one is not used.
    let other = r#"{"added_tokens": [], "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}"#;
    std::fs::write(&source, other).unwrap();
    assert!(DecoderTokenizer::open(folder.path()).is_err());
}

#[test]
fn llama_cpps_test_texts_have_its_ids() {
    let Some(path) = vocabulary() else { return };
    let json = tokenizer_json(&path);
    let tokenizer = DecoderTokenizer::from_json(json.as_bytes()).unwrap();
    let beside =
        |ending: &str| std::fs::read_to_string(format!("{}.{ending}", path.display())).unwrap();
    let (texts, ids) = (beside("inp"), beside("out"));
    let texts: Vec<&str> = texts.split("\n__ggml_vocab_test__\n").collect();
    let ids: Vec<&str> = ids.lines().collect();
    assert!(
        texts.len() > 40 && ids.len() >= texts.len() - 1,
        "{} {}",
        texts.len(),
        ids.len()
    );
    for (text, line) in texts.iter().zip(&ids) {
        let expected: Vec<u32> = line
            .split_whitespace()
            .map(|id| id.parse().unwrap())
            .collect();
        assert_eq!(tokenizer.encode_template(text), expected, "{text:?}");
    }
}
