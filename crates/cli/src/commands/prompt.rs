//! `companion prompt`: the next question.

use assistant::Instant;
use assistant::cache::{Computed, Context as Guards, Mode, Request, Task};
use assistant::language::question;
use assistant::prompt::{self, Prompt};
use jiff::ZonedDateTime;
use journal::Journal;

use crate::analysis;
use crate::cache::{self, CacheArgs};
use crate::commands::reflect::made_by;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::language;
use crate::messages;
use crate::output::Line;
use crate::view::question as shown;

/// Questions that are found for a wish at once: one is shown, the others wait for the next time.
const AT_ONCE: usize = 5;

/// Which question.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A question that was shown does not come back for 30 days. Answer with `companion write`.\n\
    With words, the question is about them: companion prompt \"ask me about my brother\""
)]
pub(crate) struct Args {
    /// What it should be about, in your own words
    about: Vec<String>,
    /// Another question than today's; each number gives another one
    #[arg(long, value_name = "N", default_value_t = 0)]
    another: u64,
    /// Say why this one was chosen
    #[arg(long)]
    why: bool,
    /// A question to go on with a text that is not finished: the draft, or stdin where it is no terminal
    #[arg(long = "continue", conflicts_with_all = ["another", "why", "about"])]
    go_on: bool,
    #[command(flatten)]
    cache: CacheArgs,
}

impl Args {
    /// What the question should be about; `None` where nothing was said.
    fn wish(&self) -> Option<String> {
        Some(self.about.join(" ")).filter(|wish| !wish.trim().is_empty())
    }
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let now = context.now()?;
    // A question needs no journal, and asking one makes none.
    let mut journal = context.journal_if_any()?;
    if args.go_on {
        go_on(context, args, journal.as_deref_mut())?;
    } else {
        let asked = match &mut journal {
            Some(journal) => recorded(context, args, journal, &now)?,
            None => question::Asked::instant(of_the_bank(context, args, &now)?),
        };
        show(context, args, asked)?;
    }
    if journal.is_none() {
        context.out.note(messages::NO_JOURNAL_YET);
    }
    Ok(Exit::Success)
}

/// The question that comes next in `journal`, which remembers that it was asked.
fn recorded(
    context: &Context,
    args: &Args,
    journal: &mut Journal,
    now: &ZonedDateTime,
) -> anyhow::Result<question::Asked> {
    let asked = next(context, args, journal, now)?;
    // A journal that can only be read still has a question; it may come again.
    if !journal.is_read_only() {
        journal.record_prompt(&asked.prompt.id, now.timestamp())?;
    }
    Ok(asked)
}

fn next(
    context: &Context,
    args: &Args,
    journal: &mut Journal,
    now: &ZonedDateTime,
) -> anyhow::Result<question::Asked> {
    let wish = args.wish();
    // One that was worked out ahead is shown before any model is opened.
    if wish.is_none()
        && let Some(asked) = language::waiting_question(context, journal, now, args.another)?
    {
        return Ok(asked);
    }
    let instant = analysis::catch_up_soon(context, journal)?;
    if let (Some(wish), Some(instant)) = (&wish, &instant) {
        let prompt = wished(context, args, journal, instant, now, wish)?;
        return Ok(question::Asked::instant(prompt));
    }
    let opened = language::open(context)?;
    let tier = opened.as_ref().map(language::Opened::language);
    Ok(question::today(
        journal,
        tier.as_ref(),
        instant.as_ref(),
        now,
        args.another,
    )?)
}

/// A question where there is no journal: near to the wish, if there is one, else by the clock.
fn of_the_bank(context: &Context, args: &Args, now: &ZonedDateTime) -> anyhow::Result<Prompt> {
    if let Some(wish) = args.wish()
        && let Some(instant) = context.instant()?
    {
        let near = prompt::about(None, &instant, now, None, &wish, AT_ONCE)?;
        if let Some(prompt) = near.into_iter().nth(args.another as usize) {
            return Ok(prompt);
        }
    }
    Ok(prompt::first(now, args.another))
}

fn show(context: &Context, args: &Args, asked: question::Asked) -> anyhow::Result<()> {
    let out = &context.out;
    if out.is_json() {
        return out.json(&asked);
    }
    shown::show(&asked.prompt, out)?;
    if args.why {
        out.line(Line::new().dim(asked.prompt.why))?;
    }
    language::remarks(out, &asked.notes, &asked.usage);
    out.note(made_by(asked.made_by.as_deref()));
    Ok(())
}

/// Asks a question to go on with.
fn go_on(context: &Context, args: &Args, journal: Option<&mut Journal>) -> anyhow::Result<()> {
    let asked = match journal {
        Some(journal) => {
            let instant = analysis::catch_up_soon(context, journal)?;
            let text = unfinished(Some(&*journal))?;
            going_on(context, args, journal, instant.as_ref(), &text)?
        }
        None => {
            let text = unfinished(None)?;
            continuation(context, context.instant()?.as_ref(), &text)?.0
        }
    };
    if context.out.is_json() {
        return context.out.json(&asked);
    }
    context.out.prose(&asked.text, 0)?;
    for note in &asked.notes {
        context.out.warn(format!("note: {note}"));
    }
    context.out.note(made_by(asked.made_by.as_deref()));
    Ok(())
}

/// The text that somebody stopped in the middle of.
fn unfinished(journal: Option<&Journal>) -> anyhow::Result<String> {
    if let Some(journal) = journal
        && let Some(draft) = journal.draft("new")?
    {
        return Ok(draft.text);
    }
    input::entry_text(&[])?.ok_or_else(|| {
        Failure::usage(
            "there is no draft; give the text on stdin: companion prompt --continue < FILE",
        )
        .into()
    })
}

/// A new question for a text that is not finished, and whether it was stopped half-way.
fn continuation(
    context: &Context,
    instant: Option<&Instant>,
    text: &str,
) -> anyhow::Result<(question::Continuation, bool)> {
    let opened = language::open(context)?;
    let tier = opened.as_ref().map(language::Opened::language);
    let asked = question::continuation(tier.as_ref(), instant, text)?;
    let stopped = opened.as_ref().is_some_and(language::Opened::stopped);
    Ok((asked, stopped))
}

/// The question for a text that is not finished: the kept one for the very same text, or a new one.
fn going_on(
    context: &Context,
    args: &Args,
    journal: &Journal,
    instant: Option<&Instant>,
    text: &str,
) -> anyhow::Result<question::Continuation> {
    let cache = cache::open(context, journal, instant.map(Instant::encoder))?;
    let encoder = instant.map_or("none", Instant::model);
    let maker = language::maker(context, question::CONTINUE)?.unwrap_or_default();
    let request = Request {
        task: Task::Continuation,
        intent: text,
        context: Guards {
            user: journal.uid().to_owned(),
            model: format!("{encoder} {maker}"),
            prompt_version: format!("{} {}", env!("CARGO_PKG_VERSION"), prompt::bank_digest()),
            // It is quoted by its bytes, which the exact tier looks through.
            parameters: text.to_owned(),
            language: "en".to_owned(),
            ..Guards::default()
        },
    };
    let mut made = None;
    let served = cache.get_or_compute(
        &request,
        args.cache.mode(),
        || -> anyhow::Result<Computed> {
            let (asked, stopped) = continuation(context, instant, text)?;
            let computed = Computed {
                answers: vec![serde_json::to_string(&asked)?],
                fleeting: stopped || !asked.notes.is_empty(),
                ..Computed::default()
            };
            made = Some(asked);
            Ok(computed)
        },
    )?;
    match made {
        Some(asked) => Ok(asked),
        None => match serde_json::from_str(&served.answer) {
            Ok(kept) => Ok(kept),
            // Kept by a program that wrote it in another form.
            Err(_) => Ok(continuation(context, instant, text)?.0),
        },
    }
}

/// The question for a wish: kept for one that means the same, or one that was shipped for it, or the nearest ones.
fn wished(
    context: &Context,
    args: &Args,
    journal: &Journal,
    instant: &Instant,
    now: &ZonedDateTime,
    wish: &str,
) -> anyhow::Result<Prompt> {
    let cache = cache::open(context, journal, Some(instant.encoder()))?;
    // The shipped wishes are embedded the first time that one may answer.
    if args.cache.mode() != Mode::Off && cache.options().enabled {
        cache.warm("en")?;
    }
    let mood = prompt::mood(journal, now)?;
    let request = Request {
        task: Task::Question,
        intent: wish,
        context: Guards {
            user: journal.uid().to_owned(),
            model: instant.model().to_owned(),
            prompt_version: prompt::bank_digest(),
            parameters: args.another.to_string(),
            language: "en".to_owned(),
            mood: mood.map(|mood| mood.name().to_owned()),
            shipped: args.another == 0,
            ..Guards::default()
        },
    };
    let mut found = Vec::new();
    let served = cache.get_or_compute(
        &request,
        args.cache.mode(),
        || -> anyhow::Result<Computed> {
            found = prompt::about(Some(journal), instant, now, mood, wish, AT_ONCE)?;
            if found.is_empty() {
                found.push(prompt::choose(journal, Some(instant), now, args.another)?);
            }
            Ok(Computed {
                answers: found.iter().map(|p| p.text.clone()).collect(),
                ..Computed::default()
            })
        },
    )?;
    let computed = found.into_iter().find(|p| p.text == served.answer);
    let chosen = computed.or_else(|| prompt::with_text(&served.answer));
    match chosen {
        Some(chosen) => Ok(chosen),
        // A kept question that this program's bank does not have any more.
        None => Ok(prompt::choose(journal, Some(instant), now, args.another)?),
    }
}
