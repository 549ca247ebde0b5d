//! `companion version`.

use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;

/// Nothing to set.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

#[derive(Serialize)]
struct Version {
    version: &'static str,
}

pub(crate) fn run(context: &Context, _args: &Args) -> anyhow::Result<Exit> {
    let version = Version {
        version: env!("CARGO_PKG_VERSION"),
    };
    if context.out.is_json() {
        context.out.json(&version)?;
    } else {
        context.out.line(format!("companion {}", version.version))?;
    }
    Ok(Exit::Success)
}
