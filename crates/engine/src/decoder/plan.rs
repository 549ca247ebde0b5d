//! What a prompt and a reply need, before anything is computed: nothing is cut silently.

use crate::{Error, Result};

/// How a context is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Plan {
    /// Tokens of the prompt.
    pub prompt: usize,
    /// Tokens that the reply may have.
    pub reply: usize,
    /// Tokens there is room for.
    pub context: usize,
}

impl Plan {
    /// The plan for a prompt and a reply of so many tokens, if the context holds them.
    pub fn new(prompt: usize, reply: usize, context: usize) -> Result<Plan> {
        let needed = prompt.saturating_add(reply);
        if needed > context {
            return Err(Error::Context {
                needed,
                prompt,
                reply,
                context,
            });
        }
        Ok(Plan {
            prompt,
            reply,
            context,
        })
    }

    /// Tokens that the prompt could have at most beside this reply.
    pub fn room(&self) -> usize {
        self.context - self.reply
    }
}
