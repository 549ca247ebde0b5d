//! `companion summary`: a look back in quotes, each with its entry.

use assistant::cache::{Computed, Context as Guards, Request, Task};
use assistant::language::digest::{self, Digest, digest};
use assistant::language::{Tier, Usage};
use assistant::summary::{self, Summary};
use assistant::{Instant, Span};
use jiff::ZonedDateTime;
use journal::Journal;
use serde::Serialize;

use crate::analysis;
use crate::cache::{self, CacheArgs};
use crate::commands::latest_day;
use crate::commands::reflect::made_by;
use crate::context::Context;
use crate::exit::Exit;
use crate::language;
use crate::messages;
use crate::output::{Line, Output};
use crate::span::SpanArgs;
use crate::view::{chart, dates, question};

/// Which days.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without days, it is the week of the latest entry.\nEvery line quotes an entry; the number beside it is the entry's."
)]
pub(crate) struct Args {
    #[command(flatten)]
    span: SpanArgs,
    #[command(flatten)]
    cache: CacheArgs,
    /// In quotes only, also where a language model is configured
    #[arg(long)]
    quotes: bool,
}

/// A summary, and what a language model wrote about the same days.
#[derive(Serialize)]
struct Both<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    /// Which tier the sentences are from; the quotes are the instant one's always.
    tier: Tier,
    /// What was written; `null` where no language model is configured.
    written: Option<&'a Digest>,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let now = context.now()?;
    let asked = args.span.span(&now)?;
    let mut journal = context.journal()?;
    let span = match asked {
        Some(span) => span,
        None => Span::week(latest_day(&journal, &now)?.unwrap_or_else(|| now.date())),
    };
    let instant = analysis::catch_up_soon(context, &mut journal)?;
    let mut summary = kept_or_new(context, args, &journal, instant.as_ref(), span, &now)?;
    summary.closing_question = summary::closing_question(&journal, instant.as_ref(), span, &now)?;
    let (written, stopped) = match args.quotes {
        true => (None, false),
        false => written(context, args, &mut journal, instant.as_ref(), span, &now)?,
    };
    if let Some(question) = &summary.closing_question
        && !journal.is_read_only()
    {
        journal.record_prompt(&question.id, now.timestamp())?;
    }
    if context.out.is_json() {
        let tier = written.as_ref().and_then(|w| w.tier);
        context.out.json(&Both {
            summary: &summary,
            tier: tier.unwrap_or(Tier::Instant),
            written: written.as_ref(),
        })?;
    } else {
        draw(&summary, written.as_ref(), &context.out)?;
        remarks(written.as_ref(), &context.out);
    }
    Ok(match stopped {
        true => Exit::Interrupted,
        false => Exit::Success,
    })
}

/// What the configured model wrote about these days, if there is one: the kept one as long as the entries are the same,
/// without opening the model. And whether it was stopped.
fn written(
    context: &Context,
    args: &Args,
    journal: &mut Journal,
    instant: Option<&Instant>,
    span: Span,
    now: &ZonedDateTime,
) -> anyhow::Result<(Option<Digest>, bool)> {
    let Some(maker) = language::maker(context, digest::TASK)? else {
        // Where none is configured; else this says what is wrong with it.
        return language::open(context).map(|_| (None, false));
    };
    let cache = cache::open(context, journal, instant.map(Instant::encoder))?;
    let (sources, readings) = summary::sources(journal, span, now)?;
    let intent = format!("write about {} to {}", span.from, span.to);
    let request = Request {
        task: Task::Summary,
        intent: &intent,
        context: Guards {
            user: journal.uid().to_owned(),
            model: format!("{} {maker}", instant.map_or("none", Instant::model)),
            prompt_version: env!("CARGO_PKG_VERSION").to_owned(),
            parameters: format!(
                "{span:?} {readings:016x} {}",
                now.time_zone().iana_name().unwrap_or("")
            ),
            language: "en".to_owned(),
            sources,
            ..Guards::default()
        },
    };
    let mut anew = |all: bool| -> anyhow::Result<(Option<Digest>, bool)> {
        let Some(opened) = language::open_as(context, engine::batch::Class::Summary)? else {
            return Ok((None, false));
        };
        let mut progress = context.out.progress("writing", 0);
        let written = digest(
            journal,
            &opened.language(),
            instant,
            &span,
            now,
            all,
            &mut |done| progress.set(done as u64),
        );
        progress.finish();
        Ok((Some(written?), opened.stopped()))
    };
    let mut made = None;
    let served = cache.get_or_compute(
        &request,
        args.cache.mode(),
        || -> anyhow::Result<Computed> {
            let (digest, stopped) = anew(args.cache.is_anew())?;
            let whole = |d: &Digest| !stopped && d.failed == 0 && d.notes.is_empty();
            let computed = Computed {
                answers: vec![serde_json::to_string(&digest)?],
                fleeting: !digest.as_ref().is_some_and(whole),
                ..Computed::default()
            };
            made = Some((digest, stopped));
            Ok(computed)
        },
    )?;
    if let Some(made) = made {
        return Ok(made);
    }
    match serde_json::from_str::<Option<Digest>>(&served.answer) {
        Ok(mut kept) => {
            if let Some(kept) = &mut kept {
                // Nothing was generated for this call.
                (kept.generations, kept.usage) = (0, Usage::default());
            }
            Ok((kept, false))
        }
        // Kept by a program that wrote it in another form.
        Err(_) => anew(false),
    }
}

/// The summary without its question: the kept one as long as the entries, and what is known of them, are the same.
fn kept_or_new(
    context: &Context,
    args: &Args,
    journal: &Journal,
    instant: Option<&Instant>,
    span: Span,
    now: &ZonedDateTime,
) -> anyhow::Result<Summary> {
    let encoder = instant.map(Instant::encoder);
    let cache = cache::open(context, journal, encoder)?;
    let (sources, readings) = summary::sources(journal, span, now)?;
    let intent = format!("look back at {} to {}", span.from, span.to);
    let request = Request {
        task: Task::Summary,
        intent: &intent,
        context: Guards {
            user: journal.uid().to_owned(),
            model: instant.map_or("none", Instant::model).to_owned(),
            prompt_version: env!("CARGO_PKG_VERSION").to_owned(),
            parameters: format!(
                "{span:?} {readings:016x} {}",
                now.time_zone().iana_name().unwrap_or("")
            ),
            language: "en".to_owned(),
            sources,
            ..Guards::default()
        },
    };
    let mut made = None;
    let served = cache.get_or_compute(
        &request,
        args.cache.mode(),
        || -> anyhow::Result<Computed> {
            let new = summary::without_question(journal, instant, span, now)?;
            let json = serde_json::to_string(&new)?;
            made = Some(new);
            Ok(json.into())
        },
    )?;
    match made {
        Some(made) => Ok(made),
        None => match serde_json::from_str(&served.answer) {
            Ok(kept) => Ok(kept),
            // Kept by a program that wrote it in another form.
            Err(_) => Ok(summary::without_question(journal, instant, span, now)?),
        },
    }
}

/// What the model wrote: each sentence with its entries.
fn sentences(digest: &Digest, out: &Output) -> anyhow::Result<()> {
    for sentence in &digest.sentences {
        out.prose(&sentence.text, 0)?;
        let mut entries: Vec<String> = Vec::new();
        for citation in &sentence.citations {
            let entry = citation.entry.to_string();
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        let what = messages::of_count(entries.len() as u64, "entry", "entries");
        out.line(Line::new().dim(format!("  {what} {}", entries.join(", "))))?;
    }
    Ok(())
}

/// What did not go as it should, and which tier answered; beside the summary, on stderr.
fn remarks(written: Option<&Digest>, out: &Output) {
    if let Some(digest) = written {
        language::remarks(out, &digest.notes, &digest.usage);
        let spans = digest.dropped_spans.iter().cloned();
        language::dropped(out, spans.map(|(id, s)| (format!("entry {id}"), s)));
        if digest.failed > 0 {
            out.warn(format!(
                "note: {} of {} left no sentence that the entries support",
                digest.failed,
                messages::counted(digest.generations, "generation", "generations")
            ));
        }
    }
    out.note(made_by(written.and_then(|w| w.made_by.as_deref())));
}

fn draw(summary: &Summary, written: Option<&Digest>, out: &Output) -> anyhow::Result<()> {
    out.line(
        Line::new()
            .bold(chart::span_title(&summary.span))
            .dim(format!(
                "  {}, {}",
                messages::entries(summary.entries as u64),
                messages::counted(summary.words, "word", "words")
            )),
    )?;
    // Where the model's sentences stand, the quotes are theirs.
    let written = written.filter(|w| w.tier == Some(Tier::Language));
    if let Some(digest) = written {
        out.blank()?;
        sentences(digest, out)?;
    } else if !summary.lines.is_empty() {
        out.blank()?;
    }
    for line in summary.lines.iter().filter(|_| written.is_none()) {
        out.line(
            Line::new()
                .dim(dates::weekday(&line.date))
                .dim(format!("  entry {}", line.entry)),
        )?;
        let quote: Vec<&str> = line.quote.split_whitespace().collect();
        let (open, close) = (out.glyph("“", "\""), out.glyph("”", "\""));
        out.prose(&format!("{open}{}{close}", quote.join(" ")), 4)?;
    }
    facts(summary, out)?;
    for note in &summary.notes {
        out.prose(note, 0)?;
    }
    if let Some(question) = &summary.closing_question {
        out.blank()?;
        question::show(question, out)?;
    }
    Ok(())
}

/// Mood, themes, people and changes, as far as there are any.
fn facts(summary: &Summary, out: &Output) -> anyhow::Result<()> {
    let mut facts: Vec<(&str, String)> = Vec::new();
    if let Some(mood) = &summary.mood {
        let interval = mood.interval.map_or_else(String::new, |[low, high]| {
            format!(" ({low:+.2} to {high:+.2})")
        });
        facts.push((
            "mood",
            format!(
                "{:+.2}{interval}, spread {:.2}, {}: {} positive, {} neutral, {} negative{}",
                mood.mean,
                mood.spread,
                messages::entries(mood.n as u64),
                mood.positive,
                mood.neutral,
                mood.negative,
                if mood.mixed > 0 {
                    format!(", {} mixed", mood.mixed)
                } else {
                    String::new()
                }
            ),
        ));
    }
    let counted = |names: Vec<String>| names.join(", ");
    if !summary.themes.is_empty() {
        let names = summary
            .themes
            .iter()
            .map(|t| format!("{} ({})", t.name, t.entries));
        facts.push(("themes", counted(names.collect())));
    }
    if !summary.people.is_empty() {
        let names = summary
            .people
            .iter()
            .map(|p| format!("{} ({})", p.name, p.entries.len()));
        facts.push(("people", counted(names.collect())));
    }
    for (index, change) in summary.changes.iter().enumerate() {
        facts.push((if index == 0 { "changed" } else { "" }, change.text.clone()));
    }
    if !facts.is_empty() {
        out.blank()?;
    }
    for (name, text) in facts {
        out.labelled(name, &text)?;
    }
    Ok(())
}
