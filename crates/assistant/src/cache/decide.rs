//! May the answer to one text serve another? Gates first, then the judge; both by meaning alone.

use std::sync::Arc;

use serde::Serialize;

use super::gates::{self, Opinion, Read, Verdict};
use super::judge::Judge;

/// What the decision stands on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Below this cosine nothing is looked at.
    pub candidate_similarity: f32,
    /// From this cosine on an answer serves, where no judge is installed and no gate doubts.
    pub similarity: f32,
}

/// Floor of the cosine below which a paraphrase is so rare that looking is not worth it. Measured; see docs/cache.md.
pub const CANDIDATE_SIMILARITY: f32 = 0.2;
/// The usual threshold of caches that have nothing but the cosine.
pub const SIMILARITY: f32 = 0.85;

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            candidate_similarity: CANDIDATE_SIMILARITY,
            similarity: SIMILARITY,
        }
    }
}

/// Gates, thresholds and, where one fits the encoder, a judge. Cheap to clone.
#[derive(Clone, Default)]
pub struct Decider {
    pub(super) thresholds: Thresholds,
    pub(super) judge: Option<Arc<Judge>>,
}

/// The judge's word on a pair.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Judged {
    /// How sure it is that the answer serves, as a logit.
    pub score: f32,
    /// What it has to reach here: more where a gate doubts, or where verdicts raised it.
    pub threshold: f32,
}

/// What came of comparing two texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Cosine of the two embeddings.
    pub similarity: f32,
    /// What each gate said; empty where the cosine was below the floor, or the texts are one.
    pub gates: Vec<Opinion>,
    /// What the judge said; absent where a gate refused, where there is none, or where the texts are one.
    pub judged: Option<Judged>,
    /// Both are the same wish for a question by its plain form: nobody has to be asked.
    pub by_rule: bool,
    /// `None`: the answer serves. Else the name of what refused: a gate, `similarity`, `judge`, or `doubt` where a gate
    /// doubts and no judge is there to ask.
    pub refused_by: Option<&'static str>,
}

impl Decision {
    /// Whether the answer serves.
    pub fn serves(&self) -> bool {
        self.refused_by.is_none()
    }

    /// The gate that refused, with its reason.
    pub fn refusal(&self) -> Option<(&'static str, &str)> {
        self.gates.iter().find_map(|o| match &o.verdict {
            Verdict::Refuse(why) => Some((o.gate, why.as_str())),
            _ => None,
        })
    }

    /// How many gates doubt.
    pub fn doubts(&self) -> usize {
        let doubts = |o: &&Opinion| matches!(o.verdict, Verdict::Doubt(_));
        self.gates.iter().filter(doubts).count()
    }

    /// What decided: the judge's score, or the cosine where there is no judge.
    pub fn score(&self) -> f32 {
        self.judged.map_or(self.similarity, |j| j.score)
    }

    /// Of two texts that are one.
    pub(super) fn same() -> Decision {
        Decision {
            similarity: 1.0,
            gates: Vec::new(),
            judged: None,
            by_rule: false,
            refused_by: None,
        }
    }

    fn refused(similarity: f32, by: &'static str) -> Decision {
        Decision {
            similarity,
            gates: Vec::new(),
            judged: None,
            by_rule: false,
            refused_by: Some(by),
        }
    }
}

/// A text with what the decision needs of it.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The text.
    pub text: &'a str,
    /// It, taken apart.
    pub read: &'a Read,
}

impl Decider {
    /// Gates and thresholds without a judge.
    pub fn new(thresholds: Thresholds) -> Decider {
        Decider {
            thresholds,
            judge: None,
        }
    }

    /// The same with a judge.
    pub fn with_judge(mut self, judge: Judge) -> Decider {
        self.judge = Some(Arc::new(judge));
        self
    }

    /// The judge, if there is one.
    pub fn judge(&self) -> Option<&Judge> {
        self.judge.as_deref()
    }

    /// The thresholds.
    pub fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    /// Whether the answer to `stored` may serve `asked`, given the cosine of the two; `raised` is what verdicts moved
    /// this entry's threshold by. The order of the texts does not matter.
    pub fn decide(
        &self,
        stored: Side<'_>,
        asked: Side<'_>,
        similarity: f32,
        raised: f32,
    ) -> Decision {
        let mut decision = self.weigh(stored, asked, similarity);
        if decision.serves() {
            let score = self
                .judge()
                .map(|judge| judge.score(stored.text, asked.text, similarity));
            self.settle(&mut decision, score, raised);
        }
        decision
    }

    /// The part of the decision that costs microseconds: the floor and the gates. What it lets through is not served
    /// before [`Decider::settle`].
    pub(super) fn weigh(&self, stored: Side<'_>, asked: Side<'_>, similarity: f32) -> Decision {
        if similarity.is_nan() || similarity < self.thresholds.candidate_similarity {
            return Decision::refused(similarity, "similarity");
        }
        let gates = gates::ask_all(stored.read, asked.read);
        let refused = gates
            .iter()
            .find(|o| matches!(o.verdict, Verdict::Refuse(_)));
        Decision {
            similarity,
            refused_by: refused.map(|o| o.gate),
            by_rule: refused.is_none() && gates::is_same_wish(stored.read, asked.read),
            gates,
            judged: None,
        }
    }

    /// The rest of the decision, with the judge's score where there is a judge.
    pub(super) fn settle(&self, decision: &mut Decision, score: Option<f32>, raised: f32) {
        let doubts = decision.doubts();
        match (score, &self.judge) {
            (Some(score), Some(judge)) => {
                let threshold = judge.threshold(doubts) + raised;
                decision.judged = Some(Judged { score, threshold });
                // A verdict against this answer stands above the rule. What is not a number must not serve.
                if decision.by_rule && raised <= 0.0 {
                    decision.refused_by = None;
                } else if score.is_nan() || score < threshold {
                    decision.refused_by = Some("judge");
                }
            }
            _ if decision.by_rule && raised <= 0.0 => {}
            _ if doubts > 0 => decision.refused_by = Some("doubt"),
            _ if decision.similarity < self.thresholds.similarity + raised => {
                decision.refused_by = Some("similarity");
            }
            _ => {}
        }
    }
}

/// The form in which phrases are looked for and answers compared: no case, no punctuation, no spacing. An apostrophe is no
/// letter, a digit is one. Too coarse to say that two requests are one, which is [`super::same_words`].
///
/// Signs that may carry meaning (`+ - % $ € £ = < > & @ #`, other alphabets, emoji) stay.
pub(super) fn normalised(text: &str) -> String {
    let chars: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let beside = |at: usize, test: fn(&char) -> bool| {
        at > 0 && test(&chars[at - 1]) && chars.get(at + 1).is_some_and(test)
    };
    let mut out = String::with_capacity(text.len());
    let mut space = false;
    for (at, &c) in chars.iter().enumerate() {
        let joins_digits = matches!(c, '.' | ',' | ':') && beside(at, char::is_ascii_digit);
        let joins_words = c == '-' && beside(at, |c| c.is_alphabetic());
        match c {
            '\'' | '\u{2019}' | '\u{2018}' | '\u{02bc}' => continue,
            _ if joins_words || c.is_whitespace() => space = true,
            '.' | ',' | ';' | ':' | '!' | '?' | '"' | '\u{201c}' | '\u{201d}' | '\u{2026}'
            | '\u{2014}' | '(' | ')'
                if !joins_digits =>
            {
                space = true;
            }
            c => {
                if space && !out.is_empty() {
                    out.push(' ');
                }
                space = false;
                out.push(c);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(decider: &Decider, a: &str, b: &str, cosine: f32) -> Option<&'static str> {
        let (x, y) = (Read::new(a), Read::new(b));
        let side = |text, read| Side { text, read };
        decider
            .decide(side(a, &x), side(b, &y), cosine, 0.0)
            .refused_by
    }

    #[test]
    fn without_a_judge_the_cosine_and_every_gate_have_to_agree() {
        let decider = Decider::default();
        for (a, b, cosine, want) in [
            ("summarise my week", "recap of my week", 0.9, None),
            (
                "summarise my week",
                "recap of my week",
                0.8,
                Some("similarity"),
            ),
            (
                "summarise my week",
                "recap of my week",
                0.2,
                Some("similarity"),
            ),
            (
                "summarise my week",
                "recap of my month",
                0.95,
                Some("dates"),
            ),
            ("I can sleep", "I can't sleep", 0.99, Some("negation")),
            (
                "what should I write",
                "what should I write today",
                0.99,
                Some("doubt"),
            ),
            (
                "summarise my week",
                "recap of my week",
                f32::NAN,
                Some("similarity"),
            ),
        ] {
            assert_eq!(decide(&decider, a, b, cosine), want, "{a} | {b}");
        }
    }

    #[test]
    fn texts_that_differ_in_nothing_but_form_are_one() {
        for (a, b) in [
            ("Summarise my week!", "summarise  my week"),
            ("what's up?", "whats up"),
            ("a well-known thing", "a well known thing"),
            ("\u{201c}quoted\u{201d} text", "quoted text"),
        ] {
            assert_eq!(normalised(a), normalised(b));
        }
        for (a, b) in [
            ("7.5 hours", "75 hours"),
            ("7:30", "730"),
            ("+1", "-1"),
            ("5%", "5"),
            ("\u{1f600}", "\u{1f622}"),
            ("I cant", "I can"),
        ] {
            assert_ne!(normalised(a), normalised(b));
        }
    }
}
