//! A decoder of the engine as the language tier's model, behind the engine's worker: whatever asks at the same time
//! shares its steps.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use engine::batch::{
    Batcher, Class, Driver, End, Limits, ReadAhead, ScoreLabels, Text, Ticket, WriteReply,
};
use engine::chat::{ChatTemplate, Message};
use engine::decoder::{Decoder, DecoderOptions};
use engine::generate::{
    self, GenerateOptions, Generation, Sampling, Schema, SchemaCompiler, Vocabulary,
};
use engine::tokenizer::DecoderTokenizer;

use super::{Bounds, Chat, Finish, LanguageModel, ModelError, Reply, Role, Usage};

/// How often somebody who waits for a first word is asked whether they still do.
const GLANCE: Duration = Duration::from_millis(50);

/// What may follow a text that is being written, to find which of its tokens stay whatever does.
const PROBES: [&str; 2] = [" And", "\n"];

/// A decoder with its tokenizer and chat template. What prompts have in common is found again by the decoder's own
/// cache of prefixes, page by page.
pub struct DecoderModel {
    decoder: Decoder,
    batcher: Batcher,
    /// Whom its requests go before.
    class: Class,
    /// The entry that is being written, as far as it was handed over.
    ahead: Mutex<ReadAhead>,
    words: Arc<Words>,
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
        Self::open_with(dir, Limits::default())
    }

    /// The same, with other limits of its worker.
    pub fn open_with(dir: &Path, limits: Limits) -> engine::Result<Self> {
        let tokenizer = DecoderTokenizer::open(dir)?;
        let decoder = Decoder::open(dir, &DecoderOptions::default())?;
        let mut ends = decoder.config().eos_token_ids.clone();
        // A base model's own end is that of a document; a chat's turn ends with the template's mark.
        let turn = ["<|im_end|>", "<|eot_id|>"].map(|mark| tokenizer.token_id(mark));
        ends.extend(turn.into_iter().flatten());
        ends.dedup();
        let batcher = Batcher::start(decoder.clone(), limits).map_err(|error| {
            engine::Error::Unsupported(format!("no thread to work on: {error}"))
        })?;
        Ok(Self {
            template: ChatTemplate::open(dir)?,
            words: Arc::new(Words(tokenizer)),
            batcher,
            class: Class::Interactive,
            ahead: Mutex::default(),
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

    /// The same model, whose requests are of another class from now on.
    #[must_use]
    pub fn of_class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// Reads what `chat_of` makes of a text that is being written, up to where more of it could change a token, at typing
    /// priority. Gives at once; the text is handed over again whenever a sentence or a line of it is finished.
    pub fn read_ahead(&self, chat_of: &dyn Fn(&str) -> Chat, text: &str) -> Result<(), ModelError> {
        let mut tokens = self.tokens(&chat_of(text)).map_err(engine_error)?;
        for probe in PROBES {
            let longer = self.tokens(&chat_of(&format!("{text}{probe}")));
            let longer = longer.map_err(engine_error)?;
            let common = tokens.iter().zip(&longer).take_while(|(a, b)| a == b);
            let common = common.count();
            tokens.truncate(common);
        }
        self.too_long(tokens.len(), 0)?;
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.grow(&self.batcher, &tokens).map_err(refused)
    }

    fn submit(
        &self,
        prompt: Vec<u32>,
        reply: usize,
        driver: Box<dyn Driver>,
    ) -> Result<Ticket, ModelError> {
        let text = Text {
            class: self.class,
            prompt,
            reply,
            driver: Some(driver),
            timeout: None,
        };
        self.batcher.submit(text).map_err(refused)
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
                Arc::clone(compiler.insert(SchemaCompiler::new(&*self.words, logits, end)?))
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

fn refused(error: engine::batch::Refused) -> ModelError {
    ModelError::Engine(error.to_string())
}

/// Why a request that sent nothing more has ended.
fn ended(ticket: &Ticket) -> ModelError {
    ModelError::Engine(match ticket.wait_for(Duration::MAX) {
        Some(End::Failed(reason)) => reason,
        _ => "it was stopped".to_owned(),
    })
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

    fn batcher(&self) -> Option<&Batcher> {
        Some(&self.batcher)
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
            ..GenerateOptions::default()
        };
        let generation = Generation::new(options, &prompt).map_err(engine_error)?;
        let (to, heard) = mpsc::channel();
        let words: Arc<dyn Vocabulary> = Arc::<Words>::clone(&self.words);
        let driver = Box::new(WriteReply::new(generation, words, to));
        let length = prompt.len();
        let ticket = self.submit(prompt, bounds.max_tokens, driver)?;
        let (mut text, mut generated) = (String::new(), 0);
        let finish = loop {
            let (piece, finish) = match heard.recv_timeout(GLANCE) {
                Ok(step) => {
                    let step = step.map_err(engine_error)?;
                    generated += 1;
                    (step.text, step.finish)
                }
                // Whoever waits may have given up meanwhile.
                Err(mpsc::RecvTimeoutError::Timeout) => (String::new(), None),
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(ended(&ticket)),
            };
            text.push_str(&piece);
            let flow = on_text(&piece);
            if let Some(finish) = finish {
                break match finish {
                    generate::Finish::End | generate::Finish::StopString => Finish::Stop,
                    generate::Finish::MaxTokens => Finish::Length,
                    generate::Finish::Cancelled => Finish::Cancelled,
                };
            }
            if flow.is_break() {
                ticket.cancel();
                break Finish::Cancelled;
            }
        };
        let reused = ticket.found();
        if finish != Finish::Cancelled {
            // It has ended; when that is heard, what it read can be found by others.
            let _ = ticket.wait();
        }
        Ok(Reply {
            text,
            finish,
            usage: Usage {
                calls: 1,
                prompt: length - reused,
                reused,
                generated,
            },
        })
    }

    fn score(&self, chat: &Chat, labels: &[&str]) -> Result<(Vec<f32>, Usage), ModelError> {
        let prompt = self.tokens(chat).map_err(engine_error)?;
        let labels: Vec<Vec<u32>> = labels.iter().map(|l| self.words.0.encode(l)).collect();
        let longest = labels.iter().map(Vec::len).max().unwrap_or(0);
        self.too_long(prompt.len(), longest)?;
        let (to, heard) = mpsc::channel();
        let room = self.decoder.kv_tokens().saturating_sub(prompt.len());
        let driver = ScoreLabels::new(labels, to).within(room);
        let (length, read) = (prompt.len(), driver.reads());
        let ticket = self.submit(prompt, driver.reply(), Box::new(driver))?;
        let Ok(logs) = heard.recv() else {
            return Err(ended(&ticket));
        };
        let reused = ticket.found();
        // It has ended; when that is heard, what it read can be found by others.
        let _ = ticket.wait();
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shares: Vec<f64> = logs.iter().map(|log| (log - most).exp()).collect();
        let all: f64 = shares.iter().sum();
        let shares = shares.iter().map(|share| (share / all) as f32).collect();
        let usage = Usage {
            calls: 1,
            // The tokens of a label after its first are read to be scored.
            prompt: length - reused + read,
            reused,
            generated: 0,
        };
        Ok((shares, usage))
    }
}
