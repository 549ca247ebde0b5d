//! Where a journal lives on disk, and who may use it at the same time.
//!
//! ```text
//! HOME/                    mode 0700
//!   journal.db (-wal -shm) SQLCipher pages: entries, versions, analyses, index, vectors, drafts
//!   vault.json             the wrapped key (see `vault`)
//!   vault.json.previous    its second copy
//!   journal.key            only without a passphrase: the key file, mode 0600
//!   journal.lock           empty; held shared by every open journal, alone by re-keying and restoring
//!   analysis.lock          empty; held by the process that reads what is queued
//!   backups/               automatic backups before migrations and replacements
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::vault::{self, Protection};
use crate::{Error, Result};

/// The directory that holds one journal. Naming it touches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// The journal home at `path`, whether anything is there yet or not.
    pub fn at(path: impl Into<PathBuf>) -> Home {
        Home(path.into())
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether a vault (or its previous copy) is here, which is what makes a journal.
    pub fn exists(&self) -> bool {
        self.vault().exists() || self.vault_previous().exists()
    }

    /// What locks the vault.
    pub fn protection(&self) -> Result<Protection> {
        vault::read(self).map(|found| found.vault.protection())
    }

    /// The encrypted database.
    pub fn database(&self) -> PathBuf {
        self.0.join("journal.db")
    }

    /// The wrapped key.
    pub fn vault(&self) -> PathBuf {
        self.0.join("vault.json")
    }

    /// The vault's second copy.
    pub fn vault_previous(&self) -> PathBuf {
        self.0.join("vault.json.previous")
    }

    /// The key file of a journal without a passphrase.
    pub fn key_file(&self) -> PathBuf {
        self.0.join("journal.key")
    }

    /// Automatic backups.
    pub fn backups(&self) -> PathBuf {
        self.0.join("backups")
    }

    /// The write-ahead log: what was saved last, until it is merged into the database.
    pub(crate) fn wal(&self) -> PathBuf {
        self.0.join("journal.db-wal")
    }

    pub(crate) fn lock_file(&self) -> PathBuf {
        self.0.join("journal.lock")
    }

    /// Makes the directory, closed to everybody else; an existing private directory is closed as well.
    pub(crate) fn prepare(&self) -> Result<()> {
        make_private_dir(&self.0)
    }
}

/// Creates `path` with mode 0700, or takes the group's and others' rights from it if it is ours alone.
pub(crate) fn make_private_dir(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| Error::io("create", path, e))?;
    let meta = fs::metadata(path).map_err(|e| Error::io("look at", path, e))?;
    let (mode, sticky) = (meta.mode() & 0o777, meta.mode() & 0o1000 != 0);
    // A sticky directory such as /tmp is shared on purpose: closing it would break other programs.
    if mode & 0o077 != 0 && !sticky {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))
            .map_err(|e| Error::io("protect", path, e))?;
    }
    Ok(())
}

/// Replaces `path` so that after a crash either the old or the new content is there: write, fsync, rename, fsync.
pub(crate) fn write_atomically(path: &Path, content: &[u8]) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let temporary = dir.join(name);
    let written = write_new(&temporary, content)
        .and_then(|()| fs::rename(&temporary, path).map_err(|e| Error::io("replace", path, e)));
    if written.is_err() {
        // The first error is the one to report; a leftover is only untidy.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    sync_dir(dir)
}

fn write_new(path: &Path, content: &[u8]) -> Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| Error::io("write", path, e))?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(|e| Error::io("write", path, e))
}

/// Makes a rename or a new name in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir)
        .and_then(|d| d.sync_all())
        .map_err(|e| Error::io("sync", dir, e))
}

/// The lock on a home. Released when dropped, and by the system when the process dies.
#[derive(Debug)]
pub(crate) struct HomeLock {
    /// Held for what closing it does.
    _file: Option<File>,
}

impl HomeLock {
    /// No lock at all, between two.
    pub(crate) fn none() -> HomeLock {
        HomeLock { _file: None }
    }

    /// As one of many users of the journal; waits while somebody has it alone.
    pub(crate) fn shared(home: &Home) -> Result<HomeLock> {
        let Some(file) = open_lock(home)? else {
            return Ok(HomeLock::none());
        };
        wait_for(|| file.try_lock_shared())?;
        Ok(HomeLock { _file: Some(file) })
    }

    /// As the only user; waits for a creation or migration that another process has under way.
    pub(crate) fn alone(home: &Home) -> Result<HomeLock> {
        let Some(file) = open_lock(home)? else {
            return Ok(HomeLock::none());
        };
        wait_for(|| file.try_lock())?;
        Ok(HomeLock { _file: Some(file) })
    }

    /// As the only user, or an error at once that says what could not be done.
    pub(crate) fn alone_now(home: &Home, action: &'static str) -> Result<HomeLock> {
        let Some(file) = open_lock(home)? else {
            return Ok(HomeLock::none());
        };
        file.try_lock().map_err(|_| Error::InUse { action })?;
        Ok(HomeLock { _file: Some(file) })
    }
}

/// `None` on a read-only file system, where nobody can write and so nobody has to wait.
fn open_lock(home: &Home) -> Result<Option<File>> {
    let path = home.lock_file();
    match OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
    {
        Ok(file) => Ok(Some(file)),
        Err(e) => match Error::io("lock", &path, e) {
            Error::ReadOnly { .. } => Ok(File::open(&path).ok()),
            error => Err(error),
        },
    }
}

fn wait_for(mut attempt: impl FnMut() -> std::result::Result<(), fs::TryLockError>) -> Result<()> {
    let start = Instant::now();
    while let Err(error) = attempt() {
        if let fs::TryLockError::Error(source) = error
            && source.kind() == std::io::ErrorKind::Unsupported
        {
            // Some network file systems have no locks; SQLite's own locking still stands.
            return Ok(());
        }
        if start.elapsed() > crate::db::PATIENCE {
            return Err(Error::Busy {
                waited_s: crate::db::PATIENCE.as_secs(),
            });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
