//! `companion benchmark`: what this machine does, measured. The user's journal is not opened.
//!
//! `decoder` holds the two measurements that other programs read (`--inference`, `--batch`), `suites` all others.

mod decoder;
mod show;
mod suites;

use std::path::PathBuf;

use engine::decoder::KvKind;

use crate::context::Context;
use crate::exit::Exit;

/// What to measure; everything where nothing is chosen.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A journal to measure is made in a temporary folder and removed again. With --json the \
    figures carry the machine, the kernel, the threads, the model and the commit."
)]
pub(crate) struct Args {
    /// The encoder: one short text, one long, many of both
    #[arg(long)]
    encoder: bool,
    /// The semantic cache: what it serves, how often that is wrong, how long it takes
    #[arg(long)]
    cache: bool,
    /// The journal: opening, saving, listing, finding
    #[arg(long)]
    journal: bool,
    /// The program from its start to its end
    #[arg(long)]
    startup: bool,
    /// A language model, named with -m: how fast it reads and writes
    #[arg(long, requires = "model", conflicts_with_all = ["encoder", "journal", "startup", "all"])]
    inference: bool,
    /// A language model, named with -m: a week of entries together and one by one, and many texts at once
    #[arg(long, requires = "model", conflicts_with_all = ["encoder", "journal", "startup", "all"])]
    batch: bool,
    /// All of it, but for language models
    #[arg(long)]
    all: bool,
    /// A folder whose pairs/ holds labelled pairs for --cache
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The model to measure [default: the encoder that the journal uses]
    #[arg(short, long, value_name = "NAME")]
    model: Option<String>,
    /// With --batch: runs that count
    #[arg(long, value_name = "N", default_value_t = 3, requires = "batch")]
    batch_runs: usize,
    /// With --batch: so many requests of somebody who waits, idle and beside bulk work, and reading ahead
    #[arg(long, value_name = "N", default_value_t = 0, requires = "batch")]
    serving: usize,
    /// With --inference: tokens to read
    #[arg(long, value_name = "N", default_value_t = 256, requires = "inference")]
    prompt_tokens: usize,
    /// With --inference: tokens to write after them
    #[arg(long, value_name = "N", default_value_t = 32, requires = "inference")]
    gen_tokens: usize,
    /// With --inference: texts to write at once
    #[arg(long, value_name = "N", default_value_t = 1, requires = "inference")]
    rows: usize,
    /// With --inference: runs that count
    #[arg(long, value_name = "N", default_value_t = 5, requires = "inference")]
    runs: usize,
    /// With --inference: type of the cached keys and values, f16, u8 or f32
    #[arg(long, value_name = "TYPE", default_value_t = KvKind::F16, requires = "inference")]
    kv: KvKind,
    /// With --inference: the same bits on every machine
    #[arg(long, requires = "inference")]
    exact: bool,
    /// Threads of the model [default: COMPANION_THREADS, else all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Entries in the journal that is measured
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    entries: usize,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    match &args.model {
        Some(model) if args.batch => decoder::batch(context, args, model),
        Some(model) if args.inference => decoder::inference(context, args, model),
        _ => suites::run(context, args),
    }
}
