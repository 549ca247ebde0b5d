//! Backups: the whole journal in one file, encrypted as it lies on disk.
//!
//! # The file, byte by byte
//!
//! ```text
//! companion-backup 1\n
//! LENGTH SHA256\n          of the manifest: its bytes in decimal, its digest in lower-case hexadecimal
//! MANIFEST                 JSON, LENGTH bytes
//! \n
//! CONTENT …                the files of the manifest, one after the other, in its order
//! ```
//!
//! The manifest names each file with its size and SHA-256. Only the names `journal.db`, `journal.db-wal`,
//! `vault.json` and `journal.key` can occur, so nothing can be written anywhere but into the home it is restored to.
//! Pages stay encrypted and the vault stays sealed: a backup is as safe as the home, and one that holds `journal.key`
//! opens without any passphrase, which [`Manifest::holds_key`] says.

mod container;

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::db::{self, Mode};
use crate::home::{HomeLock, make_private_dir, sync_dir, write_atomically};
use crate::secret::Key;
use crate::vault::{self, Protection};
use crate::{Error, Filter, Home, Journal, Result, Secret, fsck, migrations};

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// When it was made.
    pub created: Timestamp,
    /// The identity of the journal.
    pub journal: String,
    /// The schema's number; unknown where the files were copied unopened.
    pub schema: Option<u32>,
    /// Entries that are not removed; unknown where the files were copied unopened.
    pub entries: Option<u64>,
    /// What locks the journal in it.
    pub protection: Protection,
    /// Whether the key file is inside: then anybody who has the backup can read it.
    pub holds_key: bool,
    /// The files, in the order of their contents.
    pub files: Vec<BackedUp>,
}

impl Manifest {
    /// What a whole journal needs and the home that was backed up did not have. Only an automatic backup of a damaged
    /// home lacks anything; restoring it brings the home back as it was.
    pub fn missing(&self) -> Vec<&'static str> {
        ["journal.db", "vault.json"]
            .into_iter()
            .filter(|name| !self.files.iter().any(|file| file.name == *name))
            .collect()
    }
}

/// One file in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUp {
    /// Its name in the home.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 of its content, in hexadecimal.
    pub sha256: String,
}

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// What the backup holds. Every digest in it was checked.
    pub manifest: Manifest,
    /// Entries counted in the opened database; `None` where it was not opened, for want of its secret.
    pub entries: Option<u64>,
}

/// What [`restore`] did.
#[derive(Debug, Clone, PartialEq)]
pub struct Restored {
    /// What was restored.
    pub manifest: Manifest,
    /// Where the journal that was there before is now; [`restore`] brings it back.
    pub automatic_backup: Option<PathBuf>,
}

/// Writes a consistent copy of `journal` to `file`, which must not exist, while others may go on writing.
///
/// With a key-file journal, `include_key` puts the key inside: without it the backup is of no use once the home is
/// lost, with it the backup has to be guarded like the home.
pub fn create(journal: &Journal, file: &Path, include_key: bool) -> Result<Manifest> {
    if file.exists() {
        return Err(Error::Backup {
            path: file.into(),
            reason: "a file of this name exists; choose another".into(),
        });
    }
    let staging = Staging::beside(file)?;
    let copy = staging.0.path().join("journal.db");
    journal.snapshot_to(&copy)?;
    let facts = Facts {
        schema: Some(journal.stats()?.schema),
        entries: Some(journal.count(&Filter::default())?),
    };
    let mut sources = vec![("journal.db", copy)];
    sources.extend(vault_files(journal.home(), include_key));
    write_container(journal.home(), file, &sources, facts)
}

/// Checks every digest of a backup and, given its secret, that its database opens, is intact and has its entries.
pub fn verify(file: &Path, secret: Option<&Secret>) -> Result<Verified> {
    let (manifest, mut content) = container::open(file)?;
    let opens =
        secret.filter(|secret| manifest.holds_key || matches!(secret, Secret::Passphrase(_)));
    let Some(secret) = opens else {
        container::check(file, &manifest, &mut content)?;
        return Ok(Verified {
            manifest,
            entries: None,
        });
    };
    let staging =
        Staging::beside(file).or_else(|_| Staging::beside(&std::env::temp_dir().join("backup")))?;
    container::extract(file, &manifest, &mut content, staging.0.path())?;
    if !manifest.missing().is_empty() {
        return Err(Error::Backup {
            path: file.into(),
            reason: format!(
                "every file in it is whole, but the home that it was made of had no {}; restoring brings that home \
                 back as it was",
                manifest.missing().join(" and no ")
            ),
        });
    }
    let home = Home::at(staging.0.path());
    fs::copy(home.vault(), home.vault_previous())
        .map_err(|e| Error::io("write", &home.vault_previous(), e))?;
    let report = fsck::check(&home, secret)?;
    if !report.is_clean() {
        let reason = format!("its database is damaged: {}", report.problems.join("; "));
        return Err(Error::Backup {
            path: file.into(),
            reason,
        });
    }
    if manifest
        .entries
        .is_some_and(|entries| entries != report.entries)
    {
        let reason = format!(
            "it holds {} entries, not {}",
            report.entries,
            manifest.entries.unwrap_or_default()
        );
        return Err(Error::Backup {
            path: file.into(),
            reason,
        });
    }
    Ok(Verified {
        manifest,
        entries: Some(report.entries),
    })
}

/// Puts a backup back into `home`: an empty one, or with `replace` one that is backed up first, as it is.
///
/// Every digest is checked before anything is touched, and nobody else may have the journal open.
///
/// A backup made without its key file is opened by the `journal.key` that lies in `home`, which stays there; one that
/// does not fit is a reason to refuse, not to be removed. A key file that the backup has no use for makes a home
/// count as not empty.
pub fn restore(file: &Path, home: &Home, replace: bool) -> Result<Restored> {
    let (manifest, mut content) = container::open(file)?;
    home.prepare()?;
    let _alone = HomeLock::alone_now(home, "restore")?;
    let refuse = |occupied: bool, holds| match occupied && !replace {
        true => Err(Error::HomeNotEmpty {
            home: home.path().into(),
            holds,
        }),
        false => Ok(()),
    };
    let journal_here = home.exists() || home.database().exists();
    refuse(journal_here, "a journal")?;
    let staging = Staging::beside(&home.database())?;
    container::extract(file, &manifest, &mut content, staging.0.path())?;
    let key_here = home.key_file().exists();
    let key_fits = key_here && vault::key_file_opens(home, &Home::at(staging.0.path()));
    if keeps_key(&manifest) && !key_fits && (key_here || journal_here) {
        return Err(key_wanted(file, home, &manifest));
    }
    // A key file that this backup does not need may be the only copy of what opens another.
    let occupied = journal_here || (key_here && !key_fits);
    refuse(occupied, "a key file, journal.key")?;
    let automatic_backup = occupied.then(|| copy_unopened(home)).transpose()?;
    put_in_place(home, staging.0.path(), &manifest)?;
    Ok(Restored {
        manifest,
        automatic_backup,
    })
}

/// A backup in the home's own `backups` directory, of a database that can be opened. Gives its path.
pub(crate) fn automatic(home: &Home, key: &Key, name: &str) -> Result<PathBuf> {
    let file = automatic_name(home, name)?;
    let staging = Staging::beside(&file)?;
    let copy = staging.0.path().join("journal.db");
    let db = db::open(&home.database(), key, Mode::ReadWrite)?;
    snapshot(&db, &copy)?;
    let facts = Facts {
        schema: Some(migrations::current(&db)?),
        entries: None,
    };
    let mut sources = vec![("journal.db", copy)];
    sources.extend(vault_files(home, true));
    write_container(home, &file, &sources, facts)?;
    Ok(file)
}

/// The home's own backups that hold a key file, or of which nobody can tell.
pub(crate) fn with_key(home: &Home) -> Result<Vec<PathBuf>> {
    let dir = home.backups();
    let listed = match fs::read_dir(&dir).and_then(Iterator::collect::<std::io::Result<Vec<_>>>) {
        Ok(listed) => listed,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("list", &dir, e)),
    };
    let mut files: Vec<PathBuf> = listed
        .iter()
        .map(fs::DirEntry::path)
        .filter(|path| path.is_file())
        .filter(|path| container::open(path).map_or(true, |(manifest, _)| manifest.holds_key))
        .collect();
    files.sort();
    Ok(files)
}

/// A backup of the files as they lie there, whatever state they are in. Nobody may be writing.
fn copy_unopened(home: &Home) -> Result<PathBuf> {
    let file = automatic_name(home, "before-restore")?;
    let mut sources = vec![
        ("journal.db", home.database()),
        ("journal.db-wal", home.wal()),
    ];
    sources.retain(|(_, path)| path.exists());
    sources.extend(vault_files(home, true));
    write_container(home, &file, &sources, Facts::default())?;
    Ok(file)
}

fn automatic_name(home: &Home, name: &str) -> Result<PathBuf> {
    make_private_dir(&home.backups())?;
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%S%6f");
    Ok(home
        .backups()
        .join(format!("{name}-{now}.companion-backup")))
}

/// The vault that works, under its proper name, and the key file where there is one and it is wanted.
fn vault_files(home: &Home, include_key: bool) -> Vec<(&'static str, PathBuf)> {
    let recovered = vault::read(home).is_ok_and(|found| found.recovered.is_some());
    let vault = if recovered {
        home.vault_previous()
    } else {
        home.vault()
    };
    let mut files = vec![("vault.json", vault)];
    if include_key && home.key_file().exists() {
        files.push(("journal.key", home.key_file()));
    }
    files.retain(|(_, path)| path.exists());
    files
}

#[derive(Default)]
struct Facts {
    schema: Option<u32>,
    entries: Option<u64>,
}

fn write_container(
    home: &Home,
    file: &Path,
    sources: &[(&str, PathBuf)],
    facts: Facts,
) -> Result<Manifest> {
    let vault = vault::read(home).ok();
    let manifest = Manifest {
        created: Timestamp::now(),
        journal: vault
            .as_ref()
            .map_or_else(String::new, |found| found.vault.journal().to_owned()),
        schema: facts.schema,
        entries: facts.entries,
        protection: vault.map_or(Protection::Passphrase, |found| found.vault.protection()),
        holds_key: sources.iter().any(|(name, _)| *name == "journal.key"),
        files: container::describe(sources)?,
    };
    container::write(file, &manifest, sources)?;
    Ok(manifest)
}

/// A copy of the database under the same key, from one moment, with nothing of what was deleted.
pub(crate) fn snapshot(db: &Connection, into: &Path) -> Result<()> {
    let path = into.to_str().ok_or_else(|| Error::Backup {
        path: into.into(),
        reason: "its path is not UTF-8".into(),
    })?;
    db.execute("VACUUM INTO ?", [path])?;
    Ok(())
}

/// Whether the backup is of use only with a key file kept elsewhere, so that one in the home must stay.
fn keeps_key(manifest: &Manifest) -> bool {
    manifest.protection == Protection::KeyFile && !manifest.holds_key
}

fn key_wanted(file: &Path, home: &Home, manifest: &Manifest) -> Error {
    let here = match home.key_file() {
        path if path.exists() => format!("{} is not that one", path.display()),
        path => format!("{} is not there", path.display()),
    };
    Error::Backup {
        path: file.into(),
        reason: format!(
            "it was made without the key file that opens it, the one that journal {} had on {}, and {here}; \
             nothing was changed; put that journal.key into an empty directory and restore there with --home DIR",
            manifest.journal,
            manifest.created.strftime("%Y-%m-%d %H:%M UTC")
        ),
    }
}

fn put_in_place(home: &Home, from: &Path, manifest: &Manifest) -> Result<()> {
    // The vault goes first and comes last: whatever is cut short in between is a home without a vault, which says so,
    // and not a vault beside a database that it does not open.
    let mut stale = vec![
        home.vault_previous(),
        home.vault(),
        home.wal(),
        home.path().join("journal.db-shm"),
    ];
    if manifest.missing().contains(&"journal.db") {
        stale.push(home.database());
    }
    if !keeps_key(manifest) {
        stale.push(home.key_file());
    }
    for path in stale {
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &path, e));
            }
            _ => {}
        }
        if path == home.vault() {
            sync_dir(home.path())?;
        }
    }
    let mut files: Vec<&BackedUp> = manifest.files.iter().collect();
    files.sort_by_key(|file| file.name == "vault.json");
    for file in files {
        if file.name == "vault.json" {
            sync_dir(home.path())?;
        }
        let to = home.path().join(&file.name);
        fs::rename(from.join(&file.name), &to).map_err(|e| Error::io("restore", &to, e))?;
    }
    if let Ok(vault) = fs::read(home.vault()) {
        write_atomically(&home.vault_previous(), &vault)?;
    }
    sync_dir(home.path())
}

/// A private directory on the same file system as what is made from it; goes when dropped.
struct Staging(tempfile::TempDir);

impl Staging {
    fn beside(file: &Path) -> Result<Staging> {
        let dir = match file.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        };
        // tempfile makes directories with mode 0700.
        let made = tempfile::Builder::new()
            .prefix(".companion-")
            .tempdir_in(dir);
        made.map(Staging)
            .map_err(|e| Error::io("make a directory in", dir, e))
    }
}

#[cfg(test)]
mod tests;
