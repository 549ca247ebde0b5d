//! The exit codes, and how an error finds its own.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

use crate::output::escape;

/// What `companion` tells the shell. The numbers are part of the interface: scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// All went well.
    Success = 0,
    /// Some items failed, or something went wrong that has no code of its own.
    Failed = 1,
    /// The command line was not understood.
    Usage = 2,
    /// No such entry, model, file or journal.
    NotFound = 3,
    /// The journal is locked: no passphrase, or the wrong one.
    Locked = 4,
    /// A file is damaged, or was made by a newer version.
    Damaged = 5,
    /// The disk is full, read-only, or another program holds the journal.
    CannotWrite = 6,
    /// Stopped by Ctrl-C.
    Interrupted = 130,
}

/// The table of exit codes as the help and the man page show it.
pub(crate) const HELP: &str = "\
Exit codes:
    0  all went well
    1  some items failed, or an error without a code of its own
    2  the command line was not understood
    3  no such entry, model, file or journal
    4  the journal is locked: no passphrase, or the wrong one
    5  a file is damaged, or was made by a newer version
    6  cannot write: disk full, read-only, or held by another program
  130  stopped by Ctrl-C";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// An error with a message for the user and the exit code that goes with it.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    /// A failure that exits with `exit`; `message` names the thing, then the way out.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure {
            exit,
            message: message.into(),
        }
    }

    /// A request that makes no sense as written (exit code 2).
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, message)
    }

    /// Something that is not there (exit code 3).
    pub(crate) fn not_found(message: impl Into<String>) -> Failure {
        Failure::new(Exit::NotFound, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The reader of stdout has gone away (`companion list | head -1`); a quiet success.
#[derive(Debug)]
pub(crate) struct ClosedPipe;

impl fmt::Display for ClosedPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reader of the output has gone away")
    }
}

impl std::error::Error for ClosedPipe {}

/// The code for `error`: the first link of its chain that has one.
pub(crate) fn code_of(error: &anyhow::Error) -> Exit {
    for link in error.chain() {
        if link.is::<ClosedPipe>() {
            return Exit::Success;
        }
        if let Some(failure) = link.downcast_ref::<Failure>() {
            return failure.exit;
        }
        if let Some(error) = link.downcast_ref::<journal::Error>() {
            return of_journal(error);
        }
        if let Some(error) = link.downcast_ref::<engine::Error>() {
            return of_engine(error);
        }
        if let Some(error) = link.downcast_ref::<assistant::Error>() {
            return of_assistant(error);
        }
    }
    Exit::Failed
}

fn of_journal(error: &journal::Error) -> Exit {
    use journal::Error as E;
    match error {
        E::NoJournal { .. } | E::NoEntry(_) | E::Removed(_) | E::NothingToRestore(_) => {
            Exit::NotFound
        }
        E::WrongPassphrase
        | E::PassphraseNeeded
        | E::KeyFileMissing { .. }
        | E::WrongKeyFile { .. } => Exit::Locked,
        E::KeyFileDamaged { .. }
        | E::VaultMissing { .. }
        | E::VaultDamaged { .. }
        | E::NewerVault { .. }
        | E::DatabaseMissing { .. }
        | E::DatabaseDamaged { .. }
        | E::NewerSchema { .. }
        | E::Backup { .. } => Exit::Damaged,
        E::ReadOnly { .. }
        | E::DiskFull
        | E::Busy { .. }
        | E::InUse { .. }
        | E::ChangedMeanwhile { .. } => Exit::CannotWrite,
        E::AlreadyExists { .. }
        | E::HomeNotEmpty { .. }
        | E::PassphraseNotUsed
        | E::EmptyPassphrase
        | E::EmptyText
        | E::TextTooLong { .. }
        | E::Invalid { .. } => Exit::Usage,
        E::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Exit::NotFound,
        _ => Exit::Failed,
    }
}

fn of_assistant(error: &assistant::Error) -> Exit {
    use assistant::Error as E;
    match error {
        // These two show the error below as their own, so the chain does not hold it.
        E::Journal(error) => of_journal(error),
        E::Engine(error) => of_engine(error),
        E::NotEmbedded { .. } => Exit::NotFound,
        E::Span { .. } => Exit::Usage,
        _ => Exit::Failed,
    }
}

fn of_engine(error: &engine::Error) -> Exit {
    use engine::Error as E;
    match error {
        E::NoModel { .. } => Exit::NotFound,
        E::Weights { .. } | E::Tokenizer { .. } | E::Manifest { .. } | E::Digest { .. } => {
            Exit::Damaged
        }
        E::BadName { .. } | E::Kernel(_) | E::Threads { .. } => Exit::Usage,
        _ => Exit::Failed,
    }
}

/// What `error` says and what lies below it says, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        text = format!("{text}: {error}");
        below = error.source();
    }
    text
}

/// Prints the chain of `error` once, escaped, on stderr, and returns its code.
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    let exit = code_of(error);
    if exit != Exit::Success {
        // A closed stderr leaves nobody to tell.
        let _ = writeln!(
            std::io::stderr(),
            "companion: {}",
            escape::lines(&whole_chain(error))
        );
    }
    exit
}

/// Every link, said once: some libraries already show the error below as part of their own.
fn whole_chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for link in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = link;
        } else if !text.contains(&link) {
            text = format!("{text}: {link}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn code_is_found_below_added_context() {
        let error = Err::<(), _>(Failure::not_found("no entry 7"))
            .context("could not show it")
            .unwrap_err();
        assert_eq!(code_of(&error), Exit::NotFound);
    }

    #[test]
    fn an_error_that_shows_the_one_below_says_it_once() {
        let below = anyhow::anyhow!("bad tensor");
        let above = below.context("weights: bad tensor").context("cannot open");
        assert_eq!(whole_chain(&above), "cannot open: weights: bad tensor");
    }

    #[test]
    fn closed_pipe_is_a_quiet_success() {
        assert_eq!(code_of(&ClosedPipe.into()), Exit::Success);
    }
}
