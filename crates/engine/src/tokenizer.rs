//! Text to word pieces, for the encoder: WordPiece as BERT does it, through the `tokenizers` crate.

use std::path::Path;

use tokenizers::Tokenizer as Inner;

use crate::{Error, Result};

/// A WordPiece tokenizer.
pub struct Tokenizer {
    inner: Inner,
    cls: u32,
    sep: u32,
    unknown: u32,
}

impl Tokenizer {
    /// Reads `tokenizer.json`. Whatever padding or truncation it asks for is ignored: the encoder pads
    /// nothing and cuts nothing.
    pub fn open(path: &Path) -> Result<Tokenizer> {
        let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
        Tokenizer::from_json(&bytes).map_err(|reason| Error::Tokenizer {
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
            inner,
        })
    }

    /// The word pieces of `text`, without the special ones around it.
    pub fn encode(&self, text: &str) -> Vec<u32> {
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
