//! Why a suite could not give figures.

use std::path::PathBuf;

/// See the variants.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The encoder could not be opened.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The journal that is measured failed.
    #[error("the journal that is measured failed: {0}")]
    Journal(#[from] journal::Error),
    /// Analysis or search failed.
    #[error("analysis or search failed: {0}")]
    Assistant(#[from] assistant::Error),
    /// The answer was wrong, so its time means nothing.
    #[error("{0}: the answer was wrong, so its time means nothing")]
    WrongAnswer(&'static str),
    /// What is to be compared with is no report of this program.
    #[error("the record to compare with is none that `companion benchmark --json` made: {0}")]
    NotARecord(String),
    /// The gates' ratios are compared with those of another version's.
    #[error("{} holds ratios of another version of the gates; delete it, and the next run makes a new one", path.display())]
    OtherGates {
        /// The record.
        path: PathBuf,
    },
    /// The program, started by the startup suite, failed.
    #[error("{} {arguments} failed: {said}", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// Its arguments.
        arguments: String,
        /// Its stderr.
        said: String,
    },
    /// A temporary folder or the program's file could not be used.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// What was to be used.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A result of a suite.
pub type Result<T> = std::result::Result<T, Error>;
