//! What a command works with: home, configuration, clock and output. The journal and the models are
//! opened only by the commands that need them.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::ZonedDateTime;

use crate::args::Global;
use crate::config::Config;
use crate::exit::Failure;
use crate::output::Output;

/// Made once by [`crate::commands::run`].
#[derive(Debug)]
pub(crate) struct Context {
    /// The options given before or after the command.
    pub(crate) global: Global,
    /// Where to print.
    pub(crate) out: Output,
    /// The settings of `config.toml`.
    pub(crate) config: Config,
    home: PathBuf,
}

impl Context {
    /// Finds home and reads the configuration; creates nothing.
    pub(crate) fn new(global: Global) -> anyhow::Result<Context> {
        let home = home_dir(&global)?;
        Ok(Context {
            out: Output::new(&global),
            config: Config::load(&home)?,
            home,
            global,
        })
    }

    /// The directory of this journal (`COMPANION_HOME`); it may not exist yet.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Where models are installed.
    pub(crate) fn models_dir(&self) -> PathBuf {
        self.home.join("models")
    }

    /// Where downloads are kept: outside home, so that they outlive it.
    pub(crate) fn downloads_dir(&self) -> anyhow::Result<PathBuf> {
        let set = |name: &str| {
            std::env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        let cache = set("COMPANION_CACHE")
            .or_else(|| set("XDG_CACHE_HOME").map(|dir| dir.join("companion")))
            .or_else(|| set("HOME").map(|dir| dir.join(".cache").join("companion")))
            .ok_or_else(|| {
                Failure::usage("no place to keep downloads; set COMPANION_CACHE to a directory")
            })?;
        Ok(cache.join("downloads"))
    }

    /// The time of the clock in the zone of this computer.
    ///
    /// `COMPANION_NOW` (such as `2026-03-02T14:00:00+00:00[UTC]`) stands in for the clock in tests.
    pub(crate) fn now(&self) -> anyhow::Result<ZonedDateTime> {
        match std::env::var("COMPANION_NOW") {
            Ok(text) => text
                .parse()
                .with_context(|| format!("COMPANION_NOW is not a time with a zone: {text:?}")),
            Err(_) => Ok(ZonedDateTime::now()),
        }
    }
}

fn home_dir(global: &Global) -> anyhow::Result<PathBuf> {
    if let Some(home) = global
        .home
        .clone()
        .filter(|home| !home.as_os_str().is_empty())
    {
        return Ok(home);
    }
    std::env::var_os("HOME")
        .filter(|home| !home.is_empty())
        .map(|home| PathBuf::from(home).join(".companion"))
        .ok_or_else(|| {
            Failure::usage("HOME is not set; say where the journal lives with --home DIR").into()
        })
}
