//! `companion reflect`: a reply to an entry, kept beside it.

use assistant::Instant;
use assistant::cache::{Computed, Context as Guards, Request, Task};
use assistant::language::Usage;
use assistant::language::reflect::{self, Reflection, reflect};
use journal::{Entry, EntryId, Journal, Speaker};
use serde::Serialize;

use crate::analysis;
use crate::cache::{self, CacheArgs, Kept};
use crate::context::Context;
use crate::exit::Exit;
use crate::input;
use crate::language;
use crate::messages;
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
    #[command(flatten)]
    cache: CacheArgs,
}

#[derive(Serialize)]
struct TurnJson<'a> {
    speaker: Speaker,
    text: &'a str,
    made_by: &'a str,
    at: String,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let mut journal = context.journal()?;
    let entry = journal.get(args.id)?;
    let out = &context.out;
    if args.forget {
        let turns = journal.forget_thread(entry.id)?;
        let said = messages::counted(turns, "turn", "turns");
        out.note(format!("erased {said}; the entry is as it was"));
        return Ok(Exit::Success);
    }
    if args.thread {
        return thread(context, &journal, entry.id);
    }
    let said = match args.said.as_slice() {
        [] => None,
        words => input::entry_text(words)?,
    };
    let instant = analysis::catch_up_soon(context, &mut journal)?;
    let (reply, kept) = kept_or_new(
        context,
        &mut journal,
        instant.as_ref(),
        &entry,
        said.as_deref(),
        args.cache,
    )?;
    if out.is_json() {
        out.json(&reply)?;
    } else {
        language::remarks(out, &reply.notes, &reply.usage);
        let spans = reply.dropped_spans.iter().cloned();
        language::dropped(out, spans.map(|s| (format!("entry {}", entry.id), s)));
        out.note(made_by(reply.made_by.as_deref()));
        if let Some(kept) = kept {
            kept.tell(out);
        }
    }
    Ok(if reply.stopped {
        Exit::Interrupted
    } else {
        Exit::Success
    })
}

/// The reply that was made to the very same entry, thread and words, or a new one. Told as it comes; kept in the thread
/// either way.
fn kept_or_new(
    context: &Context,
    journal: &mut Journal,
    instant: Option<&Instant>,
    entry: &Entry,
    said: Option<&str>,
    args: CacheArgs,
) -> anyhow::Result<(Reflection, Option<Kept>)> {
    let (out, now) = (&context.out, context.now()?);
    let thread = journal.thread(entry.id)?;
    let cache = cache::open(context, journal, instant.map(Instant::encoder))?;
    let encoder = instant.map_or("none", Instant::model);
    let maker = language::maker(context, reflect::TASK)?.unwrap_or_default();
    let request = Request {
        task: Task::Reflection,
        intent: said.unwrap_or(&entry.text),
        context: Guards {
            user: journal.uid().to_owned(),
            model: format!("{encoder} {maker}"),
            prompt_version: env!("CARGO_PKG_VERSION").to_owned(),
            parameters: format!(
                "{} {} {}",
                now.date(),
                said.is_some(),
                reflect::thread_digest(&thread)
            ),
            language: "en".to_owned(),
            sources: vec![(entry.id, entry.version)],
            ..Guards::default()
        },
    };
    let json = out.is_json();
    let mut failed = Ok(());
    let mut tell = |sentence: &str| {
        if !json && failed.is_ok() {
            failed = out.prose(sentence, 0);
        }
    };
    let mut made = None;
    let served = cache.get_or_compute(&request, args.mode(), || -> anyhow::Result<Computed> {
        let opened = language::open(context)?;
        let tier = opened.as_ref().map(language::Opened::language);
        let reply = reflect(
            journal,
            tier.as_ref(),
            instant,
            entry,
            said,
            &now,
            &mut tell,
        )?;
        let computed = Computed {
            answers: vec![serde_json::to_string(&reply)?],
            fleeting: reply.stopped || !reply.notes.is_empty(),
            ..Computed::default()
        };
        made = Some(reply);
        Ok(computed)
    })?;
    let (reply, kept) = match made {
        Some(reply) => (reply, None),
        None => {
            let mut reply: Reflection = serde_json::from_str(&served.answer)?;
            reply.usage = Usage::default();
            tell(&reply.text);
            reflect::keep(journal, entry, said, &reply)?;
            (reply, Kept::of(&cache, &served))
        }
    };
    failed?;
    Ok((reply, kept))
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
