//! The language tier as commands use it: which model, which prompt files, and Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use assistant::language::prompts::{self, Prompts};
use assistant::language::question::{self, Asked};
use assistant::language::{DecoderModel, Language, LanguageModel, Usage};
use engine::batch::Class;
use engine::store::ModelStore;
use jiff::ZonedDateTime;
use journal::Journal;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::interrupt::{self, Phase};
use crate::messages;
use crate::output::Output;

/// `[language]` of config.toml.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LanguageConfig {
    /// The model that writes, a name below `models/`; empty: none, and the instant tier answers.
    pub(crate) model: String,
}

/// The largest prompt file that is read.
const LARGEST_PROMPT: u64 = 64 * 1024;

/// An open language tier. Ctrl-C stops what it writes, not the program, for as long as this lives.
pub(crate) struct Opened {
    model: Box<dyn LanguageModel>,
    prompts: Prompts,
    stop: Arc<AtomicBool>,
    _phase: Phase,
}

impl Opened {
    /// What tasks take.
    pub(crate) fn language(&self) -> Language<'_> {
        Language {
            model: self.model.as_ref(),
            prompts: &self.prompts,
            stop: &self.stop,
        }
    }

    /// What Ctrl-C sets.
    pub(crate) fn stop(&self) -> &AtomicBool {
        &self.stop
    }

    /// Whether Ctrl-C was pressed.
    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// Opens the configured model for somebody who waits for its answer. `None` where none is configured; an error where
/// the configured one is not there.
pub(crate) fn open(context: &Context) -> anyhow::Result<Option<Opened>> {
    open_as(context, Class::Interactive)
}

/// The same for requests of another class.
pub(crate) fn open_as(context: &Context, class: Class) -> anyhow::Result<Option<Opened>> {
    let name = context.config.language.model.as_str();
    if name.is_empty() {
        return Ok(None);
    }
    if name.contains(['/', '\\', '\0']) || name == ".." {
        return Err(Failure::usage(format!(
            "language.model = {name:?} is not a name of `companion model list`"
        ))
        .into());
    }
    let dir = context.models_dir().join(name);
    if !dir.is_dir() {
        return Err(Failure::not_found(format!(
            "the language model {name} is not installed; `companion model list` shows what is, \
             `companion config set language.model \"\"` goes on without one"
        ))
        .into());
    }
    let prompts = read_prompts(context)?;
    let model = model(context, &dir, class)?;
    let stop = Arc::new(AtomicBool::new(false));
    let phase = interrupt::noted(&stop)?;
    Ok(Some(Opened {
        model,
        prompts,
        stop,
        _phase: phase,
    }))
}

/// The folder of the configured model, if there is one.
pub(crate) fn folder(context: &Context) -> Option<std::path::PathBuf> {
    let name = context.config.language.model.as_str();
    let is_name = !name.is_empty() && !name.contains(['/', '\\', '\0']) && name != "..";
    let dir = context.models_dir().join(name);
    (is_name && dir.is_dir()).then_some(dir)
}

/// What the configured model signs `task` with, without opening it: its name, the digest of its weights, and that of
/// the prompt file. `None` where none is configured or installed.
pub(crate) fn maker(context: &Context, task: &str) -> anyhow::Result<Option<String>> {
    if folder(context).is_none() {
        return Ok(None);
    }
    let store = ModelStore::new(context.models_dir());
    let info = store.get(&context.config.language.model)?;
    let prompts = read_prompts(context)?;
    Ok(Some(format!("{}+{}", info.id(), prompts.get(task)?.id())))
}

/// Today's question, where the configured model has worked it out ahead of time. No model is opened.
pub(crate) fn waiting_question(
    context: &Context,
    journal: &Journal,
    now: &ZonedDateTime,
    seed: u64,
) -> anyhow::Result<Option<Asked>> {
    let name = context.config.language.model.as_str();
    if name.is_empty() {
        return Ok(None);
    }
    let prompts = read_prompts(context)?;
    Ok(question::waiting(journal, name, &prompts, now, seed)?)
}

/// The prompt files: those in `prompts/` of home, in place of the shipped ones.
pub(crate) fn read_prompts(context: &Context) -> anyhow::Result<Prompts> {
    let dir = context.home().join("prompts");
    let mut own = Vec::new();
    for task in prompts::tasks() {
        let path = dir.join(format!("{task}.toml"));
        if path.is_file() {
            let text = crate::input::file_text(&path, LARGEST_PROMPT)?;
            own.push((task, text, path.display().to_string()));
        }
    }
    let own = own
        .iter()
        .map(|(t, text, from)| (*t, text.as_str(), from.as_str()));
    Prompts::with_own(own).map_err(|error| Failure::new(Exit::Usage, error.to_string()).into())
}

/// Says what the language tier could not do, and what it cost, beside the answer.
pub(crate) fn remarks(out: &Output, notes: &[String], usage: &Usage) {
    for note in notes {
        out.warn(format!("note: {note}"));
    }
    if usage.calls > 0 {
        out.note(format!(
            "{} of prompt read, {} remembered, {} written",
            messages::counted(usage.prompt, "token", "tokens"),
            usage.reused,
            usage.generated
        ));
    }
}

/// Says which part of a long text was not read.
pub(crate) fn dropped(out: &Output, spans: impl Iterator<Item = (String, std::ops::Range<usize>)>) {
    for (what, span) in spans {
        out.warn(format!(
            "note: {what} is too long to be read whole: bytes {} to {} were left out",
            span.start, span.end
        ));
    }
}

fn model(
    context: &Context,
    dir: &std::path::Path,
    class: Class,
) -> anyhow::Result<Box<dyn LanguageModel>> {
    let model = DecoderModel::open_with(dir, context.config.batch.limits())
        .with_context(|| format!("cannot open the language model in {}", dir.display()))?;
    Ok(Box::new(model.of_class(class)))
}
