//! Text to pieces: [`Tokenizer`], WordPiece as BERT does it, for the encoder, through the `tokenizers` crate; and
//! [`DecoderTokenizer`] for language models.

mod added;
mod bpe;
mod decoder;
mod general;
pub mod gguf;
mod plain;
mod stream;

use std::path::Path;

use tokenizers::Tokenizer as Inner;

pub(crate) use added::{AddedTokens, Part};
pub use bpe::Added;
pub use decoder::DecoderTokenizer;
pub use stream::DecodeStream;

use crate::read::{MAX_TOKENIZER_BYTES, read_text};
use crate::{Error, Result};

/// A WordPiece tokenizer.
pub struct Tokenizer {
    inner: Inner,
    cls: u32,
    sep: u32,
    unknown: u32,
    /// Whether plain words may take the short way.
    short_way: bool,
}

impl Tokenizer {
    /// Reads `tokenizer.json`. Whatever padding or truncation it asks for is ignored: the encoder pads
    /// nothing and cuts nothing.
    pub fn open(path: &Path) -> Result<Tokenizer> {
        let json = read_text(path, MAX_TOKENIZER_BYTES)?;
        Tokenizer::from_json(json.as_bytes()).map_err(|reason| Error::Tokenizer {
            path: path.to_owned(),
            reason,
        })
    }

    /// Reads a `tokenizer.json` that is in memory.
    pub fn from_json(json: &[u8]) -> std::result::Result<Tokenizer, String> {
        let mut inner = Inner::from_bytes(json).map_err(|e| e.to_string())?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|e| e.to_string())?;
        let special = |token: &str| {
            inner
                .token_to_id(token)
                .ok_or_else(|| format!("the token {token} is missing; is this a BERT tokenizer?"))
        };
        Ok(Tokenizer {
            cls: special("[CLS]")?,
            sep: special("[SEP]")?,
            unknown: special("[UNK]")?,
            short_way: plain::suits(&inner),
            inner,
        })
    }

    /// The word pieces of `text`, without the special ones around it.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let general = |text: &str| self.encode_generally(text);
        let short = if self.short_way {
            plain::encode(&self.inner, text, general)
        } else {
            None
        };
        short.unwrap_or_else(|| general(text))
    }

    /// [`encode`](Tokenizer::encode), for any text.
    fn encode_generally(&self, text: &str) -> Vec<u32> {
        // WordPiece has an answer for every text; an empty one stands for a failure that cannot occur.
        self.inner
            .encode_fast(text, false)
            .map(|encoding| encoding.get_ids().to_vec())
            .unwrap_or_default()
    }

    /// The piece that stands before every text.
    pub fn cls(&self) -> u32 {
        self.cls
    }

    /// The piece that stands after every text.
    pub fn sep(&self) -> u32 {
        self.sep
    }

    /// The piece that stands for what has none.
    pub fn unknown(&self) -> u32 {
        self.unknown
    }

    /// How many pieces there are; every id is below.
    pub fn vocabulary(&self) -> usize {
        self.inner.get_vocab_size(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// BERT's tokenizer with a piece for every letter and digit, some words, and no piece for `#`.
    fn tokenizer() -> Tokenizer {
        let mut pieces: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
            .map(String::from)
            .to_vec();
        pieces.extend(
            ('a'..='z')
                .chain('0'..='9')
                .flat_map(|c| [c.to_string(), format!("##{c}")]),
        );
        pieces.extend(
            (b'!'..=b'~')
                .map(char::from)
                .filter(char::is_ascii_punctuation)
                .filter(|c| *c != '#')
                .map(String::from),
        );
        pieces.extend(["the", "river", "##ing", "walk", "##ed"].map(String::from));
        let vocab: serde_json::Map<String, serde_json::Value> = pieces
            .iter()
            .enumerate()
            .map(|(id, piece)| (piece.clone(), id.into()))
            .collect();
        let special: Vec<_> = pieces[..5]
            .iter()
            .enumerate()
            .map(|(id, piece)| serde_json::json!({"id": id, "content": piece, "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false}))
            .collect();
        let json = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": special,
            "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
            "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null, "decoder": null,
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocab},
        });
        Tokenizer::from_json(json.to_string().as_bytes()).expect("it is well-formed")
    }

    #[test]
    fn the_short_way_leads_to_the_same_pieces_for_every_plain_character() {
        let tokenizer = tokenizer();
        assert!(tokenizer.short_way);
        for c in (0..128_u8).map(char::from) {
            for text in [
                format!("{c}"),
                format!("the{c}river"),
                format!("a{c}"),
                format!("{c}{c} B"),
            ] {
                assert_eq!(
                    tokenizer.encode(&text),
                    tokenizer.encode_generally(&text),
                    "{text:?}"
                );
            }
        }
        for c in ('\u{2000}'..='\u{2070}').chain('\u{80}'..='\u{250}') {
            for text in [
                format!("the{c}river"),
                format!("{c}"),
                format!("a {c} \u{301}b {c}c"),
            ] {
                assert_eq!(
                    tokenizer.encode(&text),
                    tokenizer.encode_generally(&text),
                    "{text:?}"
                );
            }
        }
        let long = "a".repeat(100) + " " + &"b".repeat(101);
        assert_eq!(tokenizer.encode(&long), tokenizer.encode_generally(&long));
        assert_eq!(tokenizer.encode(&long).len(), 101);
    }

    proptest! {
        #[test]
        fn both_ways_give_the_same_pieces(text in "[ -~\\t\\n\\r]{0,60}|(the|river|WALKED| |walking|[.,!?'#\\[\\]]|\\PC){0,20}") {
            let tokenizer = tokenizer();
            prop_assert_eq!(tokenizer.encode(&text), tokenizer.encode_generally(&text));
        }
    }
}
