//! Filling slots. Whatever comes from an entry or a person goes through [`neutral`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use journal::EntryId;

use super::parse::names;
use super::{Prompt, SlotType};
use crate::language::digest::Material;
use crate::language::{Chat, Role};

/// What fills a slot.
#[derive(Clone, Debug, PartialEq)]
pub enum Slot<'a> {
    /// Entries, each with its id and day.
    Entries(Vec<(EntryId, String, Cow<'a, str>)>),
    /// What a summary is made from.
    Material(&'a [Material]),
    /// Words of the person that are no entry: a question, a half-written text.
    Words(Cow<'a, str>),
    /// One line of the program.
    Line(String),
    /// A whole number.
    Number(u64),
    /// Names of the program.
    List(Vec<String>),
}

impl Slot<'_> {
    fn fits(&self, kind: SlotType) -> bool {
        matches!(
            (self, kind),
            (
                Slot::Entries(_) | Slot::Words(_) | Slot::Material(_),
                SlotType::Data
            ) | (Slot::Line(_), SlotType::Line)
                | (Slot::Number(_), SlotType::Number)
                | (Slot::List(_), SlotType::List)
        )
    }

    fn text(&self) -> String {
        match self {
            Slot::Entries(entries) => {
                let mut out = String::new();
                for (id, day, text) in entries {
                    let _ = writeln!(out, "<entry id=\"{id}\" day=\"{}\">", one_line(day));
                    let _ = writeln!(out, "{}\n</entry>", neutral(text.trim()));
                }
                out.truncate(out.trim_end().len());
                out
            }
            Slot::Material(material) => {
                let shown: Vec<String> = material.iter().map(Material::shown).collect();
                shown.join("\n")
            }
            Slot::Words(words) => format!("<words>\n{}\n</words>", neutral(words.trim())),
            Slot::Line(line) => one_line(line),
            Slot::Number(number) => number.to_string(),
            Slot::List(names) => names
                .iter()
                .map(|n| one_line(n))
                .collect::<Vec<_>>()
                .join(", "),
        }
    }
}

fn one_line(text: &str) -> String {
    neutral(text)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// `text` without anything that could close the tags around it, open others, pass for a control token of a chat
/// template (`<|im_end|>`, `[INST]`, `</s>`), or say something to a model that a reader does not see.
///
/// `<` becomes `‹` where a tag could begin; the words stay what they are, so that a quotation can still be found in the
/// entry ([`crate::language::cite`] takes both for the same sign).
pub fn neutral(text: &str) -> Cow<'_, str> {
    if !text.contains(|c: char| c == '<' || c == '[' || c == '{' || is_unseen(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    // What is not seen goes first, so that nothing hides between two signs.
    let mut chars = text.chars().filter(|c| !is_unseen(*c)).peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().unwrap_or(' ');
        match c {
            // "3 < 4", "<3" and "<-" stay; templates have more signs than a list would hold.
            '<' if !(next.is_whitespace()
                || next.is_ascii_digit()
                || matches!(next, '=' | '-')) =>
            {
                out.push('‹');
            }
            '[' if matches!(next, 'I' | '/') => out.push('⟦'),
            // An entry does not fill the slots of a prompt.
            '{' if next == '{' => out.push('❴'),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Signs that turn the direction of writing, take no room, or are ASCII in disguise (the tag block of Unicode).
fn is_unseen(c: char) -> bool {
    matches!(c as u32,
        0x00..=0x08 | 0x0b..=0x0c | 0x0e..=0x1f | 0x7f..=0x9f
        | 0x200b | 0x200e..=0x200f | 0x202a..=0x202e | 0x2060..=0x2069 | 0xfeff | 0xe0000..=0xe007f)
}

/// A prompt whose slots are filled.
#[derive(Clone, Debug)]
pub struct Filled<'p> {
    prompt: &'p Prompt,
    slots: BTreeMap<&'static str, String>,
}

impl Prompt {
    /// Fills the slots. Panics where the program fills another slot than the files have: that is a bug, and the files'
    /// slots are checked when they are read.
    pub fn fill(&self, slots: &[(&'static str, Slot<'_>)]) -> Filled<'_> {
        for (name, slot) in slots {
            let kind = self.slots.get(*name).copied();
            assert!(
                kind.is_some_and(|kind| slot.fits(kind)),
                "the prompt {} has no such slot: {name}",
                self.task
            );
        }
        let filled = slots.iter().map(|(name, slot)| (*name, slot.text()));
        Filled {
            prompt: self,
            slots: filled.collect(),
        }
    }
}

impl Filled<'_> {
    /// The text called `name`, filled.
    pub fn text(&self, name: &str) -> String {
        let text = &self.prompt.texts[name];
        let mut out = String::with_capacity(text.len() + 1024);
        let mut rest = text.as_str();
        // What fills a slot is not looked at again: an entry cannot name a slot.
        for slot in names(text).expect("checked when the file was read") {
            let at = rest.find("{{").expect("names found it");
            let end = rest[at..].find("}}").expect("names found it");
            out.push_str(&rest[..at]);
            out.push_str(self.slots.get(slot).map_or("", String::as_str));
            rest = &rest[at + end + 2..];
        }
        out.push_str(rest);
        out.trim().to_owned()
    }

    /// System and user, the user's text followed by the one called `last`, where there is one. Chats of one prompt
    /// that differ in `last` only share everything before it.
    pub fn chat(&self, last: Option<&str>) -> Chat {
        let mut user = self.text("user");
        if let Some(last) = last {
            user.push_str("\n\n");
            user.push_str(&self.text(last));
        }
        Chat {
            system: self.text("system"),
            turns: vec![(Role::User, user)],
        }
    }
}
