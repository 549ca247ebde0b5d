//! `companion model`: getting, making, checking and removing models. No journal is opened here but by `tune`.

mod gate;
mod import;
mod list;
mod ps;
mod pull;
mod quantize;
mod rm;
mod show;
mod synth;
mod table;
mod tune;
mod verify;

use engine::store::ModelStore;
pub(crate) use table::size;

use crate::context::Context;
use crate::exit::Exit;

/// Which of the model commands.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Fetch a model, check it, and make its fast form
    Pull(pull::Args),
    /// List the installed models
    List,
    /// List the models that are open now, and in which process
    #[command(
        after_help = "Models are found by the files that processes have mapped: their weights, or, where weights are read into \
    memory (BF16, several files, GGUF), the compiled tokenizer. Of the latter nobody can tell how much is in memory, and one \
    whose tokenizer is not a byte-level BPE has none and is not seen. The kernel is the one that runs the model where \
    COMPANION_KERNEL says nothing else."
    )]
    Ps,
    /// Show what is known about one model
    Show(show::Args),
    /// Remove a model
    Rm(rm::Args),
    /// Read every byte of a model again and compare its digest
    Verify(verify::Args),
    /// Make a smaller, faster form of a model
    Quantize(quantize::Args),
    /// Compare a small encoder with its float form on your own entries
    Tune(tune::Args),
    /// Install a model from files on this computer
    Import(import::Args),
    /// Make a language model of random weights, to measure speed
    Synth(synth::Args),
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let store = ModelStore::new(context.models_dir());
    match &args.action {
        Action::Pull(args) => pull::run(context, &store, args),
        Action::List => list::run(context, &store),
        Action::Ps => ps::run(context, &store),
        Action::Show(args) => show::run(context, &store, args),
        Action::Rm(args) => rm::run(context, &store, args),
        Action::Verify(args) => verify::run(context, &store, args),
        Action::Quantize(args) => quantize::run(context, &store, args),
        Action::Tune(args) => tune::run(context, &store, args),
        Action::Import(args) => import::run(context, &store, args),
        Action::Synth(args) => synth::run(context, &store, args),
    }
}
