//! Float tensors by name from one file and from several, in every precision.
#![allow(clippy::unwrap_used)] // A failed test may panic.

use std::collections::BTreeMap;
use std::path::Path;

use engine::weights::{NewTensor, Source, write_safetensors};

/// A safetensors file of tensors given as name, dtype, shape and bytes.
fn file(tensors: &[(&str, &str, &[usize], Vec<u8>)]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut data: Vec<u8> = Vec::new();
    for (name, dtype, shape, bytes) in tensors {
        let offsets = [data.len(), data.len() + bytes.len()];
        header.insert(
            (*name).into(),
            serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": offsets}),
        );
        data.extend(bytes);
    }
    let json = serde_json::to_vec(&header).unwrap();
    let mut file = (json.len() as u64).to_le_bytes().to_vec();
    file.extend(json);
    file.extend(data);
    file
}

fn f32s(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

fn bf16s(numbers: &[f32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|n| half::bf16::from_f32(*n).to_le_bytes())
        .collect()
}

fn f16s(numbers: &[f32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|n| half::f16::from_f32(*n).to_le_bytes())
        .collect()
}

/// `error` and what lies below it.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

#[test]
fn reads_every_precision_whole_and_by_rows() {
    let numbers = [1.0, -2.5, 0.375, 8.0, 0.0, -0.125];
    let bytes = file(&[
        ("a", "F32", &[3, 2], f32s(&numbers)),
        ("b", "F16", &[3, 2], f16s(&numbers)),
        ("c", "BF16", &[3, 2], bf16s(&numbers)),
    ]);
    let source = Source::from_vec("m".as_ref(), bytes).unwrap();
    for name in ["a", "b", "c"] {
        assert_eq!(source.floats(name, &[3, 2]).unwrap(), numbers, "{name}");
        let mut rows = [0.0; 4];
        source.rows(name, &[3, 2], 1..3, &mut rows).unwrap();
        assert_eq!(rows, numbers[2..], "{name}");
    }
}

#[test]
fn a_tensor_larger_than_a_read_comes_whole() {
    let numbers: Vec<f32> = (0..300 * 1001).map(|i| i as f32).collect();
    let mut bytes = Vec::new();
    let tensors = [NewTensor::new("a", &[300, 1001], &numbers)];
    write_safetensors(&mut bytes, &BTreeMap::new(), &tensors).unwrap();
    let source = Source::from_vec("m".as_ref(), bytes).unwrap();
    assert_eq!(source.floats("a", &[300, 1001]).unwrap(), numbers);
    let mut last = vec![0.0; 1001];
    source.rows("a", &[300, 1001], 299..300, &mut last).unwrap();
    assert_eq!(last, numbers[299 * 1001..]);
}

/// A folder of two shards, with a config.
fn sharded(folder: &Path, map: &str) {
    std::fs::write(
        folder.join("model-00001-of-00002.safetensors"),
        file(&[("a", "F32", &[2], f32s(&[1.0, 2.0]))]),
    )
    .unwrap();
    std::fs::write(
        folder.join("model-00002-of-00002.safetensors"),
        file(&[("b", "BF16", &[1, 2], bf16s(&[3.0, 4.0]))]),
    )
    .unwrap();
    std::fs::write(folder.join("config.json"), "{\"hidden_size\": 2}").unwrap();
    std::fs::write(
        folder.join("model.safetensors.index.json"),
        format!("{{\"metadata\": {{\"total_size\": 12}}, \"weight_map\": {map}}}"),
    )
    .unwrap();
}

#[test]
fn reads_a_folder_of_shards() {
    let folder = tempfile::tempdir().unwrap();
    sharded(
        folder.path(),
        r#"{"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}"#,
    );
    let source = Source::open(folder.path()).unwrap();
    assert_eq!(source.tensors().keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(source.floats("a", &[2]).unwrap(), [1.0, 2.0]);
    assert_eq!(source.floats("b", &[1, 2]).unwrap(), [3.0, 4.0]);
    assert_eq!(source.config_json().unwrap(), "{\"hidden_size\": 2}");
}

#[test]
fn broken_folders_are_named_errors() {
    let cases = [
        (
            r#"{"c": "model-00001-of-00002.safetensors"}"#,
            "/model-00001-of-00002.safetensors cannot be used: tensor \"c\" is missing",
        ),
        (
            r#"{"a": "../../secret.safetensors"}"#,
            "/model.safetensors.index.json: tensor \"a\" lies in \"../../secret.safetensors\", which cannot be a file of the model",
        ),
        (
            r#"{"a": "model-00003-of-00002.safetensors"}"#,
            "cannot open FOLDER/model-00003-of-00002.safetensors: No such file or directory (os error 2)",
        ),
        (
            r#"["a"]"#,
            "/model.safetensors.index.json: invalid type: sequence, expected a map at line 1 column 47",
        ),
    ];
    for (map, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        sharded(folder.path(), map);
        let error = Source::open(folder.path()).err().expect(map);
        let text = chain(&error).replace(&folder.path().display().to_string(), "FOLDER");
        assert_eq!(text.trim_start_matches("FOLDER"), expected);
    }
}

#[test]
fn refuses_what_cannot_be_read_as_asked() {
    let bytes = file(&[
        ("a", "F32", &[2], f32s(&[1.0, f32::NAN])),
        ("b", "I64", &[1], vec![0; 8]),
    ]);
    let source = Source::from_vec("m".as_ref(), bytes).unwrap();
    let of = |name: &str, shape: &[usize]| chain(&source.floats(name, shape).unwrap_err());
    assert_eq!(
        of("a", &[2]),
        "m cannot be used: tensor \"a\" has a value that is not finite: element 1, offset 4"
    );
    assert_eq!(
        of("a", &[3]),
        "m cannot be used: tensor \"a\" has shape [2], expected [3]"
    );
    assert_eq!(
        of("b", &[1]),
        "m cannot be used: tensor \"b\" is I64, expected F32"
    );
    assert_eq!(of("c", &[1]), "m cannot be used: tensor \"c\" is missing");
}
