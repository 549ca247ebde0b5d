//! What can go wrong between a source and the cache.

use std::path::{Path, PathBuf};

/// Why a file did not arrive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// No answer at all: no network, no such host, connection refused.
    #[error("cannot be reached ({reason})")]
    Unreachable {
        /// What the network library said.
        reason: String,
    },
    /// Connected, then nothing more came for as long as we wait.
    #[error("{file} stopped arriving: less than {needed} bytes in {waited_s} s")]
    Stalled {
        /// The file on its way.
        file: String,
        /// The bytes that would have counted as progress.
        needed: u64,
        /// The seconds waited.
        waited_s: u64,
    },
    /// The connection ended before the file did, as often as we tried.
    #[error("{file} broke off after {received} of {expected} bytes ({reason})")]
    Truncated {
        /// The file on its way.
        file: String,
        /// Bytes that arrived.
        received: u64,
        /// Bytes that should have.
        expected: u64,
        /// What the network library said.
        reason: String,
    },
    /// The server answered, and the answer was no.
    #[error("answered {status} for {file}")]
    Status {
        /// The file asked for.
        file: String,
        /// The HTTP status.
        status: u16,
    },
    /// The source offered more bytes than the catalogue knows.
    #[error("{file} is larger than the {expected} bytes that are pinned")]
    TooLarge {
        /// The file on its way.
        file: String,
        /// The pinned size.
        expected: u64,
    },
    /// The bytes are not the pinned ones; they were thrown away.
    #[error("{file} is not the pinned file: sha256 {found}, expected {expected}")]
    WrongDigest {
        /// The file that arrived.
        file: String,
        /// The pinned digest.
        expected: String,
        /// The digest of what arrived.
        found: String,
    },
    /// The hub's list of a model's files is none.
    #[error("the hub's list of files cannot be used: {reason}")]
    BadListing {
        /// What is wrong with it.
        reason: String,
    },
    /// The folder or package lacks a file.
    #[error("{file} is not in {place}")]
    Missing {
        /// The file looked for.
        file: String,
        /// Where it was looked for.
        place: String,
    },
    /// The wheel cannot be read, or holds something it must not.
    #[error("{path}: {reason}", path = .path.display())]
    BadArchive {
        /// The wheel.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Python or pip is missing, or pip failed.
    #[error("{reason}")]
    Pip {
        /// Pip's own last line, or what to install.
        reason: String,
    },
    /// Another process is writing the same file.
    #[error("another companion is downloading {file}; wait for it, then run the command again")]
    Busy {
        /// The file that is locked.
        file: String,
    },
    /// Reading or writing on this machine failed.
    #[error("{path}", path = .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file could not be read to make its digest.
    #[error(transparent)]
    Digest(#[from] engine::Error),
    /// The user pressed Ctrl-C.
    #[error("interrupted; what has arrived is kept, the same command goes on from there")]
    Cancelled,
    /// Nothing left to try.
    #[error(
        "no source has the model:\n  {}\nwith the files at hand, run `companion model pull NAME --from FOLDER`",
        .reasons.join("\n  ")
    )]
    AllSources {
        /// One line a source.
        reasons: Vec<String>,
    },
}

impl FetchError {
    /// An input/output error with the path it concerns.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> FetchError {
        FetchError::Io {
            path: path.to_owned(),
            source,
        }
    }
}
