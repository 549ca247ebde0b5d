//! The commands, one file each: its arguments with their help, then `run`.

mod analyze;
mod ask;
mod backup;
mod benchmark;
mod cache;
mod completions;
mod config;
mod doctor;
mod edit;
mod embed;
mod export;
mod fix;
mod fsck;
mod generate;
mod health;
mod history;
mod import;
mod list;
mod man;
mod metrics;
mod model;
mod new;
mod passphrase;
mod people;
mod profile;
mod prompt;
mod reflect;
mod rekey;
mod restore;
mod rm;
mod save;
mod search;
mod show;
mod similar;
mod summary;
mod tags;
mod today;
mod trends;
mod version;
mod write;

use jiff::civil::Date;
use jiff::{SignedDuration, ZonedDateTime};
use journal::{Filter, Journal};

use crate::args::Args;
use crate::context::Context;
use crate::exit::Exit;

/// Every subcommand, in the order in which the help lists them.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Save an entry, in one line or from a pipe
    New(new::Args),
    /// Write a longer entry
    Write(write::Args),
    /// List entries
    List(list::Args),
    /// Show one entry whole
    Show(show::Args),
    /// Change an entry; every version is kept
    Edit(edit::Args),
    /// Remove entries
    Rm(rm::Args),
    /// Undo a removal, or the last edit
    Restore(restore::Args),
    /// Show every version of an entry
    History(history::Args),
    /// List the tags and how often they are used
    Tags(tags::Args),
    /// Find entries by words and by meaning
    Search(search::Args),
    /// Find entries that resemble one
    Similar(similar::Args),
    /// Ask the next question
    Prompt(prompt::Args),
    /// Get a reply to an entry, and talk about it
    Reflect(reflect::Args),
    /// Ask the journal a question
    Ask(ask::Args),
    /// List the people who occur, each with the sentences
    People(people::PeopleArgs),
    /// List what you meant or promised to do
    Promises(people::PromisesArgs),
    /// Look back at a week, a month or any days
    Summary(summary::Args),
    /// Draw moods, themes and fields over time
    Trends(trends::Args),
    /// Bring in entries from other programs or from an export
    Import(import::Args),
    /// Write entries as Markdown or JSON
    Export(export::Args),
    /// Make, check and restore backups
    Backup(backup::Args),
    /// Check that the journal is whole, and save what can be read
    Fsck(fsck::Args),
    /// Set or remove the passphrase
    Passphrase(passphrase::Args),
    /// Encrypt the journal under a new key
    Rekey(rekey::Args),
    /// Tell how entries, or lines of text, feel and what they are about
    Analyze(analyze::Args),
    /// Say how an entry feels or what it is about, where the model is wrong
    Fix(fix::Args),
    /// Let a language model reply to a prompt
    Generate(generate::Args),
    /// Turn texts into vectors, line by line
    Embed(embed::Args),
    /// Fetch, list, check and remove models
    Model(model::Args),
    /// Show, explain and correct what the semantic cache keeps
    Cache(cache::Args),
    /// Show what was measured while Companion worked
    Metrics(metrics::Args),
    /// Check that everything installed works
    Health(health::Args),
    /// Find what stands in the way, and say what to do about it
    Doctor(doctor::Args),
    /// Measure this machine, and predict how fast each language model would be on it
    Profile(profile::Args),
    /// Measure what this machine does
    Benchmark(benchmark::Args),
    /// Show or change the settings in config.toml
    Config(config::Args),
    /// Print the completion script of a shell
    Completions(completions::Args),
    /// Print the manual page
    Man(man::Args),
    /// Print the version and what this build can do
    Version(version::Args),
}

impl Command {
    /// Whether it helps somebody whose journal or configuration is broken, or needs neither.
    fn rescues(&self) -> bool {
        matches!(
            self,
            Command::Fsck(_)
                | Command::Backup(_)
                | Command::Doctor(_)
                | Command::Export(_)
                | Command::Completions(_)
                | Command::Man(_)
                | Command::Version(_)
        )
    }
}

/// Runs what the command line asked for.
pub(crate) fn run(args: Args) -> anyhow::Result<Exit> {
    let rescues = args.command.as_ref().is_some_and(Command::rescues);
    let context = Context::new(args.global, rescues)?;
    let Some(command) = args.command else {
        return today::run(&context);
    };
    match command {
        Command::New(args) => new::run(&context, args),
        Command::Write(args) => write::run(&context, args),
        Command::List(args) => list::run(&context, &args),
        Command::Show(args) => show::run(&context, &args),
        Command::Edit(args) => edit::run(&context, &args),
        Command::Rm(args) => rm::run(&context, &args),
        Command::Restore(args) => restore::run(&context, &args),
        Command::History(args) => history::run(&context, &args),
        Command::Tags(args) => tags::run(&context, &args),
        Command::Search(args) => search::run(&context, &args),
        Command::Similar(args) => similar::run(&context, &args),
        Command::Prompt(args) => prompt::run(&context, &args),
        Command::Reflect(args) => reflect::run(&context, &args),
        Command::Ask(args) => ask::run(&context, &args),
        Command::People(args) => people::people(&context, &args),
        Command::Promises(args) => people::promises(&context, &args),
        Command::Summary(args) => summary::run(&context, &args),
        Command::Trends(args) => trends::run(&context, &args),
        Command::Import(args) => import::run(&context, &args),
        Command::Export(args) => export::run(&context, &args),
        Command::Backup(args) => backup::run(&context, &args),
        Command::Fsck(args) => fsck::run(&context, &args),
        Command::Passphrase(args) => passphrase::run(&context, &args),
        Command::Rekey(args) => rekey::run(&context, &args),
        Command::Analyze(args) => analyze::run(&context, &args),
        Command::Fix(args) => fix::run(&context, &args),
        Command::Generate(args) => generate::run(&context, &args),
        Command::Embed(args) => embed::run(&context, &args),
        Command::Model(args) => model::run(&context, &args),
        Command::Cache(args) => cache::run(&context, &args),
        Command::Metrics(args) => metrics::run(&context, &args),
        Command::Health(args) => health::run(&context, &args),
        Command::Doctor(args) => doctor::run(&context, &args),
        Command::Profile(args) => profile::run(&context, &args),
        Command::Benchmark(args) => benchmark::run(&context, &args),
        Command::Config(args) => config::run(&context, &args),
        Command::Completions(args) => completions::run(&context, &args),
        Command::Man(args) => man::run(&context, &args),
        Command::Version(args) => version::run(&context, &args),
    }
}

/// The day of the latest entry up to `now`; what lies ahead (imports may) is left out.
fn latest_day(journal: &Journal, now: &ZonedDateTime) -> anyhow::Result<Option<Date>> {
    let latest = Filter {
        to: Some(now.timestamp() + SignedDuration::from_secs(1)),
        limit: Some(1),
        newest_first: true,
        ..Filter::default()
    };
    Ok(journal.list(&latest)?.pop().map(|entry| entry.when.date()))
}
