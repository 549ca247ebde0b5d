//! JSON that follows a schema, whatever the model would rather say.
//!
//! `llguidance` says after each token which tokens may come next. What it does not promise is an end: a model
//! that never closes a string would run into the limit of tokens with half a document. So near the limit
//! every token is tried first: one after which the shortest way to close the document would not fit any more
//! is replaced by a step of that way.

use std::sync::Arc;

use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{ApproximateTokEnv, SimpleVob, TokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};
use serde_json::Value;

use super::Vocabulary;
use crate::{Error, Result};

/// What schemas are compiled for: a vocabulary as a tree of bytes. Making one takes a moment, so it is kept.
pub struct SchemaCompiler {
    factory: ParserFactory,
    /// Single tokens that close what is open, best first.
    closers: Vec<u32>,
    end: u32,
}

/// A schema, ready to guide texts. Cloning is cheap.
#[derive(Clone)]
pub struct Schema {
    matcher: Matcher,
    compiler: Arc<SchemaCompiler>,
    /// The length of the shortest way to the end as it was last looked at, and how many tokens ago.
    way: usize,
    age: usize,
}

/// How far the way to the end may fall behind the limit before every token is tried first.
const WATCHED: usize = 32;

/// Tokens after which the length of the way to the end is looked at again.
const REFRESH: usize = 16;

/// A way to the end longer than this is none.
const LONGEST_WAY: usize = 4096;

impl SchemaCompiler {
    /// A compiler for `vocabulary`, of which the model computes `logits` logits and `end` ends a text.
    pub fn new(
        vocabulary: &dyn Vocabulary,
        logits: usize,
        end: u32,
    ) -> Result<Arc<SchemaCompiler>> {
        let words: Vec<Vec<u8>> = (0..logits as u32)
            .map(|id| {
                let bytes = vocabulary.bytes(id);
                if id == end || vocabulary.is_special(id) {
                    // Marked, so that no text can be mistaken for it.
                    let mut marked = vec![TokTrie::SPECIAL_TOKEN_MARKER];
                    marked.extend_from_slice(bytes);
                    marked
                } else {
                    bytes.to_vec()
                }
            })
            .collect();
        let trie = TokTrie::from(&TokRxInfo::new(logits as u32, end), &words);
        let closers = ["\"", "}", "]", ",", ":", "0", "1", "null", "true", "false"]
            .into_iter()
            .filter_map(|text| trie.token_id(text.as_bytes()))
            .collect();
        let env: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let mut factory = ParserFactory::new_simple(&env).map_err(broken)?;
        factory.quiet();
        Ok(Arc::new(SchemaCompiler {
            factory,
            closers,
            end,
        }))
    }

    /// The schema `schema`. What it asks for and is not supported is an error that names it.
    pub fn compile(self: &Arc<Self>, schema: &Value) -> Result<Schema> {
        let mut schema = schema.clone();
        if let Some(object) = schema.as_object_mut() {
            // Free white space would let a model write nothing for ever.
            object
                .entry("x-guidance")
                .or_insert_with(|| serde_json::json!({"whitespace_flexible": false}));
        }
        let grammar = TopLevelGrammar::from_json_schema(schema);
        let mut matcher = Matcher::new(self.factory.create_parser(grammar));
        if let Some(error) = matcher.get_error() {
            return Err(Error::Unsupported(format!(
                "the JSON Schema cannot be used: {error}"
            )));
        }
        if let Some(warning) = matcher.grammar_warnings().first() {
            return Err(Error::Unsupported(format!(
                "the JSON Schema cannot be used: {warning}"
            )));
        }
        let mut schema = Schema {
            matcher,
            compiler: Arc::clone(self),
            way: 0,
            age: 0,
        };
        schema.way = schema
            .way_from(&mut schema.matcher.deep_clone(), LONGEST_WAY)?
            .ok_or_else(|| {
                Error::Unsupported(
                    "the JSON Schema cannot be used: no short document follows it".into(),
                )
            })?;
        Ok(schema)
    }
}

impl Schema {
    /// Whether the document is whole and nothing may follow.
    pub fn is_finished(&self) -> bool {
        self.matcher.is_stopped()
    }

    /// The fewest tokens that are known to complete the document.
    pub fn shortest(&self) -> usize {
        self.way
    }

    /// Makes the logits of tokens that may not come next minus infinity.
    pub fn mask(&mut self, logits: &mut [f32]) -> Result<()> {
        let mask = self.matcher.compute_mask_or_eos().map_err(broken)?;
        let words = mask.as_slice();
        for (i, logits) in logits.chunks_mut(32).enumerate() {
            match words.get(i).copied().unwrap_or(0) {
                u32::MAX => {}
                0 => logits.fill(f32::NEG_INFINITY),
                bits => {
                    for (bit, logit) in logits.iter_mut().enumerate() {
                        if bits >> bit & 1 == 0 {
                            *logit = f32::NEG_INFINITY;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes in the token that follows, `left` tokens being allowed with it: `wish`, or a step on the shortest way
    /// to the end where that would not fit behind `wish`.
    pub fn accept(&mut self, wish: u32, left: usize) -> Result<u32> {
        let mut token = wish;
        self.age += 1;
        if token != self.compiler.end && (self.age >= REFRESH || left <= self.way + WATCHED) {
            let mut probe = self.matcher.deep_clone();
            probe.consume_token(wish).map_err(broken)?;
            self.age = 0;
            match self.way_from(&mut probe, left - 1)? {
                Some(way) => self.way = way,
                None => {
                    let mask = self.matcher.compute_mask_or_eos().map_err(broken)?;
                    token = self.closer(&mask);
                    self.way = self.way.saturating_sub(1);
                }
            }
        }
        self.matcher.consume_token(token).map_err(broken)?;
        Ok(token)
    }

    /// Tokens from `probe` to a whole document, the end token not counted, if they are `most` at most.
    fn way_from(&self, probe: &mut Matcher, most: usize) -> Result<Option<usize>> {
        for taken in 0..=most {
            if probe.is_stopped() || probe.is_accepting().map_err(broken)? {
                return Ok(Some(taken));
            }
            let mask = probe.compute_mask_or_eos().map_err(broken)?;
            let token = self.closer(&mask);
            probe.consume_token(token).map_err(broken)?;
        }
        Ok(None)
    }

    /// The allowed token that leads to the end soonest.
    fn closer(&self, mask: &SimpleVob) -> u32 {
        let end = self.compiler.end;
        if mask.is_allowed(end) {
            return end;
        }
        let known = self.compiler.closers.iter().find(|t| mask.is_allowed(**t));
        known
            .copied()
            .or_else(|| mask.first_bit_set().map(|token| token as u32))
            .unwrap_or(end)
    }
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::Unsupported(format!("the JSON Schema cannot be followed: {error:#}"))
}
