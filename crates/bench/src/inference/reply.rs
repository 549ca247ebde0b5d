//! One reply of a language model: a prompt is read, tokens are written.

use engine::decoder::{Decoder, Work};

use crate::sample::Random;
use crate::times::once;
use crate::words::TOKENS_A_WORD;
use crate::{Error, Result};

/// What one text took.
pub(crate) struct Run {
    /// Tokens of the prompt.
    pub(crate) tokens: usize,
    /// To the first token, or to the vector.
    pub(crate) first_ms: f64,
    /// From each token to the next.
    pub(crate) between_ms: Vec<f64>,
}

impl Run {
    /// From the prompt to the last token, in milliseconds.
    pub(crate) fn whole_ms(&self) -> f64 {
        self.first_ms + self.between_ms.iter().sum::<f64>()
    }
}

/// Reads `prompt` with an empty cache, then writes greedily: one token, and `written` after it.
pub(crate) fn write(decoder: &Decoder, prompt: &[u32], written: usize) -> Result<Run> {
    decoder.clear_kv();
    let mut sequence = decoder.start(prompt)?;
    let mut step = |tokens: &[u32]| -> Result<u32> {
        let mut work = [Work {
            sequence: &mut sequence,
            tokens,
            logits: true,
        }];
        let logits = decoder.forward(&mut work)?.pop().flatten();
        let logits = logits.ok_or(Error::WrongAnswer("logits"))?;
        let token = decoder.argmax(&logits);
        match logits[token as usize].is_finite() {
            true => Ok(token),
            false => Err(Error::WrongAnswer("logits")),
        }
    };
    let (first_ms, mut token) = once(|| step(prompt))?;
    let mut between_ms = Vec::with_capacity(written);
    for _ in 0..written {
        let (ms, next) = once(|| step(&[token]))?;
        between_ms.push(ms);
        token = next;
    }
    Ok(Run {
        tokens: prompt.len(),
        first_ms,
        between_ms,
    })
}

/// Tokens for as many words, where a model has no tokenizer.
pub(crate) fn random_tokens(decoder: &Decoder, words: usize, seed: usize) -> Vec<u32> {
    let mut random = Random(seed as u64);
    let vocabulary = decoder.config().vocab_size;
    (0..(words as f64 * TOKENS_A_WORD).round() as usize)
        .map(|_| random.below(vocabulary) as u32)
        .collect()
}
