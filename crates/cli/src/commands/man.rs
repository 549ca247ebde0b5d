//! `companion man`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::context::Context;
use crate::exit::Exit;

/// Where to.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    companion man | man -l -\n  \
    companion man --dir ~/.local/share/man/man1")]
pub(crate) struct Args {
    /// Write one page for every command into DIR instead
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    context.out.refuse_json("a manual page")?;
    // A page says what every home has in common, not where this one lies.
    let command = crate::args::Args::command();
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        context.out.bytes(&page)?;
        return Ok(Exit::Success);
    };
    std::fs::create_dir_all(dir)
        .and_then(|()| clap_mangen::generate_to(command, dir))
        .with_context(|| format!("cannot write the pages into {}", dir.display()))?;
    context
        .out
        .note(format!("the pages are in {}", dir.display()));
    Ok(Exit::Success)
}
