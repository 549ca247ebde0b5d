//! `config.toml`: the few things a person may want to set once.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use engine::batch::Limits;
use serde::{Deserialize, Serialize};

use crate::cache::CacheConfig;
use crate::exit::{Exit, Failure};
use crate::language::LanguageConfig;

/// The settings, each with the default that an absent file gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// The command that `write`, `edit` and the bare `companion` open; empty: the line editor.
    pub(crate) editor: String,
    /// The encoder for analysis and search, a name below `models/`.
    pub(crate) encoder: String,
    /// Whether an entry that speaks of danger is answered with a card of numbers to call.
    pub(crate) care: bool,
    /// The country whose numbers that card names, two letters; empty: the locale's.
    pub(crate) country: String,
    /// The language of that card, two letters; empty: the locale's.
    pub(crate) care_language: String,
    /// Threads of the engine; 0: as many as there are cores.
    pub(crate) threads: usize,
    /// The language tier.
    pub(crate) language: LanguageConfig,
    /// The semantic cache.
    pub(crate) cache: CacheConfig,
    /// How many texts share the language model's steps.
    pub(crate) batch: BatchConfig,
}

/// `[batch]` of config.toml.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BatchConfig {
    /// Texts that are worked on at once.
    pub(crate) max_size: usize,
    /// How long bulk work waits for company, in milliseconds. What somebody waits for never does.
    pub(crate) timeout_ms: u64,
}

impl Default for BatchConfig {
    fn default() -> BatchConfig {
        BatchConfig {
            max_size: 8,
            timeout_ms: 100,
        }
    }
}

impl BatchConfig {
    /// The scheduler's limits.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            max_size: self.max_size.clamp(1, 64),
            gather: Duration::from_millis(self.timeout_ms),
            ..Limits::default()
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            editor: String::new(),
            encoder: "minilm-int8".to_owned(),
            care: true,
            country: String::new(),
            care_language: String::new(),
            threads: 0,
            language: LanguageConfig::default(),
            cache: CacheConfig::default(),
            batch: BatchConfig::default(),
        }
    }
}

impl Config {
    /// Reads `config.toml` of `home`; an absent file is the default, a mistake in it an error that
    /// names the line.
    pub(crate) fn load(home: &Path) -> anyhow::Result<Config> {
        let path = home.join("config.toml");
        match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| {
                Failure::new(
                    Exit::Usage,
                    format!(
                        "{}: {}; correct it, or remove the file to use the defaults",
                        path.display(),
                        error.to_string().trim_end()
                    ),
                )
                .into()
            }),
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(Config::default())
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }
}
