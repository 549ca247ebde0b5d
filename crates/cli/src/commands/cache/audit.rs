//! `companion cache audit`: some hits are worked out after all, to see whether the kept answer would have done.

use std::cell::Cell;

use assistant::cache::{AuditCase, AuditReport, SemanticCache, TierState};
use assistant::language::ask::Answer;
use assistant::{Instant, prompt};
use jiff::ZonedDateTime;
use journal::{Filter, Journal};
use serde::Serialize;

use super::stats::judged;
use crate::analysis;
use crate::cache;
use crate::commands::ask::Asked;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::Line;

/// Questions that a wish is compared with: a kept one that is among the best of these serves.
const QUESTIONS: usize = 10;

/// How much of it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The share of hits that is ever checked, 0 to 1 [default: cache.audit_share]
    #[arg(long, value_name = "SHARE")]
    share: Option<f64>,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    report: AuditReport,
    only_people_can_judge: usize,
    tier: TierState,
}

pub(super) fn run(
    context: &Context,
    journal: &mut Journal,
    cache: &SemanticCache,
    args: &Args,
) -> anyhow::Result<Exit> {
    let share = args.share.unwrap_or(context.config.cache.audit_share);
    if !(0.0..=1.0).contains(&share) {
        return Err(Failure::usage(format!("--share is {share}; it lies between 0 and 1")).into());
    }
    let instant = analysis::catch_up_soon(context, journal)?;
    let found = audit(context, journal, cache, instant.as_ref(), share)?;
    let out = &context.out;
    if out.is_json() {
        out.json(&found)?;
        return Ok(Exit::Success);
    }
    let Report {
        report,
        only_people_can_judge,
        tier,
    } = found;
    let row = |name: &str, value: String| Line::new().dim(format!("{name:<24}")).plain(value);
    out.line(row("hits not judged before", report.open.to_string()))?;
    out.line(row(
        "worked out anew",
        format!("{}, {} of them wrong", report.checked, report.wrong),
    ))?;
    if report.failed > 0 {
        out.line(row(
            "not comparable",
            format!(
                "{}: another day, or the journal is another by now",
                report.failed
            ),
        ))?;
    }
    if only_people_can_judge > 0 {
        let count = only_people_can_judge.to_string();
        out.line(row("only people can judge", count))?;
    }
    for (name, value) in judged(&tier) {
        out.line(row(name, value))?;
    }
    Ok(Exit::Success)
}

/// The audit at the end of work that nobody waits for: it says something only where the semantic tier is off by it.
pub(crate) fn in_idle_time(
    context: &Context,
    journal: &Journal,
    instant: &Instant,
) -> anyhow::Result<()> {
    let share = context.config.cache.audit_share;
    if journal.is_read_only() || !context.config.cache.enabled || share <= 0.0 {
        return Ok(());
    }
    let open = |hit: &journal::AnswerHit| hit.verdict.is_none() && !hit.pinned;
    if !journal.answers()?.hits(None)?.iter().any(open) {
        return Ok(());
    }
    let cache = cache::open(context, journal, Some(instant.encoder()))?;
    let was_on = cache.tier().on;
    let tier = audit(context, journal, &cache, Some(instant), share)?.tier;
    if was_on && !tier.on {
        let said = format!("the semantic tier is off: {}", tier.because);
        context.out.warn(said);
    }
    Ok(())
}

fn audit(
    context: &Context,
    journal: &Journal,
    cache: &SemanticCache,
    instant: Option<&Instant>,
    share: f64,
) -> anyhow::Result<Report> {
    let checker = Checker {
        context,
        journal,
        cache,
        instant,
        now: context.now()?,
        only_people: Cell::new(0),
    };
    // The same for a journal always: a hit is chosen once, however often the audit runs.
    let seed = journal.uid().bytes().fold(17, |seed: u64, byte| {
        seed.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    let mut first_error = None;
    let mut report = cache.audit(share, seed, |case| match checker.served(case) {
        Ok(verdict) => verdict,
        Err(error) => {
            first_error.get_or_insert(error);
            None
        }
    })?;
    let only_people_can_judge = checker.only_people.get();
    report.failed -= only_people_can_judge;
    if let Some(error) = first_error {
        let said = format!("some could not be worked out anew: {error:#}");
        context.out.warn(said);
    }
    Ok(Report {
        report,
        only_people_can_judge,
        tier: cache.tier(),
    })
}

/// Works a request out again.
struct Checker<'a> {
    context: &'a Context,
    journal: &'a Journal,
    cache: &'a SemanticCache,
    instant: Option<&'a Instant>,
    now: ZonedDateTime,
    /// Hits of tasks that are never compared.
    only_people: Cell<usize>,
}

impl Checker<'_> {
    /// Whether the kept answer would have done; `None` where that cannot be told any more. Of summaries and free text the
    /// parameters are not kept, so they cannot be worked out again: only people judge those.
    fn served(&self, case: &AuditCase) -> anyhow::Result<Option<bool>> {
        match case.task.as_str() {
            "question" => self.question(case),
            "ask" => self.ask(case),
            _ => {
                self.only_people.set(self.only_people.get() + 1);
                Ok(None)
            }
        }
    }

    fn question(&self, case: &AuditCase) -> anyhow::Result<Option<bool>> {
        let Some(instant) = self.instant else {
            return Ok(None);
        };
        // Of the hour at which it was shown, and as if nothing had been: what was just shown rests, so among those that do
        // not it would never be.
        let then = case.at.to_zoned_datetime(self.now.time_zone().clone());
        // Of the mood, too, that the kept question presupposes: it was chosen in that one.
        let kept = prompt::with_text(&case.answer).and_then(|kept| prompt::question(&kept.id));
        let mood = kept.map(|question| question.mood);
        let found = prompt::about(None, instant, &then, mood, &case.asked, QUESTIONS)?;
        if found.is_empty() {
            return Ok(None);
        }
        let same = found
            .iter()
            .any(|p| self.cache.answers_agree(&p.text, &case.answer));
        Ok(Some(same))
    }

    fn ask(&self, case: &AuditCase) -> anyhow::Result<Option<bool>> {
        let filter = Filter::default();
        let asked = Asked {
            context: self.context,
            journal: self.journal,
            instant: self.instant,
            question: &case.asked,
            filter: &filter,
            now: &self.now,
        };
        // With another filter, or another journal by now, the answer is another one by right.
        if !self.cache.is_for(case, &asked.request()?) {
            return Ok(None);
        }
        let Ok(kept) = serde_json::from_str::<Answer>(&case.answer) else {
            return Ok(None);
        };
        let (new, stopped) = asked.anew()?;
        if stopped {
            return Ok(None);
        }
        let cites = |a: &Answer, b: &Answer| {
            let mut entries = a.citations.iter().map(|c| c.entry);
            entries.any(|entry| b.citations.iter().any(|c| c.entry == entry))
        };
        Ok(Some(match (kept.found, new.found) {
            (false, false) => true,
            (true, true) => {
                cites(&kept, &new) || self.cache.answers_agree(&kept.answer, &new.answer)
            }
            _ => false,
        }))
    }
}
