//! Reading a prompt file, and saying what is wrong with it.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{Prompt, SHIPPED, shipped_text};

/// Bytes of the largest prompt file; a longer one would leave no room for an entry.
const LARGEST: usize = 32 * 1024;

/// What may fill a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlotType {
    /// Text of entries or of the person, put between tags.
    Data,
    /// One line that the program writes: a date, a name of a span.
    Line,
    /// A whole number.
    Number,
    /// Names that the program writes, separated by commas.
    List,
}

/// What is wrong with a prompt file.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PromptError {
    /// There is no such task.
    #[error("there is no prompt called `{task}`; there are {known}")]
    NoTask {
        /// The name.
        task: String,
        /// The names that there are.
        known: String,
    },
    /// It is not TOML of the form.
    #[error("{from}: {reason}; correct it, or remove the file to use the shipped one")]
    Form {
        /// The file.
        from: String,
        /// What is wrong, with its line where the parser knows it.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    task: String,
    version: u32,
    slots: BTreeMap<String, SlotType>,
    text: BTreeMap<String, String>,
}

pub(super) fn parse(task: &str, text: &str, from: &str) -> Result<Prompt, PromptError> {
    let wrong = |reason: String| PromptError::Form {
        from: from.to_owned(),
        reason,
    };
    if text.len() > LARGEST {
        return Err(wrong(format!(
            "it has {} bytes, more than {LARGEST}",
            text.len()
        )));
    }
    let file: File =
        toml::from_str(text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?;
    if file.task != task {
        return Err(wrong(format!(
            "it says task = \"{}\", its name says {task}",
            file.task
        )));
    }
    let Some(shipped) = shipped_text(task) else {
        let known: Vec<&str> = SHIPPED.iter().map(|(task, _)| *task).collect();
        return Err(PromptError::NoTask {
            task: task.to_owned(),
            known: known.join(", "),
        });
    };
    let needed: File = toml::from_str(shipped).expect("a test reads every shipped prompt file");
    agree("slots", &file.slots, &needed.slots).map_err(wrong)?;
    if let Some(name) = file
        .slots
        .iter()
        .find(|(n, t)| needed.slots.get(*n) != Some(t))
    {
        return Err(wrong(format!(
            "the slot `{}` has another type than the program fills in",
            name.0
        )));
    }
    agree("text", &file.text, &needed.text).map_err(wrong)?;
    for (name, text) in &file.text {
        check(name, text, &file.slots, &needed.text[name]).map_err(wrong)?;
    }
    Ok(Prompt {
        task: file.task,
        version: file.version,
        digest: digest(file.version, &file.text),
        slots: file.slots,
        texts: file.text,
        own: false,
    })
}

/// Both tables have the same names.
fn agree<A, B>(
    table: &str,
    has: &BTreeMap<String, A>,
    needs: &BTreeMap<String, B>,
) -> Result<(), String> {
    if let Some(missing) = needs.keys().find(|name| !has.contains_key(*name)) {
        return Err(format!("[{table}] lacks `{missing}`"));
    }
    match has.keys().find(|name| !needs.contains_key(*name)) {
        Some(more) => Err(format!(
            "[{table}] has `{more}`, which this task does not know"
        )),
        None => Ok(()),
    }
}

/// A text names only slots that there are, and data where the shipped one has it: once, and never in the system's text.
fn check(
    name: &str,
    text: &str,
    slots: &BTreeMap<String, SlotType>,
    shipped: &str,
) -> Result<(), String> {
    for slot in names(text)? {
        match slots.get(slot) {
            None => {
                return Err(format!(
                    "`{name}` names {{{{{slot}}}}}, and there is no such slot"
                ));
            }
            Some(SlotType::Data) if name == "system" => {
                return Err(format!(
                    "`system` names {{{{{slot}}}}}, which holds text of entries; that belongs in `user`"
                ));
            }
            Some(_) => {}
        }
    }
    for (slot, kind) in slots {
        let count = |t: &str| names(t).map_or(0, |all| all.iter().filter(|n| *n == slot).count());
        if *kind == SlotType::Data && count(shipped) == 1 && count(text) != 1 {
            return Err(format!("`{name}` has to name {{{{{slot}}}}} exactly once"));
        }
    }
    Ok(())
}

/// The slots that a text names, in order.
pub(super) fn names(text: &str) -> Result<Vec<&str>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let Some(end) = rest[at..].find("}}") else {
            return Err("a slot opens with {{ and does not close".to_owned());
        };
        found.push(rest[at + 2..at + end].trim());
        rest = &rest[at + end + 2..];
    }
    Ok(found)
}

/// 12 hexadecimal digits over everything that a model sees.
fn digest(version: u32, texts: &BTreeMap<String, String>) -> String {
    let mut sha = Sha256::new();
    sha.update(version.to_le_bytes());
    for (name, text) in texts {
        for part in [name, text] {
            sha.update((part.len() as u64).to_le_bytes());
            sha.update(part.as_bytes());
        }
    }
    let hex = |byte: &u8| format!("{byte:02x}");
    sha.finalize().iter().take(6).map(hex).collect()
}
