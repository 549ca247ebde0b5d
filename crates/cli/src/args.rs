//! The command line: what is global, and the list of subcommands.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Parser;
use clap::error::ErrorKind;

use crate::commands::Command;
use crate::exit::{self, Exit};
use crate::output::escape;

/// A private journal that thinks with you. Everything stays on this computer, encrypted.
///
/// Without a command, Companion asks today's question and lets you write.
#[derive(Debug, Parser)]
#[command(
    name = "companion",
    version,
    after_help = "Examples:\n  \
        companion new \"yesterday 8pm: walked to the lake with Ana #outside\"\n  \
        companion list --from \"last monday\" --tag outside\n  \
        companion search \"when did I feel calm\"\n  \
        companion summary --week\n\n\
        `companion COMMAND --help` tells more; `companion --help` lists the exit codes.",
    after_long_help = exit::HELP,
    disable_help_subcommand = false,
    infer_subcommands = false
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Options that every command understands, under a heading of their own: among a command's own ones they would hide them.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Where the journal, the models and the configuration live [default: ~/.companion] (also: COMPANION_HOME)
    // Not clap's `env`: it would show `--home <DIR>` as needed in every message about usage.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Print one JSON value on stdout and nothing else
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print without colours (also: NO_COLOR=1)
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Read the passphrase from the first line of FILE (also: COMPANION_PASSPHRASE)
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Say only what was asked for: no hints, no progress
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

/// Parses the command line. Help and version are printed here, to stdout, and are a success; a
/// mistake is printed to stderr, escaped, with exit code 2.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Args, Exit> {
    let error = match Args::try_parse_from(args) {
        Ok(args) => return Ok(args),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A closed pipe (`companion --help | head`) is no failure.
            let _ = error.print();
            Err(Exit::Success)
        }
        _ => {
            let text = error.render().to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            let _ = write!(std::io::stderr(), "companion: {}", escape::lines(text));
            Err(Exit::Usage)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn every_command_is_well_formed() {
        Args::command().debug_assert();
    }
}
