//! Reading many entries with the model: as many at once as its worker takes, so that their steps are shared.
//!
//! Each of a few threads asks the four questions about one entry; what they wait for at the same time the worker reads
//! and writes together. The journal stays with the caller's thread, which hands out entries and keeps what comes back,
//! so that whatever ends the program, what was read is kept and the rest is read the next time.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use journal::{Entry, EntryId, Journal};

use super::Language;
use super::read::{self, Reading};
use crate::{Instant, Result};

/// How often it is looked whether to stop, and whether the encoder is through with another entry.
const GLANCE: Duration = Duration::from_millis(50);

/// How many are read, and which.
pub struct ReadAll<'a> {
    /// Entries that are read at the same time.
    pub together: usize,
    /// Also those of which a reading is kept.
    pub refresh: bool,
    /// Whether the encoder may still be at some of the entries: they are read when it is through with them.
    pub is_analysing: &'a dyn Fn() -> bool,
}

/// What [`read_all`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadDone {
    /// Entries that the model read now.
    pub read: u64,
    /// Entries of which a reading was kept.
    pub kept: u64,
    /// Entries of which the model could say nothing, and that are read again the next time.
    pub failed: u64,
    /// It was told to stop.
    pub stopped: bool,
    /// What did not go as it should; no word of an entry.
    pub notes: Vec<(EntryId, String)>,
}

impl ReadDone {
    fn done(&self) -> u64 {
        self.read + self.kept + self.failed
    }
}

/// Reads the entries `ids` with the model, `how.together` at a time, and keeps each reading as soon as it is made.
/// `on_done` is told how many are done.
pub fn read_all(
    journal: &mut Journal,
    language: &Language<'_>,
    instant: Option<&Instant>,
    ids: &[EntryId],
    how: &ReadAll<'_>,
    on_done: &mut dyn FnMut(u64),
) -> Result<ReadDone> {
    let together = how.together.max(1);
    let mut waiting: VecDeque<EntryId> = ids.iter().copied().collect();
    let mut done = ReadDone::default();
    let (give, taken) = mpsc::channel();
    let taken = Mutex::new(taken);
    let (to, heard) = mpsc::channel();
    thread::scope(|scope| {
        // With the end of this closure it goes, and with it the threads.
        let give = give;
        for _ in 0..together {
            let (taken, to) = (&taken, to.clone());
            scope.spawn(move || work(language, taken, &to));
        }
        let mut out = 0;
        loop {
            done.stopped = language.flow().is_break();
            while out < together && !done.stopped {
                let Some(next) = next(journal, language, instant, &mut waiting, how, &mut done)?
                else {
                    break;
                };
                if give.send(next).is_err() {
                    break;
                }
                out += 1;
            }
            on_done(done.done());
            if out == 0 && (waiting.is_empty() || done.stopped) {
                return Ok(());
            }
            match heard.recv_timeout(GLANCE) {
                Ok((entry, made)) => {
                    out -= 1;
                    take_in(journal, language, &entry, made, &mut done)?;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            crate::keep_measured_if_due(journal);
        }
    })
    .map(|()| done)
}

/// The next entry for the model, with what the instant tier says of it. `None` where there is none now: none is left, or
/// the encoder is still at those that come next.
fn next(
    journal: &Journal,
    language: &Language<'_>,
    instant: Option<&Instant>,
    waiting: &mut VecDeque<EntryId>,
    how: &ReadAll<'_>,
    done: &mut ReadDone,
) -> Result<Option<(Entry, Reading)>> {
    let mut passed_over = 0;
    while let Some(id) = waiting.pop_front() {
        let entry = match journal.get(id) {
            Ok(entry) => entry,
            // Removed meanwhile.
            Err(journal::Error::NoEntry(_)) => continue,
            Err(error) => return Err(error.into()),
        };
        if !how.refresh && read::kept(journal, language, &entry)?.is_some() {
            done.kept += 1;
            continue;
        }
        if (how.is_analysing)() && journal.analysis(id)?.is_none() {
            waiting.push_back(id);
            passed_over += 1;
            if passed_over == how.together.max(1) {
                return Ok(None);
            }
            continue;
        }
        let before = read::instant_reading(journal, instant, &entry)?;
        return Ok(Some((entry, before)));
    }
    Ok(None)
}

/// Keeps a reading, and counts it.
fn take_in(
    journal: &mut Journal,
    language: &Language<'_>,
    entry: &Entry,
    made: std::result::Result<Reading, String>,
    done: &mut ReadDone,
) -> Result<()> {
    let reading = match made {
        Ok(reading) => reading,
        Err(reason) => {
            done.failed += 1;
            done.notes.push((entry.id, reason));
            return Ok(());
        }
    };
    if language.flow().is_break() {
        // Stopped half-way: it counts as not read.
        return Ok(());
    }
    read::keep(journal, language, entry, &reading)?;
    match reading.tier {
        super::Tier::Language => done.read += 1,
        super::Tier::Instant => done.failed += 1,
    }
    let notes = reading.notes.into_iter();
    done.notes.extend(notes.map(|note| (entry.id, note)));
    Ok(())
}

/// Reads one entry after the other, until none comes any more.
fn work(
    language: &Language<'_>,
    taken: &Mutex<Receiver<(Entry, Reading)>>,
    to: &Sender<(Entry, std::result::Result<Reading, String>)>,
) {
    loop {
        let next = taken.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((entry, before)) = next else { return };
        // A panic may quote the text that it tripped over: what it said is not passed on.
        let made = catch_unwind(AssertUnwindSafe(|| read::fresh(language, &entry, before)))
            .map_err(|_| "the reading gave up".to_owned());
        if to.send((entry, made)).is_err() {
            return;
        }
    }
}
