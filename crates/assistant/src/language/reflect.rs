//! A reply to an entry, and to what the writer says after it. Kept beside the entry, which is never touched.
//!
//! The reply is let out sentence by sentence, each checked first: advice, diagnosis and flattery are never shown, nor a
//! number or name that stands in neither the entry nor the thread; and a reply that asks nothing gets a question from the
//! bank.

use std::ops::ControlFlow;

use jiff::{Timestamp, ZonedDateTime};
use journal::{Entry, Filter, Journal, Speaker, Turn};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::plan::{self, Plan};
use super::prompts::{Slot, neutral};
use super::{Bounds, Chat, Failed, Finish, Language, Role, Tier, Usage, cite, question};
use crate::{Instant, Result, search, stats, style};

/// The name of the task.
pub const TASK: &str = "reflect";
const TOKENS: usize = 220;
/// Sentences of a reply, at most.
const SENTENCES: usize = 5;
/// Turns of the thread that the model is shown.
const TURNS: usize = 12;
/// Likeness from which an earlier entry is worth recalling.
const RECALL: f64 = 0.45;

/// A reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reflection {
    /// The entry.
    pub entry: journal::EntryId,
    /// The reply: everything that was told to the caller, a sentence after the other.
    pub text: String,
    /// Which tier replied.
    pub tier: Tier,
    /// Model and prompt file, where a model replied.
    pub made_by: Option<String>,
    /// Sentences of the model that were not let out.
    pub held_back: usize,
    /// Whether it was stopped.
    pub stopped: bool,
    /// Whether part of the entry was not read.
    pub truncated: bool,
    /// Byte spans that were not read.
    pub dropped_spans: Vec<std::ops::Range<usize>>,
    /// What it cost.
    pub usage: Usage,
    /// What did not go as it should.
    pub notes: Vec<String>,
}

/// Replies to `entry`, or to `said` after it, tells each sentence to `on_sentence`, and keeps both in the thread.
pub fn reflect(
    journal: &mut Journal,
    language: Option<&Language<'_>>,
    instant: Option<&Instant>,
    entry: &Entry,
    said: Option<&str>,
    now: &ZonedDateTime,
    on_sentence: &mut dyn FnMut(&str),
) -> Result<Reflection> {
    let thread = journal.thread(entry.id)?;
    let mut reply = Reflection {
        entry: entry.id,
        text: String::new(),
        tier: Tier::Instant,
        made_by: None,
        held_back: 0,
        stopped: false,
        truncated: false,
        dropped_spans: Vec::new(),
        usage: Usage::default(),
        notes: Vec::new(),
    };
    let mut tell = |reply: &mut Reflection, sentence: &str| {
        if !reply.text.is_empty() {
            reply.text.push(' ');
        }
        reply.text.push_str(sentence);
        on_sentence(sentence);
    };
    if let Some(language) = language {
        let result = written(language, entry, &thread, said, now, &mut reply, &mut tell);
        if let Err(why) = result {
            reply.notes.push(why.to_string());
        }
    }
    let about = said.map_or(entry.text.as_str(), |said| said);
    if reply.text.is_empty() && !reply.stopped {
        if language.is_some() {
            reply
                .notes
                .push("this is the instant tier's reply".to_owned());
        }
        if let Some(recalled) = recall(journal, instant, entry)?.filter(|_| thread.is_empty()) {
            tell(&mut reply, &recalled);
        }
    }
    if !reply.text.contains('?') && !reply.stopped {
        let ask = question::continuation(None, instant, about)?;
        tell(&mut reply, &ask.text);
    }
    keep(journal, entry, said, &reply)?;
    Ok(reply)
}

/// What was said about an entry so far, as a digest: a reply is one to just this.
pub fn thread_digest(thread: &[Turn]) -> String {
    let mut digest = Sha256::new();
    for turn in thread {
        let who = match turn.speaker {
            Speaker::Writer => b'w',
            Speaker::Companion => b'c',
        };
        digest.update([who]);
        digest.update((turn.text.len() as u64).to_le_bytes());
        digest.update(&turn.text);
    }
    digest
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// Keeps a reply in the thread, with what it replies to.
pub fn keep(
    journal: &mut Journal,
    entry: &Entry,
    said: Option<&str>,
    reply: &Reflection,
) -> Result<()> {
    if journal.is_read_only() {
        return Ok(());
    }
    let turn = |speaker, text: &str, maker: &str| Turn {
        speaker,
        text: text.to_owned(),
        maker: maker.to_owned(),
        version: entry.version,
        at: Timestamp::UNIX_EPOCH,
    };
    let mut turns: Vec<Turn> = said
        .iter()
        .map(|said| turn(Speaker::Writer, said, ""))
        .collect();
    if !reply.text.is_empty() {
        let maker = reply.made_by.as_deref().unwrap_or("instant");
        turns.push(turn(Speaker::Companion, &reply.text, maker));
    }
    Ok(journal.add_turns(entry.id, &turns)?)
}

/// The model's reply, let out as it comes.
fn written(
    language: &Language<'_>,
    entry: &Entry,
    thread: &[Turn],
    said: Option<&str>,
    now: &ZonedDateTime,
    reply: &mut Reflection,
    tell: &mut dyn FnMut(&mut Reflection, &str),
) -> std::result::Result<(), Failed> {
    let chat = chat(language, entry, thread, said, now, reply);
    let bounds = Bounds {
        max_tokens: TOKENS,
        schema: None,
        temperature: 0.7,
        seed: stats::mix(entry.id.0.unsigned_abs() ^ (thread.len() as u64) << 32),
    };
    let mut gate = Gate {
        read: read(entry, thread, said, now),
        ..Gate::default()
    };
    let result = language.model.reply(&chat, &bounds, &mut |piece| {
        gate.push(piece);
        while let Some(sentence) = gate.next(false) {
            gate.release(&sentence, reply, tell);
        }
        if gate.let_out >= SENTENCES {
            return ControlFlow::Break(());
        }
        language.flow()
    })?;
    reply.usage += result.usage;
    reply.stopped = language.flow().is_break();
    // What was cut off in the middle of a sentence stays untold.
    if result.finish == Finish::Stop {
        while let Some(sentence) = gate.next(true) {
            gate.release(&sentence, reply, tell);
        }
    }
    if reply.text.is_empty() && !reply.stopped {
        return Err(if reply.held_back > 0 {
            Failed::Unsupported
        } else {
            Failed::Empty
        });
    }
    if !reply.text.is_empty() {
        reply.tier = Tier::Language;
        reply.made_by = Some(language.maker(TASK));
    }
    Ok(())
}

/// What a reply can take names and numbers from: the entry, what was said after it, and the days that the model is told.
fn read(entry: &Entry, thread: &[Turn], said: Option<&str>, now: &ZonedDateTime) -> String {
    let title = entry.title.as_deref().unwrap_or_default();
    let mut all = vec![title, &entry.text];
    all.extend(thread.iter().map(|turn| turn.text.as_str()));
    all.extend(said);
    let mut all = all.join("\n");
    for day in [now, &entry.when] {
        all.push_str(&day.strftime("\n%A, %Y-%m-%d, %-d %B").to_string());
    }
    all
}

/// Text that comes in pieces and goes out in sentences.
#[derive(Default)]
struct Gate {
    text: String,
    let_out: usize,
    /// What names and numbers may come from.
    read: String,
}

impl Gate {
    /// Lets a sentence out, or holds it back: it breaks the contract of style, carries marks of the prompt or an address,
    /// or names what was not read.
    fn release(
        &mut self,
        sentence: &str,
        reply: &mut Reflection,
        tell: &mut dyn FnMut(&mut Reflection, &str),
    ) {
        let fits = !cite::is_strange(sentence)
            && style::breaches(sentence).is_empty()
            && cite::has_claims(&self.read, sentence);
        if !fits || self.let_out >= SENTENCES {
            reply.held_back += 1;
            return;
        }
        self.let_out += 1;
        tell(reply, sentence);
    }

    fn push(&mut self, piece: &str) {
        self.text.push_str(piece);
    }

    /// The first sentence, when it is known to have ended: another one follows it, or the text is `over`.
    fn next(&mut self, over: bool) -> Option<String> {
        let sentences = crate::sentences(&self.text);
        let first = sentences.first()?.clone();
        let begun = sentences
            .get(1)
            .is_some_and(|s| !self.text[s.clone()].trim().is_empty());
        if !over && !begun {
            return None;
        }
        let sentence = cite::tidy(&self.text[first.clone()]);
        self.text.drain(..first.end);
        Some(sentence)
    }
}

fn chat(
    language: &Language<'_>,
    entry: &Entry,
    thread: &[Turn],
    said: Option<&str>,
    now: &ZonedDateTime,
    reply: &mut Reflection,
) -> Chat {
    let prompt = language.prompt(TASK);
    let fill = |entries| {
        prompt
            .fill(&[
                ("entries", Slot::Entries(entries)),
                ("day", Slot::Line(now.strftime("%A, %Y-%m-%d").to_string())),
            ])
            .chat(None)
    };
    let mut turns: Vec<(Role, String)> = Vec::new();
    let latest = thread.len().saturating_sub(TURNS);
    for turn in &thread[latest..] {
        turns.push(match turn.speaker {
            Speaker::Writer => (Role::User, words(&turn.text)),
            Speaker::Companion => (Role::Assistant, neutral(&turn.text).into_owned()),
        });
    }
    if let Some(said) = said {
        turns.push((Role::User, words(said)));
    }
    let mut empty = fill(Vec::new());
    empty.turns.extend(turns.iter().cloned());
    let room = plan::room(language.model, &empty, TOKENS);
    let plan = Plan::new(language.model, &entry.text, room);
    let day = entry.when.strftime("%Y-%m-%d").to_string();
    let shown = match plan.parts.as_slice() {
        [only] => vec![(entry.id, day, entry.text[only.clone()].into())],
        // How it begins and how it ends, in halves of the room.
        _ => {
            let halves = Plan::new(language.model, &entry.text, (room / 2).saturating_sub(24));
            let (first, last) = (halves.parts.first(), halves.parts.last());
            let (Some(first), Some(last)) = (first, last) else {
                return empty;
            };
            reply.truncated = true;
            if first.end < last.start {
                reply.dropped_spans.push(first.end..last.start);
            }
            vec![
                (entry.id, day.clone(), entry.text[first.clone()].into()),
                (entry.id, day, entry.text[last.clone()].into()),
            ]
        }
    };
    let mut chat = fill(shown);
    // Roles alternate: what the writer says before any reply belongs to the first turn.
    for (role, text) in turns {
        match chat.turns.last_mut() {
            Some((last, before)) if *last == role => {
                before.push_str("\n\n");
                before.push_str(&text);
            }
            _ => chat.turns.push((role, text)),
        }
    }
    if chat
        .turns
        .last()
        .is_some_and(|(role, _)| *role == Role::Assistant)
    {
        chat.turns
            .push((Role::User, "Ask me something else about it.".to_owned()));
    }
    chat
}

fn words(text: &str) -> String {
    format!("<words>\n{}\n</words>", neutral(text.trim()))
}

/// An earlier entry that resembles this one, in its own words.
fn recall(journal: &Journal, instant: Option<&Instant>, entry: &Entry) -> Result<Option<String>> {
    let Some(instant) = instant else {
        return Ok(None);
    };
    let model = instant.encoder().model_id();
    if journal.entry_vector(entry.id, model)?.is_none() {
        return Ok(None);
    }
    let before = Filter {
        to: Some(entry.when.timestamp()),
        ..Filter::default()
    };
    let found = search::similar(journal, instant, entry.id, &before, 1)?;
    Ok(found
        .into_iter()
        .find(|hit| hit.score >= RECALL)
        .map(|hit| {
            let day = hit.date.strftime("%-d %B %Y");
            format!(
                "On {day} you wrote: \u{201c}{}\u{201d}",
                cite::tidy(&hit.snippet)
            )
        }))
}
