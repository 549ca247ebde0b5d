//! Telling the user how far a download is: a bar on a terminal, a line per quarter elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// What a source reports while it works.
pub(crate) trait Progress {
    /// A file of this size begins.
    fn begin(&mut self, name: &str, total_bytes: u64);
    /// So many bytes of it have arrived, those of earlier runs included.
    fn at(&mut self, bytes: u64);
    /// It ended, well or not.
    fn end(&mut self);
    /// A line for the user, such as a source that was left.
    fn note(&mut self, line: &str);
}

/// The progress for this process: drawn on stderr if that is a terminal, else told in lines there;
/// nowhere with `quiet`.
pub(crate) fn on_stderr(quiet: bool) -> Box<dyn Progress> {
    if quiet {
        return Box::new(Lines::new(std::io::sink()));
    }
    match std::io::stderr().is_terminal() {
        true => Box::new(Bar { bar: None }),
        false => Box::new(Lines::new(std::io::stderr())),
    }
}

/// A bar with bytes, speed and the time that is left.
struct Bar {
    bar: Option<ProgressBar>,
}

impl Progress for Bar {
    fn begin(&mut self, name: &str, total_bytes: u64) {
        let style = ProgressStyle::with_template(
            "{msg}  {wide_bar}  {bytes} of {total_bytes}  {bytes_per_sec}  {eta}",
        )
        .expect("the template is a constant that a test draws");
        let bar = ProgressBar::new(total_bytes)
            .with_style(style)
            .with_message(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        self.bar = Some(bar);
    }

    fn at(&mut self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn note(&mut self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => say(&mut std::io::stderr(), line),
        }
    }
}

/// A line when a file begins and one for each quarter of a large one, for logs and pipes.
pub(crate) struct Lines<W> {
    out: W,
    name: String,
    total_bytes: u64,
    quarters: u64,
}

/// Below this size a file is not worth more than no line at all.
const LARGE: u64 = 4 << 20;

impl<W: std::io::Write> Lines<W> {
    /// Lines to `out`.
    pub(crate) fn new(out: W) -> Lines<W> {
        Lines {
            out,
            name: String::new(),
            total_bytes: 0,
            quarters: 0,
        }
    }
}

impl<W: std::io::Write> Progress for Lines<W> {
    fn begin(&mut self, name: &str, total_bytes: u64) {
        name.clone_into(&mut self.name);
        self.total_bytes = total_bytes;
        self.quarters = 0;
        if total_bytes >= LARGE {
            let size = total_bytes as f64 / 1e6;
            say(&mut self.out, &format!("downloading {name} ({size:.0} MB)"));
        }
    }

    fn at(&mut self, bytes: u64) {
        let quarters = (bytes * 4)
            .checked_div(self.total_bytes)
            .unwrap_or(0)
            .min(4);
        if self.total_bytes >= LARGE && quarters > self.quarters {
            self.quarters = quarters;
            say(
                &mut self.out,
                &format!("downloading {}: {} %", self.name, quarters * 25),
            );
        }
    }

    fn end(&mut self) {}

    fn note(&mut self, line: &str) {
        say(&mut self.out, line);
    }
}

/// A stderr that is gone is no reason to stop a download.
fn say(out: &mut impl std::io::Write, line: &str) {
    let _ = writeln!(out, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_tell_each_quarter_once_and_small_files_not_at_all() {
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out);
        lines.begin("tokenizer.json", 1000);
        lines.at(1000);
        lines.begin("model.safetensors", 8 << 20);
        for megabytes in [0, 1, 2, 3, 6, 6, 8] {
            lines.at(megabytes << 20);
        }
        lines.end();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "downloading model.safetensors (8 MB)\n\
             downloading model.safetensors: 25 %\n\
             downloading model.safetensors: 75 %\n\
             downloading model.safetensors: 100 %\n"
        );
    }

    #[test]
    fn bar_template_is_valid() {
        let mut bar = Bar { bar: None };
        bar.begin("model.safetensors", 10);
        bar.at(5);
        bar.end();
    }
}
