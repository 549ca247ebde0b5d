//! The suites, and their report.

use std::path::PathBuf;

use anyhow::Context as _;
use bench::Options;

use super::{Args, show};
use crate::context::Context;
use crate::exit::Exit;

/// Runs the suites that were asked for; all of them where none was.
pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
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
    let report = bench::run(&options, &mut show::step(context))?;
    show::figures(context, &report, report.lines())
}

/// This program, as it was started.
fn program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("cannot find the program's own file")
}
