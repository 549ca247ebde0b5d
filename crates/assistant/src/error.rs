//! What can go wrong between the journal and the model.

/// An error of the assistant. Messages never hold text of an entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The journal could not be read or written.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The encoder could not be used.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The engine's queue did not take the work.
    #[error(transparent)]
    Refused(engine::batch::Refused),
    /// The system gave no thread to work on.
    #[error("cannot start the engine's worker: {0}")]
    Thread(std::io::Error),
    /// The trained heads do not fit together: the asset of this build is damaged, or was made for another encoder.
    #[error("the analysis heads cannot be used: {reason}")]
    Heads {
        /// What is wrong, with the name of the tensor or field.
        reason: String,
    },
    /// The judge of the semantic cache does not fit together: the asset of this build is damaged.
    #[error("the judge of the cache cannot be used: {reason}")]
    Judge {
        /// What is wrong, with the name of the tensor or field.
        reason: String,
    },
    /// A reader that was put behind [`crate::Instant`] returned another number of readings than it was given texts.
    #[error("the reader `{reader}` returned {got} readings for {expected} texts")]
    Reader {
        /// Name of the reader.
        reader: String,
        /// Texts given.
        expected: usize,
        /// Readings returned.
        got: usize,
    },
    /// A span whose end lies before its start.
    #[error("the span ends on {to}, before it starts on {from}")]
    Span {
        /// First day asked for.
        from: jiff::civil::Date,
        /// Last day asked for.
        to: jiff::civil::Date,
    },
    /// `similar` was asked about an entry that has no vector for this encoder.
    #[error("entry {id} has not been embedded by {model} yet; run `companion analyze` to catch up")]
    NotEmbedded {
        /// The entry.
        id: journal::EntryId,
        /// Encoder whose vectors were looked for.
        model: String,
    },
}

/// Result with the assistant's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
