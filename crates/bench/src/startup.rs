//! The program as the user meets it: from its start to its end, in a journal of many entries; and its models as they are
//! loaded.

use std::process::{Command, Stdio};

use serde::Serialize;

use crate::sample::{self, Random, Sample};
use crate::times::time;
use crate::{Error, LoadFigures, Options, Result, Times, inference};

/// Samples; enough for a 95th percentile.
const RUNS: usize = 100;

/// What was measured. All but `loads` includes starting the process and its end.
#[derive(Debug, Clone, Serialize)]
pub struct StartupFigures {
    /// `companion version`: the process alone.
    pub version: Times,
    /// `companion new "…" --no-analysis`: started, unlocked by key file, durable.
    pub new_saved: Times,
    /// `companion new "…"`: the same, analysed and shown; absent without a model.
    pub new_analysed: Option<Times>,
    /// `companion list --limit 20`.
    pub list: Times,
    /// `companion search "…"`, by words and by meaning; absent without a model.
    pub search: Option<Times>,
    /// Opening each installed model, in this process.
    pub loads: Vec<LoadFigures>,
}

pub(crate) fn measure(
    options: &Options,
    sample: &Sample,
    on_step: &mut dyn FnMut(&str),
) -> Result<StartupFigures> {
    on_step("startup: starting the program some hundred times");
    let mut random = Random(11);
    let runs = options.count(RUNS, 20);
    let run = |arguments: &[&str]| start(options, sample, arguments);
    let version = time(runs, |_| run(&["version"]))?;
    let new_saved = time(runs, |_| {
        run(&["new", "--no-analysis", &sample::text(&mut random)])
    })?;
    let list = time(runs, |_| run(&["list", "--limit", "20"]))?;
    let (mut new_analysed, mut search) = (None, None);
    if options.models_dir.join(&options.model).is_dir() {
        run(&["analyze"])?; // what was saved without analysis is not the next command's work
        new_analysed = Some(time(runs, |_| run(&["new", &sample::text(&mut random)]))?);
        search = Some(time(runs, |_| {
            run(&["search", "a quiet evening by the river"])
        })?);
    }
    Ok(StartupFigures {
        version,
        new_saved,
        new_analysed,
        list,
        search,
        loads: inference::load::suite(options, on_step)?,
    })
}

fn start(options: &Options, sample: &Sample, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(&options.program);
    command
        .args(arguments)
        .env("COMPANION_HOME", sample.home().path())
        .env_remove("COMPANION_PASSPHRASE")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    if let Some(threads) = options.threads {
        command.env("COMPANION_THREADS", threads.to_string());
    }
    let output = command.output().map_err(|source| Error::Io {
        path: options.program.clone(),
        source,
    })?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Program {
        program: options.program.clone(),
        // The command without its text, long or not.
        arguments: arguments.first().copied().unwrap_or_default().to_owned(),
        said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}
