//! Opening the encrypted database and writing to it beside other processes.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use zeroize::Zeroizing;

use crate::secret::Key;
use crate::{Error, Result, functions};

/// How long one process waits for another before it gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);
/// How long SQLite itself waits in one attempt.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How a database is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// To read and write an existing one.
    ReadWrite,
    /// To make a new, private file.
    Create,
    /// A file that nobody can change: no WAL, no locks, no shared memory.
    Immutable,
}

/// Opens the database at `path` with `key` and proves that the key fits by reading the first page.
pub(crate) fn open(path: &Path, key: &Key, mode: Mode) -> Result<Connection> {
    let db = match mode {
        Mode::ReadWrite => Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?,
        Mode::Create => {
            // Made here so that it is private from its first byte; -wal and -shm inherit its mode.
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .map_err(|e| Error::io("create", path, e))?;
            Connection::open_with_flags(
                path,
                OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            )?
        }
        Mode::Immutable => {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
                | OpenFlags::SQLITE_OPEN_URI
                | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            Connection::open_with_flags(immutable_uri(path), flags)?
        }
    };
    apply_key(&db, key)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    configure(&db, mode)?;
    functions::register(&db)?;
    Ok(db)
}

/// Hands the raw key over; SQLCipher derives nothing from it but its page and HMAC keys.
pub(crate) fn apply_key(db: &Connection, key: &Key) -> Result<()> {
    // SQLCipher's own wiping of every freed page cache block costs a third of the speed; the key material it
    // holds is locked and wiped in either case. Its log would go to stderr, where only the program speaks.
    db.execute_batch("PRAGMA cipher_memory_security = OFF; PRAGMA cipher_log_level = NONE;")?;
    let sql = Zeroizing::new(format!("PRAGMA key = \"x'{}'\"", *key.expose_hex()));
    Ok(db.execute_batch(&sql)?)
}

fn configure(db: &Connection, mode: Mode) -> Result<()> {
    // FULL: a commit is on the disk before it returns, in WAL mode too. MEMORY: sorting must not spill plain text
    // into a temporary file. The cache is a bound; only pages that were read take memory.
    db.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON;
         PRAGMA foreign_keys = ON; PRAGMA cache_size = -65536; PRAGMA trusted_schema = OFF;
         PRAGMA journal_size_limit = 16777216;",
    )?;
    if mode != Mode::Immutable {
        let kept: String =
            db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        debug_assert_eq!(kept, "wal");
    }
    db.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn immutable_uri(path: &Path) -> String {
    use std::fmt::Write;
    use std::os::unix::ffi::OsStrExt;
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {
                uri.push(char::from(*byte))
            }
            other => write!(uri, "%{other:02X}").expect("writing to a string"),
        }
    }
    uri + "?immutable=1"
}

/// Runs `work` in a write transaction: everything it did is durable when this returns, or nothing is.
///
/// Takes the write lock at the start and waits for it as long as [`PATIENCE`], so two processes that write at
/// once both succeed.
pub(crate) fn write<T>(
    db: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T>,
) -> Result<T> {
    let start = Instant::now();
    let tx = loop {
        match Transaction::new_unchecked(db, TransactionBehavior::Immediate).map_err(Error::from) {
            Ok(tx) => break tx,
            Err(error) if error.is_busy() && start.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(error),
        }
    };
    let done = work(&tx)?;
    tx.commit()?;
    Ok(done)
}
