//! What can go wrong between a model folder and a vector.

use std::path::{Path, PathBuf};

/// An error of the engine. The message names the file, the tensor or the value, and the way out; what lies
/// below it is its `source()` and not repeated in it, so whoever prints an error prints the chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb: `open`, `read`, `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A weight file is malformed, hostile or not finite.
    #[error("{} cannot be used", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        source: crate::weights::WeightError,
    },
    /// A tokenizer file cannot be used.
    #[error("{}: {reason}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        reason: String,
    },
    /// A manifest (`model.json`) or `config.json` cannot be used.
    #[error("{}: {reason}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        reason: String,
    },
    /// No model of that name is installed.
    #[error("no model {name:?} in {}; run `companion model pull minilm` or `companion model import FOLDER`", models_dir.display())]
    NoModel {
        /// The name that was asked for.
        name: String,
        /// Where it was looked for.
        models_dir: PathBuf,
    },
    /// A model name that could not be a folder name.
    #[error(
        "{name:?} cannot be a model name; use letters, digits, '-', '_' and '.', 64 at most, starting with a letter or digit"
    )]
    BadName {
        /// The name as given.
        name: String,
    },
    /// A file's digest is not the one on record.
    #[error("{} is not the file on record: sha256 is {found}, expected {expected}; run `companion model rm` and pull or import it again", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// Its digest, in hex.
        found: String,
        /// The digest on record, in hex.
        expected: String,
    },
    /// A text is longer than the model reads.
    #[error(
        "{needed} tokens are needed ({prompt} to read, {reply} to write), but the model reads {context} at most; shorten the text or ask for a shorter reply"
    )]
    Context {
        /// All tokens.
        needed: usize,
        /// Tokens of the prompt.
        prompt: usize,
        /// Tokens of the reply.
        reply: usize,
        /// Tokens that the model reads.
        context: usize,
    },
    /// A text is longer than the KV cache, which holds less than the model reads.
    #[error(
        "{needed} tokens are needed ({prompt} to read, {reply} to write), but the {limit_bytes} bytes of the KV cache hold {context} of the {reads} that the model reads; allow more bytes (`--kv-mb`), use a smaller type (u8), or shorten the text"
    )]
    KvContext {
        /// All tokens.
        needed: usize,
        /// Tokens of the prompt.
        prompt: usize,
        /// Tokens of the reply.
        reply: usize,
        /// Tokens that the cache holds.
        context: usize,
        /// Tokens that the model reads.
        reads: usize,
        /// Bytes of the cache.
        limit_bytes: usize,
    },
    /// The KV cache has no room for a text.
    #[error(
        "no room in the KV cache for {tokens} tokens: they take {needed_bytes} bytes of the {limit_bytes} there are, and other texts hold the rest; allow more bytes, or use a smaller type (u8)"
    )]
    KvFull {
        /// Tokens of the text.
        tokens: usize,
        /// Bytes they take, in whole pages.
        needed_bytes: usize,
        /// Bytes of the cache.
        limit_bytes: usize,
    },
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// What was asked does not fit the model at hand.
    #[error("{0}")]
    Unsupported(String),
    /// `COMPANION_KERNEL` or an option names kernels that cannot run.
    #[error(transparent)]
    Kernel(#[from] kernels::IsaError),
    /// `COMPANION_THREADS` or an option is not a usable thread count.
    #[error("{value:?} is not a thread count; use a whole number from 1 to {max}", max = crate::pool::MAX_THREADS)]
    Threads {
        /// The value as given.
        value: String,
    },
}

/// A result of the engine.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An I/O error on `path`.
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Error {
        Error::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn manifest(path: &Path, reason: impl Into<String>) -> Error {
        Error::Manifest {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}
