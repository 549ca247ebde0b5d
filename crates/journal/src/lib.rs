//! The encrypted journal: entries with their history, what was derived from them, and the searches over both, in one
//! SQLCipher database whose key lies wrapped beside it.
//!
//! What it never does: it knows no model (an analysis or embedding is a value with the id of what made it), prints
//! nothing, opens no network connection, and writes nothing of an entry to disk in the clear; only an export does,
//! when asked to.
//!
//! Where the promises live: [`Journal`] for saving and reading, [`Home`] for the files, `vault` for the key, [`Error`]
//! for what the user is told.
//!
//! ```
//! # fn main() -> journal::Result<()> {
//! # let dir = tempfile::tempdir().expect("a directory");
//! use journal::{EntryEdit, Filter, Home, Journal, NewEntry, Secret};
//!
//! let mut journal = Journal::create(&Home::at(dir.path().join("diary")), &Secret::None)?;
//! let entry = journal.add(NewEntry::new("Slept well. sleep:8 #calm", jiff::ZonedDateTime::now()))?;
//! journal.edit(entry.id, EntryEdit::text("Slept well, at last. sleep:8 #calm"))?;
//! assert_eq!(journal.history(entry.id)?.len(), 2);
//! let calm = Filter { tags_all: vec!["calm".into()], ..Filter::default() };
//! assert_eq!(journal.count(&calm)?, 1);
//! # Ok(()) }
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod analysis;
mod answers;
pub mod backup;
mod db;
mod entry;
mod error;
mod extract;
mod field;
mod filter;
pub mod format;
pub mod fsck;
mod functions;
mod home;
mod index_text;
mod journal;
mod migrations;
mod row;
mod secret;
mod store;
mod vault;
mod vectors;

pub use analysis::{Analysis, Correction, Evidence, Sentiment, ThemeScore, Vectors};
pub use answers::{Answer, AnswerHit, AnswerUse, Answers, Lesson, NewAnswer};
pub use entry::{Entry, EntryEdit, EntryId, MAX_TEXT_BYTES, NewEntry, Version};
pub use error::{Error, Result};
pub use field::FieldValue;
pub use filter::{Compare, FieldCondition, Filter};
pub use home::Home;
pub use journal::{
    Corrected, Draft, ImportCounts, Journal, Notice, Refused, Speaker, Stats, TextHit, Turn,
    VectorHit, Written,
};
pub use secret::Secret;
pub use vault::Protection;
