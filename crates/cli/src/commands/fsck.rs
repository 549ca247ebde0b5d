//! `companion fsck`: is the journal whole, and what can be saved if not.

use std::path::PathBuf;

use journal::{Home, fsck};

use crate::context::Context;
use crate::exit::Exit;
use crate::messages;
use crate::output::Line;

/// Check only, or save what can be read.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Changes nothing in the journal. Exit code 5 means that something is damaged, \
    or with --salvage that something could not be saved."
)]
pub(crate) struct Args {
    /// Save all that can be read into a new journal in DIR
    #[arg(long, value_name = "DIR")]
    salvage: Option<PathBuf>,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let home = context.journal_home();
    let secret = context.secret(&home)?;
    let out = &context.out;
    if let Some(dir) = &args.salvage {
        let saved = fsck::salvage(&home, &secret, &Home::at(dir))?;
        let exit = if saved.lost.is_empty() && saved.refused == 0 {
            Exit::Success
        } else {
            Exit::Damaged
        };
        if out.is_json() {
            out.json(&saved)?;
            return Ok(exit);
        }
        out.line(
            Line::new()
                .plain("saved ")
                .bold(messages::entries(saved.entries))
                .plain(format!(" into {}", dir.display()))
                .dim(format!(" ({})", former_versions(saved.versions))),
        )?;
        if !saved.lost.is_empty() {
            let ids: Vec<String> = saved.lost.iter().map(ToString::to_string).collect();
            let guess = if saved.lost_is_guess {
                " (some of these may have been destroyed on purpose)"
            } else {
                ""
            };
            out.warn(format!("could not be read: {}{guess}", ids.join(", ")));
        }
        if saved.refused > 0 {
            out.warn(format!(
                "{} found in a form that no journal has, and left out",
                messages::counted(saved.refused, "row was", "rows were")
            ));
        }
        out.note(format!("use it with --home {}", dir.display()));
        return Ok(exit);
    }
    let report = fsck::check(&home, &secret)?;
    let clean = report.is_clean();
    if out.is_json() {
        out.json(&report)?;
    } else if clean {
        out.line(
            Line::new()
                .plain("the journal is whole: ")
                .bold(messages::entries(report.entries))
                .dim(format!(
                    ", {} removed, {}, {}",
                    report.removed,
                    former_versions(report.versions),
                    messages::counted(report.pages, "page", "pages")
                )),
        )?;
    } else {
        for problem in &report.problems {
            out.line(problem.as_str())?;
        }
        out.line(format!(
            "{} can be read; `companion fsck --salvage DIR` saves them into a new journal",
            messages::entries(report.entries)
        ))?;
    }
    Ok(if clean { Exit::Success } else { Exit::Damaged })
}

fn former_versions(count: impl TryInto<u64>) -> String {
    messages::counted(count, "former version", "former versions")
}
