//! `companion history`: every version of an entry.

use journal::EntryId;

use crate::context::Context;
use crate::exit::Exit;
use crate::output::Line;
use crate::view::dates;
use crate::view::json::VersionJson;

/// Which entry.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The number of the entry
    id: EntryId,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let journal = context.journal()?;
    let versions = journal.history(args.id)?;
    let out = &context.out;
    if out.is_json() {
        let versions: Vec<VersionJson<'_>> = versions.iter().map(VersionJson::from).collect();
        out.json(&versions)?;
        return Ok(Exit::Success);
    }
    let zone = context.now()?.time_zone().clone();
    for (index, version) in versions.iter().enumerate() {
        if index > 0 {
            out.blank()?;
        }
        out.line(
            Line::new()
                .bold(format!("version {}", version.version))
                .dim(format!(
                    "  {}, {}",
                    version.reason,
                    dates::short(&version.at.to_zoned_datetime(zone.clone()))
                )),
        )?;
        if let Some(title) = &version.title {
            out.line(Line::new().plain("  ").bold(title.clone()))?;
        }
        out.prose(&version.text, 2)?;
    }
    Ok(Exit::Success)
}
