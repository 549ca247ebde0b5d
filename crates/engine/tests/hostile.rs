//! Weight files, tokenizers and manifests from outside that are broken or mean harm.
#![allow(clippy::unwrap_used)] // A failed test may panic.

mod cases;
mod common;

use cases::safetensors::{file, hostile};
use common::{SIZES, store_with_tiny, write_model};
use engine::encoder::{Encoder, EncoderOptions};
use engine::store::ModelStore;
use engine::weights::Weights;

#[test]
fn hostile_files_are_named_errors() {
    for (what, bytes, message) in hostile() {
        let error = Weights::from_vec(bytes)
            .err()
            .unwrap_or_else(|| panic!("{what} is accepted"));
        assert_eq!(error.to_string(), message, "{what}");
    }
}

#[test]
fn values_that_are_not_finite_are_found_in_every_float_type() {
    let mut nan = file(
        r#"{"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[3000],"data_offsets":[4,12004]}}"#,
        12004,
    );
    let at = nan.len() - 4 * 5;
    nan[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    let message = |bytes: &[u8]| {
        Weights::from_vec(bytes.to_vec())
            .err()
            .map(|e| e.to_string())
    };
    assert_eq!(
        message(&nan).unwrap(),
        "tensor \"w\" has a value that is not finite: element 2995, offset 11984"
    );
    nan[at..at + 4].copy_from_slice(&f32::NEG_INFINITY.to_le_bytes());
    assert_eq!(
        message(&nan).unwrap(),
        "tensor \"w\" has a value that is not finite: element 2995, offset 11984"
    );
    nan[at..at + 4].copy_from_slice(&f32::MAX.to_le_bytes());
    assert_eq!(message(&nan), None);
    for (dtype, infinity) in [("F16", 0x7c00_u16), ("BF16", 0xff80)] {
        let mut half = file(
            &format!(r#"{{"h":{{"dtype":"{dtype}","shape":[4],"data_offsets":[0,8]}}}}"#),
            8,
        );
        let end = half.len();
        half[end - 4..end - 2].copy_from_slice(&infinity.to_le_bytes());
        assert_eq!(
            message(&half).unwrap(),
            "tensor \"h\" has a value that is not finite: element 2, offset 4"
        );
    }
}

/// Every single flipped byte and every cut of a good file either opens or is an error; nothing panics.
#[test]
fn damaged_files_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), SIZES[1], 1);
    let good = std::fs::read(folder.path().join("model.safetensors")).unwrap();
    let header = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    let mut random = common::Random(3);
    for _ in 0..400 {
        let mut bad = good.clone();
        let at = (random.next() as usize) % header;
        bad[at] = random.next() as u8;
        drop(Weights::from_vec(bad));
        let mut cut = good.clone();
        cut.truncate((random.next() as usize) % good.len());
        assert!(Weights::from_vec(cut).is_err());
    }
}

fn message_of(folder: &std::path::Path) -> String {
    let store = ModelStore::new(folder.join("models"));
    let error = store
        .import(&folder.join("source"), Some("bad"))
        .expect_err("it must be refused");
    assert!(
        store.list().unwrap().is_empty(),
        "nothing half-done may stay"
    );
    assert_eq!(std::fs::read_dir(folder.join("models")).unwrap().count(), 0);
    common::chain(&error)
        .replace(&folder.display().to_string(), "")
        .replace(&std::process::id().to_string(), "PID")
}

/// What a model file is wrong about, and what the import says.
#[test]
fn models_that_do_not_fit_together_are_refused_by_name() {
    let home = tempfile::tempdir().unwrap();
    let source = home.path().join("source");
    std::fs::create_dir(&source).unwrap();
    let weights = source.join("model.safetensors");
    let change = |from: &str, to: &str| {
        write_model(&source, SIZES[0], 1);
        let bytes = std::fs::read(&weights).unwrap();
        assert_eq!(from.len(), to.len());
        let at = bytes
            .windows(from.len())
            .position(|w| w == from.as_bytes())
            .unwrap();
        let mut bytes = bytes;
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        std::fs::write(&weights, bytes).unwrap();
    };
    change(
        "encoder.layer.1.output.dense.weight",
        "encoder.layer.1.output.dense.weighs",
    );
    assert!(
        message_of(home.path())
            .ends_with("tensor \"encoder.layer.1.output.dense.weight\" is missing")
    );
    change(
        r#""dtype":"F32","shape":[2,32]"#,
        r#""dtype":"I32","shape":[2,32]"#,
    );
    assert!(
        message_of(home.path())
            .ends_with("tensor \"embeddings.token_type_embeddings.weight\" is I32, expected F32")
    );
    change(r#""shape":[64,32]"#, r#""shape":[32,64]"#);
    assert!(message_of(home.path()).ends_with(
        "tensor \"encoder.layer.0.intermediate.dense.weight\" has shape [32, 64], expected [64, 32]"
    ));

    write_model(&source, SIZES[0], 1);
    let config = source.join("config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(
        &config,
        text.replace("\"num_attention_heads\":4", "\"num_attention_heads\":5"),
    )
    .unwrap();
    assert!(
        message_of(home.path())
            .ends_with("config.json: hidden_size 32 is not a multiple of num_attention_heads 5")
    );
    std::fs::write(
        &config,
        text.replace(
            "\"num_hidden_layers\":2",
            "\"num_hidden_layers\":99999999999",
        ),
    )
    .unwrap();
    assert!(
        message_of(home.path()).ends_with("num_hidden_layers is 99999999999, which no encoder has")
    );
    std::fs::write(&config, "{").unwrap();
    assert!(message_of(home.path()).contains("config.json: EOF while parsing"));
    std::fs::remove_file(&config).unwrap();
    assert!(message_of(home.path()).contains("cannot read /models/.bad.PID.part/config.json"));

    write_model(&source, SIZES[0], 1);
    std::fs::write(source.join("tokenizer.json"), "{}").unwrap();
    assert!(message_of(home.path()).contains("tokenizer.json: "));
    let mut pieces = common::vocabulary();
    pieces.extend((0..50).map(|i| format!("more{i}")));
    std::fs::write(
        source.join("tokenizer.json"),
        common::tokenizer_json(&pieces).to_string(),
    )
    .unwrap();
    assert!(message_of(home.path()).contains("word pieces, the model knows"));
}

/// Every byte is some weight, so wrong ones are found by the digest, and a forward pass survives them.
#[test]
fn an_int8_file_with_changed_codes_is_found_out_and_harmless() {
    let (_home, store) = store_with_tiny(SIZES[0]);
    let path = store.path("tiny-int8").join("model.safetensors");
    let weights = Weights::open(&path).unwrap();
    let info = &weights.tensors()["layer.1.up.codes"];
    let raw = weights.raw(info);
    let mut bytes = std::fs::read(&path).unwrap();
    let start = bytes.windows(raw.len()).position(|w| w == raw).unwrap();
    for (i, byte) in bytes[start..start + raw.len()].iter_mut().enumerate() {
        *byte = if i % 2 == 0 { 0 } else { 255 };
    }
    drop(weights);
    // By a rename, as every model file is replaced: the mapping of the old one stays whole.
    let new = path.with_extension("new");
    std::fs::write(&new, bytes).unwrap();
    std::fs::rename(&new, &path).unwrap();
    let encoder = Encoder::open(&store.path("tiny-int8"), &EncoderOptions::default()).unwrap();
    let vector = &encoder.embed(&["the river"])[0].vector;
    assert!(vector.iter().all(|v| v.is_finite()), "{vector:?}");
    let error = store.verify("tiny-int8").unwrap_err().to_string();
    assert!(
        error.contains("is not the file on record: sha256 is"),
        "{error}"
    );
}

#[test]
fn an_int8_file_of_another_version_is_refused() {
    let (_home, store) = store_with_tiny(SIZES[0]);
    assert!(engine::quant::is_of_this_version(&store, "tiny-int8"));
    let path = store.path("tiny-int8").join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let of = |version: &str| format!(r#""companion.format":"{version}""#).into_bytes();
    let from = of("3");
    let at = bytes.windows(from.len()).position(|w| w == from).unwrap();
    let become_version = |version: &str| {
        let mut changed = bytes.clone();
        changed[at..at + from.len()].copy_from_slice(&of(version));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, changed).unwrap();
    };
    become_version("2");
    assert!(engine::quant::is_of_this_version(&store, "tiny-int8"));
    become_version("9");
    assert!(!engine::quant::is_of_this_version(&store, "tiny-int8"));
    let error = Encoder::open(&store.path("tiny-int8"), &EncoderOptions::default())
        .err()
        .unwrap();
    assert!(
        common::chain(&error).ends_with(
            "metadata \"companion.format\" is \"9\", expected \"3\"; quantize the model again"
        ),
        "{error}"
    );
}
