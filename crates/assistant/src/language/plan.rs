//! Long texts, planned before anything runs: what fits is read at once, what does not is cut at sentences into parts
//! that do, and what cannot be read at all is said.

use std::ops::Range;

use super::{Chat, LanguageModel};

/// Parts of one text that are read, at most; a text with more keeps its beginning, its end and an even spread between.
pub const MOST_PARTS: usize = 32;
/// Tokens beside the texts of a chat: its template's.
const TEMPLATE: usize = 32;

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
        // Every token has a byte at least.
        if whole.len() <= room || model.count(&text[whole.clone()]) <= room {
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
                let tokens = model.count(&text[piece.clone()]) + 1;
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
    let taken = model.count(&chat.system) + said + reply + TEMPLATE;
    model.context().saturating_sub(taken)
}

/// `span` cut at words, where it has more than `room` tokens.
fn pieces(
    model: &dyn LanguageModel,
    text: &str,
    span: Range<usize>,
    room: usize,
) -> Vec<Range<usize>> {
    let span = trimmed(text, span);
    if span.len() <= room || model.count(&text[span.clone()]) < room || span.len() < 2 {
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
