//! The language tier's model: tokens in, logits out, with a memory of what was read.
//!
//! A [`Decoder`] is shared; each text that it reads is a [`Sequence`]. A step ([`Decoder::forward`]) takes any
//! mix of new tokens of any sequences, a long prompt beside single tokens, and passes over the weights once.
//! What a token becomes does not depend on its company in a step, on how a prompt is cut, on whether its
//! prefix was found in the cache, on the number of threads, or (for quantized weights) on the instruction set.
//!
//! ```no_run
//! use engine::decoder::{Decoder, DecoderOptions, Work};
//!
//! let decoder = Decoder::open("models/qwen2.5-1.5b-int8".as_ref(), &DecoderOptions::default())?;
//! let prompt = [9707, 11, 1879];
//! let mut sequence = decoder.start(&prompt)?;
//! let rest = &prompt[sequence.len()..];
//! let logits = decoder.forward(&mut [Work { sequence: &mut sequence, tokens: rest, logits: true }])?;
//! assert_eq!(logits[0].as_ref().map(Vec::len), Some(decoder.config().vocab_size));
//! # Ok::<(), engine::Error>(())
//! ```

mod plan;
mod room;

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use kernels::{Isa, Kernels};
use metrics::Measure;

pub use crate::kv_cache::{KvKind, KvStats, Sequence};
pub use crate::model::qwen2::{Config, RopeScaling};
pub use plan::Plan;
pub use room::DEFAULT_KV_BYTES;

use crate::chat::{ChatTemplate, Message};
use crate::generate::SchemaCompiler;
use crate::kv_cache::KvCache;
use crate::measure::Opening;
use crate::memory;
use crate::model::qwen2::{self, Logits, Part, Qwen2};
use crate::pool::{self, Pool, Team};
use crate::read::{MAX_MANIFEST_BYTES, read_text};
use crate::store::{
    COMPILED_TOKENIZER, CONFIG, GGUF_WEIGHTS, MANIFEST, TOKENIZER, WEIGHTS, WEIGHTS_INDEX,
};
use crate::tokenizer::DecoderTokenizer;
use crate::weights::{Dtype, Source, TensorInfo, Weights};
use crate::{Error, Result};

/// How a decoder runs. The default asks the environment, then the machine.
#[derive(Debug, Clone, Default)]
pub struct DecoderOptions {
    /// Threads, the caller's included; `None`: `COMPANION_THREADS`, else what the system offers.
    pub threads: Option<usize>,
    /// Instruction set; `None`: `COMPANION_KERNEL`, else the fastest.
    pub kernel: Option<Isa>,
    /// The type of the cached keys and values.
    pub kv: KvKind,
    /// Bytes that cached keys and values may take; `None`: [`DEFAULT_KV_BYTES`], or what one text takes that is as long
    /// as the model reads, if that is more and the machine has it. They are taken as they are needed.
    pub kv_bytes: Option<usize>,
    /// The same bits on every instruction set also for float weights, whose products are summed in the
    /// registers' order otherwise. Quantized weights give the same bits without it.
    pub exact: bool,
}

/// Rows that pass through the network together at most: more would not be faster and would need more memory.
pub const MAX_ROWS: usize = 288;

/// Rows of each pass over `tokens` tokens: passes of one size and as few as there can be, since each of them reads all weights.
/// 300 tokens are two passes of 150 and not one of 288 and one of 12.
pub fn rows_together(tokens: usize) -> usize {
    even_part(tokens, MAX_ROWS)
}

/// The size of the parts that `total` makes, as few as there can be of one size, of at most `most`.
pub(crate) fn even_part(total: usize, most: usize) -> usize {
    total.div_ceil(total.div_ceil(most).max(1))
}

/// An open decoder. Cloning is cheap and shares it; it can be used from several threads, whose steps follow
/// one another.
#[derive(Clone)]
pub struct Decoder {
    inner: Arc<Inner>,
}

struct Inner {
    model: Qwen2,
    kernels: Kernels,
    pool: Pool,
    kv: Arc<KvCache>,
    work: Mutex<qwen2::Work>,
    id: String,
    /// None where the folder has none, as with random weights.
    tokenizer: Option<DecoderTokenizer>,
    chat: Option<ChatTemplate>,
    end_tokens: Vec<u32>,
    /// Made when the first schema comes: a tree of the whole vocabulary.
    schemas: OnceLock<Arc<SchemaCompiler>>,
}

/// One sequence's part of a step.
pub struct Work<'a> {
    /// What has read the tokens before.
    pub sequence: &'a mut Sequence,
    /// What it reads now; not empty.
    pub tokens: &'a [u32],
    /// Whether the logits after the last of them are wanted.
    pub logits: bool,
}

impl Decoder {
    /// Opens the model in the folder `dir`: one that Companion quantized, or floats as published. Weights are
    /// mapped where their type allows it.
    pub fn open(dir: &Path, options: &DecoderOptions) -> Result<Decoder> {
        let opening = Opening::begin();
        let kernels = match options.kernel {
            Some(isa) => Kernels::new(isa)?,
            None => Kernels::from_env()?,
        };
        let threads = pool::thread_count(options.threads)?;
        // Before weights that are read into memory, or widened there, take their part of it.
        let available = memory::available_bytes();
        let model = load(dir, options.exact)?;
        let shape = model.page_shape(options.kv);
        let room = room::room(
            options.kv_bytes,
            shape,
            model.config().max_position_embeddings,
            model.bytes(),
            available,
        );
        if room.bytes < shape.bytes() {
            return Err(Error::KvFull {
                tokens: 1,
                needed_bytes: shape.bytes(),
                limit_bytes: room.bytes,
            });
        }
        let has_tokenizer = [TOKENIZER, COMPILED_TOKENIZER]
            .iter()
            .any(|file| dir.join(file).is_file());
        let tokenizer = match has_tokenizer {
            true => Some(DecoderTokenizer::open(dir)?),
            false => None,
        };
        let chat = match &tokenizer {
            Some(_) => ChatTemplate::open(dir)?,
            None => None,
        };
        opening.end(Measure::DecoderLoadCold, Measure::DecoderLoadWarm);
        Ok(Decoder {
            inner: Arc::new(Inner {
                end_tokens: end_tokens(model.config(), tokenizer.as_ref()),
                tokenizer,
                chat,
                schemas: OnceLock::new(),
                model,
                kernels,
                pool: Pool::new(threads),
                kv: KvCache::new(shape, room),
                work: Mutex::default(),
                id: id_of(dir),
            }),
        })
    }

    /// The network's sizes.
    pub fn config(&self) -> &Config {
        self.inner.model.config()
    }

    /// The model's name and the first 12 digits of its weights' sha256; the folder's name where it has no manifest.
    pub fn model_id(&self) -> &str {
        &self.inner.id
    }

    /// The tokenizer of the model; an error where it has none.
    pub fn tokenizer(&self) -> Result<&DecoderTokenizer> {
        self.inner.tokenizer.as_ref().ok_or_else(|| {
            Error::Unsupported(format!(
                "{} has no {TOKENIZER}, so it reads and writes token ids only",
                self.model_id()
            ))
        })
    }

    /// Whether the model has a chat template.
    pub fn has_chat_template(&self) -> bool {
        self.inner.chat.is_some()
    }

    /// The tokens of `messages` and of the beginning of an answer, by the model's own chat template. What people
    /// wrote is text in it, whatever it says.
    pub fn chat_prompt(&self, messages: &[Message]) -> Result<Vec<u32>> {
        let chat = self.inner.chat.as_ref().ok_or_else(|| {
            Error::Unsupported(format!("{} has no chat template", self.model_id()))
        })?;
        chat.encode(self.tokenizer()?, messages, true)
    }

    /// The tokens that end a reply.
    pub fn end_tokens(&self) -> &[u32] {
        &self.inner.end_tokens
    }

    /// What JSON Schemas are compiled with for this model. It is made once, which takes a moment.
    pub fn schema_compiler(&self) -> Result<Arc<SchemaCompiler>> {
        if let Some(compiler) = self.inner.schemas.get() {
            return Ok(Arc::clone(compiler));
        }
        let end = self.end_tokens().first().copied().ok_or_else(|| {
            Error::Unsupported(format!("{} has no token that ends a text", self.model_id()))
        })?;
        let logits = self.config().vocab_size;
        let compiler = SchemaCompiler::new(self.tokenizer()?, logits, end)?;
        Ok(Arc::clone(self.inner.schemas.get_or_init(|| compiler)))
    }

    /// The kernels in use, as logs and benchmark tables name them.
    pub fn kernel_name(&self) -> &'static str {
        (self.inner.kernels).name_for(self.inner.model.weight_type())
    }

    /// Threads in use, the caller's included.
    pub fn threads(&self) -> usize {
        self.inner.pool.threads()
    }

    /// Bytes of weights that each step reads: codes, scales and floats.
    pub fn step_bytes(&self) -> usize {
        self.inner.model.bytes()
    }

    /// Reads the weights of a step once, on all threads, without computing with them, and says how many bytes that were.
    /// Timed, it is the bandwidth that one token at a time could use at most.
    pub fn read_weights(&self) -> usize {
        let inner = &*self.inner;
        inner.pool.wake();
        (inner.model).read_through(inner.kernels, Team::All(&inner.pool))
    }

    /// Tokens that a sequence may have: what the model reads, or what the cache holds if that is less.
    pub fn context(&self) -> usize {
        (self.config().max_position_embeddings).min(self.inner.kv.capacity())
    }

    /// Tokens that the cache holds for all sequences together.
    pub fn kv_tokens(&self) -> usize {
        self.inner.kv.capacity()
    }

    /// What the cache of keys and values holds.
    pub fn kv_stats(&self) -> KvStats {
        self.inner.kv.stats()
    }

    /// Forgets every prefix that no sequence holds.
    pub fn clear_kv(&self) {
        self.inner.kv.clear();
    }

    /// Whether a prompt and a reply of so many tokens fit the context; the error says what is missing.
    pub fn plan(&self, prompt: usize, reply: usize) -> Result<Plan> {
        let (context, reads) = (self.context(), self.config().max_position_embeddings);
        let needed = prompt.saturating_add(reply);
        if needed > context && context < reads {
            return Err(Error::KvContext {
                needed,
                prompt,
                reply,
                context,
                reads,
                limit_bytes: self.kv_stats().limit_bytes,
            });
        }
        Plan::new(prompt, reply, context)
    }

    /// A sequence that is to read `prompt`. The longest prefix that the cache knows is read already:
    /// `prompt[sequence.len()..]` is left, the last token at least.
    pub fn start(&self, prompt: &[u32]) -> Result<Sequence> {
        self.plan(prompt.len(), 0)?;
        self.check_tokens(prompt)?;
        Ok(self.inner.kv.start(prompt))
    }

    /// Reads the tokens of all of `work`, and gives the logits (`[vocab_size]`) after the last token of those
    /// that ask for them.
    ///
    /// All of it is one pass over the weights if there are [`MAX_ROWS`] tokens or fewer. On an error no
    /// sequence has changed.
    pub fn forward(&self, work: &mut [Work<'_>]) -> Result<Vec<Option<Vec<f32>>>> {
        let wanted: Vec<Logits> = work
            .iter()
            .map(|w| if w.logits { Logits::Last } else { Logits::None })
            .collect();
        let logits = self.pass(work, &wanted)?;
        let given = |(logits, w): (Vec<f32>, &Work<'_>)| w.logits.then_some(logits);
        Ok(logits.into_iter().zip(work.iter()).map(given).collect())
    }

    /// Reads `tokens`, and gives the logits after each of them, `[tokens, vocab_size]`: what perplexity is
    /// measured with.
    pub fn read_all(&self, sequence: &mut Sequence, tokens: &[u32]) -> Result<Vec<f32>> {
        let mut work = [Work {
            sequence,
            tokens,
            logits: true,
        }];
        Ok(self.pass(&mut work, &[Logits::All])?.remove(0))
    }

    /// [`Decoder::read_all`] of tokens that may prove wrong: nobody finds them in the cache before what is wrong
    /// was truncated.
    pub(crate) fn try_all(&self, sequence: &mut Sequence, tokens: &[u32]) -> Result<Vec<f32>> {
        let shown = sequence.show(false);
        let logits = self.read_all(sequence, tokens);
        sequence.show(shown);
        logits
    }

    /// The logits that `wanted` asks for, of each of `work`.
    fn pass(&self, work: &mut [Work<'_>], wanted: &[Logits]) -> Result<Vec<Vec<f32>>> {
        for w in work.iter() {
            if w.tokens.is_empty() {
                return Err(Error::Unsupported("a step needs a token".into()));
            }
            self.plan(w.sequence.len() + w.tokens.len(), 0)?;
            self.check_tokens(w.tokens)?;
        }
        for i in 0..work.len() {
            let more = work[i].tokens.len();
            if let Err(error) = work[i].sequence.reserve(more) {
                work[..i].iter_mut().for_each(|w| w.sequence.unreserve());
                return Err(error);
            }
        }
        let inner = &*self.inner;
        let vocabulary = self.config().vocab_size;
        let mut room = inner.work.lock().unwrap_or_else(PoisonError::into_inner);
        let mut done = vec![0; work.len()];
        let mut logits = vec![Vec::new(); work.len()];
        inner.pool.wake();
        loop {
            let counts = next_chunk(work, &done);
            let mut parts = Vec::new();
            let mut rows = Vec::new();
            for (i, w) in work.iter_mut().enumerate() {
                let tokens = &w.tokens[done[i]..done[i] + counts[i]];
                if tokens.is_empty() {
                    continue;
                }
                let ends = done[i] + counts[i] == w.tokens.len();
                let logits = match wanted[i] {
                    Logits::Last if !ends => Logits::None,
                    logits => logits,
                };
                rows.push(match logits {
                    Logits::None => 0,
                    Logits::Last => 1,
                    Logits::All => tokens.len(),
                });
                parts.push(Part {
                    tokens,
                    position: w.sequence.len(),
                    pages: w.sequence.pages_mut(),
                    logits,
                });
            }
            if parts.is_empty() {
                return Ok(logits);
            }
            let team = Team::All(&inner.pool);
            let given = (inner.model).forward(inner.kernels, team, &mut parts, &mut room);
            let mut given = &given[..];
            let working = (0..work.len()).filter(|i| counts[*i] > 0);
            for (i, rows) in working.zip(rows) {
                let (mine, others) = given.split_at(rows * vocabulary);
                logits[i].extend_from_slice(mine);
                given = others;
            }
            for (i, w) in work.iter_mut().enumerate() {
                w.sequence.extend(&w.tokens[done[i]..done[i] + counts[i]]);
                done[i] += counts[i];
            }
        }
    }

    /// The index of the largest of `logits`: the token that greedy decoding takes.
    pub fn argmax(&self, logits: &[f32]) -> u32 {
        self.inner.kernels.argmax(logits) as u32
    }

    fn check_tokens(&self, tokens: &[u32]) -> Result<()> {
        let known = self.config().vocab_size;
        match tokens.iter().find(|token| **token as usize >= known) {
            None => Ok(()),
            Some(token) => Err(Error::Unsupported(format!(
                "token {token} is not one of the {known} that the model knows"
            ))),
        }
    }
}

/// The network in the folder `dir`: mapped where it is quantized or f32 in one file, else read into memory as f32.
fn load(dir: &Path, exact: bool) -> Result<Qwen2> {
    let path = dir.join(WEIGHTS);
    if !is_mapped(dir)? {
        let source = Source::open(dir)?;
        return Qwen2::load_source(&source, &config_of(dir, &source)?, exact);
    }
    let weights = match dir.join(MANIFEST).is_file() {
        true => Weights::open_installed(&path)?,
        false => Weights::open(&path)?,
    };
    let config = Config::of_model(dir, &weights)?
        .ok_or_else(|| Error::Unsupported(format!("{} holds no language model", dir.display())))?;
    Qwen2::load(&weights, &config, exact).map_err(|source| Error::Weights { path, source })
}

/// Whether the weights in `dir` can be computed with as they lie.
fn is_mapped(dir: &Path) -> Result<bool> {
    let path = dir.join(WEIGHTS);
    // Where there is no weight file at all, opening it says so.
    if !path.is_file() && (dir.join(WEIGHTS_INDEX).is_file() || dir.join(GGUF_WEIGHTS).is_file()) {
        return Ok(false);
    }
    let weights = Weights::open_installed(&path)?;
    let half = |info: &TensorInfo| matches!(info.dtype, Dtype::F16 | Dtype::Bf16);
    let quantized = weights.metadata().contains_key("companion.quant");
    Ok(quantized || !weights.tensors().values().any(half))
}

/// The sizes of the network in `source`.
pub(crate) fn config_of(dir: &Path, source: &Source) -> Result<Config> {
    Config::parse(source.config_json()?.as_bytes())
        .map_err(|reason| Error::manifest(&dir.join(CONFIG), reason))
}

/// Whether the files in `dir` make a working decoder. A tokenizer is not needed, but one that is there must be sound.
pub(crate) fn check(dir: &Path) -> Result<()> {
    if is_mapped(dir)? {
        load(dir, false)?;
    } else {
        let source = Source::open(dir)?;
        Qwen2::check_source(&source, &config_of(dir, &source)?)?;
    }
    if dir.join(TOKENIZER).is_file() {
        DecoderTokenizer::open(dir)?;
        ChatTemplate::open(dir)?;
    }
    Ok(())
}

/// How many tokens of each of `work` the next pass takes.
fn next_chunk(work: &[Work<'_>], done: &[usize]) -> Vec<usize> {
    let left = work.iter().zip(done).map(|(w, done)| w.tokens.len() - done);
    let mut room = rows_together(left.sum());
    let take = |(w, done): (&Work<'_>, &usize)| {
        let count = (w.tokens.len() - done).min(room);
        room -= count;
        count
    };
    work.iter().zip(done).map(take).collect()
}

/// The tokens that end a reply: those that the config names, and the usual ones that the tokenizer knows.
fn end_tokens(config: &Config, tokenizer: Option<&DecoderTokenizer>) -> Vec<u32> {
    let mut ends = Vec::new();
    let usual = ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "</s>"];
    let known = usual.iter().filter_map(|text| tokenizer?.token_id(text));
    let special = known.filter(|id| tokenizer.is_some_and(|t| t.is_special(*id)));
    for id in config.eos_token_ids.iter().copied().chain(special) {
        if !ends.contains(&id) {
            ends.push(id);
        }
    }
    ends
}

/// The id of the model in `dir`, from its manifest if it has one.
fn id_of(dir: &Path) -> String {
    let name = || {
        dir.file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    };
    let manifest = read_text(&dir.join(MANIFEST), MAX_MANIFEST_BYTES).ok();
    let json = manifest.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    let text = |key: &str| json.as_ref().and_then(|json| json[key].as_str());
    match (text("name"), text("sha256").and_then(|sha| sha.get(..12))) {
        (Some(name), Some(sha)) => format!("{name}@{sha}"),
        _ => name(),
    }
}

#[cfg(test)]
mod tests;
