//! A `tokenizer.json` from the metadata of a GGUF file, so that both kinds of model have the same tokenizer.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::weights::gguf::Metadata;

/// How Qwen2 parts words.
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// How Llama 3 parts words: as Qwen2, but up to three digits stay together.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Kinds of token, as ggml numbers them.
const UNKNOWN: f64 = 2.0;
const CONTROL: f64 = 3.0;
const USER_DEFINED: f64 = 4.0;
const UNUSED: f64 = 5.0;

/// The `tokenizer.json` that `metadata` describes; an error says what in it cannot be rebuilt.
pub fn tokenizer_json(metadata: &Metadata) -> Result<String, String> {
    let vocabulary = Vocabulary::read(metadata)?;
    let file = match metadata.text("tokenizer.ggml.model") {
        Some("gpt2") => byte_level(metadata, &vocabulary)?,
        Some("llama") => sentence_piece(metadata, &vocabulary)?,
        Some(other) => {
            return Err(format!(
                "tokenizer.ggml.model is {other:?}; gpt2 (byte-level BPE) and llama (SentencePiece) can be rebuilt"
            ));
        }
        None => return Err("tokenizer.ggml.model is missing".into()),
    };
    Ok(file.to_string())
}

/// The `tokenizer_config.json` that `metadata` describes: special tokens and the chat template.
pub fn tokenizer_config_json(metadata: &Metadata) -> String {
    let mut config = Map::new();
    for name in ["bos", "eos", "unk"] {
        let key = match name {
            "unk" => "tokenizer.ggml.unknown_token_id".to_owned(),
            _ => format!("tokenizer.ggml.{name}_token_id"),
        };
        let token = metadata.whole(&key).and_then(|id| {
            let (_, mut texts) = metadata.texts("tokenizer.ggml.tokens")?;
            texts.nth(usize::try_from(id).ok()?)
        });
        if let Some(token) = token {
            config.insert(format!("{name}_token"), json!(token));
        }
    }
    if let Some(template) = metadata.text("tokenizer.chat_template") {
        config.insert("chat_template".into(), json!(template));
    }
    Value::Object(config).to_string()
}

/// The tokens with their kinds.
struct Vocabulary<'a> {
    tokens: Vec<&'a str>,
    kinds: Vec<f64>,
}

impl<'a> Vocabulary<'a> {
    fn read(metadata: &'a Metadata) -> Result<Vocabulary<'a>, String> {
        let (count, tokens) = metadata
            .texts("tokenizer.ggml.tokens")
            .ok_or("tokenizer.ggml.tokens is missing or no array of texts")?;
        let kinds = metadata
            .numbers("tokenizer.ggml.token_type")
            .unwrap_or_else(|| vec![1.0; count]);
        if kinds.len() != count {
            return Err(format!(
                "tokenizer.ggml.token_type has {} items for {count} tokens",
                kinds.len()
            ));
        }
        Ok(Vocabulary {
            tokens: tokens.collect(),
            kinds,
        })
    }

    /// Those that belong to the model's own vocabulary, by id.
    fn normal(&self) -> impl Iterator<Item = (usize, &'a str)> {
        let tokens = self.tokens.iter().zip(&self.kinds).enumerate();
        tokens
            .filter(|(_, (_, kind))| ![CONTROL, USER_DEFINED, UNUSED].contains(*kind))
            .map(|(id, (token, _))| (id, *token))
    }

    fn vocab(&self) -> Map<String, Value> {
        self.normal()
            .map(|(id, token)| (token.to_owned(), json!(id)))
            .collect()
    }

    /// Those that stand beside it, as `tokenizer.json` lists them.
    fn added(&self) -> Vec<Value> {
        let tokens = self.tokens.iter().zip(&self.kinds).enumerate();
        tokens
            .filter(|(id, (token, kind))| {
                // Converters fill up the model's count of ids with these.
                let padding = **token == format!("[PAD{id}]");
                [CONTROL, USER_DEFINED].contains(*kind) && !token.is_empty() && !padding
            })
            .map(|(id, (token, kind))| {
                json!({
                    "id": id, "content": token, "special": *kind == CONTROL,
                    "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
                })
            })
            .collect()
    }
}

fn byte_level(metadata: &Metadata, vocabulary: &Vocabulary<'_>) -> Result<Value, String> {
    let (pattern, normalizer) = match metadata.text("tokenizer.ggml.pre") {
        Some("qwen2") => (Some(QWEN2), json!({"type": "NFC"})),
        Some("llama-bpe" | "llama3" | "llama-v3") => (Some(LLAMA3), Value::Null),
        Some("gpt-2" | "default") | None => (None, Value::Null),
        Some(other) => {
            return Err(format!(
                "tokenizer.ggml.pre is {other:?}; qwen2, llama-bpe and gpt-2 can be rebuilt"
            ));
        }
    };
    let byte_level = |use_regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": use_regex});
    let pre_tokenizer = match pattern {
        Some(pattern) => json!({"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false},
            byte_level(false),
        ]}),
        None => byte_level(true),
    };
    let (_, merges) = metadata
        .texts("tokenizer.ggml.merges")
        .ok_or("tokenizer.ggml.merges is missing or no array of texts")?;
    let merges: Vec<&str> = merges.collect();
    let bos = metadata
        .flag("tokenizer.ggml.add_bos_token")
        .unwrap_or(false);
    Ok(json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": vocabulary.added(),
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": if bos { beginning(metadata, vocabulary) } else { Value::Null },
        "decoder": byte_level(true),
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "ignore_merges": pattern == Some(LLAMA3),
            "vocab": vocabulary.vocab(), "merges": merges,
        },
    }))
}

/// A post-processor that puts the beginning of a sequence before each text.
fn beginning(metadata: &Metadata, vocabulary: &Vocabulary<'_>) -> Value {
    let token = metadata
        .whole("tokenizer.ggml.bos_token_id")
        .and_then(|id| {
            vocabulary
                .tokens
                .get(usize::try_from(id).ok()?)
                .map(|t| (id, *t))
        });
    match token {
        None => Value::Null,
        Some((id, token)) => json!({
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {token: {"id": token, "ids": [id], "tokens": [token]}},
        }),
    }
}

/// SentencePiece's BPE has scores instead of merges: a piece may be made from any two that it parts into, and
/// the better its score, the sooner.
fn sentence_piece(metadata: &Metadata, vocabulary: &Vocabulary<'_>) -> Result<Value, String> {
    let scores = metadata
        .numbers("tokenizer.ggml.scores")
        .filter(|scores| scores.len() == vocabulary.tokens.len())
        .ok_or("tokenizer.ggml.scores is missing or has not a score for every token")?;
    let unknown = vocabulary
        .kinds
        .iter()
        .position(|kind| *kind == UNKNOWN)
        .map(|id| vocabulary.tokens[id]);
    let space = metadata
        .flag("tokenizer.ggml.add_space_prefix")
        .unwrap_or(true);
    let bos = metadata
        .flag("tokenizer.ggml.add_bos_token")
        .unwrap_or(true);
    let mut normalizers = vec![];
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": "\u{2581}"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if space {
        normalizers.push(json!({"type": "Prepend", "prepend": "\u{2581}"}));
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    normalizers.push(json!({"type": "Replace", "pattern": {"String": " "}, "content": "\u{2581}"}));
    Ok(json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": vocabulary.added(),
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "pre_tokenizer": null,
        "post_processor": if bos { beginning(metadata, vocabulary) } else { Value::Null },
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": {
            "type": "BPE", "dropout": null, "unk_token": unknown, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
            "vocab": vocabulary.vocab(), "merges": merges_of_scores(vocabulary, &scores),
        },
    }))
}

/// The longest piece whose partings are looked at; SentencePiece's own limit is 16 characters.
const MAX_PIECE_BYTES: usize = 256;

fn merges_of_scores<'a>(vocabulary: &Vocabulary<'a>, scores: &[f64]) -> Vec<[&'a str; 2]> {
    let ids: HashMap<&str, usize> = vocabulary.normal().map(|(id, token)| (token, id)).collect();
    let mut merges = Vec::new();
    for (id, token) in vocabulary.normal() {
        if token.len() > MAX_PIECE_BYTES {
            continue;
        }
        for (at, _) in token.char_indices().skip(1) {
            let (left, right) = token.split_at(at);
            if let (Some(l), Some(r)) = (ids.get(left), ids.get(right)) {
                merges.push((id, *l, *r));
            }
        }
    }
    // Best score first. Two ways to the same piece cannot both apply to the same characters, but an order is
    // needed: that of Hugging Face's converter, by the ids of the parts.
    merges.sort_by(|a, b| {
        scores[b.0]
            .total_cmp(&scores[a.0])
            .then_with(|| (a.1, a.2).cmp(&(b.1, b.2)))
    });
    merges
        .iter()
        .map(|(_, left, right)| [vocabulary.tokens[*left], vocabulary.tokens[*right]])
        .collect()
}
