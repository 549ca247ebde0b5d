//! Byte-level BPE over flat tables: what GPT-2's, Qwen2's and Llama 3's tokenizers do, opened without parsing.
//!
//! The `tokenizers` crate reads the 7 MB of Qwen2's `tokenizer.json` into hash maps each time it is opened. Here
//! that is done once, when a model is installed; afterwards the tables are mapped. The pieces are the same, and
//! a test holds them to it on a thousand texts.

pub(crate) mod alphabet;
pub(crate) mod json;
mod merge;
mod tables;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::OnceLock;

use fancy_regex::Regex;
use serde::{Deserialize, Serialize};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

pub(crate) use tables::Tables;

use crate::weights::Weights;

/// The version of the compiled form; another one is made anew.
const FORMAT: &str = "1";

/// A token that stands for itself and not for text, or at least is never taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// Its id.
    pub id: u32,
    /// How templates write it.
    pub content: String,
    /// Whether it is left out of decoded text.
    pub special: bool,
}

/// What a tokenizer does besides merging.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// Text is parted by this; what lies between matches is a part too.
    pub(crate) pattern: String,
    /// Text is composed (Unicode NFC) first.
    pub(crate) nfc: bool,
    /// A part that is a piece of the vocabulary is that piece, whatever the merges say.
    pub(crate) ignore_merges: bool,
    /// What stands before a text that is encoded with special tokens.
    pub(crate) prefix: Vec<u32>,
    pub(crate) added: Vec<Added>,
}

/// A byte-level BPE tokenizer.
pub(crate) struct Bpe {
    pub(crate) plan: Plan,
    pub(crate) tables: Tables,
    /// The compiled pattern; made when the first text comes, because that takes as long as all the rest.
    splitter: OnceLock<Regex>,
}

impl Bpe {
    /// Reads a `tokenizer.json`; an error says why the compact form does not suffice for it.
    pub(crate) fn from_json(json: &[u8]) -> Result<Bpe, String> {
        let (plan, tables) = json::read(json)?;
        let splitter = Regex::new(&plan.pattern).map_err(|e| format!("its pattern: {e}"))?;
        Ok(Bpe {
            plan,
            tables,
            splitter: splitter.into(),
        })
    }

    /// Writes the compiled form of the `tokenizer.json` whose digest is `sha256`.
    pub(crate) fn write(&self, to: &mut impl Write, sha256: &str) -> io::Result<()> {
        let plan = serde_json::to_string(&self.plan).map_err(io::Error::other)?;
        let metadata = BTreeMap::from([
            ("companion.tokenizer".to_owned(), FORMAT.to_owned()),
            ("companion.tokenizer.of".to_owned(), sha256.to_owned()),
            ("companion.tokenizer.plan".to_owned(), plan),
        ]);
        self.tables.write(to, &metadata)
    }

    /// The compiled form in `file`, if it was made by this version from the `tokenizer.json` with that digest.
    pub(crate) fn read(file: &Weights, sha256: &str) -> Result<Bpe, String> {
        let entry = |key: &str| file.metadata().get(key).map_or("", String::as_str);
        if entry("companion.tokenizer") != FORMAT {
            return Err("another version of Companion made it".into());
        }
        if entry("companion.tokenizer.of") != sha256 {
            return Err("it was made from another tokenizer.json".into());
        }
        let plan: Plan =
            serde_json::from_str(entry("companion.tokenizer.plan")).map_err(|e| e.to_string())?;
        let tables = Tables::read(file)?;
        let known = |id: &u32| (*id as usize) < tables.len();
        if !plan.prefix.iter().all(known) || !plan.added.iter().all(|token| known(&token.id)) {
            return Err("it names a token that does not exist".into());
        }
        Ok(Bpe {
            plan,
            tables,
            splitter: OnceLock::new(),
        })
    }

    /// Adds the pieces of `text` to `ids`. Nothing in it is a special token.
    pub(crate) fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        let composed: String;
        let text = if self.plan.nfc && is_nfc_quick(text.chars()) != IsNormalized::Yes {
            composed = text.nfc().collect();
            &composed
        } else {
            text
        };
        let splitter = self.splitter.get_or_init(|| {
            Regex::new(&self.plan.pattern).unwrap_or_else(|_| {
                // Only a compiled form that was tampered with has a pattern that does not compile.
                Regex::new("[^ ]+").expect("it is a pattern")
            })
        });
        let mut room = Vec::new();
        let mut reached = 0;
        // The engine gives up on a match that takes too many steps; the rest is one part then.
        for found in splitter.find_iter(text).map_while(Result::ok) {
            let gap = text.get(reached..found.start()).unwrap_or_default();
            self.encode_part(gap, &mut room, ids);
            self.encode_part(found.as_str(), &mut room, ids);
            reached = found.end();
        }
        self.encode_part(&text[reached..], &mut room, ids);
    }

    fn encode_part(&self, part: &str, room: &mut Vec<u32>, ids: &mut Vec<u32>) {
        if part.is_empty() {
            return;
        }
        if self.plan.ignore_merges
            && let Some(id) = self.tables.find(part.as_bytes())
        {
            ids.push(id);
            return;
        }
        room.clear();
        room.extend(part.bytes().map(|byte| self.tables.single(byte)));
        merge::merge(room, |left, right| self.tables.merge(left, right));
        ids.append(room);
    }
}
