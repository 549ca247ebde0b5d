//! `companion benchmark`: what this machine does, measured. The user's journal is not opened.
//!
//! `decoder` holds the two measurements that other programs read (`--inference`, `--batch`), `suites` all others.

mod decoder;
mod show;
mod suites;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::context::Context;
use crate::exit::{Exit, Failure};

/// What to measure; everything where nothing is chosen.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A journal to measure is made in a temporary folder and removed again. The figures carry the machine, the \
    kernel, the threads, the model and the commit; --json keeps the samples too.\n\n\
    With --prompt-tokens, --gen-tokens, --rows, --kv or --exact, --inference measures one language model at that size and \
    prints one object; so does --batch -m NAME."
)]
pub(crate) struct Args {
    /// Models at texts of 50, 200 and 500 words: latency, memory, processor
    #[arg(long)]
    inference: bool,
    /// The encoder: one short text, one long, many of both
    #[arg(long)]
    encoder: bool,
    /// Models in floats beside fewer bits: accuracy, divergence, size, memory, latency, and whether thresholds hold
    #[arg(long)]
    quantization: bool,
    /// Language models: a week of entries together and one by one, and many texts at once
    #[arg(long)]
    batch: bool,
    /// The semantic cache: what it serves, how often that is wrong, how long it takes
    #[arg(long)]
    cache: bool,
    /// The journal: opening, saving, finding; an entry of the day, a look back at the week
    #[arg(long)]
    journal: bool,
    /// The program from its start to its end, and each model as it is loaded: cold, warm, bytes read
    #[arg(long)]
    startup: bool,
    /// All of it
    #[arg(long)]
    all: bool,
    /// Few samples: minutes in place of tens of minutes
    #[arg(long)]
    quick: bool,
    /// A folder of labelled sets: pairs/ for --cache, labelled/covidet.jsonl for the summaries of --journal
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The model to measure [default: the encoder that the journal uses, and every language model installed]
    #[arg(short, long, value_name = "NAME")]
    model: Option<String>,
    /// The peers' figures too, from the JSON files that `make benchmark-peers` left in DIR [default DIR: target/peers]
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = "target/peers")]
    peers: Option<PathBuf>,
    /// A report that --json wrote earlier, to stand beside
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Also write the report as one page with plots
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Also write the report as JSON, for a later --compare
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Runs that count, for every figure [default: what each needs]
    #[arg(long, value_name = "N", value_parser = runs)]
    runs: Option<NonZeroUsize>,
    /// With --batch: runs that count
    #[arg(long, value_name = "N", requires = "batch", value_parser = runs)]
    batch_runs: Option<NonZeroUsize>,
    /// With --batch: so many requests of somebody who waits, idle and beside bulk work, and reading ahead
    #[arg(long, value_name = "N", default_value_t = 0)]
    serving: usize,
    #[command(flatten)]
    point: decoder::Point,
    /// Threads of the model [default: COMPANION_THREADS, else all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Entries in the journal that is measured [default: 10000; 2000 with --quick]
    #[arg(long, value_name = "N")]
    entries: Option<usize>,
}

/// A number of runs: of none there is no figure.
fn runs(text: &str) -> Result<NonZeroUsize, String> {
    (text.parse()).map_err(|_| "a figure needs one run or more".to_owned())
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let others =
        args.all || args.encoder || args.quantization || args.cache || args.journal || args.startup;
    let wants_report = args.html.is_some() || args.save.is_some() || args.compare.is_some();
    match &args.model {
        Some(model) if args.inference && args.point.is_given() => {
            decoder::inference(context, args, model)
        }
        Some(model) if args.batch && !args.inference && !others && !wants_report => {
            decoder::batch(context, args, model)
        }
        None if args.point.is_given() => Err(Failure::usage(
            "--prompt-tokens, --gen-tokens, --rows, --kv and --exact are about one model; name it with -m".to_owned(),
        )
        .into()),
        _ => suites::run(context, args),
    }
}
