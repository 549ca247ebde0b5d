//! What a command works with: home, configuration, clock and output. The journal and the models are
//! opened only by the commands that need them.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use assistant::Instant;
use engine::encoder::{Encoder, EncoderOptions};
use jiff::ZonedDateTime;
use journal::{Home, Journal, Protection, Secret};

use crate::args::Global;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::measuring::OpenJournal;
use crate::messages;
use crate::output::Output;
use crate::passphrase;

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
    /// Finds home and reads the configuration; creates nothing. A command that `rescues` goes on with
    /// the defaults where the configuration cannot be read, and says so.
    pub(crate) fn new(global: Global, rescues: bool) -> anyhow::Result<Context> {
        let home = home_dir(&global)?;
        let out = Output::new(&global);
        let config = match Config::load(&home) {
            Err(error) if rescues => {
                let text = format!("note: going on with the defaults: {error:#}");
                text.lines().for_each(|line| out.warn(line));
                Config::default()
            }
            config => config?,
        };
        engine::pool::prefer_threads(config.threads);
        Ok(Context {
            out,
            config,
            home,
            global,
        })
    }

    /// The directory of this journal (`COMPANION_HOME`); it may not exist yet.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Makes home where it is not there yet, closed to everybody else.
    pub(crate) fn make_home(&self) -> anyhow::Result<()> {
        if self.checked_home()?.path().is_dir() {
            return Ok(());
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.home)
            .map_err(|error| {
                let home = self.home.display();
                Failure::new(Exit::CannotWrite, format!("cannot make {home}: {error}")).into()
            })
    }

    /// [`Context::home`], as the journal knows it.
    pub(crate) fn journal_home(&self) -> Home {
        Home::at(&self.home)
    }

    /// The same, unless something else than a folder lies there.
    fn checked_home(&self) -> anyhow::Result<Home> {
        if self.home.exists() && !self.home.is_dir() {
            return Err(Failure::usage(format!(
                "{} is not a folder; move it away, or name another with --home DIR",
                self.home.display()
            ))
            .into());
        }
        Ok(self.journal_home())
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

    /// Opens the journal; an error where there is none.
    pub(crate) fn journal(&self) -> anyhow::Result<OpenJournal> {
        let home = self.checked_home()?;
        let secret = self.secret(&home)?;
        self.opened(Journal::open(&home, &secret)?)
    }

    /// Opens the journal; `None` where there is none, and none is made.
    pub(crate) fn journal_if_any(&self) -> anyhow::Result<Option<OpenJournal>> {
        let opened = self.journal();
        if let Err(error) = &opened
            && let Some(journal::Error::NoJournal { .. }) = error.downcast_ref::<journal::Error>()
        {
            return Ok(None);
        }
        opened.map(Some)
    }

    /// Opens the journal to lock it anew: a passphrase given beside a key file is the new one then.
    pub(crate) fn journal_to_lock(&self) -> anyhow::Result<OpenJournal> {
        let home = self.checked_home()?;
        let secret = self.needed_secret(&home)?;
        self.opened(Journal::open(&home, &secret)?)
    }

    /// Opens the journal, or makes one in a home that has none yet.
    pub(crate) fn journal_for_writing(&self) -> anyhow::Result<OpenJournal> {
        let home = self.checked_home()?;
        if home.exists() {
            return self.journal();
        }
        let secret = self.first_secret()?;
        let journal = Journal::open_or_create(&home, &secret)?;
        let place = home.path().display();
        self.out.note(match journal.protection() {
            Protection::KeyFile => format!(
                "made a journal in {place}, locked by the key file in it: keep copies of it without \
                 journal.key, or set a passphrase with `companion passphrase set`"
            ),
            Protection::Passphrase => format!(
                "made a journal in {place}, locked by your passphrase: without it, nobody can read \
                 the journal, and nobody can help"
            ),
        });
        self.opened(journal)
    }

    /// What opens the journal in `home`. A passphrase file that opens nothing is remarked on: whoever
    /// names one believes that the journal is locked by it.
    pub(crate) fn secret(&self, home: &Home) -> anyhow::Result<Secret> {
        let secret = self.needed_secret(home)?;
        if matches!(secret, Secret::None) && self.global.passphrase_file.is_some() && home.exists()
        {
            self.out
                .warn(format!("note: --passphrase-file {}", messages::NOT_LOCKED));
        }
        Ok(secret)
    }

    fn needed_secret(&self, home: &Home) -> anyhow::Result<Secret> {
        // A key file opens without a passphrase, even if the environment of a script holds one.
        if !home.exists() || home.protection()? == Protection::KeyFile {
            return Ok(Secret::None);
        }
        if let Some(given) = passphrase::given(&self.global)? {
            return Ok(Secret::passphrase(&given));
        }
        if input::is_interactive() {
            return Ok(Secret::passphrase(&passphrase::ask("Passphrase:")?));
        }
        Err(journal::Error::PassphraseNeeded.into())
    }

    /// What a new journal is locked with: the passphrase that was given, else the person's choice,
    /// else a key file.
    fn first_secret(&self) -> anyhow::Result<Secret> {
        if let Some(given) = passphrase::given(&self.global)? {
            return Ok(Secret::passphrase(&given));
        }
        if !input::is_interactive() {
            return Ok(Secret::None);
        }
        self.out.warn(
            "This is a new journal. A passphrase locks it; without one, a key file beside it does.",
        );
        let chosen = passphrase::ask_new("Passphrase (Enter for none):")?;
        Ok(if chosen.is_empty() {
            Secret::None
        } else {
            Secret::passphrase(&chosen)
        })
    }

    fn opened(&self, journal: Journal) -> anyhow::Result<OpenJournal> {
        for notice in journal.notices() {
            self.out.warn(format!("note: {notice}"));
        }
        Ok(OpenJournal::new(journal, self.now()?.date()))
    }

    /// Opens the encoder for analysis and search. `None` where none is installed.
    pub(crate) fn encoder(&self) -> anyhow::Result<Option<Encoder>> {
        // The configured one, else what `model pull minilm` leaves behind.
        let names = [self.config.encoder.as_str(), "minilm-int8", "minilm"];
        let Some(dir) = names
            .iter()
            .filter(|name| !name.is_empty() && !name.contains(['/', '\\', '\0']) && **name != "..")
            .map(|name| self.models_dir().join(name))
            .find(|dir| dir.join("model.json").is_file())
        else {
            return Ok(None);
        };
        Ok(Some(Encoder::open(&dir, &EncoderOptions::default())?))
    }

    /// Opens the instant tier. `None` where its model is not installed.
    pub(crate) fn instant(&self) -> anyhow::Result<Option<Instant>> {
        match self.encoder()? {
            Some(encoder) => Ok(Some(Instant::open(encoder)?)),
            None => Ok(None),
        }
    }
}

fn home_dir(global: &Global) -> anyhow::Result<PathBuf> {
    let set = || std::env::var_os("COMPANION_HOME").map(PathBuf::from);
    if let Some(home) = [global.home.clone(), set()]
        .into_iter()
        .flatten()
        .find(|home| !home.as_os_str().is_empty())
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
