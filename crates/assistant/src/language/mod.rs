//! The language tier: what a decoder adds to the instant one. Written reflections, questions in the writer's own
//! words, summaries whose sentences cite, answers about the journal.
//!
//! Three rules hold for all of it. Entries are data: they are passed inside delimiters that they cannot close
//! ([`prompts`]). What a model says is a claim: every quotation is looked up in the entry that it names, and a sentence
//! that nothing supports is dropped ([`cite`]). And nothing depends on it: without a model, or when it fails, the
//! instant tier answers as far as it can, and every answer says which of the two it was ([`Tier`]).
//!
//! ```
//! use assistant::language::prompts::Prompts;
//!
//! let prompts = Prompts::shipped();
//! assert!(prompts.get("ask").is_ok());
//! ```

pub mod ask;
pub mod bulk;
pub mod cite;
mod decoder;
pub mod digest;
mod draft;
pub mod extract;
pub mod plan;
pub mod prompts;
pub mod question;
pub mod read;
pub mod reflect;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use engine::batch::Batcher;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use decoder::DecoderModel;
pub use draft::Tier;

pub(crate) use draft::{Failed, structured};

/// A model that continues text. Implemented over the decoder, and by scripts in tests.
pub trait LanguageModel: Send + Sync {
    /// What it is called in everything that it makes: name and digest.
    fn id(&self) -> &str;

    /// Tokens that prompt and reply may have together.
    fn context(&self) -> usize;

    /// Tokens that `text` has inside a prompt.
    fn count(&self, text: &str) -> usize;

    /// Continues `chat`. Each piece of text is told to `on_text` when it is there, which may end it: then the reply
    /// holds what there was, and [`Finish::Cancelled`].
    ///
    /// A prompt that begins like an earlier one is read from where they part: tasks put what they share first.
    fn reply(
        &self,
        chat: &Chat,
        bounds: &Bounds,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Reply, ModelError>;

    /// The probability of each of `labels` as the reply to `chat`, relative to each other: they sum to 1.
    fn score(&self, chat: &Chat, labels: &[&str]) -> Result<(Vec<f32>, Usage), ModelError>;

    /// The worker that its requests share, for chores beside them; none where it has no worker of its own.
    fn batcher(&self) -> Option<&Batcher> {
        None
    }
}

/// What a model is asked, in the roles of a chat template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chat {
    /// What it is to do; never holds a word of an entry.
    pub system: String,
    /// Turns, from the user's first to the user's last.
    pub turns: Vec<(Role, String)>,
}

/// Who says a turn of a [`Chat`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The one who asks.
    User,
    /// The model.
    Assistant,
}

/// What bounds a reply.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// Tokens at most.
    pub max_tokens: usize,
    /// The JSON schema that it has to obey; free text where there is none.
    pub schema: Option<Value>,
    /// 0: always the likeliest token.
    pub temperature: f32,
    /// What chance starts from, where the temperature is not 0.
    pub seed: u64,
}

/// What a model said.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The text.
    pub text: String,
    /// Why it ended.
    pub finish: Finish,
    /// What it cost.
    pub usage: Usage,
}

/// Why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It was complete.
    Stop,
    /// It reached its bound of tokens.
    Length,
    /// It was told to stop.
    Cancelled,
}

/// Tokens that something cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Requests to the model: replies and scorings.
    pub calls: usize,
    /// Tokens of the prompts that were evaluated.
    pub prompt: usize,
    /// Tokens of the prompts that were remembered from before.
    pub reused: usize,
    /// Tokens generated.
    pub generated: usize,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.prompt += other.prompt;
        self.reused += other.reused;
        self.generated += other.generated;
    }
}

/// What can go wrong with a model. Messages never hold text of an entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Prompt and reply do not fit.
    #[error("a prompt of {tokens} tokens does not fit the {context} that {model} reads")]
    TooLong {
        /// Tokens of prompt and reply.
        tokens: usize,
        /// What fits.
        context: usize,
        /// The model.
        model: String,
    },
    /// The engine failed.
    #[error("the language model failed: {0}")]
    Engine(String),
}

/// A model with the prompt files that it is asked through.
#[derive(Clone, Copy)]
pub struct Language<'a> {
    /// The model.
    pub model: &'a dyn LanguageModel,
    /// What it is told.
    pub prompts: &'a prompts::Prompts,
    /// Ends whatever is being generated, within a token, when it is set.
    pub stop: &'a AtomicBool,
}

impl std::fmt::Debug for Language<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Language")
            .field("model", &self.model.id())
            .finish_non_exhaustive()
    }
}

impl Language<'_> {
    /// The prompt of a task; the program names only tasks that have one.
    pub(crate) fn prompt(&self, task: &str) -> &prompts::Prompt {
        self.prompts
            .get(task)
            .expect("every task of the program has a shipped prompt file")
    }

    /// Whether to go on.
    pub(crate) fn flow(&self) -> ControlFlow<()> {
        if self.stop.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// What makes the answers of `task`, as they record it: model and prompt file, each with its digest.
    pub fn maker(&self, task: &str) -> String {
        format!("{}+{}", self.model.id(), self.prompt(task).id())
    }
}
