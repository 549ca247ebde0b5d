//! Puts what the program says today into the transcripts of the documents, where that is asked for: `make transcripts`.

use crate::root;
use crate::shown::Shown;

/// Set by `make transcripts`.
const WANTED: &str = "COMPANION_REWRITE_TRANSCRIPTS";

/// The transcripts of one document.
#[derive(Default)]
pub(crate) struct Rewrites {
    /// How many lines stand above, how many are replaced, and by what.
    found: Vec<(usize, usize, String)>,
}

impl Rewrites {
    pub(crate) fn wanted(&self) -> bool {
        std::env::var_os(WANTED).is_some()
    }

    /// `lines` are what the transcript that `shown` opens says so far; the empty ones at its end stay.
    pub(crate) fn add(&mut self, shown: &Shown, lines: &[String], said: &str) {
        let empty = lines.iter().rev().take_while(|line| line.is_empty());
        let replaced = lines.len() - empty.count();
        let said = format!("{}\n", said.trim_end());
        self.found.push((shown.last_line, replaced, said));
    }

    /// Writes them into the document.
    pub(crate) fn apply(&self, name: &str) {
        if self.found.is_empty() {
            return;
        }
        let path = root().join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, self.applied(&text)).unwrap();
    }

    fn applied(&self, text: &str) -> String {
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        // From the end, so that the numbers of the lines above stay right.
        for (above, replaced, said) in self.found.iter().rev() {
            lines.splice(*above..above + replaced, [said.as_str()]);
        }
        lines.concat()
    }
}

#[test]
fn a_transcript_is_replaced_and_what_is_around_it_stays() {
    let text = "```\n$ companion a\nold\nolder\n\n$ companion b\nold\n```\nend\n";
    let mut rewrites = Rewrites::default();
    for shown in crate::shown::commands("a.md", text) {
        let lines = shown.output.clone().unwrap();
        rewrites.add(&shown, &lines, "new\n\nnewer\n");
    }
    let expected = "```\n$ companion a\nnew\n\nnewer\n\n$ companion b\nnew\n\nnewer\n```\nend\n";
    assert_eq!(rewrites.applied(text), expected);
}
