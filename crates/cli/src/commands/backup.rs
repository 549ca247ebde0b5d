//! `companion backup`: one file that holds the whole journal, encrypted as it is.

use std::path::{Path, PathBuf};

use journal::backup::{self, Manifest};
use journal::{Protection, Secret};
use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;
use crate::input;
use crate::messages;
use crate::output::Line;
use crate::passphrase;

/// Where the journal remembers when its last backup was made, as a timestamp of RFC 3339.
pub(super) const LAST_BACKUP: &str = "backup.last";

/// What to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Write a backup of the whole journal to FILE
    Create {
        /// A file that does not exist yet, best on another disk
        file: PathBuf,
        /// Leave the key file out; without it, the backup is of no use
        #[arg(long)]
        without_key: bool,
    },
    /// Check that a backup is whole and can be restored
    Verify {
        /// The backup
        file: PathBuf,
    },
    /// Put a backup back, into an empty home
    Restore {
        /// The backup
        file: PathBuf,
        /// Replace the journal that is there, after an automatic backup of it
        #[arg(long)]
        replace: bool,
    },
}

#[derive(Serialize)]
struct Report<'a> {
    file: &'a Path,
    #[serde(flatten)]
    manifest: &'a Manifest,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    automatic_backup: Option<&'a Path>,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    match &args.action {
        Action::Create { file, without_key } => create(context, file, !without_key),
        Action::Verify { file } => verify(context, file),
        Action::Restore { file, replace } => restore(context, file, *replace),
    }
}

fn create(context: &Context, file: &Path, with_key: bool) -> anyhow::Result<Exit> {
    let mut journal = context.journal()?;
    let manifest = backup::create(&journal, file, with_key)?;
    if !journal.is_read_only() {
        // So that `companion doctor` knows when the last one was made.
        journal.set_meta(LAST_BACKUP, Some(&jiff::Timestamp::now().to_string()))?;
    }
    if context.out.is_json() {
        context.out.json(&Report::of(file, &manifest))?;
        return Ok(Exit::Success);
    }
    context.out.line(
        Line::new()
            .plain("backed up ")
            .bold(entries(manifest.entries))
            .plain(format!(" to {}", file.display())),
    )?;
    say_what_opens(context, &manifest);
    Ok(Exit::Success)
}

fn verify(context: &Context, file: &Path) -> anyhow::Result<Exit> {
    let mut verified = backup::verify(file, None)?;
    if let Some(secret) = secret_for(context, &verified.manifest)? {
        verified = backup::verify(file, Some(&secret))?;
    }
    let opened = verified.entries.is_some();
    if context.out.is_json() {
        context.out.json(&Report {
            opened: Some(opened),
            ..Report::of(file, &verified.manifest)
        })?;
        return Ok(Exit::Success);
    }
    let line = Line::new().bold(file.display().to_string());
    context.out.line(if opened {
        line.plain(format!(
            " is whole, opens, and holds {}",
            entries(verified.entries)
        ))
    } else {
        line.plain(" is whole; it was not opened, for want of its key or passphrase")
    })?;
    Ok(Exit::Success)
}

fn restore(context: &Context, file: &Path, replace: bool) -> anyhow::Result<Exit> {
    let restored = backup::restore(file, &context.journal_home(), replace)?;
    let automatic = restored.automatic_backup.as_deref();
    if context.out.is_json() {
        context.out.json(&Report {
            automatic_backup: automatic,
            ..Report::of(file, &restored.manifest)
        })?;
        return Ok(Exit::Success);
    }
    context.out.line(
        Line::new()
            .plain("restored ")
            .bold(entries(restored.manifest.entries))
            .plain(format!(" into {}", context.home().display())),
    )?;
    for name in restored.manifest.missing() {
        context.out.warn(format!(
            "the backup held no {name}, like the home that it was made of; without it the journal cannot be read"
        ));
    }
    if restored.manifest.protection == Protection::KeyFile && !restored.manifest.holds_key {
        context.out.warn(format!(
            "the backup does not hold the key: put journal.key into {} before you open the journal",
            context.home().display()
        ));
    }
    if let Some(before) = automatic {
        context.out.note(format!(
            "the journal that was there before is in {}",
            before.display()
        ));
    }
    Ok(Exit::Success)
}

impl<'a> Report<'a> {
    fn of(file: &'a Path, manifest: &'a Manifest) -> Report<'a> {
        Report {
            file,
            manifest,
            opened: None,
            automatic_backup: None,
        }
    }
}

fn entries(count: Option<u64>) -> String {
    count.map_or_else(|| "a journal".to_owned(), messages::entries)
}

/// Who can read the backup: the one thing to know when choosing where it lies.
fn say_what_opens(context: &Context, manifest: &Manifest) {
    context.out.note(match (manifest.protection, manifest.holds_key) {
        (Protection::Passphrase, _) => "it opens with the passphrase of today, and with nothing else",
        (Protection::KeyFile, true) => {
            "it holds the key: whoever has this file can read the journal, so guard it like the journal"
        }
        (Protection::KeyFile, false) => {
            "it does not hold the key: keep journal.key too, or the backup is of no use"
        }
    });
}

/// What opens the backup, if it is at hand.
fn secret_for(context: &Context, manifest: &Manifest) -> anyhow::Result<Option<Secret>> {
    if manifest.protection == Protection::KeyFile {
        return Ok(manifest.holds_key.then_some(Secret::None));
    }
    if let Some(given) = passphrase::given(&context.global)? {
        return Ok(Some(Secret::passphrase(&given)));
    }
    if input::is_interactive() {
        let typed = passphrase::ask("Passphrase of the backup (Enter to check without):")?;
        return Ok((!typed.is_empty()).then(|| Secret::passphrase(&typed)));
    }
    Ok(None)
}
