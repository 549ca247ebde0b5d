//! Analysing what is queued: entries that were saved while there was no model, or no time.

use std::sync::atomic::{AtomicBool, Ordering};

use journal::Journal;
use serde::Serialize;

use crate::{Instant, Result, personal};

/// Entries analysed and saved in one transaction: long enough to keep the encoder busy, short enough that a crash or
/// Ctrl-C costs a second of work.
const BATCH: usize = 64;

/// Where the journal remembers which encoder and heads made its analyses.
const MADE_BY: &str = "instant.made_by";

/// What [`catch_up`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CatchUp {
    /// Entries whose analysis and vectors are now stored.
    pub analysed: u64,
    /// Entries that are still queued because they could not be analysed.
    pub failed: u64,
    /// It was told to stop before the queue was empty.
    pub cancelled: bool,
}

/// Analyses and embeds every queued entry, in batches, each saved in one transaction.
///
/// Safe to stop at any point: what is saved stays saved, the rest stays queued. An entry that was edited meanwhile
/// keeps its place in the queue, because an analysis is saved only for the version that it read. `on_done` is told
/// how many are done of how many there were.
pub fn catch_up(
    journal: &mut Journal,
    instant: &Instant,
    on_done: &mut dyn FnMut(u64, u64),
    cancelled: &AtomicBool,
) -> Result<CatchUp> {
    requeue_outdated(journal, instant)?;
    let instant = &instant.for_journal(journal)?;
    let total = journal.queued_count()?;
    let mut done = CatchUp::default();
    loop {
        if cancelled.load(Ordering::Relaxed) {
            done.cancelled = journal.queued_count()? > 0;
            return Ok(done);
        }
        let entries = journal.queued(BATCH)?;
        if entries.is_empty() {
            return Ok(done);
        }
        let texts: Vec<&str> = entries.iter().map(|e| e.text.as_str()).collect();
        let analysed = instant.analyse(&texts, &mut |_| {})?;
        let rows: Vec<_> = entries
            .iter()
            .zip(analysed)
            .map(|(entry, a)| (entry.id, entry.version, a.analysis, Some(a.vectors)))
            .collect();
        let saved = journal.save_analysis(&rows)?;
        if saved == 0 {
            // Nothing left the queue: the entries changed under us. Stopping beats spinning; they stay queued.
            done.failed = journal.queued_count()?;
            return Ok(done);
        }
        done.analysed += saved;
        on_done(done.analysed, total.max(done.analysed));
    }
}

/// Queues every entry again where the last catch-up was made by another model or other heads, whose numbers and
/// vectors cannot stand beside the new ones. Gives how many are queued then.
fn requeue_outdated(journal: &mut Journal, instant: &Instant) -> Result<u64> {
    let made_by = journal.meta(MADE_BY)?;
    if made_by.as_deref() == Some(instant.model()) {
        return Ok(0);
    }
    let queued = if made_by.is_some() {
        journal.requeue_all(None)?
    } else {
        0
    };
    // Only after the queue is durable: a crash in between queues once more, which costs time and loses nothing.
    journal.set_meta(MADE_BY, Some(instant.model()))?;
    // Shifts that were fitted to what another model read say nothing of this one.
    if made_by.is_some() {
        personal::learn(journal, instant)?;
    }
    Ok(queued)
}
