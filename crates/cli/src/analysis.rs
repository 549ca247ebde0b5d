//! Bringing the analysis up to date: for one entry just saved, or for all that is queued.

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant as Moment};

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

/// How long an answer waits for entries that nobody has read yet.
const SOON: Duration = Duration::from_secs(5);

/// By how much bulk work stands back behind what a person waits for, in another process too.
const STEP_BACK: i32 = 10;

/// Analyses what is queued before somebody is answered, and returns the opened model for further use. `None` where no
/// model is installed. Whoever waits does not wait for long: after [`SOON`], or where another process is at it, the
/// answer is made from what has been read, and that is said.
pub(crate) fn catch_up_soon(
    context: &Context,
    journal: &mut Journal,
) -> anyhow::Result<Option<Instant>> {
    Ok(catch_up_soon_counted(context, journal)?.map(|(instant, _)| instant))
}

/// The same, with what was done.
pub(crate) fn catch_up_soon_counted(
    context: &Context,
    journal: &mut Journal,
) -> anyhow::Result<Option<(Instant, CatchUp)>> {
    read_waiting(context, journal, Some(SOON))
}

/// Analyses everything that is queued, however long that takes, with a progress bar.
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
    step_back();
    read_waiting(context, journal, None)
}

/// Lets the threads that are started from now on stand back behind those of other processes.
pub(crate) fn step_back() {
    // Where that is not allowed, bulk work is as important as anything else.
    let _ = rustix::process::nice(STEP_BACK);
}

/// The lock of whoever reads what is queued: two who read the same would do it twice. `None`: another one is at it.
/// It goes with the process, however that ends.
pub(crate) fn reading_alone(context: &Context) -> anyhow::Result<Option<File>> {
    let path = context.home().join("analysis.lock");
    let open = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path);
    let file = open.with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        // A file system without locks: twice is better than not at all.
        Err(TryLockError::Error(_)) => Ok(Some(file)),
    }
}

/// Reads what is queued; where somebody waits, for no longer than `at_most`.
fn read_waiting(
    context: &Context,
    journal: &mut Journal,
    at_most: Option<Duration>,
) -> anyhow::Result<Option<(Instant, CatchUp)>> {
    let Some(instant) = context.instant()? else {
        return Ok(None);
    };
    let nothing = CatchUp {
        cancelled: true,
        ..CatchUp::default()
    };
    // A journal that can only be read is searched with what it has.
    if journal.is_read_only() {
        return Ok(Some((instant, nothing)));
    }
    let Some(_alone) = reading_alone(context)? else {
        let waiting = journal.queued_count()?;
        if waiting > 0 {
            let waiting = messages::counted(waiting, "entry is", "entries are");
            context.out.note(format!(
                "{waiting} being read by another companion, and not in this yet"
            ));
        }
        return Ok(Some((instant, nothing)));
    };
    // Ctrl-C lets the batch under way be finished and kept; the rest stays queued.
    let cancelled = Arc::new(AtomicBool::new(false));
    let phase = interrupt::noted(&cancelled)?;
    let mut progress = context
        .out
        .progress("reading entries", journal.queued_count()?);
    let (begun, mut late) = (Moment::now(), false);
    let result = assistant::catch_up(
        journal,
        &instant,
        &mut |done, total| {
            progress.set_total(total);
            progress.set(done);
            late = at_most.is_some_and(|most| begun.elapsed() > most);
            if late {
                cancelled.store(true, Ordering::Relaxed);
            }
        },
        &cancelled,
    );
    drop(phase);
    progress.finish();
    let result = result.context("cannot analyse the entries that are waiting")?;
    tell(context, journal, &result, late)?;
    Ok(Some((instant, result)))
}

/// Says what a catch-up left undone.
pub(crate) fn tell(
    context: &Context,
    journal: &Journal,
    result: &CatchUp,
    late: bool,
) -> anyhow::Result<()> {
    let out = &context.out;
    if result.cancelled {
        let waiting = journal.queued_count()?;
        if late {
            let waiting = messages::counted(waiting, "entry is", "entries are");
            out.note(format!(
                "{waiting} not read yet, and not in this; `companion analyze` reads them"
            ));
        } else {
            let waiting = messages::counted(waiting, "entry waits", "entries wait");
            out.warn(format!("stopped; {waiting} for the next time"));
        }
    }
    for (id, reason) in &result.errors {
        out.warn(format!("entry {id} could not be analysed: {reason}"));
    }
    if result.failed > 0 {
        out.warn(format!(
            "{} could not be analysed and will be tried again",
            messages::entries(result.failed)
        ));
    }
    Ok(())
}
