//! Bringing the analysis up to date: for one entry just saved, or for all that is queued.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use assistant::{CatchUp, Instant, care};
use journal::{Analysis, Entry, Journal};

use crate::context::Context;
use crate::interrupt;
use crate::messages;

/// What came of reading one entry.
pub(crate) struct Read {
    /// What is stored now; nothing where no model is installed.
    pub(crate) analysis: Option<Analysis>,
    /// Whether the entry speaks of danger to the writer. It is told once, here, and stored nowhere.
    pub(crate) danger: bool,
}

impl Read {
    /// What can be said of `entry` without a model.
    pub(crate) fn without_model(entry: &Entry) -> Read {
        Read {
            analysis: None,
            danger: care::speaks_of_danger(&entry.text, None),
        }
    }
}

/// Analyses `entry` and stores the result.
pub(crate) fn analyse_entry(
    context: &Context,
    journal: &mut Journal,
    entry: &Entry,
) -> anyhow::Result<Read> {
    let Some(instant) = context.instant()? else {
        return Ok(Read::without_model(entry));
    };
    let instant = instant.for_journal(journal)?;
    let analysed = instant.analyse(&[&entry.text], &mut |_| {})?.pop();
    let Some(analysed) = analysed else {
        return Ok(Read::without_model(entry));
    };
    let classifier = care::Classifier::committed(instant.encoder())?;
    let danger = care::speaks_of_danger(&entry.text, classifier.as_ref().map(|c| (c, &analysed)));
    journal.save_analysis(&[(
        entry.id,
        entry.version,
        analysed.analysis,
        Some(analysed.vectors),
    )])?;
    Ok(Read {
        // As it is stored: with what the person has corrected.
        analysis: journal.analysis(entry.id)?,
        danger,
    })
}

/// Analyses everything that is queued, with a progress bar where it takes long, and returns the
/// opened model for further use. `None` where no model is installed.
pub(crate) fn catch_up(
    context: &Context,
    journal: &mut Journal,
) -> anyhow::Result<Option<Instant>> {
    Ok(catch_up_counted(context, journal)?.map(|(instant, _)| instant))
}

/// The same, with what was done.
pub(crate) fn catch_up_counted(
    context: &Context,
    journal: &mut Journal,
) -> anyhow::Result<Option<(Instant, CatchUp)>> {
    let Some(instant) = context.instant()? else {
        return Ok(None);
    };
    // A journal that can only be read is searched with what it has.
    if journal.is_read_only() {
        let nothing = CatchUp {
            cancelled: true,
            ..CatchUp::default()
        };
        return Ok(Some((instant, nothing)));
    }
    // Ctrl-C lets the batch under way be finished and kept; the rest stays queued.
    let cancelled = Arc::new(AtomicBool::new(false));
    let phase = interrupt::noted(&cancelled)?;
    let mut progress = context
        .out
        .progress("reading entries", journal.queued_count()?);
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
            "stopped; {} for the next time",
            messages::counted(journal.queued_count()?, "entry waits", "entries wait")
        ));
    }
    for (id, reason) in &result.errors {
        context
            .out
            .warn(format!("entry {id} could not be analysed: {reason}"));
    }
    if result.failed > 0 {
        context.out.warn(format!(
            "{} could not be analysed and will be tried again",
            messages::entries(result.failed)
        ));
    }
    Ok(Some((instant, result)))
}
