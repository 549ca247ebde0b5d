//! A model on trial: made whole, looked at, and only then installed.

use std::fs;
use std::path::{Path, PathBuf};

use super::{ModelStore, check_name};
use crate::{Error, Result};

/// A store of its own beside the models, in which a model is made from one of theirs. It is deleted with what is in it,
/// unless that was installed.
pub struct Trial<'a> {
    store: &'a ModelStore,
    inner: ModelStore,
}

impl ModelStore {
    /// A trial in which the model `from` can be read under its name.
    pub fn trial(&self, from: &str) -> Result<Trial<'_>> {
        self.get(from)?;
        // Named as what is being staged: a listing leaves it out, and what a killed process left is found.
        let path = self
            .dir()
            .join(format!(".trial.{}.part", std::process::id()));
        if path.exists() {
            fs::remove_dir_all(&path).map_err(|e| Error::io("delete", &path, e))?;
        }
        fs::create_dir(&path).map_err(|e| Error::io("create", &path, e))?;
        let trial = Trial {
            store: self,
            inner: ModelStore::new(path),
        };
        let link = trial.inner.path(from);
        let source = fs::canonicalize(self.path(from)).map_err(|e| Error::io("open", &link, e))?;
        std::os::unix::fs::symlink(source, &link).map_err(|e| Error::io("create", &link, e))?;
        Ok(trial)
    }
}

impl Trial<'_> {
    /// The store to make the new model in.
    pub fn store(&self) -> &ModelStore {
        &self.inner
    }

    /// Writes a file beside the model `name` of the trial, which its manifest does not list.
    pub fn write_beside(&self, name: &str, file: &str, content: &[u8]) -> Result<PathBuf> {
        check_name(name)?;
        check_name(file)?;
        let path = self.inner.path(name).join(file);
        fs::write(&path, content).map_err(|e| Error::io("write", &path, e))?;
        Ok(path)
    }

    /// Moves the model `name` to the real store, replacing what has that name there.
    pub fn install(self, name: &str) -> Result<()> {
        self.inner.get(name)?;
        self.store.put_in_place(&self.inner.path(name), name)
    }

    /// The folder of the trial.
    fn path(&self) -> &Path {
        self.inner.dir()
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        // The link in it is removed, not followed. What cannot be deleted is found by `companion doctor`.
        let _ = fs::remove_dir_all(self.path());
    }
}
