//! Changing what locks the journal.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::Journal;
use crate::home::HomeLock;
use crate::secret::Key;
use crate::vault::{self, Cost, Vault, Wrapping};
use crate::{Error, Home, Protection, Result, Secret, backup};

/// Which vault and which database file a journal was opened with: what may not change under it.
#[derive(PartialEq)]
pub(super) struct Opened {
    vault: Vault,
    /// Device and number of the database file; a restore puts another one in its place.
    database: (u64, u64),
}

impl Opened {
    /// As they are on the disk.
    pub(super) fn now(home: &Home) -> Result<Opened> {
        let path = home.database();
        let meta = fs::metadata(&path).map_err(|e| Error::io("look at", &path, e))?;
        Ok(Opened {
            vault: vault::read(home)?.vault,
            database: (meta.dev(), meta.ino()),
        })
    }
}

impl Journal {
    /// Locks the journal with another secret. Only the vault is rewritten, so this takes the same time however much
    /// is stored. From then on the old secret opens nothing here; copies and backups made before still open with it.
    ///
    /// With [`Secret::None`] the journal gets a key file; one that has a key file keeps it. Where the home's own
    /// backups hold the key file that is given up here ([`Journal::backups_with_key`]), they hold the data key of this
    /// journal for everybody, so it gets a new one in the same step and every page is encrypted again.
    pub fn change_passphrase(&mut self, new: &Secret) -> Result<()> {
        self.must_be_writable()?;
        self.with_lock("change the passphrase", |journal| {
            let wrapping = match (new, journal.protection) {
                (Secret::None, Protection::KeyFile) => {
                    vault::unlock(&journal.home, &Secret::None)?.wrapping
                }
                _ => Wrapping::fresh(new, Cost::default())?,
            };
            let gives_up_key_file = journal.protection == Protection::KeyFile
                && wrapping.protection() == Protection::Passphrase;
            if !gives_up_key_file || journal.backups_with_key()?.is_empty() {
                return journal.rewrap(&wrapping);
            }
            journal.encrypt_anew(&wrapping)?;
            journal.protection = wrapping.protection();
            vault::remove_key_file(&journal.home)
        })
    }

    /// The files among the home's automatic backups that hold a key file: whoever has one reads what is in it without
    /// any passphrase. A file that cannot be read as a backup is among them, since nobody can tell what it holds.
    pub fn backups_with_key(&self) -> Result<Vec<PathBuf>> {
        backup::with_key(&self.home)
    }

    pub(super) fn rewrap(&mut self, wrapping: &Wrapping) -> Result<()> {
        let vault = Vault::seal(&self.uid, wrapping, &[&self.key])?;
        vault::write_with_key(&self.home, &vault, wrapping)?;
        self.protection = wrapping.protection();
        if self.protection == Protection::Passphrase {
            vault::remove_key_file(&self.home)?;
        }
        Ok(())
    }

    /// Gives the journal a new data key and encrypts every page again, in one transaction. `current` is the secret
    /// that opens it, which stays.
    ///
    /// So a copy of what `current` is, an old key file or a known passphrase, opens the new vault like the old one. Who
    /// fears one changes it as well, with [`Journal::change_passphrase`]; a new key file is what one gets by setting a
    /// passphrase and giving it up again.
    ///
    /// Both keys stand in the vault while this runs, so a crash at any moment leaves a journal that opens.
    pub fn rekey(&mut self, current: &Secret) -> Result<()> {
        self.must_be_writable()?;
        self.with_lock("re-encrypt the journal", |journal| {
            let unlocked = vault::unlock(&journal.home, current)?;
            journal.encrypt_anew(&unlocked.wrapping)
        })
    }

    /// A new data key under `wrapping`, and every page under it.
    fn encrypt_anew(&mut self, wrapping: &Wrapping) -> Result<()> {
        let new = Key::random()?;
        let both = Vault::seal(&self.uid, wrapping, &[&self.key, &new])?;
        vault::write_with_key(&self.home, &both, wrapping)?;
        self.encrypt_pages(&new)?;
        self.key = new;
        let one = Vault::seal(&self.uid, wrapping, &[&self.key])?;
        vault::write_with_key(&self.home, &one, wrapping)
    }

    pub(super) fn encrypt_pages(&mut self, new: &Key) -> Result<()> {
        // With the write-ahead log empty the main file is whole, and afterwards no frame of the old key is left.
        self.db
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        let sql = Zeroizing::new(format!("PRAGMA rekey = \"x'{}'\"", *new.expose_hex()));
        self.db.execute_batch(&sql)?;
        self.db
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// Does `work` with nobody else in the journal.
    fn with_lock(
        &mut self,
        action: &'static str,
        work: impl FnOnce(&mut Journal) -> Result<()>,
    ) -> Result<()> {
        // The lock is one per open file: the shared one has to go before it can be had alone.
        drop(std::mem::replace(&mut self.lock, HomeLock::none()));
        #[cfg(test)]
        tests::between_locks();
        let done = HomeLock::alone_now(&self.home, action).and_then(|alone| {
            // Without any lock a moment ago: sealing a key that no longer opens the pages would lose them all.
            if Opened::now(&self.home)? != self.opened {
                return Err(Error::ChangedMeanwhile { action });
            }
            let done = work(self).and_then(|()| {
                self.opened = Opened::now(&self.home)?;
                Ok(())
            });
            drop(alone);
            done
        });
        self.lock = HomeLock::shared(&self.home)?;
        done
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::{Filter, Journal, NewEntry};

    thread_local! {
        static HOOK: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    }

    /// Called where for a moment nobody holds the lock: what another process may do just then.
    pub(super) fn between_locks() {
        if let Some(hook) = HOOK.take() {
            hook();
        }
    }

    fn written() -> (tempfile::TempDir, Home, Journal) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home"));
        let mut journal = Journal::create(&home, &Secret::None).unwrap();
        let when = "2026-03-01T22:10[UTC]".parse().unwrap();
        journal.add(NewEntry::new("one heron", when)).unwrap();
        (dir, home, journal)
    }

    fn refused_and_whole(home: &Home, done: Result<()>) {
        assert!(
            matches!(done, Err(Error::ChangedMeanwhile { .. })),
            "{done:?}"
        );
        let journal = Journal::open(home, &Secret::None).unwrap();
        assert_eq!(journal.count(&Filter::default()).unwrap(), 1);
    }

    #[test]
    fn a_key_changed_by_another_between_two_locks_is_not_sealed_over() {
        for change in [
            |journal: &mut Journal| journal.change_passphrase(&Secret::None),
            |journal: &mut Journal| journal.rekey(&Secret::None),
        ] {
            let (_dir, home, mut journal) = written();
            let theirs = home.clone();
            HOOK.set(Some(Box::new(move || {
                let mut other = Journal::open(&theirs, &Secret::None).unwrap();
                other.rekey(&Secret::None).unwrap();
            })));
            let done = change(&mut journal);
            drop(journal);
            refused_and_whole(&home, done);
        }
    }

    #[test]
    fn a_database_restored_by_another_between_two_locks_is_not_left_without_its_key() {
        let (dir, home, mut journal) = written();
        let file = dir.path().join("backup");
        backup::create(&journal, &file, true).unwrap();
        let theirs = home.clone();
        HOOK.set(Some(Box::new(move || {
            backup::restore(&file, &theirs, true).unwrap();
        })));
        let done = journal.rekey(&Secret::None);
        drop(journal);
        refused_and_whole(&home, done);
    }
}
