//! `companion completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::context::Context;
use crate::exit::Exit;

/// For which shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    companion completions bash > ~/.local/share/bash-completion/completions/companion\n  \
    companion completions zsh > ~/.zfunc/_companion\n  \
    companion completions fish > ~/.config/fish/completions/companion.fish")]
pub(crate) struct Args {
    /// The shell that reads the script
    shell: Shell,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    context.out.refuse_json("a script for a shell")?;
    let mut script = Vec::new();
    let mut command = crate::args::Args::command();
    clap_complete::generate(args.shell, &mut command, "companion", &mut script);
    context.out.bytes(&script)?;
    Ok(Exit::Success)
}
