//! `companion rekey`: a new key for the whole journal.

use journal::{Journal, Protection};

use crate::context::Context;
use crate::exit::Exit;

/// Nothing to set.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Encrypts every page again under a new key. The passphrase, or journal.key, stays what it was and opens \
    the new vault, too: where somebody may have had both the journal and what opens it, change that first with \
    `companion passphrase set` (and `companion passphrase remove` for a new key file). Backups made before \
    keep the old key."
)]
pub(crate) struct Args {}

pub(crate) fn run(context: &Context, _args: &Args) -> anyhow::Result<Exit> {
    let home = context.journal_home();
    let secret = context.secret(&home)?;
    let mut journal = Journal::open(&home, &secret)?;
    journal.rekey(&secret)?;
    if context.out.is_json() {
        context.out.json(&serde_json::json!({"rekeyed": true}))?;
    }
    context.out.note(match journal.protection() {
        Protection::Passphrase => {
            "the journal is encrypted under a new key; the passphrase is the same: if somebody may know it, \
             change it with `companion passphrase set`"
        }
        Protection::KeyFile => {
            "the journal is encrypted under a new key; journal.key is the same: if somebody may have a copy, \
             replace it with `companion passphrase set` and then `companion passphrase remove`"
        }
    });
    Ok(Exit::Success)
}
