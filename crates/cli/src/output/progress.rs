//! A progress bar that stays away when the work is short, the terminal is missing or `--quiet` is
//! given.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::escape;

/// Work shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_millis(400);

/// A bar over a known number of things.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    started: Instant,
    shown: bool,
    allowed: bool,
}

impl Progress {
    pub(super) fn new(what: &str, total: u64, quiet: bool) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        if let Ok(style) =
            ProgressStyle::with_template("{msg} {bar:24} {pos}/{len}  {per_sec}  {eta} left")
        {
            bar.set_style(style);
        }
        bar.set_message(escape::line(what).into_owned());
        Progress {
            bar,
            started: Instant::now(),
            shown: false,
            allowed: !quiet && std::io::stderr().is_terminal(),
        }
    }

    /// Says how many are done.
    pub(crate) fn set(&mut self, done: u64) {
        if self.allowed && !self.shown && self.started.elapsed() > PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.shown = true;
        }
        self.bar.set_position(done);
    }

    /// Says what is done now, and how many are done.
    pub(crate) fn say(&mut self, what: &str, done: u64) {
        self.bar.set_message(escape::line(what).into_owned());
        self.set(done);
    }

    /// Changes the total, where it became known later.
    pub(crate) fn set_total(&mut self, total: u64) {
        self.bar.set_length(total);
    }

    /// Takes the bar off the screen.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
