//! The model store as commands use it.
#![allow(clippy::unwrap_used)] // A failed test may panic.

mod common;

use common::{SIZES, store_with_tiny, write_model};
use engine::store::ModelStore;

#[test]
fn models_are_listed_described_verified_and_removed() {
    let (_home, store) = store_with_tiny(SIZES[0]);
    let names: Vec<String> = store.list().unwrap().into_iter().map(|m| m.name).collect();
    assert_eq!(names, ["tiny", "tiny-int8"]);
    let (float, int8) = (store.get("tiny").unwrap(), store.get("tiny-int8").unwrap());
    assert_eq!(
        (
            float.kind.as_str(),
            float.arch.as_str(),
            float.quant.as_str(),
            float.dim
        ),
        ("encoder", "minilm", "f32", 32)
    );
    assert_eq!(
        (int8.quant.as_str(), int8.parameters),
        ("int8", float.parameters)
    );
    assert_eq!(int8.origin, format!("quantized from {}", float.id()));
    assert_eq!(float.licence, "unknown");
    let path = store.path("tiny").join("model.safetensors");
    assert_eq!(float.bytes, std::fs::metadata(path).unwrap().len());
    assert_eq!(store.verify("tiny-int8").unwrap(), int8);
    assert_eq!(store.remove("tiny").unwrap(), float);
    assert!(!store.path("tiny").exists());
    let error = store.get("tiny").unwrap_err().to_string();
    assert!(
        error.starts_with("no model \"tiny\" in ") && error.contains("companion model pull minilm"),
        "{error}"
    );
}

#[test]
fn names_that_leave_the_store_are_refused() {
    let (home, store) = store_with_tiny(SIZES[0]);
    for name in [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        ".hidden",
        "a\\b",
        "name\u{202e}",
        "a b",
        &"x".repeat(65),
    ] {
        for error in [
            store.get(name).unwrap_err(),
            store.remove(name).unwrap_err(),
            store
                .import(&home.path().join("source"), Some(name))
                .unwrap_err(),
        ] {
            assert!(
                error.to_string().contains("cannot be a model name"),
                "{name:?}: {error}"
            );
        }
    }
    let source = home.path().join("source").join("config.json");
    let error = store
        .install("fine", &[("../escape", &source)], "a test")
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("\"../escape\" cannot be a model name"),
        "{error}"
    );
}

#[test]
fn an_import_replaces_the_old_model_whole_or_not_at_all() {
    let (home, store) = store_with_tiny(SIZES[0]);
    let old = store.get("tiny").unwrap();
    let source = home.path().join("source");
    std::fs::write(source.join("model.safetensors"), "broken").unwrap();
    store.import(&source, Some("tiny")).unwrap_err();
    assert_eq!(store.verify("tiny").unwrap(), old);
    write_model(&source, SIZES[1], 7);
    let new = store
        .import(&source.join("model.safetensors"), Some("tiny"))
        .unwrap();
    assert_eq!((new.dim, store.list().unwrap().len()), (24, 2));
    assert_eq!(store.verify("tiny").unwrap(), new);
    // Nothing is left over beside the models.
    assert_eq!(
        std::fs::read_dir(home.path().join("models"))
            .unwrap()
            .count(),
        2
    );
}

#[test]
fn a_store_that_does_not_exist_yet_is_empty() {
    let home = tempfile::tempdir().unwrap();
    assert!(
        ModelStore::new(home.path().join("nowhere"))
            .list()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_folder_without_a_tokenizer_is_refused_by_what_is_missing() {
    let home = tempfile::tempdir().unwrap();
    let store = ModelStore::new(home.path().join("models"));
    let error = store
        .import(home.path(), Some("x"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("model.safetensors is missing"), "{error}");
    write_model(home.path(), SIZES[0], 1);
    std::fs::remove_file(home.path().join("tokenizer.json")).unwrap();
    let error = store
        .import(home.path(), Some("x"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("tokenizer.json is missing"), "{error}");
}

#[test]
fn what_is_already_int8_is_not_quantized_again() {
    let (_home, store) = store_with_tiny(SIZES[0]);
    let error = engine::quant::quantize_encoder(&store, "tiny-int8", "again", &mut |_, _| ())
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "\"tiny-int8\" is an int8 encoder; only f32 encoders can be quantized"
    );
}
