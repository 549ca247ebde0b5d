//! Answers about the journal: entries are found by words and by meaning, and what is said is cited from them.
//!
//! Below a bar of evidence nothing is said at all: the bar is in front of the model, so that it is never asked to make
//! something of nothing. It was set on a question set of our own (`tests/asking.rs`), and the rates there come with
//! their counts.

use std::borrow::Cow;
use std::ops::Range;

use jiff::ZonedDateTime;
use journal::{Entry, EntryId, Filter, Journal};
use serde::{Deserialize, Serialize};

use super::cite::{self, Checked, Citation, Cited, Claimed};
use super::plan::{self, Plan};
use super::prompts::Slot;
use super::{Failed, Language, Tier, Usage};
use crate::search::{self, Hit, Mode};
use crate::{Instant, Result, words};

/// The name of the task.
pub const TASK: &str = "ask";
/// What is answered where the journal says nothing.
pub const NOTHING: &str = "I find nothing about that.";
/// Entries that are looked at, at most.
const LOOKED_AT: usize = 8;
/// Quotes that the instant tier answers with, at most.
const QUOTES: usize = 3;
const SENTENCES: usize = 3;
const ANSWER_TOKENS: usize = 384;
/// Evidence from which a question counts as answerable; see [`evidence`].
pub const BAR: f32 = 0.7;
/// A hit that has less than this share of the best one's evidence is not quoted.
const BESIDE_BEST: f32 = 0.8;
/// What having the question's words adds to likeness in meaning.
const WORDS: f32 = 0.35;

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What was asked.
    pub question: String,
    /// The answer; [`NOTHING`] where nothing was found.
    pub answer: String,
    /// Whether the journal says something about it.
    pub found: bool,
    /// Everything that is cited, each place once.
    pub citations: Vec<Citation>,
    /// The sentences of the answer, each with what it cites.
    pub sentences: Vec<Cited>,
    /// Which tier answered.
    pub tier: Tier,
    /// Model and prompt file, where a model answered.
    pub made_by: Option<String>,
    /// Entries that were looked at.
    pub looked_at: usize,
    /// Those, with their versions: what the answer stands on.
    #[serde(skip)]
    pub sources: Vec<(EntryId, u32)>,
    /// The best evidence that was found, against [`BAR`].
    pub evidence: f32,
    /// What the check of the model's sentences did.
    pub checked: Checked,
    /// Whether part of what was looked at was not read.
    pub truncated: bool,
    /// Entries that were looked at, with byte spans that were not read. Answers kept earlier have none.
    #[serde(default)]
    pub dropped_spans: Vec<(EntryId, Range<usize>)>,
    /// What it cost.
    pub usage: Usage,
    /// What did not go as it should.
    pub notes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    found: bool,
    sentences: Vec<Claimed>,
}

/// Answers `question` from the entries that `filter` lets through. Run [`crate::catch_up()`] first.
pub fn ask(
    journal: &Journal,
    language: Option<&Language<'_>>,
    instant: Option<&Instant>,
    question: &str,
    filter: &Filter,
    now: &ZonedDateTime,
) -> Result<Answer> {
    let hits = search::search(journal, instant, question, filter, LOOKED_AT, Mode::Hybrid)?;
    let mut weighed = Vec::new();
    for hit in hits {
        let entry = journal.get(hit.id)?;
        weighed.push((evidence(question, &hit, &entry, instant), hit, entry));
    }
    // The order of the search stays among equals.
    weighed.sort_by(|a, b| b.0.total_cmp(&a.0));
    let best = weighed.first().map_or(0.0, |w| w.0);
    let mut answer = Answer {
        question: question.to_owned(),
        answer: NOTHING.to_owned(),
        found: false,
        citations: Vec::new(),
        sentences: Vec::new(),
        tier: Tier::Instant,
        made_by: None,
        looked_at: weighed.len(),
        sources: weighed.iter().map(|(_, _, e)| (e.id, e.version)).collect(),
        evidence: best,
        checked: Checked::default(),
        truncated: false,
        dropped_spans: Vec::new(),
        usage: Usage::default(),
        notes: Vec::new(),
    };
    if best < BAR {
        return Ok(answer);
    }
    if let Some(language) = language {
        match written(language, instant, question, &weighed, now, &mut answer) {
            Ok(()) => return Ok(answer),
            Err(why) => answer
                .notes
                .push(format!("{why}; these are quotes instead")),
        }
    }
    quotes(&weighed, best, &mut answer);
    Ok(answer)
}

/// How much `hit` speaks to `question`, about 0 to 1: its likeness in meaning, and the share of the question's words
/// that the entry has. Without an encoder the words alone.
pub fn evidence(question: &str, hit: &Hit, entry: &Entry, instant: Option<&Instant>) -> f32 {
    let asked: Vec<String> = topic(question);
    let title = entry.title.as_deref().unwrap_or("");
    let have: Vec<String> = words::folded(&entry.text)
        .chain(words::folded(title))
        .collect();
    let covered = asked
        .iter()
        .filter(|w| have.iter().any(|h| cite::alike(h, w)))
        .count();
    let share = if asked.is_empty() {
        0.0
    } else {
        covered as f32 / asked.len() as f32
    };
    match instant {
        Some(_) => hit.cosine.unwrap_or(0.0) + WORDS * share,
        None => share,
    }
}

/// The words of a question that say what it is about: without those that only ask.
fn topic(question: &str) -> Vec<String> {
    #[rustfmt::skip]
    const ASKING: &[&str] = &[
        "anything", "again", "ago", "been", "day", "days", "describe", "ever", "feel", "find", "happen",
        "happened", "journal", "last", "many", "month", "much", "often", "recently", "remember", "said",
        "say", "show", "something", "tell", "thing", "things", "think", "time", "times", "week", "whats",
        "whose", "wrote", "write", "written", "year", "diary", "entry", "entries", "mention", "mentioned",
        "first", "most", "made", "make", "makes", "long", "kind", "were", "whom", "ive", "during", "since",
    ];
    let all = words::content(question);
    let kept: Vec<String> = all
        .iter()
        .filter(|w| !ASKING.contains(&w.as_str()))
        .cloned()
        .collect();
    if kept.is_empty() { all } else { kept }
}

/// The instant tier's answer: the sentences that match, as they were written.
fn quotes(weighed: &[(f32, Hit, Entry)], best: f32, answer: &mut Answer) {
    for (evidence, hit, _) in weighed.iter().take(QUOTES) {
        if *evidence < BAR.max(BESIDE_BEST * best) {
            break;
        }
        let citation = Citation {
            entry: hit.id,
            source_id: hit.source_id.clone(),
            quote: hit.snippet.clone(),
            start: hit.start,
            end: hit.end,
        };
        let day = hit.date.strftime("%-d %B %Y");
        answer.sentences.push(Cited {
            text: format!(
                "On {day} you wrote: \u{201c}{}\u{201d}",
                cite::tidy(&hit.snippet)
            ),
            citations: vec![citation],
        });
    }
    finish(answer, Tier::Instant);
}

/// The model's answer, checked.
fn written(
    language: &Language<'_>,
    instant: Option<&Instant>,
    question: &str,
    weighed: &[(f32, Hit, Entry)],
    now: &ZonedDateTime,
    answer: &mut Answer,
) -> std::result::Result<(), Failed> {
    let prompt = language.prompt(TASK);
    let chat = |shown: &[Part<'_>]| {
        let entries = shown.iter().map(Part::shown).collect();
        let slots = [
            ("entries", Slot::Entries(entries)),
            ("question", Slot::Words(question.into())),
            ("day", Slot::Line(now.strftime("%A, %Y-%m-%d").to_string())),
        ];
        prompt.fill(&slots).chat(None)
    };
    let room = plan::room(language.model, &chat(&[]), ANSWER_TOKENS);
    let mut shown = fit(language, weighed, room);
    let schema = serde_json::json!({
        "type": "object", "additionalProperties": false, "required": ["found", "sentences"],
        "properties": {"found": {"type": "boolean"}, "sentences": cite::schema(SENTENCES)}
    });
    let usage = &mut answer.usage;
    let said = plan::about(language, &mut shown, chat, &schema, ANSWER_TOKENS, usage);
    let said: Said = said?;
    answer.dropped_spans = not_shown(weighed, &shown);
    answer.truncated = !answer.dropped_spans.is_empty();
    answer.made_by = Some(language.maker(TASK));
    answer.tier = Tier::Language;
    if !said.found {
        return Ok(());
    }
    let entries: Vec<Entry> = weighed.iter().map(|(_, _, e)| e.clone()).collect();
    let (kept, checked) = cite::check(said.sentences, &entries, instant);
    answer.checked = checked;
    if kept.is_empty() {
        answer.made_by = None;
        return Err(Failed::Unsupported);
    }
    answer.sentences = kept;
    finish(answer, Tier::Language);
    Ok(())
}

/// An entry, or the part of it that the model is shown.
struct Part<'w> {
    entry: &'w Entry,
    span: Range<usize>,
}

impl<'w> Part<'w> {
    fn shown(&self) -> (EntryId, String, Cow<'w, str>) {
        let day = self.entry.when.strftime("%Y-%m-%d").to_string();
        let text = &self.entry.text[self.span.clone()];
        (self.entry.id, day, Cow::from(text))
    }
}

/// The entries that are likely to fit into `room` tokens, best first; of a long one the part around what was found.
fn fit<'w>(
    language: &Language<'_>,
    weighed: &'w [(f32, Hit, Entry)],
    room: usize,
) -> Vec<Part<'w>> {
    /// Tokens of the tags around an entry, about.
    const TAGS: usize = 24;
    let each = (room / weighed.len().max(1)).saturating_sub(TAGS).max(64);
    let mut left = room;
    let mut shown = Vec::new();
    for (_, hit, entry) in weighed {
        let plan = Plan::new(language.model, &entry.text, each);
        let holds = |s: &&Range<usize>| s.start <= hit.start && hit.start < s.end;
        let part = plan.parts.iter().find(holds).or(plan.parts.first());
        let Some(span) = part.cloned() else { continue };
        let tokens = language.model.count(&entry.text[span.clone()]) + TAGS;
        if tokens > left {
            break;
        }
        left -= tokens;
        shown.push(Part { entry, span });
    }
    shown
}

/// What of the entries found is not in `shown`, white space at the ends apart.
fn not_shown(weighed: &[(f32, Hit, Entry)], shown: &[Part<'_>]) -> Vec<(EntryId, Range<usize>)> {
    let mut dropped = Vec::new();
    for (_, _, entry) in weighed {
        let part = shown.iter().find(|p| p.entry.id == entry.id);
        let holes = match part {
            Some(part) => [0..part.span.start, part.span.end..entry.text.len()],
            None => [0..entry.text.len(), 0..0],
        };
        let holes = holes.into_iter();
        let holes = holes.filter(|hole| !entry.text[hole.clone()].trim().is_empty());
        dropped.extend(holes.map(|hole| (entry.id, hole)));
    }
    dropped
}

fn finish(answer: &mut Answer, tier: Tier) {
    answer.tier = tier;
    answer.found = !answer.sentences.is_empty();
    let texts: Vec<&str> = answer.sentences.iter().map(|s| s.text.as_str()).collect();
    if answer.found {
        answer.answer = texts.join(" ");
    }
    for citation in answer.sentences.iter().flat_map(|s| &s.citations) {
        if !answer.citations.contains(citation) {
            answer.citations.push(citation.clone());
        }
    }
}
