//! What has to be equal before two requests are compared at all: the guards of context.
//!
//! The text that is embedded is the intent alone; everything else that an answer depends on is here, and is compared
//! by equality. So another model, another prompt file, an edited entry, another mood or another week is another key.

use jiff::ZonedDateTime;
use journal::EntryId;
use sha2::{Digest, Sha256};

use super::gates::Read;
use super::policy::Task;
use super::same::same_words;

/// A request to whatever computes answers.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// What kind of work it is; decides what may be reused at all.
    pub task: Task,
    /// What is asked for, in the words of whoever asks: no entries, no instructions around it.
    pub intent: &'a str,
    /// Everything else that the answer depends on.
    pub context: Context,
}

/// What an answer depends on beside the intent. Fields that do not apply stay empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Whose journal: [`journal::Journal::uid`].
    pub user: String,
    /// The model that answers, with the digest of its weights.
    pub model: String,
    /// The instructions around the intent: a digest of the prompt file, so that editing it is another version.
    pub prompt_version: String,
    /// Sampling and length: every parameter that changes the answer.
    pub parameters: String,
    /// The language of the answer.
    pub language: String,
    /// Entries that are read for the answer, with their versions, in any order.
    pub sources: Vec<(EntryId, u32)>,
    /// The band of the writer's mood, where the answer depends on it.
    pub mood: Option<String>,
    /// Whether a question that was shipped with the program may answer.
    pub shipped: bool,
}

/// A request as the cache looks it up.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    /// Digest of the guards.
    pub(super) key: [u8; 32],
    /// Digest under which shipped prompts stand for this task and language.
    pub(super) shipped: Option<[u8; 32]>,
    /// The intent as the exact tier compares it.
    pub(super) words: String,
    /// The intent, taken apart.
    pub(super) read: Read,
}

impl Prepared {
    /// Prepares a request at the moment `now`, for vectors of the model `encoder`.
    pub(super) fn new(request: &Request<'_>, encoder: &str, now: &ZonedDateTime) -> Prepared {
        let read = Read::new(request.intent);
        let context = &request.context;
        let week = now.iso_week_date();
        let mut sources = context.sources.clone();
        sources.sort_unstable();
        let mut key = Guards::default();
        key.add("task", request.task.name());
        key.add("encoder", encoder);
        key.add("user", &context.user);
        key.add("model", &context.model);
        key.add("prompt", &context.prompt_version);
        key.add("parameters", &context.parameters);
        key.add("language", &context.language);
        for (entry, version) in sources {
            key.add("source", &format!("{entry} {version}"));
        }
        key.add("mood", context.mood.as_deref().unwrap_or(""));
        key.add("week", &format!("{} {}", week.year(), week.week()));
        if read.names_relative_date() {
            // "Today" is another day tomorrow.
            key.add("day", &now.date().to_string());
        }
        Prepared {
            key: key.digest(),
            shipped: (context.shipped && request.task == Task::Question)
                .then(|| shipped_key(&context.language, encoder)),
            words: same_words(request.intent),
            read,
        }
    }
}

/// The key of shipped prompts: they hold nothing of anybody, so nothing else guards them.
pub(super) fn shipped_key(language: &str, encoder: &str) -> [u8; 32] {
    let mut key = Guards::default();
    key.add("shipped", super::common::VERSION);
    key.add("language", language);
    key.add("encoder", encoder);
    key.digest()
}

/// Names and values, each with its length, so that no two lists of them run into one.
#[derive(Default)]
struct Guards(Sha256);

impl Guards {
    fn add(&mut self, name: &str, value: &str) {
        for part in [name, value] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part.as_bytes());
        }
    }

    fn digest(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(change: impl FnOnce(&mut Request<'static>), now: &str) -> [u8; 32] {
        let mut request = Request {
            task: Task::Summary,
            intent: "sum it up",
            context: Context {
                sources: vec![(EntryId(2), 1), (EntryId(1), 3)],
                ..Context::default()
            },
        };
        change(&mut request);
        Prepared::new(&request, "minilm", &now.parse().unwrap()).key
    }

    #[test]
    fn every_guard_makes_another_key() {
        let now = "2026-11-26T12:00[UTC]";
        let base = key(|_| (), now);
        assert_eq!(
            base,
            key(|r| r.context.sources.reverse(), now),
            "order is no guard"
        );
        assert_eq!(
            base,
            key(|r| r.intent = "in other words", now),
            "the intent is no guard"
        );
        assert_eq!(base, key(|_| (), "2026-11-27T09:00[UTC]"), "the same week");
        let changes: [fn(&mut Request<'static>); 9] = [
            |r| r.task = Task::Generate,
            |r| r.context.user = "u".into(),
            |r| r.context.model = "m".into(),
            |r| r.context.prompt_version = "p".into(),
            |r| r.context.parameters = "t=1".into(),
            |r| r.context.language = "de".into(),
            |r| r.context.mood = Some("low".into()),
            |r| r.context.sources[0].1 = 2,
            |r| r.context.sources.truncate(1),
        ];
        let mut keys: Vec<[u8; 32]> = changes.iter().map(|change| key(change, now)).collect();
        keys.push(key(|_| (), "2026-12-03T12:00[UTC]"));
        keys.push(base);
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 11);
        let dated = |now| key(|r| r.intent = "sum up today", now);
        assert_ne!(
            dated("2026-11-26T12:00[UTC]"),
            dated("2026-11-27T12:00[UTC]")
        );
    }
}
