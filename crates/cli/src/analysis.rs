//! Bringing the analysis up to date: for one entry just saved, or for all that is queued.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use assistant::Instant;
use journal::{Analysis, Entry, Journal};

use crate::context::Context;
use crate::interrupt;

/// Analyses `entry` and stores the result. `None` where no model is installed.
pub(crate) fn analyse_entry(
    context: &Context,
    journal: &mut Journal,
    entry: &Entry,
) -> anyhow::Result<Option<Analysis>> {
    let Some(instant) = context.instant()? else {
        return Ok(None);
    };
    let analysed = instant.analyse(&[&entry.text], &mut |_| {})?.pop();
    let Some(analysed) = analysed else {
        return Ok(None);
    };
    let analysis = analysed.analysis.clone();
    journal.save_analysis(&[(
        entry.id,
        entry.version,
        analysed.analysis,
        Some(analysed.vectors),
    )])?;
    Ok(Some(analysis))
}

/// Analyses everything that is queued, with a progress bar where it takes long, and returns the
/// opened model for further use. `None` where no model is installed.
pub(crate) fn catch_up(
    context: &Context,
    journal: &mut Journal,
) -> anyhow::Result<Option<Instant>> {
    let Some(instant) = context.instant()? else {
        return Ok(None);
    };
    // A journal that can only be read is searched with what it has.
    if journal.is_read_only() {
        return Ok(Some(instant));
    }
    // Ctrl-C lets the batch under way be finished and kept; the rest stays queued.
    let cancelled = Arc::new(AtomicBool::new(false));
    let phase = interrupt::noted(&cancelled)?;
    let mut progress = context
        .out
        .progress("reading what is new", journal.queued_count()?);
    let result = assistant::catch_up(
        journal,
        &instant,
        &mut |done, total| {
            progress.set_total(total);
            progress.set(done);
        },
        &cancelled,
    );
    drop(phase);
    progress.finish();
    let result = result.context("cannot analyse the entries that are waiting")?;
    if result.cancelled {
        context.out.warn(format!(
            "stopped; {} wait for the next time",
            crate::messages::entries(journal.queued_count()?)
        ));
    }
    if result.failed > 0 {
        context.out.warn(format!(
            "{} could not be analysed and will be tried again",
            crate::messages::entries(result.failed)
        ));
    }
    Ok(Some(instant))
}
