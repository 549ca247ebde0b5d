//! A journal in a temporary folder, and a tiny seeded encoder that is built in code, so that every path can be walked
//! without a download. Its numbers mean nothing; their shapes and their paths are those of the real one.

#![allow(clippy::print_stderr, reason = "a skipped test says why")]
#![allow(dead_code, reason = "every test file uses its own part")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use assistant::Instant;
use engine::encoder::{Encoder, EncoderOptions};
use engine::store::ModelStore;
use jiff::ZonedDateTime;
use journal::{Analysis, Entry, Evidence, Home, Journal, NewEntry, Secret, Sentiment, ThemeScore};
use safetensors::{Dtype, View};
use tempfile::TempDir;

/// A fresh journal; it lives as long as its folder.
pub(crate) fn journal() -> (Journal, TempDir) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let journal = Journal::create(&Home::at(dir.path().join("home")), &Secret::None);
    (journal.expect("a new journal"), dir)
}

/// The moment `text` says, in UTC: `2026-11-24 20:00`.
pub(crate) fn at(text: &str) -> ZonedDateTime {
    let civil: jiff::civil::DateTime = text
        .replace(' ', "T")
        .parse()
        .expect("a civil date and time");
    civil
        .to_zoned_datetime(jiff::tz::TimeZone::UTC)
        .expect("a time that UTC has")
}

/// Adds an entry.
pub(crate) fn add(journal: &mut Journal, when: &str, text: &str) -> Entry {
    journal
        .add(NewEntry::new(text, at(when)))
        .expect("an entry that can be added")
}

/// Gives an entry an analysis by hand: valence, themes, and its sentences in turn as evidence.
pub(crate) fn analyse(journal: &mut Journal, entry: &Entry, valence: f32, themes: &[&str]) {
    let spans = engine::text::sentences(&entry.text);
    let evidence = ["sentiment"].iter().chain(themes).zip(spans.iter().cycle());
    let analysis = Analysis {
        sentiment: match valence {
            v if v > 0.2 => Sentiment::Positive,
            v if v < -0.2 => Sentiment::Negative,
            _ => Sentiment::Neutral,
        },
        confidence: 0.9,
        valence,
        mixed: false,
        unsure: false,
        themes: themes
            .iter()
            .map(|t| ThemeScore {
                name: (*t).to_owned(),
                probability: 0.8,
            })
            .collect(),
        evidence: evidence
            .map(|(claim, s)| Evidence {
                claim: (*claim).to_owned(),
                start: s.start,
                end: s.end,
            })
            .collect(),
        tier: "instant".to_owned(),
        model: "by-hand".to_owned(),
        truncated: false,
        corrected: false,
    };
    journal
        .save_analysis(&[(entry.id, entry.version, analysis, None)])
        .expect("an analysis that can be saved");
}

/// The instant tier over the tiny encoder.
pub(crate) fn tiny() -> Instant {
    static DIR: OnceLock<TempDir> = OnceLock::new();
    let dir = DIR.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let source = dir.path().join("source");
        write_tiny_model(&source);
        let store = ModelStore::new(dir.path().join("models"));
        store
            .import(&source, Some("minilm"))
            .expect("the tiny model is a model");
        dir
    });
    open(&dir.path().join("models/minilm"))
}

/// The folder of the real models, where this run has them; says so where it has not.
pub(crate) fn real_models() -> Option<PathBuf> {
    let found = std::env::var_os("COMPANION_TEST_MODELS").map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped: COMPANION_TEST_MODELS is not set; run `make test`");
    }
    found
}

/// The instant tier over the model in `folder`.
pub(crate) fn open(folder: &Path) -> Instant {
    Instant::open(encoder(folder)).expect("the heads fit the encoder")
}

/// The model in `folder`.
pub(crate) fn encoder(folder: &Path) -> Encoder {
    Encoder::open(folder, &EncoderOptions::default()).expect("the model opens")
}

/// Texts that have broken programs before. The journal refuses blank ones; analysis has to live with them.
pub(crate) fn odd_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " \n\t ",
        "🎉🎉🎉",
        "👩‍👩‍👧‍👦",
        "\0",
        "a\0b. c\0",
        "....",
        "?!?!",
        "\u{202e}txet desrever",
        "e\u{301}\u{301}\u{301}",
        "--help",
        "'; DROP TABLE entries; --",
        "\"unclosed",
        "((((",
        "日本語の文。二つ目の文。",
        "\u{1b}[31mred\u{1b}[0m",
        "1\n2\n3\n",
        "#tag",
        "\u{feff}bom",
        "\u{d7ff}\u{10ffff}",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("x".repeat(1 << 20));
    texts.push("so tired today ".repeat(200));
    texts.push("One. ".repeat(300));
    texts
}

/// A seeded adapter for the tiny encoder: the bytes of its two files.
pub(crate) fn adapter() -> (Vec<u8>, String) {
    const RANK: usize = 4;
    let mut random = seeded(11);
    let mut all: Vec<(String, Floats)> = Vec::new();
    let mut tensor = |name: &str, shape: &[usize]| {
        let norm = name.contains("LayerNorm.weight");
        let values = (0..shape.iter().product::<usize>())
            .map(|_| f32::from(u8::from(norm)) + 0.5 * random());
        let bytes = values.flat_map(f32::to_le_bytes).collect();
        all.push((name.to_owned(), Floats(shape.to_vec(), bytes)));
    };
    for (part, out, input) in LINEARS {
        tensor(&format!("layer.0.{part}.A"), &[RANK, input]);
        tensor(&format!("layer.0.{part}.B"), &[out, RANK]);
    }
    for part in ["attention.output.LayerNorm", "output.LayerNorm"] {
        tensor(&format!("layer.0.{part}.weight"), &[WIDTH]);
        tensor(&format!("layer.0.{part}.bias"), &[WIDTH]);
    }
    let (hidden, attention, themes, emotions) =
        (6, 5, assistant::THEMES.len(), assistant::EMOTIONS.len());
    for (name, rows, inputs, bias) in [
        ("attend.in", attention, WIDTH, true),
        ("attend.out", 1, attention, false),
        ("mood.hidden", hidden, WIDTH, true),
        ("mood.sentiment", 3, hidden, true),
        ("mood.valence", 1, hidden, true),
        ("mood.emotions", emotions, hidden, true),
        ("mood.mixed", 1, hidden, true),
        ("themes.score", themes, WIDTH, true),
        ("themes.attend", themes, WIDTH, false),
        ("evidence", 3, WIDTH, true),
    ] {
        tensor(&format!("{name}.w"), &[rows, inputs]);
        if bias {
            tensor(&format!("{name}.b"), &[rows]);
        }
    }
    tensor("attend.place", &[2]);
    let meta = serde_json::json!({
        "version": 1, "encoder_sha256": "0".repeat(64), "first_layer": 0, "rank": RANK, "hidden": hidden,
        "attention": attention, "sentiment": ["positive", "neutral", "negative"], "themes": assistant::THEMES,
        "emotions": assistant::EMOTIONS.to_vec(), "sentiment_temperature": 1.2, "theme_scale": 1.1,
        "theme_offset": vec![0.1; themes], "emotion_offset": 0.2, "mixed_from": 0.5, "unsure_below": 0.5
    });
    let bytes = safetensors::serialize(all.iter().map(|(n, t)| (n, t)), None).expect("tensors");
    (bytes, meta.to_string())
}

/// Seeded numbers from -0.5 to 0.5.
fn seeded(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    }
}

struct Floats(Vec<usize>, Vec<u8>);

impl View for &Floats {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        &self.0
    }
    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        self.1.as_slice().into()
    }
    fn data_len(&self) -> usize {
        self.1.len()
    }
}

const WIDTH: usize = 384;
const INNER: usize = 8;
const POSITIONS: usize = 256;
/// The linear maps of a layer: name, outputs, inputs.
const LINEARS: [(&str, usize, usize); 6] = [
    ("attention.self.query", WIDTH, WIDTH),
    ("attention.self.key", WIDTH, WIDTH),
    ("attention.self.value", WIDTH, WIDTH),
    ("attention.output.dense", WIDTH, WIDTH),
    ("intermediate.dense", INNER, WIDTH),
    ("output.dense", WIDTH, INNER),
];

/// One layer of seeded numbers over single letters, in the files of a published encoder.
fn write_tiny_model(folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder for the tiny model");
    let mut vocab: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
        .map(str::to_owned)
        .to_vec();
    for c in ('a'..='z').chain('0'..='9').chain(".,!?'".chars()) {
        vocab.extend([c.to_string(), format!("##{c}")]);
    }
    let config = serde_json::json!({
        "hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": INNER,
        "vocab_size": vocab.len(), "max_position_embeddings": POSITIONS, "type_vocab_size": 1,
        "layer_norm_eps": 1e-12, "hidden_act": "gelu", "model_type": "bert"
    });
    let special = |id: usize| {
        serde_json::json!({"id": id, "content": vocab[id], "single_word": false,
        "lstrip": false, "rstrip": false, "normalized": false, "special": true})
    };
    let ids: HashMap<&String, usize> = vocab.iter().enumerate().map(|(i, t)| (t, i)).collect();
    let tokenizer = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": (0..4).map(special).collect::<Vec<_>>(),
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": ids}
    });
    std::fs::write(folder.join("config.json"), config.to_string()).expect("a config");
    std::fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).expect("a tokenizer");
    let bytes = safetensors::serialize(tensors(vocab.len()).iter().map(|(n, t)| (n, t)), None);
    std::fs::write(folder.join("model.safetensors"), bytes.expect("tensors")).expect("weights");
}

fn tensors(vocab: usize) -> Vec<(String, Floats)> {
    let mut random = seeded(7);
    let mut all = Vec::new();
    let mut tensor = |name: &str, shape: &[usize]| {
        let scale = if name.contains("embeddings") {
            2.0
        } else {
            0.1
        };
        let norm = name.contains("LayerNorm.weight");
        let values =
            (0..shape.iter().product::<usize>()).map(|_| if norm { 1.0 } else { scale * random() });
        let bytes = values.flat_map(f32::to_le_bytes).collect();
        all.push((name.to_owned(), Floats(shape.to_vec(), bytes)));
    };
    tensor("embeddings.word_embeddings.weight", &[vocab, WIDTH]);
    tensor("embeddings.position_embeddings.weight", &[POSITIONS, WIDTH]);
    tensor("embeddings.token_type_embeddings.weight", &[1, WIDTH]);
    tensor("embeddings.LayerNorm.weight", &[WIDTH]);
    tensor("embeddings.LayerNorm.bias", &[WIDTH]);
    for (part, out, input) in LINEARS {
        tensor(&format!("encoder.layer.0.{part}.weight"), &[out, input]);
        tensor(&format!("encoder.layer.0.{part}.bias"), &[out]);
    }
    for part in ["attention.output.LayerNorm", "output.LayerNorm"] {
        tensor(&format!("encoder.layer.0.{part}.weight"), &[WIDTH]);
        tensor(&format!("encoder.layer.0.{part}.bias"), &[WIDTH]);
    }
    all
}
