//! One language model at one size of work: one object of figures, whose form the scripts of the peers read.

use std::num::NonZeroUsize;

use bench::{BatchOptions, InferenceOptions};
use engine::decoder::KvKind;

use super::{Args, show};
use crate::context::Context;
use crate::exit::Exit;

/// The size of the work.
#[derive(Debug, clap::Args)]
pub(super) struct Point {
    /// With --inference -m NAME: tokens to read [default: 256]
    #[arg(long, value_name = "N", requires = "inference")]
    prompt_tokens: Option<usize>,
    /// With --inference -m NAME: tokens to write after them [default: 32]
    #[arg(long, value_name = "N", requires = "inference")]
    gen_tokens: Option<usize>,
    /// With --inference -m NAME: texts to write at once [default: 1]
    #[arg(long, value_name = "N", requires = "inference")]
    rows: Option<usize>,
    /// With --inference -m NAME: type of the cached keys and values, f16, u8 or f32 [default: f16]
    #[arg(long, value_name = "TYPE", requires = "inference")]
    kv: Option<KvKind>,
    /// With --inference -m NAME: the same bits on every machine
    #[arg(long, requires = "inference")]
    exact: bool,
}

impl Point {
    /// Whether one size was asked for, and not the table of all.
    pub(super) fn is_given(&self) -> bool {
        let sizes = [self.prompt_tokens, self.gen_tokens, self.rows];
        sizes.iter().any(Option::is_some) || self.kv.is_some() || self.exact
    }
}

/// Runs of one size, where nobody says.
const RUNS: usize = 5;
/// Runs of the week, where nobody says.
const BATCH_RUNS: usize = 3;

/// Measures how the language model `model` serves many texts at once.
pub(super) fn batch(context: &Context, args: &Args, model: &str) -> anyhow::Result<Exit> {
    let options = BatchOptions {
        models_dir: context.models_dir(),
        model: model.to_owned(),
        threads: args.threads,
        runs: (args.batch_runs.or(args.runs)).map_or(BATCH_RUNS, NonZeroUsize::get),
        exact: false,
        requests: args.serving,
    };
    let figures = bench::measure_batch(&options, &mut show::step(context))?;
    show::figures(context, &figures, figures.lines())
}

/// Measures how fast the language model `model` reads and writes.
pub(super) fn inference(context: &Context, args: &Args, model: &str) -> anyhow::Result<Exit> {
    let options = InferenceOptions {
        models_dir: context.models_dir(),
        model: model.to_owned(),
        prompt_tokens: args.point.prompt_tokens.unwrap_or(256).max(1),
        gen_tokens: args.point.gen_tokens.unwrap_or(32),
        rows: args.point.rows.unwrap_or(1).max(1),
        threads: args.threads,
        runs: args.runs.map_or(RUNS, NonZeroUsize::get),
        kv: args.point.kv.unwrap_or(KvKind::F16),
        exact: args.point.exact,
    };
    let figures = bench::measure_inference(&options, &mut show::step(context))?;
    show::figures(context, &figures, figures.lines())
}
