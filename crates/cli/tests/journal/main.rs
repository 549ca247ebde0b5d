//! The commands of the journal, as a user runs them: a temporary home, no model, a fixed clock, exact
//! output.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    missing_docs,
    reason = "a failed unwrap is a failed test, and a skipped one says so"
)]

mod bulk;
mod changing;
mod editor;
mod finding;
mod fixing;
mod hostile;
mod keeping;
mod language;
mod locks;
mod moving;
mod person;
mod reading;
mod saving;
mod understanding;
