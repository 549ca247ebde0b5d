//! The journal as commands hold it: when it is closed, what this process has measured is kept in it.
//!
//! A command that opens no journal keeps nothing, and one that has measured nothing writes nothing. Whatever goes wrong
//! here is not worth a word: the command has done what it was asked for.

use std::ops::{Deref, DerefMut};

use jiff::civil::Date;
use journal::Journal;

/// An open journal that keeps what was measured when it is dropped.
#[derive(Debug)]
pub(crate) struct OpenJournal {
    journal: Journal,
    /// Today, by this program's clock.
    day: Date,
}

impl OpenJournal {
    /// `journal`, opened on `day`.
    pub(crate) fn new(journal: Journal, day: Date) -> OpenJournal {
        OpenJournal { journal, day }
    }
}

impl Deref for OpenJournal {
    type Target = Journal;

    fn deref(&self) -> &Journal {
        &self.journal
    }
}

impl DerefMut for OpenJournal {
    fn deref_mut(&mut self) -> &mut Journal {
        &mut self.journal
    }
}

impl Drop for OpenJournal {
    fn drop(&mut self) {
        if self.journal.is_read_only() {
            return;
        }
        let Some(measured) = metrics::process::last() else {
            return;
        };
        if self.journal.keep_measured(self.day, &measured).is_err() {
            // Another journal that this process opens may take it.
            metrics::give_back(&measured);
        }
    }
}
