//! A decoder of the engine as the language tier's model.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use engine::chat::{ChatTemplate, Message};
use engine::decoder::{Decoder, DecoderOptions};
use engine::generate::{self, GenerateOptions, Sampling, Schema, SchemaCompiler, Vocabulary};
use engine::score::score_labels;
use engine::tokenizer::DecoderTokenizer;

use super::{Bounds, Chat, Finish, LanguageModel, ModelError, Reply, Role, Usage};

/// A decoder with its tokenizer and chat template. What prompts have in common is found again by the decoder's own
/// cache of prefixes, page by page.
pub struct DecoderModel {
    decoder: Decoder,
    words: Words,
    /// None: the model never saw a template, and continues a text.
    template: Option<ChatTemplate>,
    /// Tokens that end a reply.
    ends: Vec<u32>,
    compiler: Mutex<Option<Arc<SchemaCompiler>>>,
    /// Compiled schemas by their text: the tasks use a handful, again and again.
    schemas: Mutex<HashMap<String, Schema>>,
}

impl std::fmt::Debug for DecoderModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DecoderModel")
            .field("id", &self.decoder.model_id())
            .finish_non_exhaustive()
    }
}

impl DecoderModel {
    /// Opens the model in the folder `dir`. One without a tokenizer is refused: it can be measured, not talked to.
    pub fn open(dir: &Path) -> engine::Result<Self> {
        let tokenizer = DecoderTokenizer::open(dir)?;
        let decoder = Decoder::open(dir, &DecoderOptions::default())?;
        let mut ends = decoder.config().eos_token_ids.clone();
        // A base model's own end is that of a document; a chat's turn ends with the template's mark.
        let turn = ["<|im_end|>", "<|eot_id|>"].map(|mark| tokenizer.token_id(mark));
        ends.extend(turn.into_iter().flatten());
        ends.dedup();
        Ok(Self {
            template: ChatTemplate::open(dir)?,
            words: Words(tokenizer),
            decoder,
            ends,
            compiler: Mutex::default(),
            schemas: Mutex::default(),
        })
    }

    /// The decoder.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    fn tokens(&self, chat: &Chat) -> engine::Result<Vec<u32>> {
        let tokenizer = &self.words.0;
        if let Some(template) = &self.template {
            let system = Message::new("system", chat.system.as_str());
            let turns = chat.turns.iter().map(|(role, text)| {
                let role = match role {
                    Role::User => "user",
                    Role::Assistant => "assistant",
                };
                Message::new(role, text.as_str())
            });
            let messages: Vec<Message> = std::iter::once(system).chain(turns).collect();
            return template.encode(tokenizer, &messages, true);
        }
        let mut text = chat.system.clone();
        for (_, turn) in &chat.turns {
            text.push_str("\n\n");
            text.push_str(turn);
        }
        text.push('\n');
        let mut tokens = tokenizer.prefix().to_vec();
        tokens.extend(tokenizer.encode(&text));
        Ok(tokens)
    }

    fn schema(&self, schema: &serde_json::Value) -> engine::Result<Schema> {
        let key = schema.to_string();
        let mut schemas = self.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(schema) = schemas.get(&key) {
            return Ok(schema.clone());
        }
        let mut compiler = self.compiler.lock().unwrap_or_else(PoisonError::into_inner);
        let compiler = match &*compiler {
            Some(compiler) => Arc::clone(compiler),
            None => {
                let logits = self.decoder.config().vocab_size;
                let end = self.ends.first().copied().ok_or_else(|| {
                    engine::Error::Unsupported("the model names no token that ends a text".into())
                })?;
                Arc::clone(compiler.insert(SchemaCompiler::new(&self.words, logits, end)?))
            }
        };
        let compiled = compiler.compile(schema)?;
        schemas.insert(key, compiled.clone());
        Ok(compiled)
    }

    fn too_long(&self, prompt: usize, reply: usize) -> Result<(), ModelError> {
        let (tokens, context) = (prompt + reply, self.decoder.context());
        if tokens <= context {
            return Ok(());
        }
        Err(ModelError::TooLong {
            tokens,
            context,
            model: self.decoder.model_id().to_owned(),
        })
    }
}

/// The tokenizer, as the sampler and the schemas want to see it.
struct Words(DecoderTokenizer);

impl Vocabulary for Words {
    fn bytes(&self, id: u32) -> &[u8] {
        self.0.token_bytes(id)
    }

    fn is_special(&self, id: u32) -> bool {
        self.0.is_special(id)
    }
}

fn engine_error(error: engine::Error) -> ModelError {
    ModelError::Engine(error.to_string())
}

impl LanguageModel for DecoderModel {
    fn id(&self) -> &str {
        self.decoder.model_id()
    }

    fn context(&self) -> usize {
        self.decoder.context()
    }

    fn count(&self, text: &str) -> usize {
        self.words.0.encode(text).len()
    }

    fn reply(
        &self,
        chat: &Chat,
        bounds: &Bounds,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Reply, ModelError> {
        let prompt = self.tokens(chat).map_err(engine_error)?;
        self.too_long(prompt.len(), bounds.max_tokens)?;
        let schema = bounds.schema.as_ref().map(|schema| self.schema(schema));
        let options = GenerateOptions {
            sampling: Sampling {
                temperature: bounds.temperature,
                top_p: 0.95,
                seed: bounds.seed,
                ..Sampling::default()
            },
            max_tokens: bounds.max_tokens,
            stop: Vec::new(),
            end_tokens: self.ends.clone(),
            schema: schema.transpose().map_err(engine_error)?,
        };
        let cancel = AtomicBool::new(false);
        let reply = generate::generate(
            &self.decoder,
            &self.words,
            &prompt,
            options,
            &cancel,
            &mut |text| {
                if on_text(text).is_break() {
                    cancel.store(true, Ordering::Relaxed);
                }
            },
        )
        .map_err(engine_error)?;
        Ok(Reply {
            text: reply.text,
            finish: match reply.finish {
                generate::Finish::End | generate::Finish::StopString => Finish::Stop,
                generate::Finish::MaxTokens => Finish::Length,
                generate::Finish::Cancelled => Finish::Cancelled,
            },
            usage: Usage {
                calls: 1,
                prompt: prompt.len() - reply.cached_tokens,
                reused: reply.cached_tokens,
                generated: reply.tokens.len(),
            },
        })
    }

    fn score(&self, chat: &Chat, labels: &[&str]) -> Result<(Vec<f32>, Usage), ModelError> {
        let prompt = self.tokens(chat).map_err(engine_error)?;
        let labels: Vec<Vec<u32>> = labels.iter().map(|l| self.words.0.encode(l)).collect();
        let longest = labels.iter().map(Vec::len).max().unwrap_or(0);
        self.too_long(prompt.len(), longest)?;
        let mut sequence = self.decoder.start(&prompt).map_err(engine_error)?;
        let reused = sequence.len();
        let slices: Vec<&[u32]> = labels.iter().map(Vec::as_slice).collect();
        let scores = score_labels(&self.decoder, &mut sequence, &prompt[reused..], &slices)
            .map_err(engine_error)?;
        // The tokens of a label after its first are read to be scored.
        let read: usize = labels.iter().map(|l| l.len() - 1).sum();
        let usage = Usage {
            calls: 1,
            prompt: prompt.len() - reused + read,
            reused,
            generated: 0,
        };
        let shares = scores.shares.iter().map(|p| *p as f32).collect();
        Ok((shares, usage))
    }
}
