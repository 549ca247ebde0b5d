//! A conversation as the model was trained to read it: its own chat template, rendered.
//!
//! The template is a program from outside, in Jinja. It gets fuel, which bounds both its time and its memory;
//! it has no loader, so it can read nothing but what it is given; and what people wrote is data in it: a
//! special token's name in an entry stays the characters that it is.

mod guard;
mod json;
mod template;

use std::path::Path;

use serde_json::Value;

pub use template::ChatTemplate;

use crate::read::read_text;
use crate::store::TOKENIZER_CONFIG;
use crate::tokenizer::{DecoderTokenizer, Part};
use crate::{Error, Result};

/// File name of a chat template that stands alone, as newer models have it.
const TEMPLATE_FILE: &str = "chat_template.jinja";

/// The longest template that is read: Qwen2.5's has 2.5 kB.
const MAX_TEMPLATE_BYTES: u64 = 1 << 18;

/// The longest `tokenizer_config.json` that is read.
const MAX_CONFIG_BYTES: u64 = 1 << 24;

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// What was said. Nothing in it has a meaning for the template or the tokenizer.
    pub content: String,
}

impl Message {
    /// A turn of `role`.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Message {
        Message {
            role: role.into(),
            content: content.into(),
        }
    }
}

impl ChatTemplate {
    /// The template of the model in `folder`, if it has one.
    pub fn open(folder: &Path) -> Result<Option<ChatTemplate>> {
        let config_path = folder.join(TOKENIZER_CONFIG);
        let config: Value = match config_path.is_file() {
            true => {
                let text = read_text(&config_path, MAX_CONFIG_BYTES)?;
                serde_json::from_str(&text)
                    .map_err(|e| Error::manifest(&config_path, e.to_string()))?
            }
            false => Value::Null,
        };
        let alone = folder.join(TEMPLATE_FILE);
        let (path, text) = if alone.is_file() {
            let text = read_text(&alone, MAX_TEMPLATE_BYTES)?;
            (alone, text)
        } else {
            match named_template(&config) {
                Some(text) => (config_path, text),
                None => return Ok(None),
            }
        };
        ChatTemplate::new(&text, &config)
            .map(Some)
            .map_err(|reason| Error::manifest(&path, reason))
    }

    /// The tokens of `messages`, and of the beginning of an answer if `answer`.
    ///
    /// Only what the template itself wrote can be a special token. Text of template and messages that meets is
    /// encoded together, as it would be by Hugging Face's `apply_chat_template`.
    pub fn encode(
        &self,
        tokenizer: &DecoderTokenizer,
        messages: &[Message],
        answer: bool,
    ) -> Result<Vec<u32>> {
        let tokens = tokenizer.added_tokens();
        let mark = guard::Mark::choose(self.text(), messages);
        let guarded: Vec<Message> = messages
            .iter()
            .map(|message| Message {
                role: mark.guard(&message.role, tokens),
                content: mark.guard(&message.content, tokens),
            })
            .collect();
        let text = self.render(&guarded, answer)?;
        let mut ids = Vec::with_capacity(text.len() / 3);
        for part in tokens.split(&text) {
            match part {
                Part::Token(id) => ids.push(id),
                Part::Text(text) => tokenizer.encode_text(&mark.take_off(text), &mut ids),
            }
        }
        Ok(ids)
    }
}

/// The template in a `tokenizer_config.json`: one text, or several by name, of which `default` is meant.
fn named_template(config: &Value) -> Option<String> {
    match config.get("chat_template")? {
        Value::String(text) => Some(text.clone()),
        Value::Array(several) => several
            .iter()
            .find(|one| one.get("name").and_then(Value::as_str) == Some("default"))
            .and_then(|one| one.get("template")?.as_str())
            .map(str::to_owned),
        _ => None,
    }
}
