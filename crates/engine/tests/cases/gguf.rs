//! Hostile GGUF files, and what they are put together from.

use super::Case;

/// A string as the format has it.
pub fn string(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

/// A text entry.
pub fn text(key: &str, value: &str) -> Vec<u8> {
    [string(key), 8_u32.to_le_bytes().to_vec(), string(value)].concat()
}

/// A u32 entry.
pub fn number(key: &str, value: u32) -> Vec<u8> {
    [string(key), [4, value].map(u32::to_le_bytes).concat()].concat()
}

/// A tensor info.
pub fn info(name: &str, extents: &[u64], kind: u32, offset: u64) -> Vec<u8> {
    let mut bytes = string(name);
    bytes.extend((extents.len() as u32).to_le_bytes());
    bytes.extend(extents.iter().flat_map(|extent| extent.to_le_bytes()));
    bytes.extend(kind.to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes
}

/// A file of these parts and `data` bytes of data.
pub fn file(entries: &[Vec<u8>], infos: &[Vec<u8>], data: usize) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend((infos.len() as u64).to_le_bytes());
    bytes.extend((entries.len() as u64).to_le_bytes());
    bytes.extend(entries.concat());
    bytes.extend(infos.concat());
    bytes.resize(bytes.len().next_multiple_of(32) + data, 0);
    bytes
}

pub fn hostile() -> Vec<Case> {
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
    vec![
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
    ]
}
