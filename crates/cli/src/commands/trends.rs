//! `companion trends`: moods, themes and fields over time, drawn on the terminal.

use assistant::Span;
use assistant::trends::{Bucket, Trends, trends};
use jiff::{ToSpan as _, ZonedDateTime};
use journal::{Filter, Journal};

use crate::analysis;
use crate::commands::latest_day;
use crate::context::Context;
use crate::exit::Exit;
use crate::filter::FilterArgs;
use crate::messages;
use crate::output::{Line, Output, wrap};
use crate::span::first_day;
use crate::view::chart;

/// Days that are shown unless others are asked for.
const DAYS: i64 = 30;
/// Themes that are drawn.
const THEMES: usize = 10;
/// Columns of a bar.
const BAR: usize = 30;

/// Which days and which entries.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Shows the 30 days up to the latest entry, or those since the first, unless days are named.\n\
    Few entries prove little: below five, points are shown and no conclusions."
)]
pub(crate) struct Args {
    /// A week, Monday to Sunday: this one, or the one that holds WHEN
    #[arg(long, value_name = "WHEN", num_args = 0..=1, default_missing_value = "today", conflicts_with_all = ["month", "from", "to", "on"])]
    week: Option<String>,
    /// A calendar month: this one, or the one that holds WHEN
    #[arg(long, value_name = "WHEN", num_args = 0..=1, default_missing_value = "today", conflicts_with_all = ["from", "to", "on"])]
    month: Option<String>,
    /// One point a day, or one a week
    #[arg(long, value_name = "STEP")]
    by: Option<Step>,
    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Step {
    Day,
    Week,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let now = context.now()?;
    let filter = args.filter.filter(&now)?;
    let mut journal = context.journal()?;
    analysis::catch_up_soon(context, &mut journal)?;
    let span = if let Some(week) = &args.week {
        Span::week(first_day(week, &now)?)
    } else if let Some(month) = &args.month {
        Span::month(first_day(month, &now)?)
    } else if let Some((from, to)) = args.filter.days(&now)? {
        Span::days(from, to)?
    } else {
        latest_days(&journal, &filter, &now)?
    };
    let bucket = args.by.map(|step| match step {
        Step::Day => Bucket::Day,
        Step::Week => Bucket::Week,
    });
    let trends = trends(&journal, span, &filter, bucket, &now)?;
    if context.out.is_json() {
        context.out.json(&trends)?;
    } else {
        draw(&trends, &context.out)?;
    }
    Ok(Exit::Success)
}

/// The last days with entries: no more than [`DAYS`], and no empty weeks before the first entry that is shown.
fn latest_days(journal: &Journal, filter: &Filter, now: &ZonedDateTime) -> anyhow::Result<Span> {
    let to = latest_day(journal, now)?.unwrap_or_else(|| now.date());
    let earliest = Span::days(to.saturating_sub((DAYS - 1).days()), to)?;
    let week = to.saturating_sub(6.days());
    let (begin, end) = earliest.instants(now.time_zone());
    let shown = Filter {
        from: Some(begin),
        to: Some(end),
        newest_first: true,
        ..filter.clone()
    };
    let from = journal
        .list(&shown)?
        .pop()
        .map_or(week, |entry| entry.when.date());
    Ok(Span::days(from.clamp(earliest.from, week), to)?)
}

fn draw(trends: &Trends, out: &Output) -> anyhow::Result<()> {
    out.line(
        Line::new()
            .bold(chart::span_title(&trends.span))
            .dim(format!("  {}", messages::entries(trends.entries as u64))),
    )?;
    if trends.analysed > 0 {
        out.blank()?;
        out.lines(chart::mood_line(&trends.line, trends.bucket, out).into_iter())?;
        out.blank()?;
        mood(trends, out)?;
        themes(trends, out)?;
    }
    fields(trends, out)?;
    if !trends.notes.is_empty() {
        out.blank()?;
    }
    for note in &trends.notes {
        out.prose(note, 0)?;
    }
    Ok(())
}

fn mood(trends: &Trends, out: &Output) -> anyhow::Result<()> {
    if let Some(mood) = &trends.mood {
        out.labelled(
            "mood",
            &format!(
                "{:+.2} on average, 95 % interval {:+.2} to {:+.2}, n = {}",
                mood.mean, mood.low, mood.high, mood.n
            ),
        )?;
    }
    let counts = &trends.distribution;
    let mut text = format!(
        "{} positive, {} neutral, {} negative",
        counts.positive, counts.neutral, counts.negative
    );
    if counts.mixed > 0 {
        text.push_str(&format!("; {} of them mixed", counts.mixed));
    }
    if counts.unsure > 0 {
        text.push_str(&format!("; {} unsure", counts.unsure));
    }
    out.labelled("entries", &text)?;
    if let Some(drift) = &trends.drift {
        let d = &drift.difference;
        let text = if drift.clear {
            format!(
                "the later half feels {} than the earlier, by {:.2} ({:+.2} to {:+.2})",
                if d.mean > 0.0 { "better" } else { "worse" },
                d.mean.abs(),
                d.low,
                d.high
            )
        } else {
            "no clear difference between the earlier and the later half".to_owned()
        };
        out.labelled("drift", &text)?;
    }
    Ok(())
}

fn themes(trends: &Trends, out: &Output) -> anyhow::Result<()> {
    let shown = &trends.themes[..trends.themes.len().min(THEMES)];
    let Some(most) = shown.iter().map(|theme| theme.n).max() else {
        return Ok(());
    };
    out.blank()?;
    for theme in shown {
        let bar = chart::bar(theme.n as f64, most as f64, BAR, out);
        out.line(
            Line::new()
                .plain(wrap::pad(&theme.name, 14))
                .accent(wrap::pad(&bar, BAR + 1))
                .dim(format!("{} ({:.0} %)", theme.n, theme.share * 100.0)),
        )?;
    }
    let clear: Vec<_> = trends
        .theme_moods
        .iter()
        .filter(|theme| theme.clear)
        .collect();
    if !clear.is_empty() {
        out.blank()?;
    }
    for theme in clear {
        out.prose(&theme.text, 0)?;
    }
    Ok(())
}

fn fields(trends: &Trends, out: &Output) -> anyhow::Result<()> {
    if !trends.fields.is_empty() {
        out.blank()?;
    }
    for field in &trends.fields {
        let values: Vec<f64> = field.points.iter().map(|point| point.value).collect();
        let mean = field
            .mean
            .as_ref()
            .map_or_else(String::new, |mean| format!(", mean {:.1}", mean.mean));
        let name = wrap::shorten(&field.name, 13, out.is_ascii());
        out.line(
            Line::new()
                .plain(wrap::pad(&name, 14))
                .accent(wrap::pad(&chart::spark(&values, BAR, out), BAR + 1))
                .dim(format!(
                    "{} to {}{mean}, n = {}",
                    field.min, field.max, field.n
                )),
        )?;
    }
    Ok(())
}
