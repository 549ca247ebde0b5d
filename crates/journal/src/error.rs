//! Everything that can go wrong with a journal, told so that the reader knows what to do next.

use std::io;
use std::path::{Path, PathBuf};

use crate::EntryId;

/// The result of a journal operation.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong. A wrong passphrase, a damaged vault and a damaged database are three different things.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The home holds no journal.
    #[error("no journal in {}; write a first entry with `companion new \"...\"`, or bring one back with `companion backup restore FILE`", .home.display())]
    NoJournal {
        /// The home that was looked at.
        home: PathBuf,
    },
    /// A journal was to be created where one is already.
    #[error("{} already holds a journal; nothing was changed", .home.display())]
    AlreadyExists {
        /// The home in question.
        home: PathBuf,
    },
    /// Something would have replaced a journal without being told to.
    #[error("{} already holds {holds}; nothing was changed; `companion backup restore FILE --replace` saves it first, then replaces it", .home.display())]
    HomeNotEmpty {
        /// The home in question.
        home: PathBuf,
        /// What would have been replaced: `a journal`, or a key file alone.
        holds: &'static str,
    },
    /// The passphrase does not open this vault (the vault itself is intact).
    #[error(
        "wrong passphrase: vault.json is intact, but this passphrase does not open it; try again"
    )]
    WrongPassphrase,
    /// The vault is locked by a passphrase, and none was given.
    #[error(
        "this journal is locked by a passphrase, and none was given; set COMPANION_PASSPHRASE or use --passphrase-file FILE"
    )]
    PassphraseNeeded,
    /// The vault is locked by a key file, and a passphrase was given.
    #[error(
        "this journal is locked by a key file, not by a passphrase; open it without one, or set one with `companion passphrase set`"
    )]
    PassphraseNotUsed,
    /// An empty passphrase was to be set.
    #[error(
        "the passphrase is empty; use at least one character, or no passphrase at all for a key file"
    )]
    EmptyPassphrase,
    /// The key file that opens the vault is gone.
    #[error("the key file {} is missing, and without it the journal cannot be read; put it back from a backup", .path.display())]
    KeyFileMissing {
        /// Where the key file should be.
        path: PathBuf,
    },
    /// The key file is not 64 hexadecimal digits and its checksum.
    #[error("the key file {} is damaged ({reason}); put it back from a backup", .path.display())]
    KeyFileDamaged {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The key file is intact but belongs to another vault.
    #[error("the key file {} is intact, but belongs to another journal; put back the one that was made with vault.json", .path.display())]
    WrongKeyFile {
        /// The key file.
        path: PathBuf,
    },
    /// The database is there, the vault is not.
    #[error("{} is here, but vault.json, which holds its key, is missing; put vault.json (or vault.json.previous) back from a backup: without it nobody can read this journal; if a restore was cut short, restore the newest file in {} with --replace", .database.display(), .database.with_file_name("backups").display())]
    VaultMissing {
        /// The database without a vault.
        database: PathBuf,
    },
    /// The vault's checksum or form is wrong, and so is its previous copy.
    #[error("{} is damaged ({reason}), and its previous copy cannot be used either; put vault.json back from a backup: the passphrase is not the problem", .path.display())]
    VaultDamaged {
        /// The vault file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The vault was written by a newer Companion.
    #[error("{} has format {found}, this Companion knows up to {known}; update Companion (nothing was changed)", .path.display())]
    NewerVault {
        /// The vault file.
        path: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// The vault is there, the database is not.
    #[error("vault.json is here, but {} is missing; put it back from a backup (no new journal was made in its place)", .path.display())]
    DatabaseMissing {
        /// Where the database should be.
        path: PathBuf,
    },
    /// A page of the database does not authenticate, or its structure is broken.
    #[error(
        "the database is damaged ({detail}); run `companion fsck` to see what is lost, `companion fsck --salvage DIR` to save the rest, or restore a backup"
    )]
    DatabaseDamaged {
        /// What SQLCipher or SQLite said.
        detail: String,
    },
    /// The database was written by a newer Companion.
    #[error(
        "the journal has schema {found}, this Companion knows up to {known}; update Companion (nothing was changed)"
    )]
    NewerSchema {
        /// The schema found.
        found: u32,
        /// The newest schema known here.
        known: u32,
    },
    /// The home or the file system cannot be written to.
    #[error(
        "the journal cannot be written to: {detail}; nothing was changed; make the home writable, or choose another with COMPANION_HOME"
    )]
    ReadOnly {
        /// What refused.
        detail: String,
    },
    /// No space is left.
    #[error(
        "the disk that holds the journal is full: this was not saved, everything saved before is safe; free some space and try again"
    )]
    DiskFull,
    /// Another process kept the journal locked for too long.
    #[error(
        "another Companion is busy with this journal and did not finish in {waited_s} seconds; try again in a moment"
    )]
    Busy {
        /// How long this process waited, in seconds.
        waited_s: u64,
    },
    /// An operation that needs the journal for itself found another process in it.
    #[error("another Companion has this journal open; close it, then {action} again")]
    InUse {
        /// What was to be done.
        action: &'static str,
    },
    /// Another process changed the key or restored a backup just before this one had the journal for itself.
    #[error(
        "another Companion changed what locks this journal a moment ago, so nothing was done; {action} again"
    )]
    ChangedMeanwhile {
        /// What was to be done.
        action: &'static str,
    },
    /// No entry has this id.
    #[error("there is no entry {0}; `companion list` shows the ids")]
    NoEntry(EntryId),
    /// The entry was removed, but can still be restored.
    #[error("entry {0} was removed; bring it back with `companion restore {0}`")]
    Removed(EntryId),
    /// There is neither a removal nor an edit to undo.
    #[error("entry {0} was neither removed nor edited, so there is nothing to restore")]
    NothingToRestore(EntryId),
    /// The text has nothing to keep.
    #[error("the entry is empty; write at least one visible character")]
    EmptyText,
    /// The text is over the limit.
    #[error("the entry has {bytes} bytes, the limit is {limit}; split it into several entries")]
    TextTooLong {
        /// Its size in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A tag, field name or title cannot be used.
    #[error("{what} {value:?} cannot be used: {reason}")]
    Invalid {
        /// `tag`, `field`, ...
        what: &'static str,
        /// The offending value.
        value: String,
        /// Why not.
        reason: &'static str,
    },
    /// A backup file is not usable.
    #[error("{} is not a usable backup: {reason}", .path.display())]
    Backup {
        /// The backup file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file operation failed.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else that SQLite reports.
    #[error("the database refused")]
    Sql(#[source] rusqlite::Error),
}

impl Error {
    /// Wraps a file error; a full or read-only file system keeps its own meaning.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Error {
        use io::ErrorKind::{
            FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
        };
        match source.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Error::DiskFull,
            ReadOnlyFilesystem | PermissionDenied => Error::ReadOnly {
                detail: format!("cannot {action} {}: {source}", path.display()),
            },
            _ => Error::Io {
                action,
                path: path.to_owned(),
                source,
            },
        }
    }

    /// Whether another attempt may succeed without the user changing anything.
    pub fn is_busy(&self) -> bool {
        matches!(self, Error::Busy { .. })
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        use rusqlite::ErrorCode as Code;
        let rusqlite::Error::SqliteFailure(failure, ref message) = error else {
            return Error::Sql(error);
        };
        let detail = || message.clone().unwrap_or_else(|| failure.to_string());
        match failure.code {
            Code::DatabaseBusy | Code::DatabaseLocked => Error::Busy {
                waited_s: crate::db::PATIENCE.as_secs(),
            },
            Code::DiskFull => Error::DiskFull,
            Code::ReadOnly | Code::PermissionDenied | Code::CannotOpen => {
                Error::ReadOnly { detail: detail() }
            }
            Code::DatabaseCorrupt | Code::NotADatabase => {
                Error::DatabaseDamaged { detail: detail() }
            }
            Code::SystemIoFailure if is_write_failure(failure.extended_code) => Error::DiskFull,
            // SQLCipher reports a page that does not authenticate as a plain SQLITE_ERROR without a text of its own.
            Code::Unknown if failure.extended_code == 1 && is_bare(message) => {
                Error::DatabaseDamaged {
                    detail: "a page does not authenticate".into(),
                }
            }
            _ => Error::Sql(error),
        }
    }
}

/// A write that the file system cut short (quota, file size limit) is a full disk to the user.
fn is_write_failure(extended: i32) -> bool {
    const SQLITE_IOERR_WRITE: i32 = 10 | (3 << 8);
    const SQLITE_IOERR_FSYNC: i32 = 10 | (4 << 8);
    const SQLITE_IOERR_TRUNCATE: i32 = 10 | (6 << 8);
    const SQLITE_IOERR_SHMSIZE: i32 = 10 | (19 << 8);
    matches!(
        extended,
        SQLITE_IOERR_WRITE | SQLITE_IOERR_FSYNC | SQLITE_IOERR_TRUNCATE | SQLITE_IOERR_SHMSIZE
    )
}

/// Whether SQLite added nothing to the bare code.
fn is_bare(message: &Option<String>) -> bool {
    message
        .as_deref()
        .is_none_or(|text| matches!(text, "SQL logic error" | "not an error"))
}
