//! Long texts, planned before anything runs: what fits is read at once, what does not is cut at sentences into parts
//! that do, and what cannot be read at all is said.

use std::ops::Range;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::prompts::neutral;
use super::{Chat, Failed, Language, LanguageModel, ModelError, Usage, structured};

/// Parts of one text that are read, at most; a text with more keeps its beginning, its end and an even spread between.
pub const MOST_PARTS: usize = 32;
/// Tokens beside the texts of a chat: what a template begins with,
const TEMPLATE: usize = 16;
/// and its marks around every turn. Both are for planning; [`about`] asks the model itself.
const TURN: usize = 8;

/// How a text is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Byte spans that are read, each by itself, in order.
    pub parts: Vec<Range<usize>>,
    /// Byte spans that are not read.
    pub dropped: Vec<Range<usize>>,
}

impl Plan {
    /// Cuts `text` into parts of at most `room` tokens.
    pub fn new(model: &dyn LanguageModel, text: &str, room: usize) -> Self {
        let whole = trimmed(text, 0..text.len());
        let room = room.max(1);
        if fits(model, &text[whole.clone()], room) {
            return Self {
                parts: vec![whole],
                dropped: Vec::new(),
            };
        }
        let mut parts: Vec<Range<usize>> = Vec::new();
        let mut filled = 0;
        for sentence in crate::sentences(text) {
            for piece in pieces(model, text, sentence, room) {
                // What joins two sentences may be a token of its own.
                let tokens = count(model, &text[piece.clone()]) + 1;
                match parts.last_mut() {
                    Some(last) if filled + tokens <= room => {
                        last.end = piece.end;
                        filled += tokens;
                    }
                    _ => {
                        parts.push(piece);
                        filled = tokens;
                    }
                }
            }
        }
        spread(parts)
    }

    /// Whether part of the text is not read.
    pub fn truncated(&self) -> bool {
        !self.dropped.is_empty()
    }
}

/// The tokens that remain for a text in `chat` (whose slot for it is empty), when the reply may have `reply` tokens.
pub(crate) fn room(model: &dyn LanguageModel, chat: &Chat, reply: usize) -> usize {
    let said: usize = chat.turns.iter().map(|(_, text)| model.count(text)).sum();
    let marks = TEMPLATE + TURN * (chat.turns.len() + 1);
    let taken = model.count(&chat.system) + said + reply + marks;
    model.context().saturating_sub(taken)
}

/// Asks about as many of `shown` as the model reads, the first ones first; what does not fit is taken out of `shown`.
/// The model counts the whole prompt with its own tokenizer and template, before it works on it.
pub(crate) fn about<T: DeserializeOwned, S>(
    language: &Language<'_>,
    shown: &mut Vec<S>,
    chat: impl Fn(&[S]) -> Chat,
    schema: &Value,
    max_tokens: usize,
    usage: &mut Usage,
) -> Result<T, Failed> {
    loop {
        match structured(language, &chat(shown), schema.clone(), max_tokens, usage) {
            Err(Failed::Model(ModelError::TooLong { .. })) if shown.len() > 1 => {
                shown.pop();
            }
            said => return said,
        }
    }
}

/// Whether `text`, as a model is shown it, has at most `room` tokens. Every token has a byte at least.
fn fits(model: &dyn LanguageModel, text: &str, room: usize) -> bool {
    let shown = neutral(text);
    shown.len() <= room || model.count(&shown) <= room
}

/// Tokens of `text` as a model is shown it.
fn count(model: &dyn LanguageModel, text: &str) -> usize {
    model.count(&neutral(text))
}

/// `span` cut at words, where it has more than `room` tokens.
fn pieces(
    model: &dyn LanguageModel,
    text: &str,
    span: Range<usize>,
    room: usize,
) -> Vec<Range<usize>> {
    let span = trimmed(text, span);
    // One less, for what joins it to the next.
    if span.len() < 2 || fits(model, &text[span.clone()], room.saturating_sub(1)) {
        return vec![span];
    }
    let middle = span.start + crate::quote::shorten(&text[span.clone()], span.len() / 2).max(1);
    let middle = (middle..span.end)
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(span.end);
    if middle >= span.end {
        return vec![span];
    }
    let mut both = pieces(model, text, span.start..middle, room);
    both.extend(pieces(model, text, middle..span.end, room));
    both.retain(|piece| !piece.is_empty());
    both
}

fn trimmed(text: &str, span: Range<usize>) -> Range<usize> {
    let part = &text[span.clone()];
    let start = span.start + (part.len() - part.trim_start().len());
    start..(span.start + part.trim_end().len()).max(start)
}

fn spread(parts: Vec<Range<usize>>) -> Plan {
    let n = parts.len();
    if n <= MOST_PARTS {
        return Plan {
            parts,
            dropped: Vec::new(),
        };
    }
    let kept: Vec<usize> = (0..MOST_PARTS)
        .map(|i| i * (n - 1) / (MOST_PARTS - 1))
        .collect();
    let mut plan = Plan::default();
    for (index, part) in parts.into_iter().enumerate() {
        if kept.binary_search(&index).is_ok() {
            plan.parts.push(part);
        } else {
            match plan.dropped.last_mut() {
                // Neighbours that are both left out are one hole.
                Some(last) if plan.parts.last().is_none_or(|p| p.end <= last.start) => {
                    last.end = part.end;
                }
                _ => plan.dropped.push(part),
            }
        }
    }
    plan
}
