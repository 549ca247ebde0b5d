//! Why a date could not be read.

use std::fmt;

/// An expression that is no date, or no single one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WhenError {
    /// No date at all.
    Unknown(String),
    /// Day and month cannot be told apart; both readings, ISO.
    Ambiguous(String, [String; 2]),
    /// A day or time that the calendar or the clock does not have.
    NoSuchTime(String),
    /// A week, a month, a year, where one moment is needed.
    TooLong(String),
    /// Beyond the years that can be stored.
    OutOfRange(String),
}

impl fmt::Display for WhenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhenError::Unknown(text) => write!(
                f,
                "cannot read {text:?} as a date; try \"yesterday 8pm\", \"last friday\", \
                 \"3 days ago\" or \"2026-03-02 14:00\""
            ),
            WhenError::Ambiguous(text, [a, b]) => {
                write!(f, "{text:?} can be two days; write {a} or {b}")
            }
            WhenError::NoSuchTime(text) => write!(f, "there is no {text}"),
            WhenError::TooLong(text) => write!(
                f,
                "{text:?} is longer than a day; name a day, such as \"last friday\""
            ),
            WhenError::OutOfRange(text) => write!(f, "{text} is too far away to be a date"),
        }
    }
}

impl std::error::Error for WhenError {}
