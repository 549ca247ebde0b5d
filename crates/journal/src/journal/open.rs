//! Creating and opening.

use std::fs;

use jiff::Timestamp;
use rusqlite::Connection;

use super::keys::Opened;
use super::{Journal, Notice};
use crate::db::{self, Mode};
use crate::home::{HomeLock, sync_dir, write_atomically};
use crate::migrations::{self, STEPS, Step};
use crate::secret::{Key, random_id};
use crate::vault::{self, Cost, Unlocked, Vault, Wrapping};
use crate::{Error, Home, Result, Secret, backup};

impl Journal {
    /// Makes a new journal in `home`, which may exist, but must not hold one.
    ///
    /// With [`Secret::None`] a key file is made beside it. The database comes into being under another name and gets
    /// its own only after the vault is safe, so a crash leaves either no journal or a whole one.
    ///
    /// ```
    /// # fn main() -> journal::Result<()> {
    /// # let dir = tempfile::tempdir().expect("a directory");
    /// use journal::{Filter, Home, Journal, NewEntry, Secret};
    ///
    /// let home = Home::at(dir.path().join("diary"));
    /// let mut journal = Journal::create(&home, &Secret::None)?;
    /// let entry = journal.add(NewEntry::new("Walked by the river. #calm", "2026-03-01T18:30[Europe/Berlin]".parse().expect("a time")))?;
    /// assert_eq!(entry.tags, ["calm"]);
    /// assert_eq!(journal.list(&Filter::default())?, [entry]);
    /// # Ok(()) }
    /// ```
    pub fn create(home: &Home, secret: &Secret) -> Result<Journal> {
        home.prepare()?;
        let lock = HomeLock::alone(home)?;
        Self::create_locked(home, secret, Cost::default(), lock)
    }

    /// Opens the journal in `home`, or makes one there; of two processes that try at once, one makes it.
    pub fn open_or_create(home: &Home, secret: &Secret) -> Result<Journal> {
        if home.exists() {
            return Self::open(home, secret);
        }
        home.prepare()?;
        let lock = HomeLock::alone(home)?;
        if home.exists() {
            drop(lock);
            return Self::open(home, secret);
        }
        Self::create_locked(home, secret, Cost::default(), lock)
    }

    pub(super) fn create_locked(
        home: &Home,
        secret: &Secret,
        cost: Cost,
        lock: HomeLock,
    ) -> Result<Journal> {
        if home.exists() {
            return Err(Error::AlreadyExists {
                home: home.path().to_owned(),
            });
        }
        if home.database().exists() {
            return Err(Error::VaultMissing {
                database: home.database(),
            });
        }
        let key = Key::random()?;
        let wrapping = Wrapping::fresh(secret, cost)?;
        let vault = Vault::seal(&random_id()?, &wrapping, &[&key])?;
        make_database(home, &key)?;
        vault::write_with_key(home, &vault, &wrapping)?;
        adopt_new_database(home)?;
        drop(lock);
        Self::open(home, secret)
    }

    /// Opens the journal in `home`. Takes milliseconds with a key file; a passphrase costs one Argon2id.
    ///
    /// What had to be put right on the way is in [`Journal::notices`].
    pub fn open(home: &Home, secret: &Secret) -> Result<Journal> {
        vault::read(home)?;
        // Before the keys are read, so that nobody changes them between here and the database.
        let lock = HomeLock::shared(home)?;
        let unlocked = vault::unlock(home, secret)?;
        if !home.database().exists() {
            adopt_new_database(home)?;
        }
        let mut notices = Vec::new();
        if let Some(reason) = &unlocked.recovered {
            // On a read-only home the previous copy simply serves again next time.
            match vault::write_with_key(home, &unlocked.vault, &unlocked.wrapping) {
                Ok(()) | Err(Error::ReadOnly { .. }) => {}
                Err(error) => return Err(error),
            }
            notices.push(Notice::VaultRecovered {
                reason: reason.clone(),
            });
        }
        if vault::second_copy_trouble(home, &unlocked.vault).is_some() {
            // Missing, damaged, or left with an old secret by a crash. Where it cannot be written there is still
            // the first copy.
            let _ = write_atomically(&home.vault_previous(), &unlocked.vault.to_json());
        }
        let (mut db, key, read_only) = open_database(home, &unlocked, &mut notices)?;
        if read_only {
            check_schema(&db)?;
        } else if let Some(notice) = bring_up_to_date(&mut db, home, &key, STEPS)? {
            notices.push(notice);
        }
        let (uid, protection) = (
            unlocked.vault.journal().to_owned(),
            unlocked.vault.protection(),
        );
        let opened = Opened::now(home)?;
        Ok(Journal {
            db,
            home: home.clone(),
            uid,
            key,
            protection,
            opened,
            read_only,
            notices,
            clock: Timestamp::now,
            lock,
        })
    }

    /// The same journal once more, for another thread of this process; no secret is asked for. Fails where the journal
    /// can only be read.
    pub fn once_more(&self) -> Result<Journal> {
        self.must_be_writable()?;
        // While this one holds the lock too, nobody changes the key or puts another database here.
        let lock = HomeLock::shared(&self.home)?;
        Ok(Journal {
            db: db::open(&self.home.database(), &self.key, Mode::ReadWrite)?,
            home: self.home.clone(),
            uid: self.uid.clone(),
            key: self.key.clone(),
            protection: self.protection,
            opened: Opened::now(&self.home)?,
            read_only: false,
            notices: Vec::new(),
            clock: self.clock,
            lock,
        })
    }
}

/// Makes the database under its provisional name, empty but with its schema.
fn make_database(home: &Home, key: &Key) -> Result<()> {
    let new = home.path().join("journal.db.new");
    // A leftover of a creation that crashed before its vault was written: its key exists nowhere.
    for suffix in ["", "-wal", "-shm"] {
        let path = home.path().join(format!("journal.db.new{suffix}"));
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &path, e));
            }
            _ => {}
        }
    }
    let mut db = db::open(&new, key, Mode::Create)?;
    migrations::migrate(&mut db, STEPS, |_| Ok(()))?;
    db.close().map_err(|(_, error)| Error::from(error))
}

/// Gives the database its name, if a creation got that far.
fn adopt_new_database(home: &Home) -> Result<()> {
    let (new, path) = (home.path().join("journal.db.new"), home.database());
    match fs::rename(&new, &path) {
        Ok(()) => sync_dir(home.path()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && path.exists() => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(Error::DatabaseMissing { path }),
        Err(e) => Err(Error::io("name", &path, e)),
    }
}

/// The database with the key that fits; two candidates mean that a re-keying did not get to its end.
fn open_database(
    home: &Home,
    unlocked: &Unlocked,
    notices: &mut Vec<Notice>,
) -> Result<(Connection, Key, bool)> {
    let mut refused = None;
    for (at, key) in unlocked.keys.iter().enumerate() {
        match open_any(home, key) {
            Ok((db, read_only)) => {
                if unlocked.keys.len() > 1 && !read_only {
                    let vault = Vault::seal(unlocked.vault.journal(), &unlocked.wrapping, &[key])?;
                    vault::write_with_key(home, &vault, &unlocked.wrapping)?;
                    if at > 0 {
                        notices.push(Notice::RekeyFinished);
                    }
                }
                if read_only {
                    notices.push(Notice::ReadOnly);
                }
                return Ok((db, key.clone(), read_only));
            }
            Err(error @ Error::DatabaseDamaged { .. }) => refused = refused.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    Err(refused.expect("a vault holds at least one key"))
}

/// Read-write, or as it is where nothing can be written.
fn open_any(home: &Home, key: &Key) -> Result<(Connection, bool)> {
    match db::open(&home.database(), key, Mode::ReadWrite) {
        Ok(db) if db.is_readonly("main")? => {}
        Ok(db) => return Ok((db, false)),
        Err(Error::ReadOnly { .. }) => {}
        Err(error) => return Err(error),
    }
    let wal = home.wal();
    if fs::metadata(&wal).is_ok_and(|meta| meta.len() > 0) {
        return Err(Error::ReadOnly {
            detail: format!(
                "{} holds saved entries that can only be read after a write",
                wal.display()
            ),
        });
    }
    db::open(&home.database(), key, Mode::Immutable).map(|db| (db, true))
}

fn check_schema(db: &Connection) -> Result<()> {
    let (found, known) = (migrations::current(db)?, STEPS.len() as u32);
    match found {
        _ if found > known => Err(Error::NewerSchema { found, known }),
        _ if found < known => Err(Error::ReadOnly {
            detail: format!("schema {found} has to be brought to {known} first"),
        }),
        _ => Ok(()),
    }
}

/// Takes the steps that the database lacks, after a backup of the state before.
pub(super) fn bring_up_to_date(
    db: &mut Connection,
    home: &Home,
    key: &Key,
    steps: &[Step],
) -> Result<Option<Notice>> {
    let mut made = None;
    let back_up = |schema| {
        let name = format!("before-schema-{}", schema + 1);
        made = Some(backup::automatic(home, key, &name)?);
        Ok(())
    };
    let (from, to) = migrations::migrate(db, steps, back_up)?;
    Ok(made.map(|backup| Notice::Migrated { from, to, backup }))
}
