//! Where answers are kept: in the journal's database, encrypted and across restarts, or in memory.

use std::collections::BTreeMap;

use jiff::Timestamp;
use journal::{Answer, AnswerHit, AnswerUse, Answers, EntryId, Lesson, NewAnswer};

/// Result of a store.
pub type StoreResult<T> = Result<T, journal::Error>;

/// What the cache needs of a place to keep answers. Ids are never used twice.
pub trait Store: Send {
    /// Whether somebody else may have changed something since this was asked last; the first time it says yes.
    fn changed(&mut self) -> StoreResult<bool>;
    /// All answers, by id.
    fn load(&mut self) -> StoreResult<Vec<Answer>>;
    /// The text of an answer, if it is still there.
    fn text(&mut self, id: i64) -> StoreResult<Option<String>>;
    /// The entries that it was made from.
    fn sources(&mut self, id: i64) -> StoreResult<Vec<(EntryId, u32)>>;
    /// Keeps an answer and lets go of others, both or neither. `None` where a source is not current any more.
    fn insert(&mut self, new: &NewAnswer<'_>, pushed_out: &[i64]) -> StoreResult<Option<i64>>;
    /// Keeps many answers at once, all of them or none.
    fn insert_all(&mut self, new: &[NewAnswer<'_>]) -> StoreResult<()>;
    /// Lets go of answers.
    fn remove(&mut self, ids: &[i64]) -> StoreResult<()>;
    /// Forgets answers and what is remembered by them: somebody asked for it.
    fn forget(&mut self, ids: &[i64]) -> StoreResult<()>;
    /// Lets go of all answers, with the counts where `counts` says so; the time, and when which question was shown, stay.
    fn clear(&mut self, counts: bool) -> StoreResult<()>;
    /// Notes uses and adds to counts.
    fn note(&mut self, uses: &[AnswerUse], counts: &[(String, i64)]) -> StoreResult<()>;
    /// Everything that is counted.
    fn counts(&mut self) -> StoreResult<Vec<(String, i64)>>;
    /// Sets a count.
    fn set_count(&mut self, name: &str, value: i64) -> StoreResult<()>;
    /// What verdicts taught.
    fn lessons(&mut self) -> StoreResult<Vec<Lesson>>;
    /// Keeps a lesson in place of the one about the same; one that raises nothing takes that one back.
    fn set_lesson(&mut self, lesson: &Lesson) -> StoreResult<()>;
    /// Questions that were shown at `since` or later without this cache, with the last time.
    fn asked_since(&mut self, since: Timestamp) -> StoreResult<Vec<(String, Timestamp)>>;
    /// Remembers that an answer served another request, by which similarity and score, with its text where `text` says so.
    fn add_hit(
        &mut self,
        answer: i64,
        request: &str,
        at: Timestamp,
        scores: (f64, f64),
        text: bool,
    ) -> StoreResult<()>;
    /// Hits of one answer or of all, the latest first, those of answers that are gone included.
    fn hits(&mut self, answer: Option<i64>) -> StoreResult<Vec<AnswerHit>>;
    /// Says of a hit whether it was right, and whether a person `told` so; gives what stood before, as (right, told). Where
    /// something stands and nobody `told`, that stays.
    fn set_verdict(
        &mut self,
        hit: i64,
        right: bool,
        told: bool,
    ) -> StoreResult<Option<(bool, bool)>>;
    /// An entry was edited or removed. The journal's own store does this in the transaction of the edit.
    fn entry_changed(&mut self, entry: EntryId) -> StoreResult<()>;
}

/// Answers in the journal's database.
pub struct JournalStore {
    answers: Answers,
    seen: Option<i64>,
}

impl JournalStore {
    /// Over the answers of an open journal.
    pub fn new(answers: Answers) -> JournalStore {
        JournalStore {
            answers,
            seen: None,
        }
    }
}

impl Store for JournalStore {
    fn changed(&mut self) -> StoreResult<bool> {
        let now = self.answers.seen_change()?;
        Ok(self.seen.replace(now) != Some(now))
    }

    fn load(&mut self) -> StoreResult<Vec<Answer>> {
        self.answers.after(i64::MIN)
    }

    fn text(&mut self, id: i64) -> StoreResult<Option<String>> {
        self.answers.text(id)
    }

    fn sources(&mut self, id: i64) -> StoreResult<Vec<(EntryId, u32)>> {
        self.answers.sources(id)
    }

    fn insert(&mut self, new: &NewAnswer<'_>, pushed_out: &[i64]) -> StoreResult<Option<i64>> {
        self.answers.insert(new, pushed_out)
    }

    fn insert_all(&mut self, new: &[NewAnswer<'_>]) -> StoreResult<()> {
        self.answers.insert_all(new)
    }

    fn remove(&mut self, ids: &[i64]) -> StoreResult<()> {
        self.answers.remove(ids)
    }

    fn forget(&mut self, ids: &[i64]) -> StoreResult<()> {
        self.answers.forget(ids)
    }

    fn clear(&mut self, counts: bool) -> StoreResult<()> {
        self.answers.clear(counts)
    }

    fn note(&mut self, uses: &[AnswerUse], counts: &[(String, i64)]) -> StoreResult<()> {
        self.answers.note(uses, counts)
    }

    fn counts(&mut self) -> StoreResult<Vec<(String, i64)>> {
        self.answers.counts()
    }

    fn set_count(&mut self, name: &str, value: i64) -> StoreResult<()> {
        self.answers.set_count(name, value)
    }

    fn lessons(&mut self) -> StoreResult<Vec<Lesson>> {
        self.answers.lessons()
    }

    fn set_lesson(&mut self, lesson: &Lesson) -> StoreResult<()> {
        self.answers.set_lesson(lesson)
    }

    fn asked_since(&mut self, since: Timestamp) -> StoreResult<Vec<(String, Timestamp)>> {
        self.answers.asked_since(since)
    }

    fn add_hit(
        &mut self,
        answer: i64,
        request: &str,
        at: Timestamp,
        scores: (f64, f64),
        text: bool,
    ) -> StoreResult<()> {
        self.answers.add_hit(answer, request, at, scores, text)
    }

    fn hits(&mut self, answer: Option<i64>) -> StoreResult<Vec<AnswerHit>> {
        self.answers.hits(answer)
    }

    fn set_verdict(
        &mut self,
        hit: i64,
        right: bool,
        told: bool,
    ) -> StoreResult<Option<(bool, bool)>> {
        self.answers.set_verdict(hit, right, told)
    }

    fn entry_changed(&mut self, _: EntryId) -> StoreResult<()> {
        Ok(()) // the transaction of the change has done it
    }
}

/// Answers in memory, gone with the process: for a journal that can only be read, and for measuring.
#[derive(Default)]
pub struct MemoryStore {
    last: i64,
    loaded: bool,
    answers: BTreeMap<i64, Kept>,
    hits: Vec<(AnswerHit, Vec<EntryId>)>,
    lessons: Vec<Lesson>,
    counts: BTreeMap<String, i64>,
}

struct Kept {
    answer: Answer,
    text: String,
    sources: Vec<(EntryId, u32)>,
}

impl Store for MemoryStore {
    fn changed(&mut self) -> StoreResult<bool> {
        Ok(!std::mem::replace(&mut self.loaded, true))
    }

    fn load(&mut self) -> StoreResult<Vec<Answer>> {
        Ok(self
            .answers
            .values()
            .map(|kept| kept.answer.clone())
            .collect())
    }

    fn text(&mut self, id: i64) -> StoreResult<Option<String>> {
        Ok(self.answers.get(&id).map(|kept| kept.text.clone()))
    }

    fn sources(&mut self, id: i64) -> StoreResult<Vec<(EntryId, u32)>> {
        Ok(self
            .answers
            .get(&id)
            .map(|kept| kept.sources.clone())
            .unwrap_or_default())
    }

    fn insert(&mut self, new: &NewAnswer<'_>, pushed_out: &[i64]) -> StoreResult<Option<i64>> {
        self.remove(pushed_out)?;
        self.last += 1;
        let answer = new.kept_as(self.last);
        let (text, sources) = (new.answer.to_owned(), new.sources.to_vec());
        self.answers.insert(
            self.last,
            Kept {
                answer,
                text,
                sources,
            },
        );
        Ok(Some(self.last))
    }

    fn insert_all(&mut self, new: &[NewAnswer<'_>]) -> StoreResult<()> {
        for answer in new {
            self.insert(answer, &[])?;
        }
        Ok(())
    }

    fn remove(&mut self, ids: &[i64]) -> StoreResult<()> {
        for id in ids {
            self.answers.remove(id);
        }
        Ok(())
    }

    fn forget(&mut self, ids: &[i64]) -> StoreResult<()> {
        self.hits.retain(|(hit, _)| !ids.contains(&hit.answer));
        self.remove(ids)
    }

    fn clear(&mut self, counts: bool) -> StoreResult<()> {
        self.answers.clear();
        self.hits.clear();
        if counts {
            self.lessons.clear();
            let stays = |name: &str| name == "clock" || name.starts_with("shown.");
            self.counts.retain(|name, _| stays(name));
        }
        Ok(())
    }

    fn note(&mut self, uses: &[AnswerUse], counts: &[(String, i64)]) -> StoreResult<()> {
        for used in uses {
            if let Some(kept) = self.answers.get_mut(&used.id) {
                kept.answer.used = kept.answer.used.max(used.used);
                kept.answer.hits += used.hits;
                kept.answer.shown = used.shown.or(kept.answer.shown);
            }
        }
        for (name, more) in counts {
            *self.counts.entry(name.clone()).or_default() += more;
        }
        Ok(())
    }

    fn counts(&mut self) -> StoreResult<Vec<(String, i64)>> {
        Ok(self
            .counts
            .iter()
            .map(|(name, value)| (name.clone(), *value))
            .collect())
    }

    fn set_count(&mut self, name: &str, value: i64) -> StoreResult<()> {
        self.counts.insert(name.to_owned(), value);
        Ok(())
    }

    fn lessons(&mut self) -> StoreResult<Vec<Lesson>> {
        Ok(self.lessons.clone())
    }

    fn set_lesson(&mut self, lesson: &Lesson) -> StoreResult<()> {
        let about = |l: &Lesson| (l.task.clone(), l.stored.clone(), l.asked.clone());
        self.lessons.retain(|l| about(l) != about(lesson));
        if lesson.raised > 0.0 {
            self.lessons.push(lesson.clone());
        }
        Ok(())
    }

    fn asked_since(&mut self, _: Timestamp) -> StoreResult<Vec<(String, Timestamp)>> {
        Ok(Vec::new()) // nobody else has it
    }

    fn add_hit(
        &mut self,
        answer: i64,
        request: &str,
        at: Timestamp,
        (similarity, score): (f64, f64),
        text: bool,
    ) -> StoreResult<()> {
        let Some(kept) = self.answers.get(&answer) else {
            return Ok(());
        };
        let id = self.hits.last().map_or(1, |(hit, _)| hit.id + 1);
        let hit = AnswerHit {
            id,
            answer,
            task: kept.answer.task.clone(),
            key: kept.answer.key.clone(),
            stored: kept.answer.request.clone(),
            text: if text {
                kept.text.clone()
            } else {
                String::new()
            },
            pinned: kept.answer.pinned,
            request: request.to_owned(),
            at,
            similarity,
            score,
            verdict: None,
            told: false,
        };
        let sources = kept.sources.iter().map(|(entry, _)| *entry).collect();
        self.hits.push((hit, sources));
        if self.hits.len() > 500 {
            self.hits.remove(0);
        }
        Ok(())
    }

    fn hits(&mut self, answer: Option<i64>) -> StoreResult<Vec<AnswerHit>> {
        let wanted = |hit: &&AnswerHit| answer.is_none_or(|id| id == hit.answer);
        let hits = self.hits.iter().rev().map(|(hit, _)| hit);
        Ok(hits.filter(wanted).cloned().collect())
    }

    fn set_verdict(
        &mut self,
        hit: i64,
        right: bool,
        told: bool,
    ) -> StoreResult<Option<(bool, bool)>> {
        let found = self.hits.iter_mut().map(|(h, _)| h).find(|h| h.id == hit);
        let Some(found) = found else { return Ok(None) };
        let before = found.verdict.map(|right| (right, found.told));
        if told || before.is_none() {
            (found.verdict, found.told) = (Some(right), told);
            found.text.clear();
        }
        Ok(before)
    }

    fn entry_changed(&mut self, entry: EntryId) -> StoreResult<()> {
        let made_from = |kept: &Kept| kept.sources.iter().any(|(id, _)| *id == entry);
        let gone: Vec<i64> = self
            .answers
            .iter()
            .filter(|(_, kept)| made_from(kept))
            .map(|(id, _)| *id)
            .collect();
        self.remove(&gone)?;
        self.hits.retain(|(_, sources)| !sources.contains(&entry));
        self.loaded = false;
        Ok(())
    }
}
