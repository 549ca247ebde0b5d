//! The prompt files: what the model is told, in files that a person may change.
//!
//! A file is TOML: the task's name, a version, the slots with their types, and the texts that they are filled into.
//! Slots are written `{{name}}`. What fills a slot of type `data` is text of an entry or of the person: it is put
//! between tags, and whatever could close them, or pass for a control token of a chat template, is made harmless.
//!
//! A prompt's id is its name and a digest of everything in the file that a model sees. Whatever a model made carries it,
//! so that a changed file makes exactly its own results outdated and those of no other task.

mod fill;
mod parse;

use std::collections::BTreeMap;

pub use fill::{Filled, Slot, neutral};
pub use parse::{PromptError, SlotType};

/// The shipped files, by task.
const SHIPPED: [(&str, &str); 6] = [
    ("ask", include_str!("../../assets/prompts/ask.toml")),
    (
        "continue",
        include_str!("../../assets/prompts/continue.toml"),
    ),
    (
        "question",
        include_str!("../../assets/prompts/question.toml"),
    ),
    ("read", include_str!("../../assets/prompts/read.toml")),
    ("reflect", include_str!("../../assets/prompts/reflect.toml")),
    ("summary", include_str!("../../assets/prompts/summary.toml")),
];

/// A prompt file, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    task: String,
    version: u32,
    digest: String,
    slots: BTreeMap<String, SlotType>,
    texts: BTreeMap<String, String>,
    own: bool,
}

impl Prompt {
    /// Reads the file of `task`; `from` names it in errors.
    pub fn parse(task: &str, text: &str, from: &str) -> Result<Self, PromptError> {
        parse::parse(task, text, from)
    }

    /// Name, version and digest: `ask-1-5d41402abc4b`.
    pub fn id(&self) -> String {
        format!("{}-{}-{}", self.task, self.version, self.digest)
    }

    /// Whether it is a person's own and not the shipped one.
    pub fn is_own(&self) -> bool {
        self.own
    }

    /// The version that the file states.
    pub fn version(&self) -> u32 {
        self.version
    }
}

/// All prompt files, the shipped ones or a person's own in their place.
#[derive(Clone, Debug)]
pub struct Prompts(BTreeMap<String, Prompt>);

impl Prompts {
    /// Those that this build carries.
    pub fn shipped() -> Self {
        let read = |(task, text): &(&str, &str)| {
            let prompt = Prompt::parse(task, text, task);
            (
                (*task).to_owned(),
                prompt.expect("a test reads every shipped prompt file"),
            )
        };
        Self(SHIPPED.iter().map(read).collect())
    }

    /// Those that this build carries, with `own` (task, text, name of the file) in their place.
    pub fn with_own<'a>(
        own: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>,
    ) -> Result<Self, PromptError> {
        let mut all = Self::shipped();
        for (task, text, from) in own {
            let mut prompt = Prompt::parse(task, text, from)?;
            prompt.own = true;
            all.0.insert(task.to_owned(), prompt);
        }
        Ok(all)
    }

    /// The prompt of `task`.
    pub fn get(&self, task: &str) -> Result<&Prompt, PromptError> {
        self.0.get(task).ok_or_else(|| PromptError::NoTask {
            task: task.to_owned(),
            known: tasks().join(", "),
        })
    }

    /// All of them, by task.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Prompt)> {
        self.0.iter().map(|(task, prompt)| (task.as_str(), prompt))
    }
}

/// The tasks that have a prompt file.
pub fn tasks() -> Vec<&'static str> {
    SHIPPED.iter().map(|(task, _)| *task).collect()
}

/// The shipped file of `task`, to start an own one from.
pub fn shipped_text(task: &str) -> Option<&'static str> {
    let found = SHIPPED.iter().find(|(name, _)| *name == task);
    found.map(|(_, text)| *text)
}

#[cfg(test)]
mod tests;
