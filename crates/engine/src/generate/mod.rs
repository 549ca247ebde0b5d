//! From logits to a reply: sampling, stop strings, JSON Schema, whole characters.
//!
//! A [`Generation`] is the state of one reply and computes nothing of the network: it is given logits and says
//! which token is next and what can be shown, so that one reply alone and many in a batch are made by the
//! same code. [`generate`] runs one, and looks up what may follow ([`Lookup`]).

mod lookup;
mod sampler;
mod schema;
mod text;
mod write;

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use kernels::Kernels;

pub use lookup::{Drafted, Lookup};
pub(crate) use sampler::SplitMix64;
pub use sampler::{Sampler, Sampling};
pub use schema::{Schema, SchemaCompiler};
pub use write::{Choose, write};

use crate::decoder::Decoder;
use crate::measure::Clock;
use crate::tokenizer::DecoderTokenizer;
use crate::{Error, Result};
use text::TextOut;

/// What tokens stand for.
pub trait Vocabulary: Send + Sync {
    /// The bytes of token `id`, none where there is no such token. A character may be spread over several.
    fn bytes(&self, id: u32) -> &[u8];
    /// Whether `id` marks something instead of standing for text.
    fn is_special(&self, id: u32) -> bool;
}

impl Vocabulary for DecoderTokenizer {
    fn bytes(&self, id: u32) -> &[u8] {
        self.token_bytes(id)
    }
    fn is_special(&self, id: u32) -> bool {
        DecoderTokenizer::is_special(self, id)
    }
}

/// What a reply is to be like.
#[derive(Clone, Default)]
pub struct GenerateOptions {
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Tokens that the reply may have.
    pub max_tokens: usize,
    /// The reply ends before any of these.
    pub stop: Vec<String>,
    /// Tokens that end it.
    pub end_tokens: Vec<u32>,
    /// The JSON that it has to be; it has no stop strings then.
    pub schema: Option<Schema>,
    /// Whether [`generate`] looks up what may follow. The reply is the same; in a batch nothing is looked up.
    pub lookup: Lookup,
}

/// Why a reply is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model ended it, or the JSON is whole.
    End,
    /// A stop string came.
    StopString,
    /// It has as many tokens as it may.
    MaxTokens,
    /// The caller asked to stop.
    Cancelled,
}

/// One step of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The token that was chosen; what the network has to read next, unless the reply is over.
    pub token: u32,
    /// The text that can be shown now; whole characters, never part of a stop string.
    pub text: String,
    /// Whether and why the reply is over.
    pub finish: Option<Finish>,
}

/// The state of one reply.
#[derive(Clone)]
pub struct Generation {
    options: GenerateOptions,
    sampler: Sampler,
    text: TextOut,
    tokens: usize,
}

impl Generation {
    /// A reply to `prompt`.
    pub fn new(options: GenerateOptions, prompt: &[u32]) -> Result<Generation> {
        options.sampling.check().map_err(Error::Unsupported)?;
        if options.max_tokens == 0 {
            return Err(Error::Unsupported("a reply needs a token at least".into()));
        }
        if options.schema.is_some() && !options.stop.is_empty() {
            return Err(Error::Unsupported(
                "a reply that follows a JSON Schema ends where its JSON is whole; a stop string could cut it before"
                    .into(),
            ));
        }
        if let Some(schema) = &options.schema
            && schema.shortest() >= options.max_tokens
        {
            return Err(Error::Unsupported(format!(
                "the JSON Schema needs {} tokens at least, {} are allowed",
                schema.shortest() + 1,
                options.max_tokens
            )));
        }
        Ok(Generation {
            sampler: Sampler::new(options.sampling, Kernels::from_env()?, prompt),
            text: TextOut::new(&options.stop),
            tokens: 0,
            options,
        })
    }

    /// Tokens so far.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// The most tokens that it may have.
    pub fn max_tokens(&self) -> usize {
        self.options.max_tokens
    }

    /// Chooses the next token from its `logits`, which are changed on the way.
    pub fn next(&mut self, logits: &mut [f32], vocabulary: &dyn Vocabulary) -> Result<Step> {
        self.sampler.penalize(logits);
        let left = self.options.max_tokens - self.tokens;
        let token = match &mut self.options.schema {
            None => self.sampler.choose(logits),
            Some(schema) => {
                schema.mask(logits)?;
                let wish = self.sampler.choose(logits);
                schema.accept(wish, left)?
            }
        };
        self.sampler.accept(token);
        self.tokens += 1;
        if self.options.end_tokens.contains(&token) {
            return Ok(self.over(token, String::new(), Finish::End));
        }
        let bytes: &[u8] = match vocabulary.is_special(token) {
            true => &[],
            false => vocabulary.bytes(token),
        };
        let piece = self.text.push(bytes);
        if piece.stopped {
            return Ok(Step {
                token,
                text: piece.text,
                finish: Some(Finish::StopString),
            });
        }
        if (self.options.schema.as_ref()).is_some_and(Schema::is_finished) {
            return Ok(self.over(token, piece.text, Finish::End));
        }
        if self.tokens == self.options.max_tokens {
            return Ok(self.over(token, piece.text, Finish::MaxTokens));
        }
        Ok(Step {
            token,
            text: piece.text,
            finish: None,
        })
    }

    /// The last step, with the text that was held back.
    fn over(&mut self, token: u32, mut text: String, finish: Finish) -> Step {
        text.push_str(&self.text.finish());
        Step {
            token,
            text,
            finish: Some(finish),
        }
    }
}

/// A finished reply.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Reply {
    /// Its text.
    pub text: String,
    /// Its tokens, a last one that ended it included.
    pub tokens: Vec<u32>,
    /// Why it is over.
    pub finish: Finish,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Tokens of the prompt that were found in the cache and not read again.
    pub cached_tokens: usize,
}

/// Writes a reply to `prompt`; `on_text` hears its text as it comes. `cancel` is looked at before every pass over
/// the weights, so a long prompt can be left too.
///
/// A prompt that leaves no room for the reply is refused, never cut.
pub fn generate(
    decoder: &Decoder,
    vocabulary: &dyn Vocabulary,
    prompt: &[u32],
    options: GenerateOptions,
    cancel: &AtomicBool,
    on_text: &mut dyn FnMut(&str),
) -> Result<Reply> {
    let mut clock = Clock::new(Instant::now());
    let (most, lookup) = (options.max_tokens, options.lookup);
    decoder.plan(prompt.len(), most)?;
    let mut generation = Generation::new(options, prompt)?;
    let mut sequence = decoder.start(prompt)?;
    clock.begin(sequence.len());
    let mut reply = Reply {
        text: String::new(),
        tokens: Vec::new(),
        finish: Finish::Cancelled,
        prompt_tokens: prompt.len(),
        cached_tokens: sequence.len(),
    };
    let mut choose = |logits: &mut [f32]| {
        clock.read(prompt.len());
        let step = generation.next(logits, vocabulary)?;
        clock.token();
        reply.tokens.push(step.token);
        if !step.text.is_empty() {
            on_text(&step.text);
            reply.text.push_str(&step.text);
        }
        match step.finish {
            None => Ok(Some(step.token)),
            Some(finish) => {
                reply.finish = finish;
                Ok(None)
            }
        }
    };
    let sequence = &mut sequence;
    write(decoder, sequence, prompt, most, lookup, cancel, &mut choose)?;
    if reply.finish != Finish::Cancelled {
        clock.end(Some(decoder.kv_stats().used_bytes));
    }
    Ok(reply)
}

#[cfg(test)]
mod tests;
