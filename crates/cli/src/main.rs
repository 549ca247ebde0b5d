//! `companion`: the journal that thinks with you and never tells.
//!
//! This crate is a face, not a brain: it parses the command line, calls `journal`, `engine` and
//! `assistant`, and shows what they return. Results go to stdout, everything else to stderr.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod ahead;
mod analysis;
mod args;
mod cache;
mod commands;
mod compose;
mod config;
mod context;
mod editor;
mod exit;
mod fetch;
mod filter;
mod input;
mod interrupt;
mod jsonl;
mod language;
mod measuring;
mod messages;
mod output;
mod passphrase;
mod span;
mod view;
mod when;

use std::process::ExitCode;

fn main() -> ExitCode {
    metrics::process::begin();
    let args = match args::parse(std::env::args_os()) {
        Ok(args) => args,
        Err(exit) => return exit.into(),
    };
    match commands::run(args) {
        Ok(exit) => exit.into(),
        Err(error) => exit::report(&error).into(),
    }
}
