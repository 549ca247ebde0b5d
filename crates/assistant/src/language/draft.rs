//! What every task does with a model: ask under a schema, parse, and say what made it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Bounds, Chat, Finish, Language, ModelError, Usage};

/// Which of the two answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Encoder, heads and rules: numbers and exact quotes.
    Instant,
    /// The language model, checked.
    Language,
}

/// Why the model's answer was not used. The instant tier answers then, and the reason is told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// It could not answer.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It was told to stop.
    #[error("it was stopped")]
    Cancelled,
    /// The answer was cut off.
    #[error("the language model's answer did not end within {0} tokens")]
    Unfinished(usize),
    /// The answer is not what the schema asks for.
    #[error("the language model's answer has not the form that was asked for")]
    Malformed,
    /// Nothing of it could be checked.
    #[error("nothing in the language model's answer is supported by the entries")]
    Unsupported,
    /// It asked what was asked lately.
    #[error("the language model asks what was asked in the last 30 days")]
    Repeated,
    /// It said nothing.
    #[error("the language model's answer is empty")]
    Empty,
}

/// Asks for an answer that obeys `schema`, and reads it. The model's sampler is held to the schema; that it kept to it
/// is checked all the same, because an answer is bytes from outside.
pub(crate) fn structured<T: DeserializeOwned>(
    language: &Language<'_>,
    chat: &Chat,
    schema: Value,
    max_tokens: usize,
    usage: &mut Usage,
) -> Result<T, Failed> {
    let bounds = Bounds {
        max_tokens,
        schema: Some(schema),
        ..Bounds::default()
    };
    if language.flow().is_break() {
        return Err(Failed::Cancelled);
    }
    let reply = language
        .model
        .reply(chat, &bounds, &mut |_| language.flow())?;
    *usage += reply.usage;
    match reply.finish {
        Finish::Stop => {}
        Finish::Length => return Err(Failed::Unfinished(max_tokens)),
        Finish::Cancelled => return Err(Failed::Cancelled),
    }
    if reply.text.trim().is_empty() {
        return Err(Failed::Empty);
    }
    serde_json::from_str(reply.text.trim()).map_err(|_| Failed::Malformed)
}
