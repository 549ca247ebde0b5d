//! `companion version`.

use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;
use crate::output::Line;

/// Nothing to set.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

#[derive(Serialize)]
struct Version {
    version: &'static str,
    commit: &'static str,
    target: String,
    /// The kernels that would run on this processor.
    kernel: &'static str,
}

pub(crate) fn run(context: &Context, _args: &Args) -> anyhow::Result<Exit> {
    let version = Version {
        version: env!("CARGO_PKG_VERSION"),
        commit: bench::COMMIT,
        target: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
        // A wrong COMPANION_KERNEL is no reason not to know the version.
        kernel: engine::encoder::default_kernel_name().unwrap_or("none"),
    };
    if context.out.is_json() {
        context.out.json(&version)?;
    } else {
        let more = format!(
            "  {}, {}, kernel {}",
            version.commit, version.target, version.kernel
        );
        context.out.line(
            Line::new()
                .plain(format!("companion {}", version.version))
                .dim(more),
        )?;
    }
    Ok(Exit::Success)
}
