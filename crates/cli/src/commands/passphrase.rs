//! `companion passphrase`: what locks the journal.

use std::path::PathBuf;

use journal::{Protection, Secret};
use serde::Serialize;

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::passphrase;

/// What to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Set or change the passphrase; takes a moment, however long the journal
    Set {
        /// Read the new passphrase from the first line of FILE
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
    /// Remove the passphrase: a key file beside the journal opens it then
    Remove,
}

#[derive(Serialize)]
struct Report {
    protection: Protection,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let mut journal = context.journal_to_lock()?;
    match &args.action {
        Action::Set {
            new_passphrase_file,
        } => {
            let new = new_passphrase(context, journal.protection(), new_passphrase_file)?;
            journal.change_passphrase(&new)?;
            context.out.note(
                "the passphrase is set; backups made before still open with what locked them then",
            );
            for file in journal.backups_with_key()? {
                context.out.warn(format!(
                    "{} can still be read without the passphrase; delete it when you do not need it",
                    file.display()
                ));
            }
        }
        Action::Remove => {
            let file = context.journal_home().key_file();
            let key = file.display();
            if journal.protection() == Protection::KeyFile {
                context.out.note(format!(
                    "no passphrase is set, so nothing changed: the key in {key} opens the journal"
                ));
            } else {
                journal.change_passphrase(&Secret::None)?;
                context.out.note(format!(
                    "the passphrase is removed: the key in {key} opens the journal now, for whoever can read that file; \
                     `companion passphrase set` locks it with a passphrase again"
                ));
                context
                    .out
                    .note("backups made while it was set still need the old passphrase");
            }
        }
    }
    if context.out.is_json() {
        context.out.json(&Report {
            protection: journal.protection(),
        })?;
    }
    Ok(Exit::Success)
}

/// The new passphrase: from its file, from the keyboard, or, where a key file has locked the journal
/// so far, the one that was given with the command.
fn new_passphrase(
    context: &Context,
    protection: Protection,
    file: &Option<PathBuf>,
) -> anyhow::Result<Secret> {
    if let Some(file) = file {
        return Ok(Secret::passphrase(&passphrase::from_file(file)?));
    }
    if protection == Protection::KeyFile
        && let Some(given) = passphrase::given(&context.global)?
    {
        return Ok(Secret::passphrase(&given));
    }
    if !input::is_interactive() {
        return Err(Failure::new(
            Exit::Locked,
            "there is nobody to ask for the new passphrase; use --new-passphrase-file FILE",
        )
        .into());
    }
    let typed = passphrase::ask_new("New passphrase:")?;
    if typed.is_empty() {
        return Err(journal::Error::EmptyPassphrase.into());
    }
    Ok(Secret::passphrase(&typed))
}
