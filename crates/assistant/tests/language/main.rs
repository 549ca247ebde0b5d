//! The tasks of the language tier, with a model that is a script: good, forged, injected and malformed answers.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::print_stderr, reason = "the measured rates are the point")]

#[path = "../common/mod.rs"]
mod common;
mod scripted;

mod asking;
mod bulk;
mod digests;
mod injection;
mod mechanics;
mod questions;
mod reading;
mod reflecting;
