//! What of a `tokenizer.json` the compact form needs, and whether it suffices.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::alphabet::Alphabet;
use super::tables::Tables;
use super::{Added, Plan};

/// How GPT-2 parts words, where a file names no pattern of its own.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// No vocabulary has ids beyond this.
const MAX_ID: u32 = 1 << 22;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    normalizer: Option<Value>,
    pre_tokenizer: Option<Value>,
    post_processor: Option<Value>,
    decoder: Option<Value>,
    model: Model,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
    #[serde(default)]
    special: bool,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    normalized: bool,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type")]
    kind: Option<String>,
    vocab: HashMap<String, u32>,
    merges: Vec<Merge>,
    dropout: Option<f32>,
    unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    ignore_merges: bool,
}

/// Older files have `"a b"`, newer ones `["a", "b"]`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Pair(String, String),
    Line(String),
}

impl Merge {
    fn pair(&self) -> Option<(&str, &str)> {
        match self {
            Merge::Pair(left, right) => Some((left, right)),
            Merge::Line(line) => line.split_once(' '),
        }
    }
}

/// Reads a `tokenizer.json` of a byte-level tokenizer. An error says what it has that the compact form cannot do.
pub(crate) fn read(json: &[u8]) -> Result<(Plan, Tables), String> {
    let file: File = serde_json::from_slice(json).map_err(|e| e.to_string())?;
    let model = &file.model;
    if model.kind.as_deref().is_some_and(|kind| kind != "BPE") {
        return Err("its model is not BPE".into());
    }
    let set = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    if model.dropout.is_some_and(|share| share > 0.0)
        || model.byte_fallback
        || set(&model.continuing_subword_prefix)
        || set(&model.end_of_word_suffix)
    {
        return Err("its BPE has dropout, byte fallback or affixes".into());
    }
    let _ = &model.unk_token; // every byte has a piece, so that nothing is unknown
    if kind(file.decoder.as_ref()) != "ByteLevel" {
        return Err("its decoder is not byte-level".into());
    }
    let nfc = match kind(file.normalizer.as_ref()) {
        "" => false,
        "NFC" => true,
        other => return Err(format!("its normalizer is {other}")),
    };
    let added = added_tokens(&file.added_tokens, nfc)?;
    let plan = Plan {
        pattern: pattern(file.pre_tokenizer.as_ref())?,
        nfc,
        ignore_merges: model.ignore_merges,
        prefix: prefix(file.post_processor.as_ref(), &added),
        added,
    };
    let tables = tables(model, &plan.added)?;
    Ok((plan, tables))
}

/// The `type` of a part; empty where there is none.
fn kind(part: Option<&Value>) -> &str {
    part.and_then(|part| part.get("type")?.as_str())
        .unwrap_or("")
}

fn added_tokens(tokens: &[AddedToken], nfc: bool) -> Result<Vec<Added>, String> {
    let mut added = Vec::with_capacity(tokens.len());
    for token in tokens {
        if token.id > MAX_ID || token.content.is_empty() {
            return Err(format!(
                "added token {:?} has the id {}",
                token.content, token.id
            ));
        }
        if token.single_word || token.lstrip || token.rstrip || (token.normalized && nfc) {
            return Err(format!(
                "added token {:?} depends on what is around it",
                token.content
            ));
        }
        added.push(Added {
            id: token.id,
            content: token.content.clone(),
            special: token.special,
        });
    }
    Ok(added)
}

/// The pattern by which text is parted before merging.
fn pattern(pre_tokenizer: Option<&Value>) -> Result<String, String> {
    let unknown = || "its pre-tokenizer is not one pattern and ByteLevel".to_owned();
    let pre_tokenizer = pre_tokenizer.ok_or_else(unknown)?;
    let flag = |part: &Value, name: &str, default: bool| {
        part.get(name).and_then(Value::as_bool).unwrap_or(default)
    };
    let parts = match pre_tokenizer.get("pretokenizers").and_then(Value::as_array) {
        Some(parts) if kind(Some(pre_tokenizer)) == "Sequence" => parts.as_slice(),
        _ => std::slice::from_ref(pre_tokenizer),
    };
    let (byte_level, before) = parts.split_last().ok_or_else(unknown)?;
    if kind(Some(byte_level)) != "ByteLevel" || flag(byte_level, "add_prefix_space", true) {
        return Err(unknown());
    }
    match before {
        [] if flag(byte_level, "use_regex", true) => Ok(GPT2.to_owned()),
        [split] if !flag(byte_level, "use_regex", true) => {
            let isolated = split.get("behavior").and_then(Value::as_str) == Some("Isolated");
            if kind(Some(split)) != "Split" || !isolated || flag(split, "invert", false) {
                return Err(unknown());
            }
            let pattern = split
                .get("pattern")
                .and_then(|pattern| pattern.get("Regex")?.as_str());
            pattern.map(str::to_owned).ok_or_else(unknown)
        }
        _ => Err(unknown()),
    }
}

/// The ids that stand before every text that is encoded with special tokens.
pub(crate) fn prefix(post_processor: Option<&Value>, added: &[Added]) -> Vec<u32> {
    let Some(processor) = post_processor else {
        return Vec::new();
    };
    if let Some(parts) = processor.get("processors").and_then(Value::as_array) {
        return parts
            .iter()
            .map(|part| prefix(Some(part), added))
            .find(|ids| !ids.is_empty())
            .unwrap_or_default();
    }
    let Some(single) = processor.get("single").and_then(Value::as_array) else {
        return Vec::new();
    };
    single
        .iter()
        .map_while(|part| part.get("SpecialToken")?.get("id")?.as_str())
        .filter_map(|text| added.iter().find(|token| token.content == text))
        .map(|token| token.id)
        .collect()
}

fn tables(model: &Model, added: &[Added]) -> Result<Tables, String> {
    let alphabet = Alphabet::new();
    let highest = model
        .vocab
        .values()
        .chain(added.iter().map(|t| &t.id))
        .max();
    let pieces = match highest {
        Some(highest) if *highest <= MAX_ID => *highest as usize + 1,
        _ => return Err("its vocabulary has no ids, or ids beyond all bounds".into()),
    };
    // An id costs memory whether it has a piece or not, so the bulk of them must have one.
    if pieces > 2 * (model.vocab.len() + added.len()) + 1024 {
        return Err("its vocabulary has more gaps than pieces".into());
    }
    let mut bytes = vec![Vec::new(); pieces];
    for (piece, id) in &model.vocab {
        // A special token may stand in the vocabulary too, written as it is.
        let spelled = alphabet.bytes(piece);
        bytes[*id as usize] = spelled.unwrap_or_else(|| piece.clone().into_bytes());
    }
    let mut merges = Vec::with_capacity(model.merges.len());
    let mut joined = String::new();
    for merge in &model.merges {
        let (left, right) = merge.pair().ok_or("a merge is not a pair")?;
        joined.clear();
        joined.push_str(left);
        joined.push_str(right);
        let id =
            |piece: &str| {
                model.vocab.get(piece).copied().ok_or_else(|| {
                    format!("the piece {piece:?} of a merge is not in the vocabulary")
                })
            };
        let merge = [id(left)?, id(right)?, id(&joined)?];
        let [l, r, whole] = merge.map(|id| &bytes[id as usize]);
        // Spelled differently, a piece that holds what is no byte's character could stand for other text.
        if l.len() + r.len() != whole.len() || !whole.starts_with(l) || !whole.ends_with(r) {
            return Err(format!(
                "the piece {joined:?} is not spelled like its parts"
            ));
        }
        merges.push(merge);
    }
    let tables = Tables::build(&bytes, &merges)?;
    drop(bytes);
    Ok(tables)
}
