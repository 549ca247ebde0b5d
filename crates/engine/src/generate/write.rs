//! One reply alone, pass by pass over the weights.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::lookup::{Drafted, Drafter, Lookup};
use crate::decoder::{Decoder, Sequence, Work, rows_together};
use crate::{Error, Result};

/// Who chooses the tokens of a text: is given the logits after each, and says which token follows, none where the text is over.
pub type Choose<'a> = dyn FnMut(&mut [f32]) -> Result<Option<u32>> + 'a;

/// Reads the rest of `prompt`, then what `choose` says after each token: `most` tokens at most are expected of it.
///
/// What may follow is looked up as `lookup` says, and read in the same pass as the last token. `choose` sees the logits
/// that it would see without, bit for bit and in the same order, and is not asked for more: a draft goes on only where
/// it is what was chosen. So chance, penalties, stop strings and schemas need nothing of their own for it. In the end
/// `sequence` has read every token but the last one chosen.
///
/// `cancel` is looked at before every pass, and between two tokens of one.
pub fn write(
    decoder: &Decoder,
    sequence: &mut Sequence,
    prompt: &[u32],
    most: usize,
    lookup: Lookup,
    cancel: &AtomicBool,
    choose: &mut Choose<'_>,
) -> Result<Drafted> {
    let is_cancelled = || cancel.load(Ordering::Relaxed);
    let mut drafter = Drafter::new(lookup);
    let mut logits = None;
    let rest = &prompt[sequence.len()..];
    let chunks = rest.chunks(rows_together(rest.len()).max(1));
    let last = chunks.len().saturating_sub(1);
    for (at, tokens) in chunks.enumerate() {
        if is_cancelled() {
            return Ok(drafter.drafted());
        }
        let mut work = [Work {
            sequence: &mut *sequence,
            tokens,
            logits: at == last,
        }];
        logits = decoder.forward(&mut work)?.remove(0);
    }
    let mut logits = logits.ok_or_else(|| Error::Unsupported("an empty prompt".into()))?;
    let mut chosen = 0;
    loop {
        // The rows that are looked at: all that follow a token which was chosen.
        let (mut rows, mut next) = (0, Ok(None));
        for row in logits.chunks_exact_mut(decoder.config().vocab_size) {
            if rows > 0 && is_cancelled() {
                next = Ok(None);
                break;
            }
            next = choose(row);
            rows += 1;
            match next {
                Ok(Some(token)) if drafter.proves(rows - 1, token) => {}
                _ => break,
            }
        }
        chosen += rows;
        sequence.truncate(sequence.len() - drafter.draft().len() + rows - 1);
        let Some(token) = next? else {
            return Ok(drafter.drafted());
        };
        if is_cancelled() {
            return Ok(drafter.drafted());
        }
        drafter.look_up(sequence.tokens(), token, most.saturating_sub(chosen + 1));
        logits = read(decoder, sequence, token, &mut drafter)?;
    }
}

/// The logits after `token` and after each token of the draft.
fn read(
    decoder: &Decoder,
    sequence: &mut Sequence,
    token: u32,
    drafter: &mut Drafter,
) -> Result<Vec<f32>> {
    if !drafter.draft().is_empty() {
        let tokens = [&[token], drafter.draft()].concat();
        let begun = Instant::now();
        match decoder.try_all(sequence, &tokens) {
            // Room for the draft is asked for earlier than a reply without one would ask, which may end before.
            Err(Error::KvFull { .. }) => drafter.drop_draft(),
            logits => {
                drafter.passed(begun.elapsed());
                return logits;
            }
        }
    }
    let begun = Instant::now();
    let logits = decoder.read_all(sequence, &[token]);
    drafter.passed(begun.elapsed());
    logits
}
