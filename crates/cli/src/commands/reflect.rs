//! `companion reflect`: a reply to an entry, kept beside it.

use assistant::language::reflect::reflect;
use journal::{EntryId, Speaker};
use serde::Serialize;

use crate::analysis;
use crate::context::Context;
use crate::exit::Exit;
use crate::input;
use crate::language;
use crate::output::Line;
use crate::view::dates;

/// What to reflect on.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The reply asks more than it says, and comes sentence by sentence; Ctrl-C ends it. What was said is kept \
    encrypted beside the entry; the entry itself never changes. Which tier replied is said at the end."
)]
pub(crate) struct Args {
    /// The number of the entry
    id: EntryId,
    /// What you say after it; - for stdin
    #[arg(value_name = "TEXT")]
    said: Vec<String>,
    /// Show what was said so far, and reply nothing
    #[arg(long, conflicts_with_all = ["said", "forget"])]
    thread: bool,
    /// Erase what was said so far
    #[arg(long, conflicts_with = "said")]
    forget: bool,
}

#[derive(Serialize)]
struct TurnJson<'a> {
    speaker: Speaker,
    text: &'a str,
    made_by: &'a str,
    at: String,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let now = context.now()?;
    let mut journal = context.journal()?;
    let entry = journal.get(args.id)?;
    let out = &context.out;
    if args.forget {
        let turns = journal.forget_thread(entry.id)?;
        out.note(format!("erased {turns} turns; the entry is as it was"));
        return Ok(Exit::Success);
    }
    if args.thread {
        return thread(context, &journal, entry.id);
    }
    let said = match args.said.as_slice() {
        [] => None,
        words => input::entry_text(words)?,
    };
    let instant = analysis::catch_up(context, &mut journal)?;
    let opened = language::open(context)?;
    let tier = opened.as_ref().map(language::Opened::language);
    let json = out.is_json();
    let mut failed = Ok(());
    let reply = reflect(
        &mut journal,
        tier.as_ref(),
        instant.as_ref(),
        &entry,
        said.as_deref(),
        &now,
        &mut |sentence| {
            if !json && failed.is_ok() {
                failed = out.prose(sentence, 0);
            }
        },
    )?;
    failed?;
    if json {
        out.json(&reply)?;
    } else {
        language::remarks(out, &reply.notes, &reply.usage);
        let spans = reply.dropped_spans.iter().cloned();
        language::dropped(out, spans.map(|s| (format!("entry {}", entry.id), s)));
        out.note(made_by(reply.made_by.as_deref()));
    }
    Ok(if reply.stopped {
        Exit::Interrupted
    } else {
        Exit::Success
    })
}

/// Which tier answered, in words.
pub(crate) fn made_by(maker: Option<&str>) -> String {
    maker.map_or_else(
        || "by the instant tier".to_owned(),
        |maker| format!("by {maker}"),
    )
}

fn thread(context: &Context, journal: &journal::Journal, id: EntryId) -> anyhow::Result<Exit> {
    let out = &context.out;
    let turns = journal.thread(id)?;
    if out.is_json() {
        let rows: Vec<TurnJson<'_>> = turns
            .iter()
            .map(|t| TurnJson {
                speaker: t.speaker,
                text: &t.text,
                made_by: &t.maker,
                at: t.at.to_string(),
            })
            .collect();
        out.json(&rows)?;
        return Ok(Exit::Success);
    }
    let zone = context.now()?.time_zone().clone();
    for turn in &turns {
        let who = match turn.speaker {
            Speaker::Writer => "you",
            Speaker::Companion => "companion",
        };
        let at = dates::short(&turn.at.to_zoned_datetime(zone.clone()));
        out.line(Line::new().bold(who).dim(format!("  {at}")))?;
        out.prose(&turn.text, 2)?;
    }
    if turns.is_empty() {
        out.note("nothing was said about this entry yet");
    }
    Ok(Exit::Success)
}
