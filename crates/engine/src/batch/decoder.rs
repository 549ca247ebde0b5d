//! The language tier's model behind the worker.

use kernels::KV_TOKENS;

use super::{Model, Part};
use crate::Result;
use crate::decoder::{Decoder, Sequence, Work};

impl Model for Decoder {
    type Sequence = Sequence;

    fn start(&self, tokens: &[u32]) -> Result<Sequence> {
        Decoder::start(self, tokens)
    }

    fn read(&self, parts: &mut [Part<'_, Sequence>]) -> Result<Vec<Option<Vec<f32>>>> {
        let mut work: Vec<Work<'_>> = parts
            .iter_mut()
            .map(|part| Work {
                sequence: part.sequence,
                tokens: part.tokens,
                logits: part.logits,
            })
            .collect();
        self.forward(&mut work)
    }

    fn length(sequence: &Sequence) -> usize {
        sequence.len()
    }

    fn truncate(sequence: &mut Sequence, length: usize) {
        sequence.truncate(length);
    }

    fn fork(sequence: &Sequence) -> Sequence {
        sequence.fork_for_a_try()
    }

    fn capacity(&self) -> usize {
        self.kv_tokens()
    }

    fn page(&self) -> usize {
        KV_TOKENS
    }

    fn shrink(&self) {
        self.clear_kv();
    }

    fn kv_bytes(&self) -> Option<usize> {
        Some(self.kv_stats().used_bytes)
    }
}
