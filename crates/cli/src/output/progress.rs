//! A progress bar, or a count, that stays away when the work is short, the terminal is missing or `--quiet` is
//! given.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::escape;

/// Work shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_millis(400);

/// What is drawn over a known number of things, and over an unknown one.
const BAR: &str = "{msg} {bar:24} {pos}/{len}  {per_sec}  {eta} left";
const COUNT: &str = "{spinner} {msg}: {pos} in {elapsed}";

fn style(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
}

/// A bar over a known number of things, or a count of an unknown one.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    started: Instant,
    shown: bool,
    allowed: bool,
}

impl Progress {
    pub(super) fn new(what: &str, total: u64, quiet: bool) -> Progress {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        style(&bar, COUNT);
        bar.set_message(escape::line(what).into_owned());
        let mut progress = Progress {
            bar,
            started: Instant::now(),
            shown: false,
            allowed: !quiet && std::io::stderr().is_terminal(),
        };
        progress.set_total(total);
        progress
    }

    /// Says how many are done.
    pub(crate) fn set(&mut self, done: u64) {
        if self.allowed && !self.shown && self.started.elapsed() > PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.shown = true;
            if self.bar.length().is_none() {
                // A step may take long, and nothing else says that it goes on.
                self.bar.enable_steady_tick(Duration::from_millis(200));
            }
        }
        self.bar.set_position(done);
    }

    /// Says what is done now, and how many are done.
    pub(crate) fn say(&mut self, what: &str, done: u64) {
        self.bar.set_message(escape::line(what).into_owned());
        self.set(done);
    }

    /// Changes the total, where it became known later. Without one (0) they are only counted.
    pub(crate) fn set_total(&mut self, total: u64) {
        if total == 0 {
            return;
        }
        if self.bar.length().is_none() {
            style(&self.bar, BAR);
        }
        self.bar.set_length(total);
    }

    /// Takes the bar off the screen.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_total_things_are_counted_and_no_total_is_made_up() {
        let mut progress = Progress::new("writing", 0, true);
        progress.set(6);
        assert_eq!((progress.bar.length(), progress.bar.position()), (None, 6));
        progress.set_total(8);
        assert_eq!(progress.bar.length(), Some(8));
        for template in [BAR, COUNT] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
