//! One line of output, made of styled parts. Every part is escaped when it is shown, so that no
//! command can forget it.

/// How a part of a line looks. The meaning never rests on colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// As the terminal prints.
    Plain,
    /// Less important: ids, dates, hints.
    Dim,
    /// Titles and names.
    Bold,
    /// The one accent colour.
    Accent,
    /// Pleasant: a positive feeling, a check that passed.
    Good,
    /// Unpleasant: a negative feeling, a check that failed.
    Bad,
}

impl Style {
    /// The SGR sequence that begins the style, if it has one.
    pub(super) fn sgr(self) -> Option<&'static str> {
        match self {
            Style::Plain => None,
            Style::Dim => Some("\u{1b}[2m"),
            Style::Bold => Some("\u{1b}[1m"),
            Style::Accent => Some("\u{1b}[36m"),
            Style::Good => Some("\u{1b}[32m"),
            Style::Bad => Some("\u{1b}[33m"),
        }
    }
}

/// A line to be printed by [`super::Output::line`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pub(super) parts: Vec<(Style, String)>,
}

impl Line {
    /// An empty line to add parts to.
    pub(crate) fn new() -> Line {
        Line::default()
    }

    /// Adds a part in `style`.
    pub(crate) fn styled(mut self, style: Style, text: impl Into<String>) -> Line {
        self.parts.push((style, text.into()));
        self
    }

    /// Two blanks before all of it.
    pub(crate) fn indented(mut self) -> Line {
        self.parts.insert(0, (Style::Plain, "  ".to_owned()));
        self
    }

    /// Its parts, for a screen that draws them itself.
    pub(crate) fn parts(&self) -> &[(Style, String)] {
        &self.parts
    }

    /// Adds a plain part.
    pub(crate) fn plain(self, text: impl Into<String>) -> Line {
        self.styled(Style::Plain, text)
    }

    /// Adds a dim part.
    pub(crate) fn dim(self, text: impl Into<String>) -> Line {
        self.styled(Style::Dim, text)
    }

    /// Adds a bold part.
    pub(crate) fn bold(self, text: impl Into<String>) -> Line {
        self.styled(Style::Bold, text)
    }

    /// Adds a part in the accent colour.
    pub(crate) fn accent(self, text: impl Into<String>) -> Line {
        self.styled(Style::Accent, text)
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Line {
        Line::new().plain(text)
    }
}

impl From<String> for Line {
    fn from(text: String) -> Line {
        Line::new().plain(text)
    }
}
