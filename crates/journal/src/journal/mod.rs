//! The journal itself: one encrypted database, opened by its vault.

mod add;
mod change;
mod corrections;
mod derived;
mod keys;
mod measures;
mod open;
mod read;
mod search;
mod small;
mod threads;
mod written;

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use rusqlite::{Connection, Transaction};

use crate::home::HomeLock;
use crate::secret::Key;
use crate::{Error, Home, Protection, Result, db};

pub use add::{ImportCounts, Refused};
pub use corrections::Corrected;
pub use read::Stats;
pub use search::{TextHit, VectorHit};
pub use small::Draft;
pub use threads::{Speaker, Turn};
pub use written::Written;

pub(crate) use written::forget_made_from;

/// An open journal. Every method that takes `&mut self` is one durable transaction.
pub struct Journal {
    db: Connection,
    pub(crate) home: Home,
    uid: String,
    pub(crate) key: Key,
    protection: Protection,
    opened: keys::Opened,
    read_only: bool,
    notices: Vec<Notice>,
    clock: fn() -> Timestamp,
    lock: HomeLock,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}

/// Something that happened while opening and that the user should know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// `vault.json` was unusable; its previous copy opened the journal and was put in its place.
    VaultRecovered {
        /// What was wrong with it.
        reason: String,
    },
    /// A re-keying that a crash had cut short was completed.
    RekeyFinished,
    /// The schema was brought up to date, after a backup.
    Migrated {
        /// The schema before.
        from: u32,
        /// The schema now.
        to: u32,
        /// The backup made before.
        backup: PathBuf,
    },
    /// The home cannot be written to; the journal can be read.
    ReadOnly,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::VaultRecovered { reason } => {
                write!(
                    f,
                    "vault.json was damaged ({reason}); the journal was opened with vault.json.previous, and vault.json was restored from it"
                )
            }
            Notice::RekeyFinished => {
                f.write_str("a change of key that had been interrupted was completed")
            }
            Notice::Migrated { from, to, backup } => {
                write!(
                    f,
                    "the journal was brought from schema {from} to {to}; the state before is in {}",
                    backup.display()
                )
            }
            Notice::ReadOnly => {
                f.write_str("the journal's home cannot be written to: reading only")
            }
        }
    }
}

impl Journal {
    /// Where this journal lives.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The random identity of this journal, which its backups carry too.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// What locks it.
    pub fn protection(&self) -> Protection {
        self.protection
    }

    /// What the user should know about this opening.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Whether it was opened for reading only, because its home cannot be written to.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// A consistent, encrypted copy of the database at `path`, which must not exist.
    pub(crate) fn snapshot_to(&self, path: &std::path::Path) -> Result<()> {
        crate::backup::snapshot(&self.db, path)
    }

    /// Now, in stored form.
    fn now(&self) -> i64 {
        (self.clock)().as_microsecond()
    }

    /// Writes what was salvaged from elsewhere.
    pub(crate) fn fill<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        self.write(work)
    }

    fn write<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.must_be_writable()?;
        db::write(&mut self.db, work)
    }

    pub(crate) fn must_be_writable(&self) -> Result<()> {
        if self.read_only {
            return Err(Error::ReadOnly {
                detail: format!("{} is read-only", self.home.path().display()),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
