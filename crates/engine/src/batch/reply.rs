//! A reply as the sampler writes it, in the steps that everybody shares.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use super::{Driver, Next};
use crate::generate::{Generation, Step, Vocabulary};

/// Writes a reply: sampling, stop strings and JSON Schema are the [`Generation`]'s.
pub struct WriteReply {
    generation: Generation,
    vocabulary: Arc<dyn Vocabulary>,
    to: Sender<crate::Result<Step>>,
}

impl WriteReply {
    /// Each step of `generation` is sent to `to`; where nobody listens any more, it ends.
    pub fn new(
        generation: Generation,
        vocabulary: Arc<dyn Vocabulary>,
        to: Sender<crate::Result<Step>>,
    ) -> WriteReply {
        WriteReply {
            generation,
            vocabulary,
            to,
        }
    }
}

impl Driver for WriteReply {
    fn next(&mut self, logits: &mut [f32], length: usize) -> Next {
        let step = self.generation.next(logits, &*self.vocabulary);
        let token = match &step {
            Ok(step) if step.finish.is_none() => Some(step.token),
            _ => None,
        };
        let is_heard = self.to.send(step).is_ok();
        match token {
            Some(token) if is_heard => Next::Read {
                keep: length,
                tokens: vec![token],
            },
            _ => Next::Done,
        }
    }

    fn writes(&self) -> bool {
        true
    }
}
