//! The journal itself: it opens, it is analysed, it is backed up.

use jiff::{SignedDuration, Timestamp};
use journal::{Journal, Protection};

use super::Report;
use crate::commands::backup::LAST_BACKUP;
use crate::context::Context;
use crate::messages;
use crate::passphrase;

/// A backup older than this is old.
const OLD_DAYS: i64 = 30;

/// A journal with fewer entries is not worth a reminder.
const FEW_ENTRIES: u64 = 10;

pub(super) fn check(context: &Context, report: &mut Report) {
    let home = context.journal_home();
    if !home.exists() {
        match home.database().exists() {
            true => {
                report.did("journal");
                report.problem(
                    "vault-missing",
                    format!("{} is there and its key, vault.json, is not", home.database().display()),
                    "bring vault.json back from a copy, or restore a backup with `companion backup restore FILE`",
                );
            }
            false => report.skip("journal", "there is none yet"),
        }
        return;
    }
    report.did("vault");
    let locked = match home.protection() {
        Ok(protection) => protection == Protection::Passphrase,
        Err(error) => {
            let says = error.to_string();
            report.problem(
                "vault-damaged",
                says,
                "`companion backup restore FILE --replace` brings back a backup",
            );
            return;
        }
    };
    if !home.vault_previous().exists() {
        report.advise(
            "vault-copy",
            "the second copy of vault.json is gone; if the first is damaged, the journal cannot be read",
            "make a backup now: `companion backup create FILE`",
        );
    }
    match passphrase::given(&context.global) {
        Ok(None) if locked => {
            report.skip(
                "journal",
                "locked; COMPANION_PASSPHRASE or --passphrase-file opens it",
            );
            return;
        }
        Err(error) => {
            report.skip("journal", format!("{error:#}"));
            return;
        }
        Ok(_) => {}
    }
    report.did("journal");
    let found = context
        .journal()
        .and_then(|journal| look_into(&journal, report));
    if let Err(error) = found {
        report.problem(
            "journal",
            format!("{error:#}"),
            "`companion fsck` tells what can be read and saves it",
        );
    }
}

fn look_into(journal: &Journal, report: &mut Report) -> anyhow::Result<()> {
    let stats = journal.stats()?;
    if stats.queued > 0 {
        report.advise(
            "not-analysed",
            format!("{} for analysis", waits(stats.queued)),
            "`companion analyze` reads what is waiting (it needs an encoder)",
        );
    }
    report.did("backups");
    backups(journal, stats.entries, report)?;
    report.did("clock");
    // A day for time zones and for entries written ahead.
    let ahead = Timestamp::now() + SignedDuration::from_hours(48);
    if let Some(last) = stats.last.filter(|last| last.timestamp() > ahead) {
        report.advise(
            "clock",
            format!(
                "the latest entry is of {}, days ahead of this computer's clock",
                last.date()
            ),
            "set the clock, or correct the entry with `companion edit`",
        );
    }
    Ok(())
}

fn waits(count: u64) -> String {
    messages::counted(count, "entry waits", "entries wait")
}

fn backups(journal: &Journal, entries: u64, report: &mut Report) -> anyhow::Result<()> {
    let last: Option<Timestamp> = journal
        .meta(LAST_BACKUP)?
        .and_then(|text| text.parse().ok());
    let action = "`companion backup create FILE`, best on another disk";
    match last {
        None if entries >= FEW_ENTRIES => report.advise(
            "backup-none",
            format!("no backup was made of {} yet", messages::entries(entries)),
            action,
        ),
        Some(last) => {
            let days = Timestamp::now().duration_since(last).as_hours() / 24;
            if days > OLD_DAYS {
                report.advise(
                    "backup-old",
                    format!("the last backup is {days} days old"),
                    action,
                );
            }
        }
        None => {}
    }
    if journal.protection() == Protection::Passphrase {
        for path in journal.backups_with_key()? {
            let shown = path.display();
            report.problem(
                "backup-with-key",
                format!("{shown} holds a key: whoever has it reads the journal of that day without the passphrase"),
                format!("`rm {shown}`, once you have a newer backup"),
            );
        }
    }
    Ok(())
}
