//! The download cache: outside of the journal's home, so that a new home does not download again.
//!
//! `downloads/<model>/<file>` below [`crate::context::Context::downloads_dir`]. It holds public files
//! only and may be deleted at any time.

use std::path::Path;

use engine::store::sha256_file;

use super::{FetchError, Wanted, WantedFile};

/// The files that are not there yet. One that is there with other bytes is removed: it is of no use.
pub(super) fn missing(folder: &Path, wanted: &Wanted) -> Result<Vec<WantedFile>, FetchError> {
    let mut missing = Vec::new();
    for file in &wanted.files {
        let path = folder.join(&file.name);
        if !path.is_file() {
            missing.push(file.clone());
        } else if !is_right(file, &path)? {
            std::fs::remove_file(&path).map_err(|e| FetchError::io(&path, e))?;
            missing.push(file.clone());
        }
    }
    Ok(missing)
}

/// Compares the digest of `part` and, if it is right, makes it the file of that name in `folder`.
pub(super) fn admit(part: &Path, file: &WantedFile, folder: &Path) -> Result<(), FetchError> {
    if !is_right(file, part)? {
        let found = digest(part)?;
        std::fs::remove_file(part).map_err(|e| FetchError::io(part, e))?;
        return Err(FetchError::WrongDigest {
            file: file.name.clone(),
            expected: file.sha256.join(" or "),
            found,
        });
    }
    let to = folder.join(&file.name);
    std::fs::rename(part, &to).map_err(|e| FetchError::io(&to, e))
}

/// Whether the file at `path` has one of the digests of `file`; where none is known, its size.
fn is_right(file: &WantedFile, path: &Path) -> Result<bool, FetchError> {
    if file.sha256.is_empty() {
        let found = std::fs::metadata(path).map_err(|e| FetchError::io(path, e))?;
        return Ok(found.len() == file.size_bytes);
    }
    Ok(file.sha256.contains(&digest(path)?))
}

fn digest(path: &Path) -> Result<String, FetchError> {
    let (digest, _) = sha256_file(path)?;
    Ok(digest)
}
