//! The encoder's part of a catch-up, in pieces that the scheduler sizes.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Sender;

use engine::batch::Chore;
use journal::{Analysis, Entry, EntryId, Vectors};

use crate::Instant;

/// Entries of one piece at most: they are stored in one transaction, which costs more than a few entries are worth,
/// and are what a crash costs.
const PIECE: usize = 64;

/// What became of an entry.
pub(super) struct Read {
    pub(super) id: EntryId,
    /// The version that was read.
    pub(super) version: u32,
    /// Or why not; no word of the text.
    pub(super) made: Result<(Analysis, Vectors), String>,
}

/// Entries to read, in units of bytes.
pub(super) struct ReadEntries {
    instant: Instant,
    entries: VecDeque<Entry>,
    to: Sender<Vec<Read>>,
}

impl ReadEntries {
    /// Entries of like length come together: threads that take a batch each end at about the same time.
    pub(super) fn new(instant: Instant, mut entries: Vec<Entry>, to: Sender<Vec<Read>>) -> Self {
        entries.sort_by_key(|entry| entry.text.len());
        ReadEntries {
            instant,
            entries: entries.into(),
            to,
        }
    }

    /// The next entries of about `units` bytes.
    fn take(&mut self, units: usize) -> Vec<Entry> {
        let (mut piece, mut bytes) = (Vec::new(), 0);
        while let Some(next) = self.entries.front() {
            bytes += bytes_of(next);
            if !piece.is_empty() && (bytes > units || piece.len() == PIECE) {
                break;
            }
            piece.extend(self.entries.pop_front());
        }
        piece
    }
}

impl Chore for ReadEntries {
    fn units(&self) -> usize {
        self.entries.iter().map(bytes_of).sum()
    }

    fn work(&mut self, units: usize) -> usize {
        let piece = self.take(units);
        let done = piece.iter().map(bytes_of).sum();
        match self.to.send(read(&self.instant, &piece)) {
            Ok(()) => done,
            // Nobody waits for it any more.
            Err(_) => 0,
        }
    }
}

fn bytes_of(entry: &Entry) -> usize {
    entry.text.len().max(1)
}

/// Reads `entries` together, or, where that fails, each alone, so that one that cannot be read is alone in it.
fn read(instant: &Instant, entries: &[Entry]) -> Vec<Read> {
    let texts: Vec<&str> = entries.iter().map(|entry| entry.text.as_str()).collect();
    let made = match analyse(instant, &texts) {
        Ok(made) => made.into_iter().map(Ok).collect(),
        Err(reason) if entries.len() == 1 => vec![Err(reason)],
        Err(_) => texts
            .iter()
            .map(|text| analyse(instant, &[text]).and_then(one))
            .collect(),
    };
    let of = |(entry, made): (&Entry, Result<_, _>)| Read {
        id: entry.id,
        version: entry.version,
        made,
    };
    entries.iter().zip(made).map(of).collect()
}

fn one(made: Vec<(Analysis, Vectors)>) -> Result<(Analysis, Vectors), String> {
    made.into_iter()
        .next()
        .ok_or_else(|| "the reader said nothing".to_owned())
}

fn analyse(instant: &Instant, texts: &[&str]) -> Result<Vec<(Analysis, Vectors)>, String> {
    // A panic may quote the text that it tripped over: what it said is not passed on.
    let made = catch_unwind(AssertUnwindSafe(|| instant.analyse(texts, &mut |_| {})))
        .map_err(|_| "the analysis gave up".to_owned())?
        .map_err(|error| error.to_string())?;
    if made.len() != texts.len() {
        return Err("the analysis lost count".to_owned());
    }
    Ok(made.into_iter().map(|a| (a.analysis, a.vectors)).collect())
}
