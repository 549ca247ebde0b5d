//! `companion config`: show and change `config.toml`, keeping what a person wrote around the values.

mod prompt;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;
use toml_edit::{DocumentMut, Item, Value};

use crate::config::Config;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::{Line, Style};

/// What to do; without anything, `list`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show every key, its value and what it is for
    List,
    /// Print the value of one key
    Get {
        /// The key
        key: String,
    },
    /// Write the value of one key into config.toml
    Set {
        /// The key
        key: String,
        /// The value
        value: String,
    },
    /// Take one key out of config.toml, so that its default is in force again
    Unset {
        /// The key
        key: String,
    },
    /// Print where config.toml lies
    Path,
    /// The files that tell the language model what to do: list them, print one, or copy one to change it
    Prompt(prompt::Args),
}

/// A key and its line of help. A test holds this list against the fields of [`Config`].
struct Key {
    name: &'static str,
    help: &'static str,
}

const KEYS: &[Key] = &[
    Key {
        name: "editor",
        help: "the command that write and edit open; empty: VISUAL, EDITOR, or the line editor",
    },
    Key {
        name: "encoder",
        help: "the model for analysis and search, a name of `companion model list`",
    },
    Key {
        name: "care",
        help: "whether an entry that speaks of self-harm or danger is answered with a card of numbers to call",
    },
    Key {
        name: "country",
        help: "the country whose numbers that card names (US, GB, DE, …); empty: as the locale says",
    },
    Key {
        name: "care_language",
        help: "the language of that card (en, de, fr, es, nl, it, pt); empty: as the locale says",
    },
    Key {
        name: "threads",
        help: "threads that models compute with; 0: as many as there are cores; COMPANION_THREADS outranks it",
    },
    Key {
        name: "language.model",
        help: "the model that writes, a name of `companion model list`; empty: none, the instant tier answers",
    },
    Key {
        name: "cache.enabled",
        help: "false: everything is worked out anew and no answer is kept",
    },
    Key {
        name: "cache.ttl_minutes",
        help: "how long an answer may serve again",
    },
    Key {
        name: "cache.max_entries",
        help: "answers kept, at most; the one used longest ago goes first",
    },
    Key {
        name: "cache.max_mb",
        help: "megabytes of answers kept, at most",
    },
    Key {
        name: "cache.similarity",
        help: "the cosine from which on an answer serves where no judge fits the encoder",
    },
    Key {
        name: "cache.candidate_similarity",
        help: "the cosine below which no kept answer is looked at",
    },
    Key {
        name: "cache.max_false_hits",
        help: "the rate of wrong hits above which the semantic tier switches itself off",
    },
    Key {
        name: "cache.audit_share",
        help: "the share of hits that is worked out anew in idle time, to check them",
    },
    Key {
        name: "batch.max_size",
        help: "texts that the language model works on at once",
    },
    Key {
        name: "batch.timeout_ms",
        help: "how long bulk work waits for company, in milliseconds; what somebody waits for never does",
    },
];

/// A row of `config list --json`.
#[derive(Serialize)]
struct Row {
    key: &'static str,
    value: toml::Value,
    default: toml::Value,
    help: &'static str,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let path = context.home().join("config.toml");
    match args.action.as_ref().unwrap_or(&Action::List) {
        Action::List => list(context, &path)?,
        Action::Get { key } => {
            let value = value_of(&context.config, known(key)?)?;
            if context.out.is_json() {
                context.out.json(&value)?;
            } else {
                context.out.line(plain(&value))?;
            }
        }
        Action::Set { key, value } => {
            let (key, said) = (known(key)?, value);
            let value = read_value(key, said)?;
            say_if_not_installed(context, key, said);
            change(&path, |document| put(document, key.name, value))?;
        }
        Action::Unset { key } => {
            let key = known(key)?;
            change(&path, |document| match key.name.split_once('.') {
                Some((table, name)) => {
                    let table = document.get_mut(table).and_then(Item::as_table_like_mut);
                    table.and_then(|table| table.remove(name));
                }
                None => {
                    document.remove(key.name);
                }
            })?;
        }
        Action::Path if context.out.is_json() => context.out.json(&path)?,
        Action::Path => context.out.line(path.display().to_string())?,
        Action::Prompt(args) => prompt::run(context, args)?,
    }
    Ok(Exit::Success)
}

/// Writes `value` under `key`, which may name a section.
fn put(document: &mut DocumentMut, key: &str, value: Value) {
    match key.split_once('.') {
        // A section of its own, as a person would write it.
        Some((table, name)) => {
            document.entry(table).or_insert_with(toml_edit::table)[name] = Item::Value(value);
        }
        None => document[key] = Item::Value(value),
    }
}

/// Writes several settings at once, for commands that find them out.
pub(super) fn save(context: &Context, settings: Vec<(&str, Value)>) -> anyhow::Result<()> {
    change(&context.home().join("config.toml"), |document| {
        for (key, value) in settings {
            put(document, key, value);
        }
    })
}

/// A model may be named before it is installed; a slip of the pen looks the same, so it is told.
fn say_if_not_installed(context: &Context, key: &Key, name: &str) {
    let is_model = ["encoder", "language.model"].contains(&key.name) && !name.is_empty();
    if is_model && !context.models_dir().join(name).join("model.json").is_file() {
        context.out.note(format!(
            "no model {name:?} is installed yet; `companion model list` shows what is"
        ));
    }
}

fn list(context: &Context, path: &Path) -> anyhow::Result<()> {
    let default = Config::default();
    let rows = KEYS
        .iter()
        .map(|key| {
            Ok(Row {
                key: key.name,
                value: value_of(&context.config, key)?,
                default: value_of(&default, key)?,
                help: key.help,
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    if context.out.is_json() {
        return context.out.json(&rows);
    }
    for row in rows {
        let changed = if row.value == row.default {
            ""
        } else {
            "  (set)"
        };
        let value = format!(" = {}{changed}", row.value);
        context
            .out
            .line(Line::new().styled(Style::Bold, row.key).plain(value))?;
        context.out.prose(row.help, 4)?;
    }
    context.out.note(format!("kept in {}", path.display()));
    Ok(())
}

fn known(name: &str) -> Result<&'static Key, Failure> {
    KEYS.iter().find(|key| key.name == name).ok_or_else(|| {
        let names: Vec<_> = KEYS.iter().map(|key| key.name).collect();
        Failure::usage(format!(
            "no key {name:?}; the keys are {}",
            names.join(", ")
        ))
    })
}

fn value_of(config: &Config, key: &Key) -> anyhow::Result<toml::Value> {
    let table = toml::Table::try_from(config).context("cannot list the configuration")?;
    let mut parts = key.name.split('.');
    let first = parts.next().and_then(|part| table.get(part));
    parts
        .fold(first, |at, part| at?.get(part))
        .cloned()
        .with_context(|| format!("the key {} has no field", key.name))
}

/// A text without its quotes; anything else as TOML writes it.
fn plain(value: &toml::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Reads `text` as a value of the same type as the key's default.
fn read_value(key: &Key, text: &str) -> anyhow::Result<Value> {
    let wrong = |what: &str| Failure::usage(format!("{} wants {what}, not {text:?}", key.name));
    Ok(match value_of(&Config::default(), key)? {
        toml::Value::Integer(_) => {
            Value::from(text.parse::<i64>().map_err(|_| wrong("a whole number"))?)
        }
        toml::Value::Float(_) => Value::from(text.parse::<f64>().map_err(|_| wrong("a number"))?),
        toml::Value::Boolean(_) => {
            Value::from(text.parse::<bool>().map_err(|_| wrong("true or false"))?)
        }
        _ => Value::from(text),
    })
}

/// Changes the file and keeps the comments in it. It is written beside and renamed, so that a crash
/// leaves the old or the new one.
fn change(path: &Path, edit: impl FnOnce(&mut DocumentMut)) -> anyhow::Result<()> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        other => other.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let mut document: DocumentMut = text
        .parse()
        .with_context(|| format!("{} is not TOML", path.display()))?;
    edit(&mut document);
    let text = document.to_string();
    toml::from_str::<Config>(&text).context("the configuration would not be valid")?;
    write(path, &text).map_err(|error| {
        Failure::new(
            Exit::CannotWrite,
            format!("cannot write {}: {error}", path.display()),
        )
        .into()
    })
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let home = path
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_owned);
    std::fs::create_dir_all(&home)?;
    let mut file = tempfile::NamedTempFile::new_in(&home)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_configuration_is_a_documented_key() {
        let table = toml::Table::try_from(Config::default()).unwrap();
        let mut fields: Vec<String> = Vec::new();
        for (name, value) in &table {
            match value.as_table() {
                Some(inner) => fields.extend(inner.keys().map(|key| format!("{name}.{key}"))),
                None => fields.push(name.clone()),
            }
        }
        let mut keys: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        fields.sort_unstable();
        keys.sort_unstable();
        assert_eq!(fields, keys);
        assert!(KEYS.iter().all(|key| !key.help.is_empty()));
    }
}
