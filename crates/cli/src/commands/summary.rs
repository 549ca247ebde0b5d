//! `companion summary`: a look back in quotes, each with its entry.

use assistant::Span;
use assistant::summary::{Summary, summary};

use crate::analysis;
use crate::commands::latest_day;
use crate::context::Context;
use crate::exit::Exit;
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
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let now = context.now()?;
    let asked = args.span.span(&now)?;
    let mut journal = context.journal()?;
    let span = match asked {
        Some(span) => span,
        None => Span::week(latest_day(&journal, &now)?.unwrap_or_else(|| now.date())),
    };
    let instant = analysis::catch_up(context, &mut journal)?;
    let summary = summary(&journal, instant.as_ref(), span, &now)?;
    if let Some(question) = &summary.closing_question
        && !journal.is_read_only()
    {
        journal.record_prompt(&question.id, now.timestamp())?;
    }
    if context.out.is_json() {
        context.out.json(&summary)?;
    } else {
        draw(&summary, &context.out)?;
    }
    Ok(Exit::Success)
}

fn draw(summary: &Summary, out: &Output) -> anyhow::Result<()> {
    out.line(
        Line::new()
            .bold(chart::span_title(&summary.span))
            .dim(format!(
                "  {}, {} words",
                messages::entries(summary.entries as u64),
                summary.words
            )),
    )?;
    if !summary.lines.is_empty() {
        out.blank()?;
    }
    for line in &summary.lines {
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
