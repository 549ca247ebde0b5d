//! What verdicts taught, as a look needs it: thresholds of requests, and pairs that must not serve one another.
//!
//! It goes by the words of the requests and not by the answer that happened to be kept: that one is gone within the hour,
//! and a wish has several.

use std::collections::{BTreeSet, HashMap};

use journal::Lesson;

use super::same::same_words;

/// The lessons, read once for many looks.
#[derive(Default)]
pub(super) struct Lessons {
    raised: HashMap<(String, String), f64>,
    /// Task, and two requests in the order of their letters.
    wrong: BTreeSet<(String, String, String)>,
}

impl Lessons {
    pub(super) fn of(all: Vec<Lesson>) -> Lessons {
        let mut lessons = Lessons::default();
        all.into_iter().for_each(|lesson| lessons.learn(lesson));
        lessons
    }

    /// Takes a lesson in, in place of the one about the same; one that raises nothing takes it back.
    pub(super) fn learn(&mut self, lesson: Lesson) {
        let holds = lesson.raised > 0.0;
        if lesson.asked.is_empty() {
            // One that an older program's threshold became has the words as they were written.
            let about = (lesson.task, same_words(&lesson.stored));
            match holds {
                true => drop(self.raised.insert(about, lesson.raised)),
                false => drop(self.raised.remove(&about)),
            }
            return;
        }
        let pair = (lesson.task, lesson.stored, lesson.asked);
        match holds {
            true => drop(self.wrong.insert(pair)),
            false => drop(self.wrong.remove(&pair)),
        }
    }

    /// By how much verdicts raised the threshold of a kept request.
    pub(super) fn raised(&self, task: &str, stored: &str) -> f64 {
        match self.raised.is_empty() {
            true => 0.0,
            false => {
                let about = (task.to_owned(), same_words(stored));
                self.raised.get(&about).copied().unwrap_or_default()
            }
        }
    }

    /// Whether somebody said that the answer to one does not serve the other.
    pub(super) fn is_wrong(&self, task: &str, one: &str, other: &str) -> bool {
        !self.wrong.is_empty() && {
            let (first, second) = pair(one, other);
            self.wrong.contains(&(task.to_owned(), first, second))
        }
    }
}

/// Two requests as a lesson holds them: the order in which they came does not matter.
pub(super) fn pair(one: &str, other: &str) -> (String, String) {
    let (one, other) = (same_words(one), same_words(other));
    match one <= other {
        true => (one, other),
        false => (other, one),
    }
}
