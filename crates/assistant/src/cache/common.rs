//! Requests that everybody makes, shipped with the program: so that the cache is useful on the first day.
//!
//! A shipped prompt is a set of phrasings of one wish for a question, and which questions of the bank answer it. It
//! holds nothing of anybody, so it is the one thing that does not depend on journal, week or mood.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::prompt::{Kind, Mood, Question, Time, bank};

/// Changes with the phrasings, so that older vectors are replaced.
pub(super) const VERSION: &str = "2";

const PROMPTS: &str = include_str!("../../assets/common_prompts.jsonl");

/// A wish for a question, in several wordings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommonPrompt {
    /// `c01`, …
    pub id: String,
    /// Its wordings.
    pub phrasings: Vec<String>,
    /// What the questions ask to do; any where empty.
    #[serde(default)]
    kinds: Vec<Kind>,
    /// What they are about; questions about anything where empty.
    #[serde(default)]
    themes: Vec<String>,
    /// The mood that they may presuppose.
    #[serde(default)]
    mood: Option<Mood>,
    /// When they fit.
    #[serde(default)]
    time: Option<Time>,
}

impl CommonPrompt {
    /// The questions of the bank that answer it.
    pub fn questions(&self) -> Vec<&'static Question> {
        let fits = |q: &&Question| {
            let theme = match self.themes.as_slice() {
                [] => true,
                wanted => q.themes.iter().any(|t| wanted.contains(t)),
            };
            theme
                && !q.follows
                && (self.kinds.is_empty() || self.kinds.contains(&q.kind))
                && (q.mood == Mood::Any || Some(q.mood) == self.mood)
                && (q.time == Time::Any || Some(q.time) == self.time)
                // A wish for the evening is answered by questions for the evening.
                && (self.time.is_none() || Some(q.time) == self.time)
        };
        bank().iter().filter(fits).collect()
    }
}

/// Every shipped prompt.
pub fn common_prompts() -> &'static [CommonPrompt] {
    static ALL: LazyLock<Vec<CommonPrompt>> = LazyLock::new(|| {
        let lines = PROMPTS.lines().filter(|line| !line.trim().is_empty());
        lines
            .map(|line| serde_json::from_str(line).expect("a test reads every shipped prompt"))
            .collect()
    });
    &ALL
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::cache::normalised;

    #[test]
    fn every_shipped_prompt_has_phrasings_of_its_own_and_enough_questions() {
        let (mut ids, mut seen) = (HashSet::new(), HashSet::new());
        for prompt in common_prompts() {
            assert!(ids.insert(&prompt.id), "{} twice", prompt.id);
            assert!(prompt.phrasings.len() >= 4, "{}", prompt.id);
            for phrasing in &prompt.phrasings {
                assert!(seen.insert(normalised(phrasing)), "{phrasing} twice");
            }
            assert!(
                prompt.questions().len() >= 5,
                "{}: {}",
                prompt.id,
                prompt.questions().len()
            );
        }
        assert!(ids.len() >= 20);
    }
}
