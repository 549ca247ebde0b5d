//! Who goes before whom, and for how long.

use std::time::Duration;

/// What a request is for. Later ones go before earlier ones: `Bulk < Summary < Interactive < Typing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Work over many entries, for which nobody sits and waits: an import, `analyze --all`.
    Bulk,
    /// A summary of many entries that somebody asked for.
    Summary,
    /// Somebody waits for the first word.
    Interactive,
    /// Sentences of an entry that is being written: read ahead, so that little is left when it is saved.
    Typing,
}

impl Class {
    /// Every class, the one that waits for all others first.
    pub const ALL: [Class; 4] = [
        Class::Bulk,
        Class::Summary,
        Class::Interactive,
        Class::Typing,
    ];

    /// The word that logs and tables use for it.
    pub fn word(self) -> &'static str {
        match self {
            Class::Bulk => "bulk",
            Class::Summary => "summary",
            Class::Interactive => "interactive",
            Class::Typing => "typing",
        }
    }

    /// Classes above it, which is how often it has to age before nothing goes before it.
    pub fn above(self) -> u32 {
        Class::Typing as u32 - self as u32
    }
}

/// When the oldest request of each class was last served, as the time since the worker's start.
#[derive(Debug, Clone, Default)]
pub(super) struct Clocks {
    served: [Duration; 4],
}

impl Clocks {
    /// The oldest request of `class` was served, or there was none before.
    pub(super) fn serve(&mut self, class: Class, now: Duration) {
        self.served[class as usize] = now;
    }

    /// Whether the oldest request of `class` has waited so long that it goes first once.
    pub(super) fn is_due(&self, class: Class, now: Duration, ageing: Duration) -> bool {
        let waited = now.saturating_sub(self.served[class as usize]);
        class != Class::Typing && waited >= ageing * class.above()
    }
}
