//! `companion rekey`: a new key for the whole journal.

use journal::Journal;

use crate::context::Context;
use crate::exit::Exit;

/// Nothing to set.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Encrypts every page again under a new key; the passphrase stays. Use it when somebody may have\n\
    had both the journal and what opens it. Backups made before keep the old key."
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
    context.out.note("the journal is encrypted under a new key");
    Ok(Exit::Success)
}
