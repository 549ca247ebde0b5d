//! What can be asked of the worker, and how it can end.

use std::time::Duration;

use kernels::KV_TOKENS;

use super::Class;

/// A request's name. They are given in order, and order is who came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(super) u64);

/// What the scheduler has to know of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// Whom it goes before.
    pub class: Class,
    /// What it needs.
    pub size: Size,
    /// From when on nobody wants the answer, as the time since the worker's start.
    pub deadline: Option<Duration>,
}

/// How much a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// A text for the language model.
    Text {
        /// Tokens to read; at least one.
        prompt: usize,
        /// Tokens that it may have beyond those at any time.
        reply: usize,
    },
    /// Work beside the language model that can be done in pieces, in units of about equal cost.
    Chore {
        /// Units; at least one.
        units: usize,
    },
}

impl Size {
    /// Tokens in the cache of keys and values at most.
    pub(super) fn tokens(self) -> usize {
        match self {
            Size::Text { prompt, reply } => prompt.saturating_add(reply),
            Size::Chore { .. } => 0,
        }
    }
}

/// Why a request was not taken. Nothing has happened then, and nothing will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Too many wait already.
    #[error(
        "{waiting} requests wait already, which is all that the queue takes; try again when some are done"
    )]
    Full {
        /// Those that wait.
        waiting: usize,
    },
    /// It could never run.
    #[error(
        "{tokens} tokens are needed, but the cache of keys and values holds {capacity}; shorten the text, ask for less, or allow more bytes"
    )]
    TooLarge {
        /// Tokens it needs.
        tokens: usize,
        /// Tokens there are.
        capacity: usize,
    },
    /// It asks for nothing.
    #[error("there is nothing to read in this request")]
    Empty,
    /// The worker has ended.
    #[error("the engine is shutting down")]
    Closed,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// As it wanted to.
    Done,
    /// It was cancelled, or whoever waited for it went away.
    Cancelled,
    /// Its deadline passed.
    Late,
    /// It failed, alone.
    Failed(String),
}

/// What a request wants after it has heard the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Forget all tokens after the first `keep`, then read `tokens` (not empty) and say what comes after the last.
    Read {
        /// Tokens of the text so far that stay.
        keep: usize,
        /// What is read after them.
        tokens: Vec<u32>,
    },
    /// Read each of these behind the text, as a fork of it, side by side: [`Driver::forks`] hears what comes after their
    /// last tokens, and nothing more follows. None may be empty. A fork takes room of its own, see [`fork_room`].
    Forks(Vec<Vec<u32>>),
    /// Nothing more.
    Done,
}

/// Tokens of the cache that a fork of `tokens` tokens may take beyond its text: pages, of which the first may be a copy of
/// the text's last.
pub fn fork_room(tokens: usize) -> usize {
    (KV_TOKENS - 1 + tokens).next_multiple_of(KV_TOKENS)
}

/// A request's own part in the work: it hears the model and says what is read next.
///
/// It is called on the worker's thread between two steps, so it should be quick, and sends what it makes to
/// whoever waits. If it panics, its own request fails, and no other.
pub trait Driver: Send {
    /// `logits` (`[vocab_size]`) come after the text of `length` tokens; they may be changed on the way.
    fn next(&mut self, logits: &mut [f32], length: usize) -> Next;

    /// `logits` (`[vocab_size]` each) come after the forks that it asked for, in their order.
    fn forks(&mut self, _logits: Vec<Vec<f32>>) {}

    /// Whether each answer of the model becomes a token that somebody waits for.
    fn writes(&self) -> bool {
        false
    }
}

impl<F: FnMut(&mut [f32], usize) -> Next + Send> Driver for F {
    fn next(&mut self, logits: &mut [f32], length: usize) -> Next {
        self(logits, length)
    }
}

/// Work beside the language model that the worker does in pieces: the encoder's, over many texts.
pub trait Chore: Send {
    /// Units in all, of about equal cost (tokens, bytes).
    fn units(&self) -> usize;

    /// Does about `units` units, at least the smallest piece there is, and says how many it did; what is sent to
    /// whoever waits is its own affair. 0 means that it is finished whatever it said before.
    fn work(&mut self, units: usize) -> usize;
}
