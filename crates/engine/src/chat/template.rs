//! The template itself, with what Hugging Face's renderer offers and no more.

use std::io;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Value as Jinja};
use minijinja::{AutoEscape, Environment, Error as JinjaError, ErrorKind};
use serde_json::Value;

use super::{Message, json};
use crate::{Error, Result};

/// Fuel for a conversation without text; every two bytes of text add one more. A fuel pays for one instruction or 64
/// bytes of data, so this bounds memory too: about 1 MB and 32 times the text.
const BASE_FUEL: u64 = 20_000;

/// Stack of the thread that renders: a template can nest a list into a list for as long as it has fuel, and what
/// is nested is printed and freed recursively.
const STACK_BYTES: usize = 256 << 20;

/// Bytes that a template may write beside eight times the text.
const BASE_OUTPUT: usize = 1 << 18;

/// A name for errors.
const NAME: &str = "chat_template";

/// A chat template.
pub struct ChatTemplate {
    env: Environment<'static>,
    text: String,
    /// `bos_token` and its like.
    special: Vec<(String, String)>,
}

impl ChatTemplate {
    /// The template `text`, which may use the special tokens that `config`, a `tokenizer_config.json`, names.
    pub fn new(text: &str, config: &Value) -> std::result::Result<ChatTemplate, String> {
        // Marks what the model said, for training; it has no effect on the text.
        let text = text
            .replace("endgeneration", "endif")
            .replace("{% generation %}", "{% if true %}")
            .replace("{%- generation %}", "{%- if true %}")
            .replace("{% generation -%}", "{% if true -%}")
            .replace("{%- generation -%}", "{%- if true -%}");
        let mut env = Environment::new();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(|e| e.to_string())?;
        env.set_syntax(syntax);
        env.set_auto_escape_callback(|_| AutoEscape::None);
        env.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        env.add_function("raise_exception", raise_exception);
        env.add_function("strftime_now", strftime_now);
        env.add_filter("tojson", to_json);
        env.add_template_owned(NAME, text.clone())
            .map_err(|e| format!("its chat template: {e}"))?;
        let special = ["bos_token", "eos_token", "pad_token", "unk_token"]
            .into_iter()
            .filter_map(|key| Some((key.to_owned(), token_text(config.get(key)?)?)))
            .collect();
        Ok(ChatTemplate { env, text, special })
    }

    /// The template as it stands in the model's file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the template makes of `messages`, and of the beginning of an answer if `answer`.
    pub fn render(&self, messages: &[Message], answer: bool) -> Result<String> {
        let failed =
            |reason: &str| Error::Unsupported(format!("the chat template failed: {reason}"));
        std::thread::scope(|scope| {
            std::thread::Builder::new()
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, || self.render_here(messages, answer))
                .map_err(|e| failed(&e.to_string()))?
                .join()
                .unwrap_or_else(|_| Err(failed("it panicked")))
        })
    }

    fn render_here(&self, messages: &[Message], answer: bool) -> Result<String> {
        let size: usize = messages
            .iter()
            .map(|message| message.role.len() + message.content.len())
            .sum();
        let mut env = self.env.clone();
        env.set_fuel(Some(BASE_FUEL + size as u64 / 2));
        let failed = |e: JinjaError| Error::Unsupported(format!("the chat template failed: {e}"));
        let template = env.get_template(NAME).map_err(failed)?;
        let turns: Vec<Jinja> = messages
            .iter()
            .map(|message| {
                minijinja::context! {
                    role => message.role.as_str(),
                    content => message.content.as_str(),
                }
            })
            .collect();
        let special = self
            .special
            .iter()
            .map(|(key, text)| (key.as_str(), text.as_str()));
        // No tools and no documents, which is something else than not to know the names.
        let context = minijinja::context! {
            messages => turns,
            add_generation_prompt => answer,
            tools => (),
            documents => (),
            ..Jinja::from_pairs(special)
        };
        let mut output = Bounded {
            bytes: Vec::new(),
            limit: BASE_OUTPUT + 8 * size,
        };
        template
            .render_captured_to(context, &mut output)
            .map_err(failed)?;
        String::from_utf8(output.bytes)
            .map_err(|_| Error::Unsupported("the chat template wrote no text".into()))
    }
}

/// A special token in a `tokenizer_config.json`: a text, or an object with one.
fn token_text(value: &Value) -> Option<String> {
    let text = value.as_str().or_else(|| value.get("content")?.as_str())?;
    Some(text.to_owned())
}

/// Output up to a limit.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            let reason = format!("it wrote more than {} bytes", self.limit);
            return Err(io::Error::other(reason));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How a template refuses a conversation.
fn raise_exception(reason: &str) -> std::result::Result<Jinja, JinjaError> {
    let reason: String = reason.chars().take(200).collect();
    Err(JinjaError::new(ErrorKind::InvalidOperation, reason))
}

/// Today, as some templates tell it to the model.
fn strftime_now(format: &str) -> std::result::Result<String, JinjaError> {
    let now = jiff::ZonedDateTime::now();
    if format.len() > 64 {
        return Err(JinjaError::new(
            ErrorKind::InvalidOperation,
            "no such date format",
        ));
    }
    jiff::fmt::strtime::format(format, &now)
        .map_err(|e| JinjaError::new(ErrorKind::InvalidOperation, e.to_string()))
}

fn to_json(value: &Jinja, options: Kwargs) -> std::result::Result<String, JinjaError> {
    let indent: Option<usize> = options.get("indent")?;
    // Python's other options change nothing in what templates use them for.
    let _: Option<bool> = options.get("ensure_ascii")?;
    let _: Option<bool> = options.get("sort_keys")?;
    options.assert_all_used()?;
    json::dumps(value, indent)
        .map_err(|e| JinjaError::new(ErrorKind::InvalidOperation, e.to_string()))
}
