//! Backups in one file.
use crate::secret::Key;
use crate::{Home, Result};
use std::path::PathBuf;
pub(crate) fn automatic(home: &Home, _key: &Key, name: &str) -> Result<PathBuf> {
    Ok(home.backups().join(name))
}
