//! Everything that is printed goes through here: results to stdout, the rest to stderr, strings
//! from outside escaped, JSON as one value and nothing else.

pub(crate) mod escape;
mod line;
mod progress;
pub(crate) mod wrap;

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::Context as _;
use serde::Serialize;

pub(crate) use line::{Line, Style};
pub(crate) use progress::Progress;

use crate::args::Global;
use crate::exit::{ClosedPipe, Failure};

/// The widest that prose is set, however wide the terminal: long lines are hard to read.
const PROSE_COLUMNS: usize = 88;

/// Where and how to print, decided once from the options and the environment.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    color: bool,
    ascii: bool,
    columns: usize,
}

impl Output {
    /// Looks at the options, the terminal and the environment.
    pub(crate) fn new(global: &Global) -> Output {
        let terminal = io::stdout().is_terminal();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|v| v == "dumb");
        Output {
            json: global.json,
            quiet: global.quiet,
            color: terminal && !dumb && !no_color && !global.no_color,
            ascii: wants_ascii(),
            columns: columns(terminal),
        }
    }

    /// An output of a certain width, without colours.
    #[cfg(test)]
    pub(crate) fn for_test(columns: usize, ascii: bool) -> Output {
        Output {
            json: false,
            quiet: false,
            color: false,
            ascii,
            columns,
        }
    }

    /// Whether `--json` was given.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// An error where `--json` was given to a command that prints `what`, which no JSON can stand for.
    pub(crate) fn refuse_json(&self, what: &str) -> Result<(), Failure> {
        if self.json {
            return Err(Failure::usage(format!(
                "this prints {what}, and nothing in JSON; leave --json away"
            )));
        }
        Ok(())
    }

    /// Whether `--quiet` was given.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether only ASCII should be drawn.
    pub(crate) fn is_ascii(&self) -> bool {
        self.ascii
    }

    /// Columns of the terminal, 80 where there is none.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// `unicode`, or `ascii` where the locale has nothing better.
    pub(crate) fn glyph<'a>(&self, unicode: &'a str, ascii: &'a str) -> &'a str {
        if self.ascii { ascii } else { unicode }
    }

    /// Prints one line of the result.
    pub(crate) fn line(&self, line: impl Into<Line>) -> anyhow::Result<()> {
        self.write(&format!("{}\n", self.render(&line.into())))
    }

    /// Prints many lines of the result at once.
    pub(crate) fn lines(&self, lines: impl Iterator<Item = Line>) -> anyhow::Result<()> {
        let mut text = String::new();
        for line in lines {
            text.push_str(&self.render(&line));
            text.push('\n');
        }
        self.write(&text)
    }

    /// Prints a name in a column of its own and `text` beside it, wrapped.
    pub(crate) fn labelled(&self, name: &str, text: &str) -> anyhow::Result<()> {
        const NAME_COLUMNS: usize = 9;
        let columns = self.columns.min(PROSE_COLUMNS).saturating_sub(NAME_COLUMNS);
        let mut name = wrap::pad(name, NAME_COLUMNS);
        for line in wrap::wrap(&escape::line(text), columns) {
            self.line(Line::new().dim(name).plain(line))?;
            name = " ".repeat(NAME_COLUMNS);
        }
        Ok(())
    }

    /// Prints the help of `command` as a result.
    pub(crate) fn help(&self, command: &mut clap::Command) -> anyhow::Result<()> {
        self.write(&command.render_help().to_string())
    }

    /// Prints an empty line.
    pub(crate) fn blank(&self) -> anyhow::Result<()> {
        self.write("\n")
    }

    /// Prints `text` escaped and wrapped, every line after `indent` blanks.
    pub(crate) fn prose(&self, text: &str, indent: usize) -> anyhow::Result<()> {
        let columns = self.columns.min(PROSE_COLUMNS).saturating_sub(indent);
        let mut out = String::new();
        for line in wrap::wrap(&escape::lines(text), columns.max(20)) {
            if !line.is_empty() {
                out.push_str(&" ".repeat(indent));
                out.push_str(&line);
            }
            out.push('\n');
        }
        self.write(&out)
    }

    /// Prints `value` as JSON: the whole of stdout for a command run with `--json`.
    pub(crate) fn json<T: Serialize + ?Sized>(&self, value: &T) -> anyhow::Result<()> {
        let text =
            serde_json::to_string_pretty(value).context("cannot write the result as JSON")?;
        self.write(&format!("{}\n", escape::json(&text)))
    }

    /// Prints `value` as one line of JSON (for JSONL).
    pub(crate) fn json_line<T: Serialize + ?Sized>(&self, value: &T) -> anyhow::Result<()> {
        let text = serde_json::to_string(value).context("cannot write the result as JSON")?;
        self.write(&format!("{}\n", escape::json(&text)))
    }

    /// Prints bytes as they are: only for what this program made itself (scripts, manual pages).
    pub(crate) fn bytes(&self, bytes: &[u8]) -> anyhow::Result<()> {
        match io::stdout().lock().write_all(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ClosedPipe.into()),
            other => other.context("cannot write to stdout"),
        }
    }

    /// A remark on stderr that `--quiet` silences.
    pub(crate) fn note(&self, line: impl Into<Line>) {
        if !self.quiet {
            self.warn(line);
        }
    }

    /// A remark on stderr that is always shown.
    pub(crate) fn warn(&self, line: impl Into<Line>) {
        // Without a reader of stderr there is nobody to tell.
        let _ = writeln!(io::stderr(), "{}", self.render_plain(&line.into()));
    }

    /// A progress bar on stderr over `total` things called `what`; it appears only on a terminal,
    /// and only when the work takes long enough to wonder.
    pub(crate) fn progress(&self, what: &str, total: u64) -> Progress {
        Progress::new(what, total, self.quiet)
    }

    fn write(&self, text: &str) -> anyhow::Result<()> {
        self.bytes(text.as_bytes())
    }

    fn render(&self, line: &Line) -> String {
        let mut out = String::new();
        for (style, text) in &line.parts {
            let text = escape::line(text);
            match style.sgr() {
                Some(sgr) if self.color => {
                    out.push_str(sgr);
                    out.push_str(&text);
                    out.push_str("\u{1b}[0m");
                }
                _ => out.push_str(&text),
            }
        }
        out
    }

    /// `line` without styles, escaped.
    pub(crate) fn render_plain(&self, line: &Line) -> String {
        line.parts
            .iter()
            .map(|(_, text)| escape::line(text))
            .collect()
    }
}

/// Whether the locale names a character set other than UTF-8 (`LC_ALL=C`). An unset locale is taken
/// for UTF-8: that is what terminals have spoken for a long time.
fn wants_ascii() -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()))
        .is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            !locale.contains("utf-8") && !locale.contains("utf8")
        })
}

fn columns(terminal: bool) -> usize {
    let named = std::env::var("COLUMNS").ok().and_then(|v| v.parse().ok());
    let sized = || {
        terminal
            .then(terminal_size::terminal_size)
            .flatten()
            .map(|(width, _)| usize::from(width.0))
    };
    named.or_else(sized).unwrap_or(80).clamp(40, 240)
}
