//! Reading the small files of a model, which come from outside: never more than a file of its kind can have.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::{Error, Result};

/// A `config.json` longer than this is not one.
pub(crate) const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// A manifest (`model.json`) longer than this is not one.
pub(crate) const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// A `tokenizer.json` longer than this is not one: that of a vocabulary of 262,144 pieces has 33 MB.
pub(crate) const MAX_TOKENIZER_BYTES: u64 = 128 << 20;

/// The text file `path`, if it has `limit` bytes at most.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String> {
    let failed = |e| Error::io("read", path, e);
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let refused = |bytes: u64| {
        Error::manifest(
            path,
            format!("{bytes} bytes are too many, {limit} are allowed"),
        )
    };
    if bytes > limit {
        return Err(refused(bytes));
    }
    // What is no plain file may have more than it says.
    let mut text = String::with_capacity(bytes as usize);
    file.take(limit + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    match text.len() as u64 {
        more if more > limit => Err(refused(more)),
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit_and_refused_beyond() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read_text(&path, 5).unwrap(), "12345");
        let error = read_text(&path, 4).unwrap_err().to_string();
        assert!(error.ends_with("5 bytes are too many, 4 are allowed"));
        assert!(read_text(&folder.path().join("none"), 4).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn what_says_no_size_is_read_no_further() {
        let error = read_text("/dev/zero".as_ref(), 100)
            .unwrap_err()
            .to_string();
        assert!(error.ends_with("101 bytes are too many, 100 are allowed"));
    }
}
