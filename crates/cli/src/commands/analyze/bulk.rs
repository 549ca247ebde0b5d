//! The whole journal read by the language model, while the encoder works off what waits for it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::Context as _;
use assistant::language::bulk::{self, ReadAll, ReadDone};
use assistant::language::question;
use assistant::{CatchUp, Instant};
use engine::batch::{Batcher, Class};
use journal::{EntryId, Filter, Journal};

use crate::analysis;
use crate::context::Context;
use crate::exit::Failure;
use crate::language;
use crate::messages;

/// Entries that a note names, at most.
const NAMED: usize = 8;

/// Lets the language model read what it has not read yet, several entries at once, while the encoder goes through those
/// that wait for it in the same worker. Stopped, it goes on there the next time. Gives what the encoder did.
pub(super) fn read_all(
    context: &Context,
    journal: &mut Journal,
    instant: &Instant,
    refresh: bool,
) -> anyhow::Result<(CatchUp, ReadDone)> {
    analysis::step_back();
    let opened = language::open_as(context, Class::Bulk)?.ok_or_else(|| {
        Failure::usage(
            "no language model is configured; `companion config set language.model NAME`",
        )
    })?;
    let (language, stop) = (opened.language(), opened.stop());
    let ids = journal.list_ids(&Filter::default())?;
    let mut progress = context.out.progress("reading", ids.len() as u64);
    // Where another process is at the queue already, its entries are read when they come out of it, or the next time.
    let alone = analysis::reading_alone(context)?;
    let mut theirs = alone.is_some().then(|| journal.once_more()).transpose()?;
    let analysing = AtomicBool::new(theirs.is_some());
    let (encoded, read) = thread::scope(|scope| {
        let encoder = scope.spawn(|| {
            let done = theirs.as_mut().map_or(Ok(CatchUp::default()), |journal| {
                encode(journal, instant, language.model.batcher(), stop)
            });
            analysing.store(false, Ordering::Relaxed);
            done
        });
        let how = ReadAll {
            together: context.config.batch.max_size,
            refresh,
            is_analysing: &|| analysing.load(Ordering::Relaxed),
        };
        let mut on_done = |done| progress.set(done);
        let read = bulk::read_all(journal, &language, Some(instant), &ids, &how, &mut on_done);
        if read.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        (encoder.join(), read)
    });
    progress.finish();
    let encoded = encoded
        .map_err(|_| anyhow::anyhow!("the analysis of the entries gave up"))?
        .context("cannot analyse the entries that are waiting")?;
    let read = read?;
    analysis::tell(context, journal, &encoded, false)?;
    // The next question, while the model is open: showing it then needs none.
    if !opened.stopped() {
        let now = context.now()?;
        question::today(journal, Some(&language), Some(instant), &now, 0)?;
    }
    Ok((encoded, read))
}

/// The encoder's part, through the worker of the language model where it has one.
fn encode(
    journal: &mut Journal,
    instant: &Instant,
    worker: Option<&Batcher>,
    stop: &AtomicBool,
) -> assistant::Result<CatchUp> {
    match worker {
        Some(worker) => assistant::catch_up_with(journal, instant, worker, &mut |_, _| {}, stop),
        None => assistant::catch_up(journal, instant, &mut |_, _| {}, stop),
    }
}

/// Says what did not go as it should: each note once, with the entries that it is about.
pub(super) fn tell_notes(context: &Context, read: &ReadDone) {
    if read.stopped {
        context
            .out
            .warn("stopped; the rest waits for the next time");
    }
    let mut by_note: BTreeMap<&str, Vec<EntryId>> = BTreeMap::new();
    for (id, note) in &read.notes {
        by_note.entry(note).or_default().push(*id);
    }
    for (note, ids) in by_note {
        let some: Vec<String> = ids.iter().take(NAMED).map(EntryId::to_string).collect();
        let more = match ids.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let what = messages::of_count(ids.len() as u64, "entry", "entries");
        context
            .out
            .warn(format!("note: {note}: {what} {}{more}", some.join(", ")));
    }
}
