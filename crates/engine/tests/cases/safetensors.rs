//! Hostile safetensors files.

use super::Case;

/// A safetensors file with this header and `data` zero bytes.
pub fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

pub fn hostile() -> Vec<Case> {
    vec![
        (
            "empty",
            vec![],
            "not a safetensors file: 0 bytes are too few for a header of 8 bytes",
        ),
        (
            "seven bytes",
            vec![1; 7],
            "not a safetensors file: 7 bytes are too few for a header of 8 bytes",
        ),
        (
            "a header that claims the universe",
            u64::MAX.to_le_bytes().to_vec(),
            "not a safetensors file: its header claims 18446744073709551615 bytes, 16777216 are allowed",
        ),
        (
            "a header longer than the file",
            file("{}", 0).into_iter().take(9).collect(),
            "not a safetensors file: 9 bytes are too few for a header of 2 bytes",
        ),
        (
            "no JSON",
            file("nonsense", 0),
            "the header is malformed: expected ident at line 1 column 2",
        ),
        (
            "a list",
            file("[]", 0),
            "the header is malformed: invalid type: sequence, expected an object of tensors at line 1 column 0",
        ),
        (
            "a tensor without a shape",
            file(r#"{"a":{"dtype":"F32","data_offsets":[0,4]}}"#, 4),
            "the header is malformed: tensor \"a\": missing field `shape` at line 1 column 41",
        ),
        (
            "the same name twice",
            file(
                r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#,
                1,
            ),
            "the header is malformed: tensor \"a\" stands twice at line 1 column 56",
        ),
        (
            "more dimensions than there are",
            file(
                r#"{"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}}"#,
                1,
            ),
            "the header is malformed: tensor \"a\": more than 8 dimensions at line 1 column 46",
        ),
        (
            "a dtype from the future",
            file(
                r#"{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}"#,
                1,
            ),
            "tensor \"a\" has the unknown dtype \"F4\"",
        ),
        (
            "a size that overflows",
            file(
                r#"{"a":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904],"data_offsets":[0,4]}}"#,
                4,
            ),
            "tensor \"a\" of shape [4611686018427387904, 4611686018427387904] does not fit its offsets 0..4",
        ),
        (
            "offsets backwards",
            file(
                r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[4,3]}}"#,
                4,
            ),
            "tensor \"a\" of shape [1] does not fit its offsets 4..3",
        ),
        (
            "negative offsets",
            file(
                r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}}"#,
                4,
            ),
            "the header is malformed: tensor \"a\": invalid value: integer `-1`, expected usize at line 1 column 49",
        ),
        (
            "a tensor beyond the end",
            file(
                r#"{"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}}"#,
                16,
            ),
            "tensor \"a\" ends at offset 32, but the data has 16 bytes; the file is truncated",
        ),
        (
            "tensors that overlap",
            file(
                r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}}"#,
                24,
            ),
            "tensor \"b\" at offset 8 overlaps tensor \"a\", which ends at 16",
        ),
        (
            "a hole between tensors",
            file(
                r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[8,12]}}"#,
                12,
            ),
            "4 bytes at offset 4 belong to no tensor",
        ),
        (
            "bytes behind the last tensor",
            file(
                r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#,
                12,
            ),
            "8 bytes at offset 4 belong to no tensor",
        ),
    ]
}
