//! A tiny BERT with seeded random weights, so that the whole path runs without a download.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::print_stderr)] // Each test binary uses its own part; a failed test may panic.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine::encoder::{Encoder, EncoderOptions};
use engine::store::ModelStore;
use engine::weights::{NewTensor, write_safetensors};
use kernels::{Isa, Kernels};

/// Sizes of a tiny model.
#[derive(Clone, Copy)]
pub struct Tiny {
    pub hidden: usize,
    pub heads: usize,
    pub inner: usize,
    pub layers: usize,
}

/// One that fits every register, one that fits none, and one whose feed-forward network has several groups, the last one short.
pub const SIZES: [Tiny; 3] = [
    Tiny {
        hidden: 32,
        heads: 4,
        inner: 64,
        layers: 2,
    },
    Tiny {
        hidden: 24,
        heads: 3,
        inner: 40,
        layers: 3,
    },
    Tiny {
        hidden: 32,
        heads: 4,
        inner: 300,
        layers: 2,
    },
];

const POSITIONS: usize = 256;

/// SplitMix64 with a fixed seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In `-1..1`.
    pub fn float(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// Special pieces, letters as starts and as continuations, digits, some punctuation, some words.
pub fn vocabulary() -> Vec<String> {
    let mut pieces: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        .map(String::from)
        .to_vec();
    for letter in ('a'..='z').chain('0'..='9') {
        pieces.push(letter.to_string());
        pieces.push(format!("##{letter}"));
    }
    pieces.extend(
        [
            ".", ",", "!", "?", "'", "the", "day", "river", "walk", "##ed", "##ing", "i", "we",
        ]
        .map(String::from),
    );
    pieces.dedup();
    pieces.sort_by_key(|piece| !piece.starts_with('['));
    let mut seen = std::collections::BTreeSet::new();
    pieces.retain(|piece| seen.insert(piece.clone()));
    pieces
}

pub fn tokenizer_json(pieces: &[String]) -> serde_json::Value {
    let vocab: BTreeMap<&str, usize> = pieces
        .iter()
        .enumerate()
        .map(|(id, piece)| (piece.as_str(), id))
        .collect();
    let special = |piece: &str| serde_json::json!({"id": vocab[piece], "content": piece, "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false});
    let added: Vec<_> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        .into_iter()
        .map(special)
        .collect();
    serde_json::json!({
        "version": "1.0",
        "truncation": {"max_length": 8, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": added,
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": null,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocab},
    })
}

/// Writes the three files of a seeded model into `folder`.
pub fn write_model(folder: &Path, size: Tiny, seed: u64) {
    let Tiny {
        hidden: h,
        heads,
        inner: i,
        layers,
    } = size;
    let pieces = vocabulary();
    let mut random = Random(seed);
    let mut tensors: Vec<(String, Vec<usize>, Vec<f32>)> = Vec::new();
    let mut add = |name: &str, shape: &[usize], base: f32, spread: f32| {
        let count = shape.iter().product();
        let values = (0..count).map(|_| base + spread * random.float()).collect();
        tensors.push((name.to_owned(), shape.to_vec(), values));
    };
    add(
        "embeddings.word_embeddings.weight",
        &[pieces.len(), h],
        0.0,
        1.0,
    );
    add(
        "embeddings.position_embeddings.weight",
        &[POSITIONS, h],
        0.0,
        0.3,
    );
    add("embeddings.token_type_embeddings.weight", &[2, h], 0.0, 0.1);
    add("embeddings.LayerNorm.weight", &[h], 1.0, 0.2);
    add("embeddings.LayerNorm.bias", &[h], 0.0, 0.1);
    for l in 0..layers {
        let at = |part: &str| format!("encoder.layer.{l}.{part}");
        let linear = [
            ("attention.self.query", h, h),
            ("attention.self.key", h, h),
            ("attention.self.value", h, h),
            ("attention.output.dense", h, h),
            ("intermediate.dense", i, h),
            ("output.dense", h, i),
        ];
        for (name, outputs, inputs) in linear {
            add(
                &at(&format!("{name}.weight")),
                &[outputs, inputs],
                0.0,
                0.25,
            );
            add(&at(&format!("{name}.bias")), &[outputs], 0.0, 0.1);
        }
        for name in ["attention.output.LayerNorm", "output.LayerNorm"] {
            add(&at(&format!("{name}.weight")), &[h], 1.0, 0.2);
            add(&at(&format!("{name}.bias")), &[h], 0.0, 0.1);
        }
    }
    let tensors: Vec<_> = tensors
        .iter()
        .map(|(n, s, v)| NewTensor::new(n.clone(), s, v))
        .collect();
    let mut file = Vec::new();
    write_safetensors(&mut file, &BTreeMap::new(), &tensors).unwrap();
    std::fs::write(folder.join("model.safetensors"), file).unwrap();
    std::fs::write(
        folder.join("tokenizer.json"),
        tokenizer_json(&pieces).to_string(),
    )
    .unwrap();
    let config = serde_json::json!({
        "hidden_size": h, "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": i,
        "vocab_size": pieces.len(), "max_position_embeddings": POSITIONS, "type_vocab_size": 2,
        "layer_norm_eps": 1e-12, "model_type": "bert",
    });
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
}

/// A store with the tiny model of `size` as `tiny`, and quantized as `tiny-int8`.
pub fn store_with_tiny(size: Tiny) -> (tempfile::TempDir, ModelStore) {
    let home = tempfile::tempdir().unwrap();
    let source = home.path().join("source");
    std::fs::create_dir(&source).unwrap();
    write_model(&source, size, 42);
    let store = ModelStore::new(home.path().join("models"));
    store.import(&source, Some("tiny")).unwrap();
    engine::quant::quantize_encoder(&store, "tiny", "tiny-int8", &mut |_, _| ()).unwrap();
    (home, store)
}

pub fn open(store: &ModelStore, name: &str, threads: usize, kernel: Isa) -> Encoder {
    let options = EncoderOptions {
        threads: Some(threads),
        kernel: Some(kernel),
    };
    Encoder::open(&store.path(name), &options).unwrap()
}

/// The message of `error` and of all that lies below it, as a program prints them.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        text = format!("{text}: {error}");
        below = error.source();
    }
    text
}

/// Every kernel of this machine.
pub fn kernels_here() -> Vec<Isa> {
    Isa::ALL
        .into_iter()
        .filter(|isa| Kernels::new(*isa).is_ok())
        .collect()
}

pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The folder of real models, where the tests are given one; says so where they are not.
pub fn real_models() -> Option<PathBuf> {
    let folder = std::env::var_os("COMPANION_TEST_MODELS").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: COMPANION_TEST_MODELS is not set; run `make test`");
    }
    folder
}
