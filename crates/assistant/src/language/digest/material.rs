//! What a summary is made from: entries, or notes about them.

use std::ops::Range;

use journal::{Entry, EntryId};

use crate::language::LanguageModel;
use crate::language::cite::Cited;
use crate::language::plan::Plan;
use crate::language::prompts::neutral;

/// Tokens of the tags around an entry, about.
const TAGS: usize = 28;

/// A sentence about an entry, with the words of the entry that it cites.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    entry: EntryId,
    day: String,
    sentence: String,
    quote: String,
    /// Where the quote stands in the entry.
    place: Range<usize>,
}

impl Note {
    /// One note for each citation of `sentence`.
    pub(super) fn of(sentence: &Cited, entries: &[Entry]) -> Vec<Note> {
        let note = |c: &crate::language::cite::Citation| Note {
            entry: c.entry,
            day: entries
                .iter()
                .find(|e| e.id == c.entry)
                .map_or_else(String::new, |e| e.when.strftime("%Y-%m-%d").to_string()),
            sentence: sentence.text.clone(),
            quote: c.quote.clone(),
            place: c.start..c.end,
        };
        sentence.citations.iter().map(note).collect()
    }
}

/// A piece of material.
#[derive(Clone, Debug, PartialEq)]
pub enum Material {
    /// An entry, or part of one.
    Text {
        /// The entry.
        entry: EntryId,
        /// Its day.
        day: String,
        /// Where the text begins in it.
        start: usize,
        /// The text.
        text: String,
    },
    /// A note about one.
    Note(Note),
}

impl Material {
    pub(super) fn entry(entry: &Entry) -> Self {
        Material::Text {
            entry: entry.id,
            day: entry.when.strftime("%Y-%m-%d").to_string(),
            start: 0,
            text: entry.text.clone(),
        }
    }

    /// As the model is shown it: tags that what is inside cannot close.
    pub(in crate::language) fn shown(&self) -> String {
        match self {
            Material::Text {
                entry, day, text, ..
            } => {
                let text = neutral(text.trim());
                format!("<entry id=\"{entry}\" day=\"{day}\">\n{text}\n</entry>")
            }
            Material::Note(note) => {
                let (entry, day) = (note.entry, &note.day);
                let (sentence, quote) = (neutral(&note.sentence), neutral(&note.quote));
                format!(
                    "<note entry=\"{entry}\" day=\"{day}\">{sentence} <quote>{quote}</quote></note>"
                )
            }
        }
    }

    /// Its entry, with the bytes that it tells of.
    pub(super) fn span(&self) -> (EntryId, Range<usize>) {
        match self {
            Material::Text {
                entry, start, text, ..
            } => (*entry, *start..*start + text.len()),
            Material::Note(note) => (note.entry, note.place.clone()),
        }
    }

    fn size(&self, model: &dyn LanguageModel) -> usize {
        // The line break after it may be a token of its own.
        model.count(&self.shown()) + 1
    }
}

/// Tokens of all of `material`.
pub(super) fn tokens(model: &dyn LanguageModel, material: &[Material]) -> usize {
    material.iter().map(|m| m.size(model)).sum()
}

/// `material` in groups of at most `room` tokens, long entries cut, in order; and what cannot be read of them.
#[allow(clippy::type_complexity, reason = "two lists that belong together")]
pub(super) fn groups(
    model: &dyn LanguageModel,
    material: Vec<Material>,
    room: usize,
) -> (Vec<Vec<Material>>, Vec<(EntryId, Range<usize>)>) {
    let mut groups: Vec<Vec<Material>> = Vec::new();
    let mut dropped = Vec::new();
    let mut filled = 0;
    for whole in material {
        for piece in cut(model, whole, room, &mut dropped) {
            let size = piece.size(model);
            match groups.last_mut() {
                Some(last) if filled + size <= room => {
                    last.push(piece);
                    filled += size;
                }
                _ => {
                    groups.push(vec![piece]);
                    filled = size;
                }
            }
        }
    }
    (groups, dropped)
}

fn cut(
    model: &dyn LanguageModel,
    whole: Material,
    room: usize,
    dropped: &mut Vec<(EntryId, Range<usize>)>,
) -> Vec<Material> {
    if whole.size(model) <= room {
        return vec![whole];
    }
    let Material::Text {
        entry,
        day,
        start,
        text,
    } = whole
    else {
        return vec![whole];
    };
    let plan = Plan::new(model, &text, room.saturating_sub(TAGS));
    dropped.extend((plan.dropped.iter()).map(|s| (entry, start + s.start..start + s.end)));
    let piece = |span: Range<usize>| Material::Text {
        entry,
        day: day.clone(),
        start: start + span.start,
        text: text[span].to_owned(),
    };
    plan.parts.into_iter().map(piece).collect()
}
