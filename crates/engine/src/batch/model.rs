//! What the worker needs of a model.

/// A language model as the worker uses it. [`crate::decoder::Decoder`] is one; tests have another.
pub trait Model: Send + 'static {
    /// A text that the model is reading. Dropping it gives its room back.
    type Sequence: Send;

    /// A sequence that is to read `tokens`. What the model knows of their beginning counts as read
    /// ([`Model::length`]), but never the last token.
    fn start(&self, tokens: &[u32]) -> crate::Result<Self::Sequence>;

    /// Reads all of `parts` in one pass, and gives the logits (`[vocab_size]`) after the last token of those that
    /// ask for them. On an error no sequence has changed.
    fn read(&self, parts: &mut [Part<'_, Self::Sequence>]) -> crate::Result<Vec<Option<Vec<f32>>>>;

    /// Tokens that a sequence has read.
    fn length(sequence: &Self::Sequence) -> usize;

    /// Makes a sequence forget what it read after the first `length` tokens.
    fn truncate(sequence: &mut Self::Sequence, length: usize);

    /// Another sequence that has read the same, and goes its own way from here. It does not last.
    fn fork(sequence: &Self::Sequence) -> Self::Sequence;

    /// Tokens that all sequences can hold together.
    fn capacity(&self) -> usize;

    /// Tokens of a page of the cache of keys and values: what a sequence takes of it is whole pages.
    fn page(&self) -> usize {
        1
    }

    /// Gives back memory that no sequence holds.
    fn shrink(&self);

    /// Bytes that keys and values take now; `None` where there are none.
    fn kv_bytes(&self) -> Option<usize> {
        None
    }
}

/// One sequence's part of a step.
#[derive(Debug)]
pub struct Part<'a, S> {
    /// What has read the tokens before.
    pub sequence: &'a mut S,
    /// What it reads now; not empty.
    pub tokens: &'a [u32],
    /// Whether the logits after the last of them are wanted.
    pub logits: bool,
}

/// No language model: chores only.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoModel;

impl Model for NoModel {
    type Sequence = ();

    fn start(&self, _: &[u32]) -> crate::Result<()> {
        Err(crate::Error::Unsupported(
            "no language model is open".to_owned(),
        ))
    }

    fn read(&self, parts: &mut [Part<'_, ()>]) -> crate::Result<Vec<Option<Vec<f32>>>> {
        Ok(parts.iter().map(|_| None).collect())
    }

    fn length((): &()) -> usize {
        0
    }

    fn truncate((): &mut (), _: usize) {}

    fn fork((): &()) {}

    fn capacity(&self) -> usize {
        0
    }

    fn shrink(&self) {}
}
