//! What a model takes in a process of its own: this one has held others before, and its allocator keeps what they gave back.

use std::process::{Command, Stdio};

use engine::store::ModelStore;
use serde_json::Value;

use crate::Options;

/// Bytes that a fresh process grew by when it opened `model` and read a text; nothing where it cannot be told.
pub(super) fn grown(options: &Options, store: &ModelStore, model: &str) -> Option<u64> {
    // The folder of models is `models` in the home.
    let home = store
        .dir()
        .parent()
        .filter(|_| store.dir().ends_with("models"))?;
    let mut command = Command::new(&options.program);
    command
        .args([
            "benchmark",
            "--inference",
            "--quick",
            "--runs",
            "1",
            "--json",
            "--quiet",
            "-m",
            model,
        ])
        .env("COMPANION_HOME", home)
        .stdin(Stdio::null());
    if let Some(threads) = options.threads {
        command.args(["--threads", &threads.to_string()]);
    }
    let output = command.output().ok().filter(|o| o.status.success())?;
    let report: Value = serde_json::from_slice(&output.stdout).ok()?;
    let memory = &report["inference"][0]["memory"];
    let grown = |key: &str| memory.get(key)?.as_u64();
    Some(grown("total_bytes")? - grown("program_bytes")? - grown("encoder_bytes")?)
}
