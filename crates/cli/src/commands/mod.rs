//! The commands, one file each: its arguments with their help, then `run`.

mod completions;
mod config;
mod embed;
mod man;
mod model;
mod version;

use crate::args::Args;
use crate::context::Context;
use crate::exit::{Exit, Failure};

/// Every subcommand, in the order in which the help lists them.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Turn texts into vectors, line by line
    Embed(embed::Args),
    /// Fetch, list, check and remove models
    Model(model::Args),
    /// Show or change the settings in config.toml
    Config(config::Args),
    /// Print the completion script of a shell
    Completions(completions::Args),
    /// Print the manual page
    Man(man::Args),
    /// Print the version and what this build can do
    Version(version::Args),
}

/// Runs what the command line asked for.
pub(crate) fn run(args: Args) -> anyhow::Result<Exit> {
    let context = Context::new(args.global)?;
    let Some(command) = args.command else {
        return Err(Failure::usage("say what to do; `companion --help` lists the commands").into());
    };
    match command {
        Command::Embed(args) => embed::run(&context, &args),
        Command::Model(args) => model::run(&context, &args),
        Command::Config(args) => config::run(&context, &args),
        Command::Completions(args) => completions::run(&context, &args),
        Command::Man(args) => man::run(&context, &args),
        Command::Version(args) => version::run(&context, &args),
    }
}
