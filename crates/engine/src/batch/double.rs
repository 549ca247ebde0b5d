//! A scripted model for tests: its logits are a function of the tokens read, it counts what it is given, and it can be
//! told to be slow, to fail, or to panic at a token.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Model, Part};

/// Tokens that it knows.
pub(super) const VOCABULARY: u32 = 50;
/// A step with this token panics.
pub(super) const PANICS: u32 = 48;
/// A step with this token is an error.
pub(super) const FAILS: u32 = 49;

#[derive(Clone, Default)]
pub(super) struct Double {
    pub(super) shared: Arc<Counts>,
    pub(super) step: Duration,
}

#[derive(Default)]
pub(super) struct Counts {
    /// Sequences that exist.
    pub(super) sequences: AtomicUsize,
    /// Tokens read in all.
    pub(super) read: AtomicUsize,
    /// The rows of each step.
    pub(super) steps: Mutex<Vec<usize>>,
    /// Texts that were read to some point: the cache of prefixes.
    pub(super) known: Mutex<Vec<Vec<u32>>>,
    pub(super) shrunk: AtomicUsize,
}

pub(super) struct Reading {
    tokens: Vec<u32>,
    counts: Arc<Counts>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.counts.known.lock().unwrap().push(self.tokens.clone());
        self.counts.sequences.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The token that follows `tokens`.
pub(super) fn follows(tokens: &[u32]) -> u32 {
    let hash = tokens.iter().fold(7_u64, |hash, token| {
        (hash ^ u64::from(*token))
            .wrapping_mul(6_364_136_223_846_793_005)
            .rotate_left(17)
    });
    (hash % u64::from(PANICS)) as u32
}

/// What a text becomes, `count` tokens of it.
pub(super) fn continued(prompt: &[u32], count: usize) -> Vec<u32> {
    let mut tokens = prompt.to_vec();
    for _ in 0..count {
        tokens.push(follows(&tokens));
    }
    tokens.split_off(prompt.len())
}

impl Model for Double {
    type Sequence = Reading;

    fn start(&self, tokens: &[u32]) -> crate::Result<Reading> {
        let known = self.shared.known.lock().unwrap();
        let common = |text: &Vec<u32>| text.iter().zip(tokens).take_while(|(a, b)| a == b).count();
        let found = known.iter().map(common).max().unwrap_or(0);
        // As the real cache does.
        let found = found.min(tokens.len() - 1);
        self.shared.sequences.fetch_add(1, Ordering::SeqCst);
        Ok(Reading {
            tokens: tokens[..found].to_vec(),
            counts: Arc::clone(&self.shared),
        })
    }

    fn read(&self, parts: &mut [Part<'_, Reading>]) -> crate::Result<Vec<Option<Vec<f32>>>> {
        if parts.iter().any(|part| part.tokens.contains(&FAILS)) {
            return Err(crate::Error::Unsupported("a token that fails".to_owned()));
        }
        assert!(
            !parts.iter().any(|part| part.tokens.contains(&PANICS)),
            "a token that panics"
        );
        std::thread::sleep(self.step);
        let mut rows = 0;
        let mut logits = Vec::new();
        for part in parts {
            assert!(!part.tokens.is_empty());
            rows += part.tokens.len();
            part.sequence.tokens.extend(part.tokens);
            // What still runs shows its full pages, what has ended all of it.
            let pages = part.sequence.tokens.len() / 32 * 32;
            let shown = part.sequence.tokens[..pages].to_vec();
            self.shared.known.lock().unwrap().push(shown);
            logits.push(part.logits.then(|| {
                let mut row = vec![0.0; VOCABULARY as usize];
                row[follows(&part.sequence.tokens) as usize] = 1.0;
                row
            }));
        }
        self.shared.read.fetch_add(rows, Ordering::SeqCst);
        self.shared.steps.lock().unwrap().push(rows);
        Ok(logits)
    }

    fn length(sequence: &Reading) -> usize {
        sequence.tokens.len()
    }

    fn truncate(sequence: &mut Reading, length: usize) {
        sequence.tokens.truncate(length);
    }

    fn fork(sequence: &Reading) -> Reading {
        sequence.counts.sequences.fetch_add(1, Ordering::SeqCst);
        Reading {
            tokens: sequence.tokens.clone(),
            counts: Arc::clone(&sequence.counts),
        }
    }

    fn capacity(&self) -> usize {
        100_000
    }

    fn shrink(&self) {
        self.shared.shrunk.fetch_add(1, Ordering::SeqCst);
    }
}
