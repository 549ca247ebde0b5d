//! `companion benchmark`: what this machine does, measured. The user's journal is not opened.

use std::path::PathBuf;

use anyhow::Context as _;
use bench::{BatchOptions, InferenceOptions, Options};
use engine::decoder::KvKind;

use crate::context::Context;
use crate::exit::Exit;
use crate::output::Line;
use crate::output::Style;

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
    if let (true, Some(model)) = (args.batch, &args.model) {
        return batch(context, args, model);
    }
    if let (true, Some(model)) = (args.inference, &args.model) {
        return inference(context, args, model);
    }
    let all = args.all || !(args.encoder || args.cache || args.journal || args.startup);
    let options = Options {
        encoder: all || args.encoder,
        cache: all || args.cache,
        data: args.data.clone(),
        journal: all || args.journal,
        startup: all || args.startup,
        models_dir: context.models_dir(),
        model: args
            .model
            .clone()
            .unwrap_or_else(|| context.config.encoder.clone()),
        threads: args.threads,
        entries: args.entries.max(1),
        program: program()?,
    };
    let report = bench::run(&options, &mut |step| {
        context
            .out
            .note(Line::new().dim(format!("measuring {step}")));
    })?;
    if context.out.is_json() {
        context.out.json(&report)?;
        return Ok(Exit::Success);
    }
    for line in report.lines() {
        let style = if line.starts_with("warning: ") {
            Style::Bad
        } else {
            Style::Plain
        };
        context.out.line(Line::new().styled(style, line))?;
    }
    Ok(Exit::Success)
}

/// Measures how the language model `model` serves many texts at once.
fn batch(context: &Context, args: &Args, model: &str) -> anyhow::Result<Exit> {
    let options = BatchOptions {
        models_dir: context.models_dir(),
        model: model.to_owned(),
        threads: args.threads,
        runs: args.batch_runs,
        exact: false,
        requests: args.serving,
    };
    let figures = bench::measure_batch(&options, &mut |step| {
        context
            .out
            .note(Line::new().dim(format!("measuring {step}")));
    })?;
    if context.out.is_json() {
        context.out.json(&figures)?;
        return Ok(Exit::Success);
    }
    for line in figures.lines() {
        context.out.line(line)?;
    }
    Ok(Exit::Success)
}

/// Measures the language model `model`.
fn inference(context: &Context, args: &Args, model: &str) -> anyhow::Result<Exit> {
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
    let figures = bench::measure_inference(&options, &mut |step| {
        context.out.note(Line::new().dim(step));
    })?;
    if context.out.is_json() {
        context.out.json(&figures)?;
        return Ok(Exit::Success);
    }
    for line in figures.lines() {
        context.out.line(line)?;
    }
    Ok(Exit::Success)
}

/// This program, as it was started.
fn program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("cannot find the program's own file")
}
