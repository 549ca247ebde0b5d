//! The suites, and their report.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bench::{Kinds, Options, Suite};
use engine::store::ModelStore;

use super::{Args, show};
use crate::context::Context;
use crate::exit::Exit;

/// Language models that are measured without being named, with --quick.
const QUICK_MODELS: usize = 2;

/// Runs the suites that were asked for; all of them where none was.
pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let suites = chosen(args);
    let Models {
        encoder,
        decoders,
        kinds,
    } = models(context, args)?;
    let options = Options {
        quick: args.quick,
        runs: args.runs,
        data: args.data.clone(),
        peers: args.peers.clone(),
        models_dir: context.models_dir(),
        model: encoder,
        decoders,
        kinds,
        threads: args.threads,
        entries: args
            .entries
            .unwrap_or(if args.quick { 2_000 } else { 10_000 })
            .max(1),
        requests: args.serving,
        program: program()?,
        suites,
    };
    // Read first: a missing file should not cost the time of a measurement.
    let earlier = (args.compare.as_ref()).map(|path| {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    });
    let earlier = earlier.transpose()?;
    let mut report = show::with_bar(context, options.suites.len(), |on_step| {
        bench::run(&options, on_step)
    })?;
    if let Some(earlier) = &earlier {
        report.comparison = Some(bench::compare(&report, earlier)?);
    }
    if let Some(path) = &args.html {
        write(path, &bench::page(&report))?;
    }
    if let Some(path) = &args.save {
        write(
            path,
            &serde_json::to_string(&report).context("cannot write the report as JSON")?,
        )?;
    }
    show::figures(context, &report, report.lines())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn chosen(args: &Args) -> BTreeSet<Suite> {
    let asked = |suite: &Suite| match suite {
        Suite::Inference => args.inference,
        Suite::Encoder => args.encoder,
        Suite::Quantization => args.quantization,
        Suite::Batch => args.batch,
        Suite::Cache => args.cache,
        Suite::Journal => args.journal,
        Suite::Startup => args.startup,
    };
    let chosen: BTreeSet<Suite> = Suite::ALL.into_iter().filter(asked).collect();
    match chosen.is_empty() || args.all {
        true => Suite::ALL.into_iter().collect(),
        false => chosen,
    }
}

/// What is measured.
struct Models {
    encoder: String,
    decoders: Vec<String>,
    kinds: Kinds,
}

/// The model that is named, in the place of its kind; else the configured encoder and the language models installed, the
/// configured one first and then the smallest.
fn models(context: &Context, args: &Args) -> anyhow::Result<Models> {
    let store = ModelStore::new(context.models_dir());
    let encoder = context.config.encoder.clone();
    if let Some(name) = &args.model {
        let is_encoder = store.get(name)?.kind == "encoder";
        return Ok(match is_encoder {
            true => Models {
                encoder: name.clone(),
                decoders: Vec::new(),
                kinds: Kinds::Encoder,
            },
            false => Models {
                encoder,
                decoders: vec![name.clone()],
                kinds: Kinds::Decoders,
            },
        });
    }
    let mut installed = store.list()?;
    installed.retain(|info| info.kind == "decoder");
    let configured = &context.config.language.model;
    installed.sort_by_key(|info| (info.name != *configured, info.bytes));
    let mut decoders: Vec<String> = installed.into_iter().map(|info| info.name).collect();
    if args.quick {
        decoders.truncate(QUICK_MODELS);
    }
    Ok(Models {
        encoder,
        decoders,
        kinds: Kinds::Both,
    })
}

/// This program, as it was started.
fn program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("cannot find the program's own file")
}
