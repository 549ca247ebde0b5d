//! Reading ahead while the person writes: the configured language model is opened in the background, and reads each
//! finished line at once, so that when the entry is saved there is next to nothing left to read.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use assistant::language::prompts::Prompts;
use assistant::language::read::{self, Labels};
use assistant::language::{DecoderModel, Language};
use jiff::ZonedDateTime;
use journal::{Entry, EntryId, Filter, Journal};

use crate::context::Context;
use crate::language;

/// A model that reads along.
pub(crate) struct Ahead {
    to: Sender<String>,
    thread: JoinHandle<Option<DecoderModel>>,
    prompts: Prompts,
}

impl Ahead {
    /// Begins to open the model, if one is configured and installed. Where anything is wrong with it, nothing is read
    /// ahead; the commands that need it say what.
    pub(crate) fn begin(
        context: &Context,
        journal: &Journal,
        now: &ZonedDateTime,
    ) -> Option<Ahead> {
        let dir = language::folder(context)?;
        let prompts = language::read_prompts(context).ok()?;
        let newest = Filter {
            limit: Some(1),
            newest_first: true,
            ..Filter::default()
        };
        // A guess: where it is wrong, the prompt is read when the entry is saved.
        let last = journal.list(&newest).ok()?.pop();
        let id = EntryId(last.map_or(1, |entry| entry.id.0 + 1));
        let limits = context.config.batch.limits();
        let (to, written) = mpsc::channel::<String>();
        let (theirs, now) = (prompts.clone(), now.clone());
        let work = move || {
            let model = DecoderModel::open_with(&dir, limits).ok()?;
            let chat = |text: &str| read::opening(&theirs, id, &now, text).unwrap_or_default();
            // What stands before every entry, first: it also brings the weights into memory.
            model.read_ahead(&chat, "").ok()?;
            while let Ok(mut text) = written.recv() {
                // Only the latest counts, where several came meanwhile.
                while let Ok(later) = written.try_recv() {
                    text = later;
                }
                model.read_ahead(&chat, text.trim_end()).ok()?;
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
        })
    }

    /// The text so far, of which no line changes any more.
    pub(crate) fn wrote(&self, text: &str) {
        // Where the model could not be opened nobody listens.
        let _ = self.to.send(text.to_owned());
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
