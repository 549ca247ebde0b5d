//! The tokenizer of a language model.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use super::added::{AddedTokens, Part};
use super::bpe::{Added, Bpe};
use super::general::General;
use super::stream::DecodeStream;
use crate::read::{MAX_TOKENIZER_BYTES, read_text};
use crate::store::{COMPILED_TOKENIZER, MANIFEST, ModelInfo, TOKENIZER, sha256_file};
use crate::weights::Weights;
use crate::{Error, Result};

/// A tokenizer of a language model: text to ids and back.
///
/// Text from a person is encoded by [`encode`](DecoderTokenizer::encode), for which `<|im_end|>` is eleven
/// characters like any others. Only [`encode_template`](DecoderTokenizer::encode_template), which is for text
/// of the model's own chat template, sees special tokens.
pub struct DecoderTokenizer {
    encoder: Encoder,
    added: AddedTokens,
}

#[allow(clippy::large_enum_variant)] // One of them in a process; a box would only add a step to each piece.
enum Encoder {
    Compact(Bpe),
    General(General),
}

impl DecoderTokenizer {
    /// Opens the tokenizer of the model in `folder`: the compiled one that was made from its `tokenizer.json`,
    /// else that file itself, which takes longer.
    pub fn open(folder: &Path) -> Result<DecoderTokenizer> {
        let source = folder.join(TOKENIZER);
        let compiled = folder.join(COMPILED_TOKENIZER);
        if compiled.is_file()
            && let Some(tokenizer) = open_compiled(folder, &source, &compiled)?
        {
            return Ok(tokenizer);
        }
        let json = read_text(&source, MAX_TOKENIZER_BYTES)?;
        DecoderTokenizer::from_json(json.as_bytes()).map_err(|reason| Error::Tokenizer {
            path: source,
            reason,
        })
    }

    /// Reads a `tokenizer.json` that is in memory.
    pub fn from_json(json: &[u8]) -> std::result::Result<DecoderTokenizer, String> {
        if let Ok(bpe) = Bpe::from_json(json) {
            return Ok(DecoderTokenizer::compact(bpe));
        }
        let (general, added) = General::from_json(json)?;
        Ok(DecoderTokenizer {
            encoder: Encoder::General(general),
            added: AddedTokens::new(added),
        })
    }

    /// Writes the compiled form of the `tokenizer.json` in `folder` beside it, and says whether there is one:
    /// tokenizers other than byte-level BPE are read from their JSON each time.
    pub fn compile(folder: &Path) -> Result<bool> {
        let source = folder.join(TOKENIZER);
        let json = read_text(&source, MAX_TOKENIZER_BYTES)?;
        let Ok(bpe) = Bpe::from_json(json.as_bytes()) else {
            return Ok(false);
        };
        let (sha256, _) = sha256_file(&source)?;
        let path = folder.join(COMPILED_TOKENIZER);
        let written = File::create(&path).and_then(|file| {
            let mut to = BufWriter::new(file);
            bpe.write(&mut to, &sha256)?;
            to.flush()
        });
        written.map_err(|e| Error::io("write", &path, e))?;
        Ok(true)
    }

    fn compact(bpe: Bpe) -> DecoderTokenizer {
        DecoderTokenizer {
            added: AddedTokens::new(bpe.plan.added.clone()),
            encoder: Encoder::Compact(bpe),
        }
    }

    /// The tokens of `text`, all of which is text: no special token comes out of it, whatever it says.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 3);
        self.encode_text(text, &mut ids);
        ids
    }

    /// The tokens of `text` of a template, in which special tokens are written out.
    pub fn encode_template(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 3);
        for part in self.added.split(text) {
            match part {
                Part::Text(text) => self.encode_text(text, &mut ids),
                Part::Token(id) => ids.push(id),
            }
        }
        ids
    }

    /// Adds the tokens of `text` to `ids`.
    pub(crate) fn encode_text(&self, text: &str, ids: &mut Vec<u32>) {
        match &self.encoder {
            Encoder::Compact(bpe) => bpe.encode(text, ids),
            Encoder::General(general) => general.encode(text, ids),
        }
    }

    /// What stands before every text that is not made by a chat template: the beginning of a sequence, or
    /// nothing.
    pub fn prefix(&self) -> &[u32] {
        match &self.encoder {
            Encoder::Compact(bpe) => &bpe.plan.prefix,
            Encoder::General(general) => &general.prefix,
        }
    }

    /// The text that `ids` stand for, without special tokens. Bytes that are no text become U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let mut stream = self.stream();
        let mut text: String = ids.iter().map(|id| stream.push(*id)).collect();
        text.push_str(&stream.finish());
        text
    }

    /// Decoding token by token.
    pub fn stream(&self) -> DecodeStream<'_> {
        DecodeStream::new(self)
    }

    /// The bytes that token `id` stands for, special tokens as templates write them; none where there is no
    /// such token. A character may be spread over several tokens.
    pub fn token_bytes(&self, id: u32) -> &[u8] {
        if let Some(added) = self.added.by_id(id) {
            return added.content.as_bytes();
        }
        match &self.encoder {
            Encoder::Compact(bpe) => bpe.tables.piece(id),
            Encoder::General(general) => general.piece(id),
        }
    }

    /// Whether `id` marks something instead of standing for text.
    pub fn is_special(&self, id: u32) -> bool {
        self.added.by_id(id).is_some_and(|token| token.special)
    }

    /// The token of just this text: an added one such as `<|im_end|>`, else a piece of the vocabulary.
    pub fn token_id(&self, text: &str) -> Option<u32> {
        if let Some(added) = self.added.by_content(text) {
            return Some(added.id);
        }
        match &self.encoder {
            Encoder::Compact(bpe) => bpe.tables.find(text.as_bytes()),
            Encoder::General(general) => general.find(text.as_bytes()),
        }
    }

    /// How many ids there are; every one is below. The model's own count may be higher: it is padded.
    pub fn vocabulary(&self) -> usize {
        match &self.encoder {
            Encoder::Compact(bpe) => bpe.tables.len(),
            Encoder::General(general) => general.len(),
        }
    }

    /// The tokens beside the vocabulary, longest first.
    pub fn added(&self) -> &[Added] {
        self.added.all()
    }

    pub(crate) fn added_tokens(&self) -> &AddedTokens {
        &self.added
    }

    /// Whether the tokenizer puts a space before every text, which decoding takes off again.
    pub(super) fn strips_first_space(&self) -> bool {
        match &self.encoder {
            Encoder::Compact(_) => false,
            Encoder::General(general) => general.strips_first_space,
        }
    }

    /// Whether it is in the compact form, which opens at once.
    pub fn is_compact(&self) -> bool {
        matches!(self.encoder, Encoder::Compact(_))
    }
}

/// The compiled tokenizer, if it is that of the `tokenizer.json` beside it and sound.
fn open_compiled(
    folder: &Path,
    source: &Path,
    compiled: &Path,
) -> Result<Option<DecoderTokenizer>> {
    // The manifest has the digest of an installed file, so that it need not be read again.
    let recorded = ModelInfo::read(&folder.join(MANIFEST))
        .ok()
        .and_then(|info| info.files.into_iter().find(|file| file.name == TOKENIZER))
        .map(|file| file.sha256);
    let sha256 = match recorded {
        Some(sha256) => sha256,
        None => sha256_file(source)?.0,
    };
    let bpe = Weights::open(compiled)
        .ok()
        .and_then(|file| Bpe::read(&file, &sha256).ok());
    Ok(bpe.map(DecoderTokenizer::compact))
}
