//! Rules that keep an answer from a request that only looks like its own.
//!
//! A sentence encoder scores "I can sleep" and "I can't sleep" above many a true paraphrase. Each gate knows one such
//! difference and compares two texts by it. A gate fails closed: where it sees a difference it refuses, whatever the
//! similarity; where it sees something that may be one it doubts, and a doubted pair needs a judge that is surer
//! ([`super::judge`]), or is refused where there is none. Nothing here sees a model, a clock or a journal.

mod dates;
mod language;
mod lexicon;
mod modality;
mod negation;
mod numbers;
mod people;
mod question;
mod roles;
mod scope;
mod text;
mod wish;
mod wording;

use text::Text;

/// What a gate says about two texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// No difference of this kind.
    Pass,
    /// Perhaps one; why.
    Doubt(String),
    /// A difference; which.
    Refuse(String),
}

/// A rule with its name, which counters and explanations use.
pub struct Gate {
    /// `negation`, `numbers`, …
    pub name: &'static str,
    /// What it compares, in a phrase.
    pub about: &'static str,
    look: fn(&Text, &Text) -> Verdict,
}

/// All gates, in the order in which they are asked.
pub const GATES: &[Gate] = &[
    Gate {
        name: "language",
        about: "texts that the other gates cannot read",
        look: language::look,
    },
    Gate {
        name: "negation",
        about: "what is denied, and opposites",
        look: negation::look,
    },
    Gate {
        name: "numbers",
        about: "numbers and quantities",
        look: numbers::look,
    },
    Gate {
        name: "dates",
        about: "days, weeks, tense",
        look: dates::look,
    },
    Gate {
        name: "people",
        about: "people, names and places",
        look: people::look,
    },
    Gate {
        name: "roles",
        about: "who does it to whom",
        look: roles::look,
    },
    Gate {
        name: "modality",
        about: "can, should, want, must",
        look: modality::look,
    },
    Gate {
        name: "question",
        about: "the kind of question and of task",
        look: question::look,
    },
    Gate {
        name: "scope",
        about: "how much of it",
        look: scope::look,
    },
    Gate {
        name: "wording",
        about: "one word in place of another",
        look: wording::look,
    },
];

/// What one gate said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opinion {
    /// The gate.
    pub gate: &'static str,
    /// Its verdict.
    pub verdict: Verdict,
}

/// A text that was taken apart for the gates.
#[derive(Debug, Clone)]
pub struct Read(Text);

impl Read {
    /// Takes `text` apart.
    pub fn new(text: &str) -> Read {
        Read(Text::read(text))
    }

    /// Whether it speaks of a moment that is another one tomorrow.
    pub fn names_relative_date(&self) -> bool {
        dates::names_relative_date(&self.0)
    }
}

/// What every gate says about two texts, in the order of [`GATES`]. The order of the texts does not matter.
pub fn ask_all(a: &Read, b: &Read) -> Vec<Opinion> {
    GATES
        .iter()
        .map(|gate| Opinion {
            gate: gate.name,
            verdict: (gate.look)(&a.0, &b.0),
        })
        .collect()
}

/// Whether both are wishes for a question, and for the same one in other words: then the answer to one serves the other
/// without a judge, unless a gate refuses.
pub fn is_same_wish(a: &Read, b: &Read) -> bool {
    wish::is_same(&a.0, &b.0)
}

/// A doubt or a refusal about what is on one side only.
fn said(what: &str, one: &str, other: &str) -> String {
    match (one, other) {
        ("", other) => format!("{what}: \u{201c}{other}\u{201d} in one only"),
        (one, "") => format!("{what}: \u{201c}{one}\u{201d} in one only"),
        (one, other) => format!("{what}: \u{201c}{one}\u{201d} against \u{201c}{other}\u{201d}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first gate that refuses, else the first that doubts with `?`, else `-`.
    fn first(a: &str, b: &str) -> String {
        let opinions = ask_all(&Read::new(a), &Read::new(b));
        let refused = opinions
            .iter()
            .find(|o| matches!(o.verdict, Verdict::Refuse(_)));
        let doubted = opinions
            .iter()
            .find(|o| matches!(o.verdict, Verdict::Doubt(_)));
        match (refused, doubted) {
            (Some(o), _) => o.gate.to_owned(),
            (None, Some(o)) => format!("{}?", o.gate),
            _ => "-".to_owned(),
        }
    }

    #[test]
    fn every_gate_refuses_what_it_is_there_for_in_either_order() {
        for (a, b, gate) in [
            ("why can I sleep", "why can't I sleep", "negation"),
            ("help me start running", "help me stop running", "negation"),
            (
                "what made me happy this week",
                "what made me sad this week",
                "negation",
            ),
            ("give me three prompts", "give me five prompts", "numbers"),
            (
                "summarise my holiday",
                "summarise half of my holiday",
                "numbers",
            ),
            ("summarise this week", "summarise last week", "dates"),
            (
                "what did I do on Monday",
                "what did I do on Friday",
                "dates",
            ),
            ("why did I argue", "why will I argue", "dates"),
            (
                "when did I last call my mum",
                "when did I last call my dad",
                "people",
            ),
            (
                "how was dinner with Ana",
                "how was dinner with Ben",
                "people",
            ),
            ("I hurt her badly", "she hurt me badly", "roles"),
            (
                "what my boss thinks of me",
                "what I think of my boss",
                "roles",
            ),
            (
                "how is my sleep affecting my mood",
                "how is my mood affecting my sleep",
                "roles",
            ),
            ("should I move out", "can I move out", "modality"),
            (
                "why do I procrastinate",
                "when do I procrastinate",
                "question",
            ),
            ("summarise my week", "ask me about my week", "question"),
            ("summarise everything", "summarise only work", "scope"),
            ("ich kann schlafen", "ich kann nicht schlafen", "language"),
        ] {
            assert_eq!(first(a, b), gate, "{a} | {b}");
            assert_eq!(first(b, a), gate, "{b} | {a}");
        }
    }

    #[test]
    fn plain_paraphrases_pass_all_gates() {
        for (a, b) in [
            (
                "what should I write about today",
                "not sure what to write today, any ideas?",
            ),
            ("summarise my week", "give me a recap of this week please"),
            (
                "why can't I fall asleep",
                "what is the reason that I am unable to fall asleep",
            ),
            ("ask me something about my mum", "question me on my mother"),
            ("give me three prompts", "i'd like 3 prompts"),
        ] {
            let said = first(a, b);
            assert!(said == "-" || said.ends_with('?'), "{a} | {b}: {said}");
        }
    }

    #[test]
    fn a_text_agrees_with_itself() {
        for text in [
            "",
            "?",
            "why can't I sleep",
            "Ana hurt me on Monday, 3 times",
            "\u{1f600}",
            "NOT A WORD",
        ] {
            let read = Read::new(text);
            assert!(
                ask_all(&read, &read)
                    .iter()
                    .all(|o| o.verdict == Verdict::Pass),
                "{text}"
            );
        }
    }
}
