//! Reading ahead while the person writes: the configured language model is opened in the background, and reads each
//! finished sentence or line at once, so that when the entry is saved there is next to nothing left to read.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use assistant::language::prompts::Prompts;
use assistant::language::read::{self, Labels};
use assistant::language::{DecoderModel, Language};
use engine::batch::Limits;
use jiff::ZonedDateTime;
use journal::Entry;

use crate::context::Context;
use crate::language;

/// What may stand between the mark that ends a sentence and the white space after it.
const CLOSING: [char; 7] = ['"', '\'', '”', '’', ')', ']', '»'];

/// A model that reads along.
pub(crate) struct Ahead {
    to: Sender<Beginning>,
    thread: JoinHandle<Option<DecoderModel>>,
    prompts: Prompts,
    /// What was handed over last: most of what is typed finishes no sentence.
    last: RefCell<Option<Beginning>>,
}

/// The part of an entry that is finished, and the time that it will have.
#[derive(Clone)]
struct Beginning {
    text: String,
    when: ZonedDateTime,
}

impl Ahead {
    /// Begins to open the model, if one is configured and installed. Where anything is wrong with it, nothing is read
    /// ahead; the commands that need it say what.
    pub(crate) fn begin(context: &Context) -> Option<Ahead> {
        let dir = language::folder(context)?;
        let prompts = language::read_prompts(context).ok()?;
        Ahead::open(dir, context.config.batch.limits(), prompts)
    }

    fn open(dir: PathBuf, limits: Limits, prompts: Prompts) -> Option<Ahead> {
        let (to, written) = mpsc::channel::<Beginning>();
        let theirs = prompts.clone();
        let work = move || {
            let model = DecoderModel::open_with(&dir, limits).ok()?;
            while let Ok(mut beginning) = written.recv() {
                // Only the latest counts, where several came meanwhile.
                while let Ok(later) = written.try_recv() {
                    beginning = later;
                }
                let chat =
                    |text: &str| read::opening(&theirs, &beginning.when, text).unwrap_or_default();
                // One that is too long now may be shorter when it is saved.
                let _ = model.read_ahead(&chat, &beginning.text);
            }
            Some(model)
        };
        let thread = std::thread::Builder::new()
            .name("companion-ahead".to_owned())
            .spawn(work)
            .ok()?;
        Some(Ahead {
            to,
            thread,
            prompts,
            last: RefCell::default(),
        })
    }

    /// The text so far, as it would be saved with the time `when`. May be told with every key: what is finished of it
    /// is handed over only where that is something else than before. The first time, what stands before every entry
    /// is read, whether a sentence is finished or not; that also brings the weights into memory.
    pub(crate) fn wrote(&self, text: &str, when: &ZonedDateTime) {
        let text = finished(text);
        let mut last = self.last.borrow_mut();
        // Of the time only the day is read.
        let known = |last: &Beginning| last.text == text && last.when.date() == when.date();
        if last.as_ref().is_some_and(known) {
            return;
        }
        let beginning = Beginning {
            text: text.to_owned(),
            when: when.clone(),
        };
        *last = Some(beginning.clone());
        // Where the model could not be opened nobody listens.
        let _ = self.to.send(beginning);
    }

    /// What the model's labels say of the entry that the text became.
    pub(crate) fn labels(self, entry: &Entry) -> Option<Labels> {
        drop(self.to);
        let model = self.thread.join().ok().flatten()?;
        let language = Language {
            model: &model,
            prompts: &self.prompts,
            stop: &AtomicBool::new(false),
        };
        read::labels(&language, entry).ok()
    }
}

/// `text` up to the end of its last finished sentence or line: one after which something stands. Where an abbreviation
/// passes for an end, a little more is read ahead, and no less well.
fn finished(text: &str) -> &str {
    let ends = |(at, c): &(usize, char)| {
        let before = text[..*at].trim_end_matches(CLOSING);
        *c == '\n'
            || (c.is_whitespace() && before.ends_with(['.', '!', '?', '…', '。', '！', '？']))
    };
    let end = text.char_indices().rev().find(ends);
    text[..end.map_or(0, |(at, _)| at)].trim_end()
}

#[cfg(test)]
#[allow(clippy::print_stderr, reason = "the measured counts are the point")]
mod tests {
    use std::path::Path;

    use journal::{Home, Journal, NewEntry, Secret};

    use super::*;

    const TEXT: &str = "Walked to the harbour with Nadia after work, the wind so strong that we gave up talking. She \
        told me about the house in Porto that they want to buy, and I said nothing about mine. I promised her to look at \
        the contract on Sunday.";

    fn at(text: &str) -> ZonedDateTime {
        text.parse().unwrap()
    }

    /// The labels of [`TEXT`] saved as a later entry than its date says, after it was handed over with `when`.
    fn saved(when: Option<&str>) -> Option<Labels> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/models/companion-tiny");
        if !dir.join("model.safetensors").is_file() {
            eprintln!("skipped: data/models/companion-tiny has no weights");
            return None;
        }
        let home = tempfile::tempdir().unwrap();
        let home = Home::at(home.path().join("home"));
        let mut journal = Journal::create(&home, &Secret::None).unwrap();
        for (day, text) in [("05", "one"), ("09", "two"), ("01", "three")] {
            let when = at(&format!("2026-03-{day}T09:00:00+00:00[UTC]"));
            journal.add(NewEntry::new(text, when)).unwrap();
        }
        let day = at("2026-03-04T20:00:00+00:00[UTC]");
        let entry = journal.add(NewEntry::new(TEXT, day)).unwrap();
        let ahead = Ahead::open(dir, Limits::default(), Prompts::shipped()).unwrap();
        if let Some(when) = when {
            // As it is typed; the last sentence is never finished.
            for (end, _) in TEXT.match_indices(' ') {
                ahead.wrote(&TEXT[..=end], &at(when));
            }
        }
        Some(ahead.labels(&entry).unwrap())
    }

    #[test]
    fn what_was_read_ahead_is_not_read_again_whatever_the_entry_is_called() {
        let Some(cold) = saved(None) else { return };
        let ahead = saved(Some("2026-03-04T07:00:00+00:00[UTC]")).unwrap();
        let other_day = saved(Some("2026-03-14T07:00:00+00:00[UTC]")).unwrap();
        let read = |labels: &Labels| labels.usage.prompt;
        eprintln!(
            "prompt tokens read when it is saved: {} cold, {} read ahead, {} with another day",
            read(&cold),
            read(&ahead),
            read(&other_day)
        );
        assert_eq!(ahead.feeling, cold.feeling);
        assert!(read(&ahead) + 50 < read(&other_day));
        assert!(read(&other_day) < read(&cold));
    }

    #[test]
    fn a_sentence_is_finished_when_something_stands_after_it() {
        for (text, done) in [
            ("", ""),
            ("Rain all day.", ""),
            ("Rain all day. ", "Rain all day."),
            ("Rain all day. And then", "Rain all day."),
            ("\"No!\" she said", "\"No!\""),
            ("At 3.5 km I turned", ""),
            ("no mark\n", "no mark"),
            ("no mark\nand more", "no mark"),
            ("One. Two\n\n  three", "One. Two"),
            ("今日は雨。 そして", "今日は雨。"),
        ] {
            assert_eq!(finished(text), done, "{text:?}");
        }
    }
}
