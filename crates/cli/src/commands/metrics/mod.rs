//! `companion metrics`: what was measured while Companion worked.

mod page;
mod since;
mod watch;

use assistant::cache::SemanticCache;
use assistant::dashboard::{CacheNow, Dashboard, Now};
use jiff::civil::Date;
use journal::Journal;
use metrics::{Measured, process};

use crate::cache;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::messages;

/// What to show.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Commands that open the journal measure themselves while they work: times, speeds, sizes and counts, \
    kept a day at a time in the encrypted journal, for 400 days. No text is ever part of it. What was not measured is \
    said to be so, and a percentile is told only where there are enough samples: 100 for p95, 1000 for p99.\n\n\
    Examples:\n  companion metrics\n  companion metrics --since 7d\n  companion metrics --since \"last monday\" --json"
)]
pub(crate) struct Args {
    /// How far to look back: 24h, 7d, 4w, 1y, all, or in words ("last monday", "march") [default: 30d]
    #[arg(long, value_name = "SPAN")]
    since: Option<String>,
    /// Print what was measured as Prometheus reads it [--since then: all]
    #[arg(long)]
    prometheus: bool,
    /// Look on while it changes; q leaves
    #[arg(long, conflicts_with = "prometheus")]
    watch: bool,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let now = context.now()?;
    let default = if args.prometheus { "all" } else { "30d" };
    let from = since::first_day(args.since.as_deref().unwrap_or(default), &now)?;
    if context.out.is_json() && (args.prometheus || args.watch) {
        let other = if args.watch {
            "--watch"
        } else {
            "--prometheus"
        };
        return Err(Failure::usage(format!("--json and {other} are two forms; name one")).into());
    }
    if args.watch {
        watch::refuse_without_a_terminal()?;
    }
    let journal = context.journal_if_any()?;
    if journal.is_none() {
        context.out.note(messages::NO_JOURNAL_YET);
    }
    let journal = journal.as_deref();
    if args.watch {
        watch::run(context, &mut |from| look(context, journal, from), from)?;
    } else if args.prometheus {
        let mut all = Measured::default();
        let days = kept(journal, from, now.date())?;
        days.iter().for_each(|(_, measured)| all.merge(measured));
        let gauges = now_of(context, journal)?.gauges();
        let exposed = metrics::prometheus(&all, &gauges);
        context.out.bytes(exposed.as_bytes())?;
    } else {
        let dashboard = look(context, journal, from)?;
        if context.out.is_json() {
            context.out.json(&dashboard)?;
        } else {
            page::show(&context.out, &dashboard)?;
        }
    }
    Ok(Exit::Success)
}

fn kept(journal: Option<&Journal>, from: Date, to: Date) -> anyhow::Result<Vec<(Date, Measured)>> {
    Ok(match journal {
        Some(journal) => journal.measured(from, to)?,
        None => Vec::new(),
    })
}

/// What was measured since `from`, as it is shown.
fn look(context: &Context, journal: Option<&Journal>, from: Date) -> anyhow::Result<Dashboard> {
    let today = context.now()?.date();
    let days = kept(journal, from, today)?;
    let first = days.first().map_or(today, |(day, _)| from.max(*day));
    let now = now_of(context, journal)?;
    Ok(Dashboard::new(first, today, &days, &now))
}

/// What is true now.
fn now_of(context: &Context, journal: Option<&Journal>) -> anyhow::Result<Now> {
    let mut now = Now {
        running: process::others(),
        proportional_bytes: process::others_proportional(),
        machine_bytes: process::machine_memory(),
        ..Now::default()
    };
    if let Some(journal) = journal {
        now.queued = Some(journal.queued_count()?);
        now.cache = Some(cache_now(&cache::open(context, journal, None)?)?);
    }
    Ok(now)
}

fn cache_now(cache: &SemanticCache) -> anyhow::Result<CacheNow> {
    let own = cache.list(false)?;
    let audit = cache.counters()?.audit;
    Ok(CacheNow {
        answers: own.len() as u64,
        bytes: own.iter().map(|answer| answer.size_bytes).sum(),
        max_bytes: cache.options().max_bytes,
        judged: audit.judged,
        wrong: audit.wrong,
    })
}
