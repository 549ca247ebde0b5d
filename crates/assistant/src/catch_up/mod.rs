//! Analysing what is queued: entries that were saved while there was no model, or no time.
//!
//! A resumable job. The queue is in the journal; an entry leaves it in the transaction that stores its analysis, so
//! that whatever ends the program, each entry is analysed once. The encoder works on its own thread, as the bulk work
//! of the engine's scheduler, while this one stores what is done.

mod chore;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant as Moment};

use engine::batch::{Batcher, Class, End, Limits, NoModel, Ticket};
use journal::{Analysis, EntryId, Journal, Vectors};
use metrics::Count;
use serde::Serialize;

use crate::{Error, Instant, Result, personal};
use chore::{Read, ReadEntries};

/// Entries that the encoder is given at once, sorted by length.
const WINDOW: usize = 256;

/// Windows that are given out: one is worked on, one waits, so that the encoder never does.
const WINDOWS: usize = 2;

/// How often it is looked whether to stop.
const GLANCE: Duration = Duration::from_millis(50);

/// An entry whose analysis could not be stored so often, because it changed meanwhile, is left for the next time.
const TRIES: u32 = 3;

/// Where the journal remembers which encoder and heads made its analyses.
const MADE_BY: &str = "instant.made_by";

/// What [`catch_up`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CatchUp {
    /// Entries whose analysis and vectors are now stored.
    pub analysed: u64,
    /// Entries that are still queued because they could not be analysed.
    pub failed: u64,
    /// It was told to stop before the queue was empty.
    pub cancelled: bool,
    /// The entries that failed, each with the reason; no word of their text.
    pub errors: Vec<(EntryId, String)>,
}

/// Analyses and embeds every queued entry, in pieces, each saved in one transaction.
///
/// Safe to stop at any point: what is saved stays saved, the rest stays queued. An entry that was edited meanwhile
/// keeps its place in the queue, because an analysis is saved only for the version that it read. One that cannot be
/// analysed goes behind all others, and holds nobody up. `on_done` is told how many are done of how many there were.
pub fn catch_up(
    journal: &mut Journal,
    instant: &Instant,
    on_done: &mut dyn FnMut(u64, u64),
    cancelled: &AtomicBool,
) -> Result<CatchUp> {
    requeue_outdated(journal, instant)?;
    if journal.queued_count()? == 0 {
        return Ok(CatchUp::default());
    }
    let batcher = Batcher::start(NoModel, Limits::default()).map_err(Error::Thread)?;
    catch_up_with(journal, instant, &batcher, on_done, cancelled)
}

/// The same, with a worker that runs already: whoever waits for something goes before.
pub fn catch_up_with(
    journal: &mut Journal,
    instant: &Instant,
    batcher: &Batcher,
    on_done: &mut dyn FnMut(u64, u64),
    cancelled: &AtomicBool,
) -> Result<CatchUp> {
    requeue_outdated(journal, instant)?;
    let instant = &instant.for_journal(journal)?;
    let total = journal.queued_count()?;
    let mut job = Job::new(instant, batcher);
    loop {
        if cancelled.load(Ordering::Relaxed) {
            job.done.cancelled = journal.queued_count()? > 0;
            return Ok(job.done);
        }
        job.give_out(journal)?;
        if job.windows.is_empty() {
            return Ok(job.done);
        }
        match job.heard.recv_timeout(GLANCE) {
            Ok(read) => {
                job.keep(journal, read)?;
                on_done(job.done.analysed, total.max(job.done.analysed));
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                job.look_after(journal)?;
            }
        }
    }
}

/// The entries of one chore that were not heard of yet.
struct Window {
    ticket: Ticket,
    waiting: BTreeSet<EntryId>,
}

/// A catch-up under way.
struct Job<'a> {
    instant: &'a Instant,
    batcher: &'a Batcher,
    windows: VecDeque<Window>,
    /// Entries that stay queued, and are not looked at again this time.
    left: BTreeSet<EntryId>,
    /// How often an entry changed before its analysis could be stored.
    tries: BTreeMap<EntryId, u32>,
    to: Sender<Vec<Read>>,
    heard: Receiver<Vec<Read>>,
    done: CatchUp,
    /// Up to when the time is counted.
    counted: Moment,
}

impl<'a> Job<'a> {
    fn new(instant: &'a Instant, batcher: &'a Batcher) -> Self {
        let (to, heard) = mpsc::channel();
        Job {
            instant,
            batcher,
            windows: VecDeque::new(),
            left: BTreeSet::new(),
            tries: BTreeMap::new(),
            to,
            heard,
            done: CatchUp::default(),
            counted: Moment::now(),
        }
    }

    fn is_out(&self, id: EntryId) -> bool {
        self.windows
            .iter()
            .any(|window| window.waiting.contains(&id))
    }

    /// Gives the worker as many entries as it may have.
    fn give_out(&mut self, journal: &Journal) -> Result<()> {
        while self.windows.len() < WINDOWS {
            let out: usize = self.windows.iter().map(|window| window.waiting.len()).sum();
            let mut entries = journal.queued(WINDOW + out + self.left.len())?;
            entries.retain(|entry| !self.is_out(entry.id) && !self.left.contains(&entry.id));
            entries.truncate(WINDOW);
            if entries.is_empty() {
                return Ok(());
            }
            let waiting = entries.iter().map(|entry| entry.id).collect();
            let chore = ReadEntries::new(self.instant.clone(), entries, self.to.clone());
            let ticket = self
                .batcher
                .submit_chore(Class::Bulk, Box::new(chore))
                .map_err(Error::Refused)?;
            self.windows.push_back(Window { ticket, waiting });
        }
        Ok(())
    }

    /// Stores what was read.
    fn keep(&mut self, journal: &mut Journal, read: Vec<Read>) -> Result<()> {
        for window in &mut self.windows {
            for Read { id, .. } in &read {
                window.waiting.remove(id);
            }
        }
        self.windows.retain(|window| !window.waiting.is_empty());
        let (mut rows, mut failed) = (Vec::new(), Vec::new());
        for Read { id, version, made } in read {
            match made {
                Ok((analysis, vectors)) => rows.push((id, version, analysis, Some(vectors))),
                Err(reason) => failed.push((id, reason)),
            }
        }
        let stored = match journal.save_analysis(&rows) {
            Err(journal::Error::Invalid { .. }) => self.keep_each(journal, &rows, &mut failed)?,
            other => other?,
        };
        self.done.analysed += stored;
        let now = Moment::now();
        let took = now - std::mem::replace(&mut self.counted, now);
        metrics::add(Count::BatchEntries, stored);
        metrics::add(Count::BatchMicros, took.as_micros() as u64);
        keep_measured_if_due(journal);
        if stored < rows.len() as u64 {
            // Some changed while they were read; they are queued, and come again.
            for (id, ..) in &rows {
                let tries = self.tries.entry(*id).or_default();
                *tries += 1;
                if *tries == TRIES {
                    self.left.insert(*id);
                }
            }
        }
        self.fail(journal, failed)
    }

    /// Stores rows one by one where one of them cannot be stored.
    fn keep_each(
        &mut self,
        journal: &mut Journal,
        rows: &[(EntryId, u32, Analysis, Option<Vectors>)],
        failed: &mut Vec<(EntryId, String)>,
    ) -> Result<u64> {
        let mut stored = 0;
        for row in rows {
            match journal.save_analysis(std::slice::from_ref(row)) {
                Ok(one) => stored += one,
                Err(error @ journal::Error::Invalid { .. }) => {
                    failed.push((row.0, error.to_string()));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(stored)
    }

    fn fail(&mut self, journal: &mut Journal, failed: Vec<(EntryId, String)>) -> Result<()> {
        if failed.is_empty() {
            return Ok(());
        }
        let ids: Vec<EntryId> = failed.iter().map(|(id, _)| *id).collect();
        journal.analysis_failed(&ids)?;
        self.left.extend(&ids);
        self.done.failed += ids.len() as u64;
        self.done.errors.extend(failed);
        Ok(())
    }

    /// Takes in windows that ended without a word about their entries.
    fn look_after(&mut self, journal: &mut Journal) -> Result<()> {
        let mut failed = Vec::new();
        self.windows.retain(|window| {
            match window.ticket.wait_for(Duration::ZERO) {
                Some(End::Failed(reason)) => {
                    failed.extend(window.waiting.iter().map(|id| (*id, reason.clone())));
                    false
                }
                // What was read is on its way.
                None | Some(End::Done) => true,
                // Its entries are still queued.
                Some(End::Cancelled | End::Late) => false,
            }
        });
        self.fail(journal, failed)
    }
}

/// Keeps what was measured where a job goes on for long: a process that is killed loses no more than that of a few seconds.
///
/// What it measured is not worth an error: what could not be kept comes with the next.
pub fn keep_measured_if_due(journal: &mut Journal) {
    if !metrics::is_due() || journal.is_read_only() {
        return;
    }
    let Some(measured) = metrics::process::taken() else {
        return;
    };
    let today = jiff::ZonedDateTime::now().date();
    if journal.keep_measured(today, &measured).is_err() {
        metrics::give_back(&measured);
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
