//! Changing what locks the journal.

use zeroize::Zeroizing;

use super::Journal;
use crate::home::HomeLock;
use crate::secret::Key;
use crate::vault::{self, Cost, Vault, Wrapping};
use crate::{Protection, Result, Secret};

impl Journal {
    /// Locks the journal with another secret. Only the vault is rewritten, so this takes the same time however much
    /// is stored. From then on the old secret opens nothing here; copies and backups made before still open with it.
    ///
    /// With [`Secret::None`] the journal gets a key file; one that has a key file keeps it.
    pub fn change_passphrase(&mut self, new: &Secret) -> Result<()> {
        self.must_be_writable()?;
        self.with_lock("change the passphrase", |journal| {
            let wrapping = match (new, journal.protection) {
                (Secret::None, Protection::KeyFile) => {
                    vault::unlock(&journal.home, &Secret::None)?.wrapping
                }
                _ => Wrapping::fresh(new, Cost::default())?,
            };
            journal.rewrap(&wrapping)
        })
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
    /// Both keys stand in the vault while this runs, so a crash at any moment leaves a journal that opens.
    pub fn rekey(&mut self, current: &Secret) -> Result<()> {
        self.must_be_writable()?;
        self.with_lock("re-encrypt the journal", |journal| {
            let unlocked = vault::unlock(&journal.home, current)?;
            let new = Key::random()?;
            let both = Vault::seal(&journal.uid, &unlocked.wrapping, &[&journal.key, &new])?;
            vault::write_with_key(&journal.home, &both, &unlocked.wrapping)?;
            journal.encrypt_pages(&new)?;
            journal.key = new;
            let one = Vault::seal(&journal.uid, &unlocked.wrapping, &[&journal.key])?;
            vault::write_with_key(&journal.home, &one, &unlocked.wrapping)
        })
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
        let done = HomeLock::alone_now(&self.home, action).and_then(|alone| {
            let done = work(self);
            drop(alone);
            done
        });
        self.lock = HomeLock::shared(&self.home)?;
        done
    }
}
