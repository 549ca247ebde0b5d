//! What may be reused, by the kind of work.

use jiff::SignedDuration;

/// A kind of work whose answers may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    /// A question for the writer. Kept, and not shown twice in 30 days: variety is worth more than a hit.
    Question,
    /// A look back at entries.
    Summary,
    /// Free text from the language model.
    Generate,
    /// An answer about the journal.
    Ask,
    /// A reflection on what was written. Reused for the very same request only: a word's difference may be the point.
    Reflection,
    /// A question to go on with a text. It quotes the text, so it is one to just this text.
    Continuation,
}

/// What may be done with answers of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// An answer to another wording may serve.
    pub semantic: bool,
    /// How long an answer rests after it was shown.
    pub rest: Option<SignedDuration>,
    /// An audit can work an answer out again: the request alone, with the journal, says what it depends on.
    pub audited: bool,
}

/// Days in which no question comes twice.
pub const REST: SignedDuration = SignedDuration::from_hours(24 * 30);

impl Task {
    /// Every kind.
    pub const ALL: [Task; 6] = [
        Task::Question,
        Task::Summary,
        Task::Generate,
        Task::Ask,
        Task::Reflection,
        Task::Continuation,
    ];

    /// `question`, `summary`, `generate`, `ask`, `reflection`, `continuation`.
    pub fn name(self) -> &'static str {
        match self {
            Task::Question => "question",
            Task::Summary => "summary",
            Task::Generate => "generate",
            Task::Ask => "ask",
            Task::Reflection => "reflection",
            Task::Continuation => "continuation",
        }
    }

    /// What may be done with its answers.
    pub fn policy(self) -> Policy {
        Policy {
            semantic: !matches!(self, Task::Reflection | Task::Continuation),
            rest: (self == Task::Question).then_some(REST),
            audited: matches!(self, Task::Question | Task::Ask),
        }
    }
}

/// Words of someone who may be in danger. Neither such a request nor its answer is kept or reused: whoever writes this
/// gets an answer to just this.
#[rustfmt::skip]
const CRISIS: &[&str] = &[
    "kill myself", "killing myself", "suicide", "suicidal", "end my life", "ending my life", "take my own life", "taking my own life", "end it all", "want to die",
    "wanna die", "wish i was dead", "wish i were dead", "wish i wasnt here", "better off dead", "better off without me", "no reason to live", "dont want to live",
    "dont want to be alive", "cant go on living", "hurt myself", "hurting myself", "harm myself", "harming myself", "self harm", "selfharm", "cut myself", "cutting myself",
    "overdose", "jump off", "hang myself", "starve myself", "hits me", "beats me", "hit me again", "raped", "abuses me", "not safe at home", "kms", "unalive", "dont want to wake up",
    "do not want to live", "do not want to be alive", "do not want to wake up", "not worth living", "disappear forever", "kill him", "kill her",
    "point in living", "slit my wrists", "slitting my wrists", "end it tonight", "going to end it", "how many pills", "cutting again",
    "he hit me", "she hit me", "they hit me", "husband hit me", "wife hit me", "partner hit me", "boyfriend hit me", "girlfriend hit me",
    "father hit me", "dad hit me", "mother hit me", "mum hit me", "he beat me", "beat me up", "beat me again", "husband beat me", "father beat me",
    "choked me", "strangled me", "molested", "forced himself on me",
    "will nicht mehr leben", "umbringen", "selbstmord", "suizid", "ich will sterben", "mich ritzen", "er schlägt mich",
    "je veux mourir", "me suicider", "plus envie de vivre", "me tuer", "il me frappe",
];

/// Whether a request sounds like someone in danger. It says yes too often rather than too seldom; all that costs is a
/// new answer.
pub fn is_crisis(intent: &str) -> bool {
    if crate::care::speaks_of_danger(intent, None) {
        return true;
    }
    let plain = format!(" {} ", super::decide::normalised(intent));
    CRISIS
        .iter()
        .any(|phrase| plain.contains(&format!(" {phrase} ")))
}

/// The same of an answer, which may be JSON: there the end of a line is written out.
pub(super) fn is_crisis_in_answer(answer: &str) -> bool {
    is_crisis(&answer.replace("\\n", " ").replace('\\', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn danger_is_heard_in_any_writing() {
        for text in [
            "I want to DIE.",
            "thinking of suicide again",
            "i don\u{2019}t want to live",
            "self-harm",
            "there is no point in living",
            "my husband hit me last night",
            "Ich will nicht mehr leben.",
            "je n'ai plus envie de vivre",
        ] {
            assert!(is_crisis(text), "{text}");
        }
        for text in [
            "my phone died",
            "summarise my week",
            "I could have died laughing",
            "hit me with a prompt",
        ] {
            assert!(!is_crisis(text), "{text}");
        }
        assert!(is_crisis_in_answer("{\"answer\":\"I want to die\\nsoon\"}"));
    }

    #[test]
    fn no_shipped_wish_and_no_question_of_the_bank_sounds_like_danger() {
        let wishes = crate::cache::common_prompts().iter();
        for phrasing in wishes.flat_map(|wish| &wish.phrasings) {
            assert!(!is_crisis(phrasing), "{phrasing}");
        }
        for question in crate::prompt::bank() {
            assert!(!is_crisis(&question.text), "{}", question.text);
        }
    }
}
