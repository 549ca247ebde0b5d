//! One language model at one size of work: one object of figures, whose form the scripts of the peers read.

use bench::{BatchOptions, InferenceOptions};

use super::{Args, show};
use crate::context::Context;
use crate::exit::Exit;

/// Measures how the language model `model` serves many texts at once.
pub(super) fn batch(context: &Context, args: &Args, model: &str) -> anyhow::Result<Exit> {
    let options = BatchOptions {
        models_dir: context.models_dir(),
        model: model.to_owned(),
        threads: args.threads,
        runs: args.batch_runs,
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
        prompt_tokens: args.prompt_tokens.max(1),
        gen_tokens: args.gen_tokens,
        rows: args.rows.max(1),
        threads: args.threads,
        runs: args.runs.max(1),
        kv: args.kv,
        exact: args.exact,
    };
    let figures = bench::measure_inference(&options, &mut show::step(context))?;
    show::figures(context, &figures, figures.lines())
}
