//! GGUF files against the `gguf` package's own reading, and hostile ones.
#![allow(clippy::unwrap_used)] // A failed test may panic.

mod cases;

use std::path::{Path, PathBuf};

use cases::gguf::{file, hostile, info, number, string, text};
use engine::weights::{Source, Weights};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tools/fixtures/gguf")
        .join(name)
}

/// Every tensor of `name`.gguf has exactly the numbers that the package gives it.
fn equals_the_package(name: &str) -> usize {
    let source = Source::open(&fixture(&format!("{name}.gguf"))).unwrap();
    let expected = Weights::open(&fixture(&format!("{name}.expected.safetensors"))).unwrap();
    for (tensor, info) in expected.tensors() {
        let found = source.floats(tensor, &info.shape).unwrap();
        let wanted = expected.floats(tensor, &info.shape).unwrap();
        for (at, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
            assert_eq!(found.to_bits(), wanted.to_bits(), "{tensor} at {at}");
        }
    }
    assert_eq!(
        source.tensors().keys().collect::<Vec<_>>(),
        expected.tensors().keys().collect::<Vec<_>>()
    );
    expected.tensors().len()
}

#[test]
fn every_format_is_dequantized_as_by_the_package() {
    assert_eq!(equals_the_package("types"), 11);
}

#[test]
fn a_llamas_rows_are_put_back_into_hugging_faces_order() {
    assert_eq!(equals_the_package("llama"), 6);
}

#[test]
fn rows_of_blocks_are_read_alone() {
    let source = Source::open(&fixture("types.gguf")).unwrap();
    for (name, tensor) in source.tensors() {
        let whole = source.floats(name, &tensor.shape).unwrap();
        let mut rows = vec![0.0; 2 * 256];
        source.rows(name, &tensor.shape, 3..5, &mut rows).unwrap();
        assert_eq!(rows, whole[3 * 256..5 * 256], "{name}");
    }
}

#[test]
fn the_networks_sizes_are_rebuilt_as_a_config() {
    let config = |name: &str| -> serde_json::Value {
        let source = Source::open(&fixture(name)).unwrap();
        serde_json::from_str(source.config_json().unwrap()).unwrap()
    };
    let found = config("types.gguf");
    let expected = serde_json::json!({
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_act": "silu",
        "hidden_size": 256, "head_dim": 64, "num_hidden_layers": 2, "intermediate_size": 256,
        "max_position_embeddings": 512, "num_attention_heads": 4, "num_key_value_heads": 2,
        "rms_norm_eps": 1e-6, "rope_theta": 1_000_000.0, "vocab_size": 8,
        "tie_word_embeddings": true,
    });
    assert_eq!(found, expected);
    let found = config("llama.gguf");
    assert_eq!(found["model_type"], "llama");
    assert_eq!(found["tie_word_embeddings"], false);
    assert_eq!(found["attention_bias"], true);
}

/// `error` and what lies below it.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

fn refusal(bytes: Vec<u8>) -> String {
    match Source::from_vec("m".as_ref(), bytes) {
        Ok(_) => "no refusal".to_owned(),
        Err(error) => chain(&error).replace("m cannot be used: ", ""),
    }
}

#[test]
fn hostile_files_are_named_errors() {
    for (what, bytes, expected) in hostile() {
        assert_eq!(refusal(bytes), expected, "{what}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for name in ["types.gguf", "llama.gguf"] {
        let whole = std::fs::read(fixture(name)).unwrap();
        assert_eq!(refusal(whole.clone()), "no refusal");
        for length in (4..2048).chain((2048..whole.len()).step_by(61)) {
            assert_ne!(
                refusal(whole[..length].to_vec()),
                "no refusal",
                "{length} bytes"
            );
        }
    }
}

#[test]
fn version_2_is_read_like_version_3() {
    let mut bytes = std::fs::read(fixture("types.gguf")).unwrap();
    bytes[4] = 2;
    let source = Source::from_vec("m".as_ref(), bytes).unwrap();
    assert_eq!(source.tensors().len(), 11);
}

#[test]
fn numbers_that_are_not_finite_are_refused_when_they_are_read() {
    let entries = [
        text("general.architecture", "qwen2"),
        number("qwen2.attention.head_count", 2),
        number("qwen2.embedding_length", 32),
        number("qwen2.block_count", 1),
        number("qwen2.feed_forward_length", 8),
        number("qwen2.context_length", 8),
        [
            string("qwen2.attention.layer_norm_rms_epsilon"),
            6_u32.to_le_bytes().to_vec(),
            1e-6_f32.to_le_bytes().to_vec(),
        ]
        .concat(),
    ];
    let mut bytes = file(&entries, &[info("token_embd.weight", &[32, 2], 8, 0)], 68);
    let at = bytes.len() - 34;
    bytes[at..at + 2].copy_from_slice(&[0, 0x7c]); // the second block's scale is infinite
    bytes[at + 2] = 1;
    let source = Source::from_vec("m".as_ref(), bytes).unwrap();
    let error = source
        .floats("model.embed_tokens.weight", &[2, 32])
        .unwrap_err();
    assert_eq!(
        chain(&error),
        "m cannot be used: tensor \"model.embed_tokens.weight\" has a value that is not finite: element 32, offset 34"
    );
}
