//! GGUF files against the `gguf` package's own reading, and hostile ones.
#![allow(clippy::unwrap_used)] // A failed test may panic.

use std::path::{Path, PathBuf};

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

/// A string as the format has it.
fn string(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

/// A text entry.
fn text(key: &str, value: &str) -> Vec<u8> {
    [string(key), 8_u32.to_le_bytes().to_vec(), string(value)].concat()
}

/// A u32 entry.
fn number(key: &str, value: u32) -> Vec<u8> {
    [string(key), [4, value].map(u32::to_le_bytes).concat()].concat()
}

/// A tensor info.
fn info(name: &str, extents: &[u64], kind: u32, offset: u64) -> Vec<u8> {
    let mut bytes = string(name);
    bytes.extend((extents.len() as u32).to_le_bytes());
    bytes.extend(extents.iter().flat_map(|extent| extent.to_le_bytes()));
    bytes.extend(kind.to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes
}

/// A file of these parts and `data` bytes of data.
fn file(entries: &[Vec<u8>], infos: &[Vec<u8>], data: usize) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend((infos.len() as u64).to_le_bytes());
    bytes.extend((entries.len() as u64).to_le_bytes());
    bytes.extend(entries.concat());
    bytes.extend(infos.concat());
    bytes.resize(bytes.len().next_multiple_of(32) + data, 0);
    bytes
}

#[test]
fn hostile_files_are_named_errors() {
    let qwen = || {
        vec![
            text("general.architecture", "qwen2"),
            number("qwen2.attention.head_count", 2),
        ]
    };
    let sizes = || {
        let numbers = [
            ("embedding_length", 8),
            ("block_count", 1),
            ("feed_forward_length", 8),
            ("context_length", 8),
            ("attention.layer_norm_rms_epsilon", 1),
        ];
        let numbers = numbers.map(|(key, value)| number(&format!("qwen2.{key}"), value));
        [qwen(), numbers.to_vec()].concat()
    };
    let header = |tensors: u64, entries: u64| {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(tensors.to_le_bytes());
        bytes.extend(entries.to_le_bytes());
        bytes
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "cut off in the magic's neighbour",
            b"GGUF\x03".to_vec(),
            "the header is malformed: the version at byte 4 takes 4 bytes, the file has 1 left",
        ),
        (
            "an old version",
            b"GGUF\x01\0\0\0".to_vec(),
            "the header is malformed: version 1 is not known, 2 and 3 are; convert the model again",
        ),
        (
            "big-endian",
            b"GGUF\0\0\0\x03".to_vec(),
            "the header is malformed: the file is big-endian",
        ),
        (
            "a universe of metadata",
            header(0, u64::MAX),
            "the header is malformed: a metadata key at byte 24 takes 8 bytes, the file has 0 left",
        ),
        (
            "a universe of tensors",
            header(u64::MAX, 0),
            "the header is malformed: a tensor name at byte 24 takes 8 bytes, the file has 0 left",
        ),
        (
            "a key longer than the file",
            [header(0, 1), u64::MAX.to_le_bytes().to_vec()].concat(),
            "the header is malformed: a metadata key at byte 32 takes 18446744073709551615 bytes, the file has 0 left",
        ),
        (
            "an unknown kind",
            file(&[[string("a"), vec![13, 0, 0, 0]].concat()], &[], 0),
            "the header is malformed: metadata \"a\" is of the unknown kind 13",
        ),
        (
            "a truth value that is neither",
            file(&[[string("a"), vec![7, 0, 0, 0, 2]].concat()], &[], 0),
            "the header is malformed: metadata \"a\" is neither true nor false",
        ),
        (
            "an array of arrays",
            file(
                &[[string("a"), vec![9, 0, 0, 0, 9, 0, 0, 0]].concat()],
                &[],
                0,
            ),
            "the header is malformed: metadata \"a\" is an array of kind 9, which is none that can be read",
        ),
        (
            "an array larger than the file",
            file(
                &[[string("a"), vec![9, 0, 0, 0, 4, 0, 0, 0], vec![255; 8]].concat()],
                &[],
                0,
            ),
            "the header is malformed: metadata \"a\" at byte 49 takes 18446744073709551615 bytes, the file has 15 left",
        ),
        (
            "a key that is not UTF-8",
            file(
                &[[vec![1, 0, 0, 0, 0, 0, 0, 0, 0xff, 4, 0, 0, 0], vec![0; 4]].concat()],
                &[],
                0,
            ),
            "the header is malformed: a metadata key at byte 32 is not UTF-8",
        ),
        (
            "a key twice",
            file(&[number("a", 1), number("a", 2)], &[], 0),
            "the header is malformed: metadata \"a\" stands twice",
        ),
        (
            "an alignment of zero",
            file(&[number("general.alignment", 0)], &[], 0),
            "metadata \"general.alignment\" is \"0\", expected a power of two from 8 to 65536",
        ),
        (
            "no dimensions",
            file(&qwen(), &[info("t", &[], 0, 0)], 0),
            "the header is malformed: tensor \"t\" has 0 dimensions, 1 to 4 are possible",
        ),
        (
            "an unknown type",
            file(&qwen(), &[info("t", &[32], 999, 0)], 0),
            "tensor \"t\" has the unknown dtype \"number 999\"",
        ),
        (
            "a type that is not read",
            file(&qwen(), &[info("t", &[256], 10, 0)], 0),
            "tensor \"t\" has the unknown dtype \"Q2_K\"",
        ),
        (
            "a row that is no whole block",
            file(&qwen(), &[info("t", &[33], 8, 0)], 64),
            "tensor \"t\": rows of 33 numbers are no whole blocks of 32, of which Q8_0 is made",
        ),
        (
            "an extent of zero",
            file(&qwen(), &[info("t", &[0], 0, 0)], 0),
            "tensor \"t\": an extent of 0 cannot be",
        ),
        (
            "a size that overflows",
            file(&qwen(), &[info("t", &[1 << 40, 1 << 40], 0, 0)], 0),
            "tensor \"t\": a shape of [1099511627776, 1099511627776] cannot be",
        ),
        (
            "beyond the end",
            file(&qwen(), &[info("t", &[32], 0, 0)], 64),
            "tensor \"t\" ends at offset 128, but the data has 64 bytes; the file is truncated",
        ),
        (
            "an offset beyond all bounds",
            file(&qwen(), &[info("t", &[32], 0, u64::MAX)], 64),
            "tensor \"t\": a shape of [32] cannot be",
        ),
        (
            "an offset out of line",
            file(&qwen(), &[info("t", &[8], 0, 4)], 64),
            "tensor \"t\": its offset 4 is no multiple of the file's alignment 32",
        ),
        (
            "tensors that overlap",
            file(
                &qwen(),
                &[info("t", &[16], 0, 0), info("u", &[8], 0, 32)],
                64,
            ),
            "tensor \"u\" at offset 224 overlaps tensor \"t\", which ends at 256",
        ),
        (
            "no architecture",
            file(&[], &[info("output.weight", &[8], 0, 0)], 32),
            "metadata \"general.architecture\" is \"\", expected qwen2 or llama",
        ),
        (
            "another architecture",
            file(
                &[text("general.architecture", "bloom")],
                &[info("output.weight", &[8], 0, 0)],
                32,
            ),
            "metadata \"general.architecture\" is \"bloom\", expected qwen2 or llama",
        ),
        (
            "a foreign tensor",
            file(&qwen(), &[info("blk.0.ssm_in.weight", &[8], 0, 0)], 32),
            "tensor \"blk.0.ssm_in.weight\": a Qwen2- or Llama-shaped model has no such tensor",
        ),
        (
            "the same tensor twice",
            file(
                &qwen(),
                &[
                    info("output.weight", &[8], 0, 0),
                    info("output.weight", &[8], 0, 32),
                ],
                64,
            ),
            "tensor \"output.weight\": it stands twice",
        ),
        (
            "factors of no head",
            file(
                &sizes(),
                &[
                    info("token_embd.weight", &[8, 2], 0, 0),
                    info("rope_freqs.weight", &[3], 0, 64),
                ],
                96,
            ),
            "tensor \"rope_freqs.weight\": 3 numbers for the 2 pairs of a head",
        ),
        (
            "factors of nought",
            file(
                &sizes(),
                &[
                    info("token_embd.weight", &[8, 2], 0, 0),
                    info("rope_freqs.weight", &[2], 0, 64),
                ],
                96,
            ),
            "tensor \"rope_freqs.weight\": 0 divides no frequency",
        ),
        (
            "factors in halves",
            file(&qwen(), &[info("rope_freqs.weight", &[8], 1, 0)], 32),
            "tensor \"rope_freqs.weight\": it is not in F32",
        ),
        (
            "another scaling",
            file(
                &[sizes(), vec![text("qwen2.rope.scaling.type", "longrope")]].concat(),
                &[info("token_embd.weight", &[8, 2], 0, 0)],
                64,
            ),
            "metadata \"qwen2.rope.scaling.type\" is \"longrope\", expected none, linear or yarn",
        ),
        (
            "an attention factor of llama.cpp's own",
            file(
                &[
                    sizes(),
                    vec![
                        text("qwen2.rope.scaling.type", "yarn"),
                        number("qwen2.rope.scaling.attn_factor", 2),
                    ],
                ]
                .concat(),
                &[info("token_embd.weight", &[8, 2], 0, 0)],
                64,
            ),
            "metadata \"qwen2.rope.scaling.attn_factor\" is \"2\", expected 1",
        ),
        (
            "no embedding",
            file(
                &[qwen(), vec![number("qwen2.embedding_length", 8)]].concat(),
                &[info("output.weight", &[8], 0, 0)],
                32,
            ),
            "tensor \"token_embd.weight\" is missing",
        ),
        (
            "no sizes",
            file(&qwen(), &[info("token_embd.weight", &[8, 2], 0, 0)], 64),
            "metadata \"qwen2.embedding_length\" is \"\", expected a size of the network",
        ),
        (
            "rows that make no heads",
            file(
                &[
                    text("general.architecture", "llama"),
                    number("llama.attention.head_count", 3),
                ],
                &[info("blk.0.attn_q.weight", &[8, 8], 0, 0)],
                256,
            ),
            "tensor \"blk.0.attn_q.weight\": 8 rows cannot be parted into 3 heads of two halves",
        ),
    ];
    for (what, bytes, expected) in cases {
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
