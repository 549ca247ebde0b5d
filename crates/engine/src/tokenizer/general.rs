//! Tokenizers that the compact form does not suffice for, such as SentencePiece's with byte fallback: the
//! `tokenizers` crate, parsed anew each time. Meant for small vocabularies.

use serde_json::Value;
use tokenizers::Tokenizer as Inner;

use super::bpe::alphabet::Alphabet;
use super::bpe::{Added, json};

/// A tokenizer of any kind whose pieces have bytes.
pub(super) struct General {
    inner: Inner,
    /// The bytes of every piece, by id.
    pieces: Vec<Vec<u8>>,
    /// Whether decoding takes a space off the beginning.
    pub(super) strips_first_space: bool,
    pub(super) prefix: Vec<u32>,
}

/// How pieces spell bytes.
#[allow(clippy::large_enum_variant)] // One of them in a process.
enum Spelling {
    /// GPT-2's alphabet.
    ByteLevel(Alphabet),
    /// U+2581 for a space, `<0x0A>` for a byte that has no piece.
    SentencePiece,
}

impl General {
    /// Reads a `tokenizer.json`; gives the tokens that it adds too.
    pub(super) fn from_json(json: &[u8]) -> Result<(General, Vec<Added>), String> {
        let mut file: Value = serde_json::from_slice(json).map_err(|e| e.to_string())?;
        let added = added_tokens(&file)?;
        let prefix = json::prefix(file.get("post_processor"), &added);
        let decoder = file.get("decoder").cloned().unwrap_or(Value::Null);
        let (spelling, strips_first_space) = spelling(&decoder)?;
        let object = file.as_object_mut().ok_or("it is not an object")?;
        // Text is encoded as text: added tokens are found by us, where they may stand.
        object.insert("added_tokens".into(), Value::Array(Vec::new()));
        for part in ["post_processor", "padding", "truncation"] {
            object.insert(part.into(), Value::Null);
        }
        let inner = Inner::from_bytes(file.to_string()).map_err(|e| e.to_string())?;
        let vocabulary = inner.get_vocab(false);
        let highest = vocabulary.values().copied().max().unwrap_or(0);
        let highest = added.iter().map(|t| t.id).fold(highest, u32::max) as usize;
        if highest > 2 * (vocabulary.len() + added.len()) + 1024 {
            return Err("its vocabulary has more gaps than pieces".into());
        }
        let mut pieces = vec![Vec::new(); highest + 1];
        for (piece, id) in vocabulary {
            pieces[id as usize] = spelling.bytes(&piece);
        }
        let general = General {
            inner,
            pieces,
            strips_first_space,
            prefix,
        };
        Ok((general, added))
    }

    pub(super) fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        // Only a piece that is missing without one that stands for the unknown can fail; it is left out then.
        if let Ok(encoding) = self.inner.encode_fast(text, false) {
            ids.extend_from_slice(encoding.get_ids());
        }
    }

    pub(super) fn piece(&self, id: u32) -> &[u8] {
        self.pieces.get(id as usize).map_or(&[], Vec::as_slice)
    }

    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    pub(super) fn find(&self, bytes: &[u8]) -> Option<u32> {
        let at = self.pieces.iter().position(|piece| piece == bytes)?;
        (!bytes.is_empty()).then_some(at as u32)
    }
}

impl Spelling {
    fn bytes(&self, piece: &str) -> Vec<u8> {
        match self {
            Spelling::ByteLevel(alphabet) => alphabet
                .bytes(piece)
                .unwrap_or_else(|| piece.as_bytes().to_vec()),
            Spelling::SentencePiece => {
                let byte = piece
                    .strip_prefix("<0x")
                    .and_then(|rest| rest.strip_suffix('>'))
                    .filter(|digits| digits.len() == 2)
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok());
                match byte {
                    Some(byte) => vec![byte],
                    None => piece.replace('\u{2581}', " ").into_bytes(),
                }
            }
        }
    }
}

/// How the pieces of a tokenizer with that decoder spell bytes, and whether it takes off a first space.
fn spelling(decoder: &Value) -> Result<(Spelling, bool), String> {
    let kind = |part: &Value| part.get("type").and_then(Value::as_str).map(str::to_owned);
    let parts = match decoder.get("decoders").and_then(Value::as_array) {
        Some(parts) => parts.as_slice(),
        None => std::slice::from_ref(decoder),
    };
    let has = |name: &str| parts.iter().any(|part| kind(part).as_deref() == Some(name));
    if has("ByteLevel") {
        return Ok((Spelling::ByteLevel(Alphabet::new()), false));
    }
    if has("ByteFallback") || has("Metaspace") {
        return Ok((Spelling::SentencePiece, has("Strip") || has("Metaspace")));
    }
    Err(format!(
        "its decoder {} is none that can decode token by token",
        kind(decoder).unwrap_or_else(|| "null".into())
    ))
}

fn added_tokens(file: &Value) -> Result<Vec<Added>, String> {
    let Some(tokens) = file.get("added_tokens").filter(|tokens| !tokens.is_null()) else {
        return Ok(Vec::new());
    };
    serde_json::from_value(tokens.clone()).map_err(|e| format!("added_tokens: {e}"))
}
