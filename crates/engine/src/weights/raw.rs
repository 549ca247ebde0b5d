//! A weight file read piece by piece: what is asked for is in memory, and nothing else of it.
//!
//! Whoever converts a model larger than memory must not map it: mapped pages count as the process's own until
//! the system takes them back.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::map::Bytes;
use crate::{Error, Result};

/// A file, or bytes in memory that stand for one.
pub(super) struct RawFile {
    path: PathBuf,
    store: Store,
}

enum Store {
    File(File),
    Memory(Arc<Bytes>),
}

impl RawFile {
    /// Opens `path`; its header is to be read from the mapping that comes with it.
    pub(super) fn open(path: &Path) -> Result<(RawFile, Arc<Bytes>)> {
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let bytes = Bytes::map(&file).map_err(|e| Error::io("map", path, e))?;
        let raw = RawFile {
            path: path.to_owned(),
            store: Store::File(file),
        };
        Ok((raw, Arc::new(bytes)))
    }

    /// `bytes` as if they were the file `path`.
    pub(super) fn memory(path: &Path, bytes: Vec<u8>) -> (RawFile, Arc<Bytes>) {
        let bytes = Arc::new(Bytes::owned(bytes));
        let raw = RawFile {
            path: path.to_owned(),
            store: Store::Memory(Arc::clone(&bytes)),
        };
        (raw, bytes)
    }

    /// The file's name, for errors.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Fills `to` with the bytes from `at` on.
    pub(super) fn read_at(&self, at: u64, to: &mut [u8]) -> Result<()> {
        let read = match &self.store {
            Store::File(file) => file.read_exact_at(to, at),
            Store::Memory(bytes) => usize::try_from(at)
                .ok()
                .and_then(|at| bytes.as_slice().get(at..)?.get(..to.len()))
                .map(|from| to.copy_from_slice(from))
                .ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into()),
        };
        read.map_err(|e| Error::io("read", &self.path, e))
    }
}
