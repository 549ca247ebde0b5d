//! `companion ask`: an answer from the journal, cited.

use assistant::Instant;
use assistant::cache::{Computed, Context as Guards, Request, Task};
use assistant::language::Usage;
use assistant::language::ask::{self, Answer, ask};
use jiff::ZonedDateTime;
use journal::{Filter, Journal};
use serde::Serialize;

use crate::analysis;
use crate::cache::{self, CacheArgs, Kept};
use crate::commands::reflect::made_by;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::filter::FilterArgs;
use crate::language;
use crate::messages;
use crate::output::Line;

/// The question.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Every statement names the entry that it rests on. Where the journal says nothing, the answer is \"I find \
    nothing about that.\", and the exit code is 0 all the same.\n\nWith --json: answer, found, citations (entry, source_id, \
    quote, start, end), which tier answered, and whether the answer was kept from an earlier question."
)]
pub(crate) struct Args {
    /// The question, in plain words
    #[arg(required = true, value_name = "QUESTION")]
    question: Vec<String>,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    cache: CacheArgs,
}

#[derive(Serialize)]
struct AnswerJson<'a> {
    #[serde(flatten)]
    answer: &'a Answer,
    /// `null` where it was worked out just now.
    kept: Option<&'a Kept>,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let now = context.now()?;
    let filter = args.filter.filter(&now)?;
    let question = args.question.join(" ");
    if question.trim().is_empty() {
        return Err(Failure::usage("ask something: companion ask \"when did I …?\"").into());
    }
    let mut journal = context.journal()?;
    let instant = analysis::catch_up_soon(context, &mut journal)?;
    if instant.is_none() {
        context.out.warn(messages::NO_MODEL_FOR_SEARCH);
    }
    let asked = Asked {
        context,
        journal: &journal,
        instant: instant.as_ref(),
        question: &question,
        filter: &filter,
        now: &now,
    };
    let Some((answer, kept)) = asked.kept_or_new(args.cache)? else {
        return Ok(Exit::Interrupted);
    };
    if context.out.is_json() {
        context.out.json(&AnswerJson {
            answer: &answer,
            kept: kept.as_ref(),
        })?;
    } else {
        show(context, &answer)?;
        if let Some(kept) = &kept {
            kept.tell(&context.out);
        }
    }
    Ok(Exit::Success)
}

/// A question with all that its answer depends on.
pub(super) struct Asked<'a> {
    pub(super) context: &'a Context,
    pub(super) journal: &'a Journal,
    pub(super) instant: Option<&'a Instant>,
    pub(super) question: &'a str,
    pub(super) filter: &'a Filter,
    pub(super) now: &'a ZonedDateTime,
}

impl Asked<'_> {
    /// The answer to a question that means the same, as long as no entry changed, or a new one. `None` where it was
    /// stopped.
    fn kept_or_new(&self, args: CacheArgs) -> anyhow::Result<Option<(Answer, Option<Kept>)>> {
        let cache = cache::open(
            self.context,
            self.journal,
            self.instant.map(Instant::encoder),
        )?;
        let request = self.request()?;
        let mut made = None;
        let mut stopped = false;
        let served =
            cache.get_or_compute(&request, args.mode(), || -> anyhow::Result<Computed> {
                let (answer, was_stopped) = self.anew()?;
                stopped = was_stopped;
                let computed = Computed {
                    answers: vec![serde_json::to_string(&answer)?],
                    sources: answer.sources.clone(),
                    fleeting: stopped || !answer.notes.is_empty(),
                };
                made = Some(answer);
                Ok(computed)
            })?;
        if stopped {
            return Ok(None);
        }
        if let Some(answer) = made {
            return Ok(Some((answer, None)));
        }
        match serde_json::from_str::<Answer>(&served.answer) {
            Ok(mut answer) => {
                self.question.clone_into(&mut answer.question);
                answer.usage = Usage::default();
                Ok(Some((answer, Kept::of(&cache, &served))))
            }
            // Kept by a program that wrote it in another form.
            Err(_) => Ok(Some((self.anew()?.0, None))),
        }
    }

    /// The question as the cache takes it.
    pub(super) fn request(&self) -> anyhow::Result<Request<'_>> {
        let encoder = self.instant.map_or("none", Instant::model);
        let maker = language::maker(self.context, ask::TASK)?.unwrap_or_default();
        Ok(Request {
            task: Task::Ask,
            intent: self.question,
            context: Guards {
                user: self.journal.uid().to_owned(),
                model: format!("{encoder} {maker}"),
                prompt_version: env!("CARGO_PKG_VERSION").to_owned(),
                // Which entries are read depends on the wording, so all of them are the guard.
                parameters: format!("{:?} {}", self.filter, self.journal.entries_state()?),
                language: "en".to_owned(),
                ..Guards::default()
            },
        })
    }

    /// A new answer, and whether it was stopped half-way.
    pub(super) fn anew(&self) -> anyhow::Result<(Answer, bool)> {
        let opened = language::open(self.context)?;
        let tier = opened.as_ref().map(language::Opened::language);
        let answer = ask(
            self.journal,
            tier.as_ref(),
            self.instant,
            self.question,
            self.filter,
            self.now,
        )?;
        let stopped = opened.as_ref().is_some_and(language::Opened::stopped);
        Ok((answer, stopped))
    }
}

fn show(context: &Context, answer: &Answer) -> anyhow::Result<()> {
    let out = &context.out;
    if !answer.found {
        out.prose(&answer.answer, 0)?;
    }
    for sentence in &answer.sentences {
        out.prose(&sentence.text, 0)?;
        for c in &sentence.citations {
            out.line(Line::new().dim(format!("  entry {}", c.entry)))?;
            if !sentence.text.contains(c.quote.as_str()) {
                let (open, close) = (out.glyph("“", "\""), out.glyph("”", "\""));
                let quote: Vec<&str> = c.quote.split_whitespace().collect();
                out.prose(&format!("{open}{}{close}", quote.join(" ")), 4)?;
            }
        }
    }
    language::remarks(out, &answer.notes, &answer.usage);
    if answer.truncated {
        let left_out = answer.dropped_spans.iter();
        let left_out = left_out.map(|(id, s)| format!("{id} ({} to {})", s.start, s.end));
        let left_out: Vec<String> = left_out.collect();
        let entries = left_out.join(", ");
        out.warn(format!(
            "note: not all that was found fits the model; left out, in bytes of each entry: {entries}"
        ));
    }
    out.note(made_by(answer.made_by.as_deref()));
    Ok(())
}
