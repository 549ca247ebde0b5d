//! The next question, and a question for somebody who stopped in the middle.
//!
//! The model's question has to take up words that stand in a recent entry, to keep the contract of [`crate::style`], and
//! to be another one than those of the last 30 days; else the bank's is asked, which always fits.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use jiff::{SignedDuration, ZonedDateTime};
use journal::{Entry, EntryId, Filter, Journal, Written};
use serde::{Deserialize, Serialize};

use super::plan::{self, Plan};
use super::prompts::{Prompts, Slot};
use super::{Failed, Language, Tier, Usage, cite, structured};
use crate::prompt::{self, Follow, Kind, Prompt};
use crate::{Instant, Result, stats, style, words};

/// The name of the task.
pub const TASK: &str = "question";
/// The name of the task for a half-written text.
pub const CONTINUE: &str = "continue";
/// Entries that the model is shown, and how old the oldest may be.
const ENTRIES: usize = 6;
const DAYS: i64 = 14;
/// A question rests for so many days after it was asked.
const REST_DAYS: i64 = 30;
/// Share of common words from which two questions are the same one.
const SAME: f32 = 0.6;
const TOKENS: usize = 128;
/// Tokens of the tags around an entry, about.
const TAGS: usize = 24;
/// What the ids of the model's questions begin with; the rest are digests of their words, not the words.
const ID: &str = "written:";

/// A question with what made it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Asked {
    /// The question, with the id that is to be recorded when it is shown.
    #[serde(flatten)]
    pub prompt: Prompt,
    /// Which tier asks.
    pub tier: Tier,
    /// Model and prompt file, where a model asks.
    pub made_by: Option<String>,
    /// Why the model does not ask, where there is one.
    pub notes: Vec<String>,
    /// What it cost.
    pub usage: Usage,
}

impl Asked {
    /// A question that no language model had to do with.
    pub fn instant(prompt: Prompt) -> Asked {
        Asked {
            prompt,
            tier: Tier::Instant,
            made_by: None,
            notes: Vec::new(),
            usage: Usage::default(),
        }
    }
}

/// A question for a text that is not finished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Continuation {
    /// The question.
    pub text: String,
    /// The words of the text that it takes up, exactly as written; empty where it takes up none.
    pub quote: String,
    /// Byte offset of the quote.
    pub start: usize,
    /// End of the same.
    pub end: usize,
    /// Which tier asks.
    pub tier: Tier,
    /// Model and prompt file, where a model asks.
    pub made_by: Option<String>,
    /// Why the model does not ask, where there is one.
    pub notes: Vec<String>,
}

/// A model's question as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    question: String,
    entry: i64,
    quote: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    question: String,
    entry: i64,
    quote: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SaidOn {
    question: String,
    quote: String,
}

/// Today's question. The model's is kept for the day and `seed`, so that it is worked out once, ahead of time where the
/// caller has time; showing it then takes no model.
pub fn today(
    journal: &mut Journal,
    language: Option<&Language<'_>>,
    instant: Option<&Instant>,
    now: &ZonedDateTime,
    seed: u64,
) -> Result<Asked> {
    if let Some(language) = language {
        let (model, prompts) = (language.model.id(), language.prompts);
        if let Some(asked) = waiting(journal, model, prompts, now, seed)? {
            return Ok(asked);
        }
    }
    let bank = prompt::choose(journal, instant, now, seed)?;
    let mut asked = Asked::instant(bank);
    let Some(language) = language else {
        return Ok(asked);
    };
    let maker = language.maker(TASK);
    match fresh(journal, language, now, seed, &mut asked.usage)? {
        Ok(prompt) => {
            asked.prompt = prompt;
            asked.tier = Tier::Language;
            asked.made_by = Some(maker);
        }
        Err(Some(why)) => asked
            .notes
            .push(format!("{why}; this one is from the bank")),
        Err(None) => {}
    }
    Ok(asked)
}

fn subject(now: &ZonedDateTime, seed: u64) -> String {
    format!("{}/{seed}", now.date())
}

/// The question that was worked out ahead of time for the day by the model called `name` (a name, or a name and digest
/// as [`LanguageModel::id`](super::LanguageModel::id) has them) with these prompt files. No model is opened for it.
pub fn waiting(
    journal: &Journal,
    name: &str,
    prompts: &Prompts,
    now: &ZonedDateTime,
    seed: u64,
) -> Result<Option<Asked>> {
    let prompt = prompts
        .get(TASK)
        .expect("every task of the program has a shipped prompt file");
    let made_by = |maker: &str| {
        let id = maker.strip_suffix(&format!("+{}", prompt.id()));
        id.is_some_and(|id| id == name || id.strip_prefix(name).is_some_and(|r| r.starts_with('@')))
    };
    let Some((maker, prompt)) = kept(journal, made_by, now, seed)? else {
        return Ok(None);
    };
    Ok(Some(Asked {
        prompt,
        tier: Tier::Language,
        made_by: Some(maker),
        notes: Vec::new(),
        usage: Usage::default(),
    }))
}

/// The question that is kept for the day with its maker, if that is the right one and its entry is unchanged.
fn kept(
    journal: &Journal,
    made_by: impl Fn(&str) -> bool,
    now: &ZonedDateTime,
    seed: u64,
) -> Result<Option<(String, Prompt)>> {
    let Some(written) = journal.written(TASK, &subject(now, seed))? else {
        return Ok(None);
    };
    let Ok(kept) = serde_json::from_str::<Kept>(&written.data) else {
        return Ok(None);
    };
    let Some((id, _)) = written.sources.iter().find(|(id, _)| id.0 == kept.entry) else {
        return Ok(None);
    };
    if !made_by(&written.maker) {
        return Ok(None);
    }
    let entry = journal.get(*id)?;
    let prompt = prompt_of(&kept.question, &kept.quote, &entry);
    Ok(prompt.map(|prompt| (written.maker, prompt)))
}

fn prompt_of(question: &str, quote: &str, entry: &Entry) -> Option<Prompt> {
    let found = cite::cite(entry, quote)?;
    let sentence = crate::sentences(&entry.text)
        .into_iter()
        .find(|s| s.start <= found.start && found.start < s.end)
        .unwrap_or(found.start..found.end);
    let day = entry.when.strftime("%-d %B");
    Some(Prompt {
        id: id(question),
        text: question.to_owned(),
        kind: Kind::Follow,
        themes: Vec::new(),
        why: format!("it follows up what you wrote on {day}"),
        follows: Some(Follow {
            entry: entry.id,
            date: entry.when.clone(),
            sentence: entry.text[sentence].to_owned(),
            quote: found.quote,
            start: found.start,
            end: found.end,
        }),
        repeated: false,
    })
}

/// The inner error is why there is no question; none where there is nothing to ask about.
type Fresh = std::result::Result<Prompt, Option<Failed>>;

fn fresh(
    journal: &mut Journal,
    language: &Language<'_>,
    now: &ZonedDateTime,
    seed: u64,
    usage: &mut Usage,
) -> Result<Fresh> {
    let since = now.timestamp() - SignedDuration::from_hours(24 * DAYS);
    let latest = Filter {
        from: Some(since),
        to: Some(now.timestamp() + SignedDuration::from_secs(1)),
        limit: Some(ENTRIES),
        newest_first: true,
        ..Filter::default()
    };
    let mut entries = journal.list(&latest)?;
    if entries.is_empty() {
        return Ok(Err(None));
    }
    // Another question takes up another entry first.
    let turn = (seed % entries.len() as u64) as usize;
    entries.rotate_left(turn);
    let said = match generate(language, &entries, now, usage) {
        Ok(said) => said,
        Err(why) => return Ok(Err(Some(why))),
    };
    let question = cite::tidy(&said.question);
    let entry = entries.iter().find(|e| e.id.0 == said.entry);
    let prompt = entry.and_then(|e| Some((e, prompt_of(&question, &said.quote, e)?)));
    let Some((entry, prompt)) = prompt else {
        return Ok(Err(Some(Failed::Unsupported)));
    };
    if !style::question_breaches(&question).is_empty() || !cite::rests_on(&question, &entry.text) {
        return Ok(Err(Some(Failed::Unsupported)));
    }
    if asked_lately(journal, &question, now)? {
        return Ok(Err(Some(Failed::Repeated)));
    }
    if !journal.is_read_only() {
        let kept = Kept {
            question,
            entry: said.entry,
            quote: said.quote,
        };
        journal.save_written(&Written {
            task: TASK.to_owned(),
            subject: subject(now, seed),
            maker: language.maker(TASK),
            data: serde_json::to_string(&kept).expect("strings and a number"),
            made: jiff::Timestamp::UNIX_EPOCH,
            sources: vec![(entry.id, entry.version)],
        })?;
    }
    Ok(Ok(prompt))
}

/// An entry as the model is shown it: id, day, text.
type Shown<'e> = (EntryId, String, Cow<'e, str>);

fn generate(
    language: &Language<'_>,
    entries: &[Entry],
    now: &ZonedDateTime,
    usage: &mut Usage,
) -> std::result::Result<Said, Failed> {
    let prompt = language.prompt(TASK);
    let chat = |shown: &[Shown<'_>]| {
        let slots = [
            ("entries", Slot::Entries(shown.to_vec())),
            ("day", Slot::Line(now.strftime("%A, %Y-%m-%d").to_string())),
        ];
        prompt.fill(&slots).chat(None)
    };
    let room = plan::room(language.model, &chat(&[]), TOKENS);
    let mut left = room;
    let mut shown: Vec<Shown<'_>> = Vec::new();
    for entry in entries {
        // A question needs one thing to take up, so the end of a long entry will do: it is the freshest.
        let plan = Plan::new(language.model, &entry.text, (room / 2).max(64));
        let Some(part) = plan.parts.last() else {
            continue;
        };
        let text = &entry.text[part.clone()];
        let tokens = language.model.count(text) + TAGS;
        if tokens > left {
            break;
        }
        left -= tokens;
        let day = entry.when.strftime("%Y-%m-%d").to_string();
        shown.push((entry.id, day, Cow::from(text)));
    }
    let schema = serde_json::json!({
        "type": "object", "additionalProperties": false, "required": ["question", "entry", "quote"],
        "properties": {
            "question": {"type": "string"}, "entry": {"type": "integer"}, "quote": {"type": "string"}
        }
    });
    plan::about(language, &mut shown, chat, &schema, TOKENS, usage)
}

/// The id that is recorded: digests of the words, so that what was asked can be recognised and an entry's words do not
/// outlive it in a list of questions.
fn id(question: &str) -> String {
    let digests: BTreeSet<u32> = digests(question);
    let hex: Vec<String> = digests.iter().map(|d| format!("{d:08x}")).collect();
    format!("{ID}{}", hex.join("-"))
}

fn digests(question: &str) -> BTreeSet<u32> {
    words::content(question)
        .iter()
        .map(|w| (stats::fnv(w.as_bytes()) & 0xffff_ffff) as u32)
        .collect()
}

fn asked_lately(journal: &Journal, question: &str, now: &ZonedDateTime) -> Result<bool> {
    let since = now.timestamp() - SignedDuration::from_hours(24 * REST_DAYS);
    let new = digests(question);
    let asked = journal.prompts_since(since)?;
    Ok(asked.iter().any(|(id, _)| {
        let old = match id.strip_prefix(ID) {
            Some(hex) => (hex.split('-'))
                .filter_map(|d| u32::from_str_radix(d, 16).ok())
                .collect(),
            None => prompt::question(id).map_or_else(BTreeSet::new, |q| digests(&q.text)),
        };
        let common = new.intersection(&old).count() as f32;
        common >= SAME * new.union(&old).count().max(1) as f32
    }))
}

/// A question that helps to go on with `text`, which is not an entry yet. It is never put into the text.
pub fn continuation(
    language: Option<&Language<'_>>,
    instant: Option<&Instant>,
    text: &str,
) -> Result<Continuation> {
    let mut bank = from_bank(instant, text)?;
    let Some(language) = language.filter(|_| !text.trim().is_empty()) else {
        return Ok(bank);
    };
    match go_on(language, text) {
        Ok(continuation) => Ok(continuation),
        Err(why) => {
            bank.notes.push(format!("{why}; this one is from the bank"));
            Ok(bank)
        }
    }
}

fn go_on(language: &Language<'_>, text: &str) -> std::result::Result<Continuation, Failed> {
    let prompt = language.prompt(CONTINUE);
    let fill = |words| prompt.fill(&[("words", Slot::Words(words))]);
    let room = plan::room(language.model, &fill("".into()).chat(None), TOKENS);
    // Where they stopped is at the end.
    let plan = Plan::new(language.model, text, room);
    let part = plan.parts.last().cloned().unwrap_or(0..text.len());
    let schema = serde_json::json!({
        "type": "object", "additionalProperties": false, "required": ["question", "quote"],
        "properties": {"question": {"type": "string"}, "quote": {"type": "string"}}
    });
    let chat = fill(Cow::from(&text[part])).chat(None);
    let said: SaidOn = structured(language, &chat, schema, TOKENS, &mut Usage::default())?;
    let question = cite::tidy(&said.question);
    let span = cite::locate(text, &said.quote).ok_or(Failed::Unsupported)?;
    if !style::question_breaches(&question).is_empty() || !cite::rests_on(&question, text) {
        return Err(Failed::Unsupported);
    }
    Ok(Continuation {
        text: question,
        quote: text[span.clone()].to_owned(),
        start: span.start,
        end: span.end,
        tier: Tier::Language,
        made_by: Some(language.maker(CONTINUE)),
        notes: Vec::new(),
    })
}

/// The bank's question for the last thing in `text` that can be quoted; by chance among those that fit, the same for the
/// same text.
fn from_bank(instant: Option<&Instant>, text: &str) -> Result<Continuation> {
    let analysis = match instant {
        Some(instant) if !text.trim().is_empty() => instant
            .analyse(&[text], &mut |_| {})?
            .pop()
            .map(|a| a.analysis),
        _ => None,
    };
    let fits = |q: &&prompt::Question| {
        let mood = match (q.mood, &analysis) {
            (prompt::Mood::Any, _) => true,
            (prompt::Mood::Low, Some(a)) => a.valence < -0.3 && !a.unsure,
            (prompt::Mood::Good, Some(a)) => a.valence > 0.3 && !a.unsure,
            (prompt::Mood::Mixed, Some(a)) => a.mixed,
            (_, None) => false,
        };
        let themes = q.themes.is_empty()
            || analysis
                .as_ref()
                .is_some_and(|a| a.themes.iter().any(|t| q.themes.contains(&t.name)));
        mood && themes && q.time == prompt::Time::Any
    };
    let quoting = |q: &&prompt::Question| q.text.contains(prompt::QUOTE_SLOT);
    let seed = stats::fnv(text.as_bytes());
    let pick = |of: Vec<&'static prompt::Question>| {
        of.into_iter()
            .min_by_key(|q| stats::mix(seed ^ stats::fnv(q.id.as_bytes())))
    };
    for span in crate::sentences(text).into_iter().rev().take(5) {
        let quotable: Vec<(&prompt::Question, Range<usize>)> = prompt::bank()
            .iter()
            .filter(fits)
            .filter(quoting)
            .filter_map(|q| Some((q, prompt::quote_in(q, &text[span.clone()])?)))
            .collect();
        let chosen = pick(quotable.iter().map(|(q, _)| *q).collect());
        if let Some((question, quote)) =
            chosen.and_then(|c| quotable.iter().find(|(q, _)| q.id == c.id))
        {
            let quote = span.start + quote.start..span.start + quote.end;
            let words = text[quote.clone()].to_owned();
            return Ok(Continuation {
                text: question.text.replace(prompt::QUOTE_SLOT, &words),
                quote: words,
                start: quote.start,
                end: quote.end,
                tier: Tier::Instant,
                made_by: None,
                notes: Vec::new(),
            });
        }
    }
    let plain = |q: &&prompt::Question| !q.follows && !quoting(q);
    let chosen = pick(prompt::bank().iter().filter(fits).filter(plain).collect())
        .expect("a test asserts that the bank has questions that always fit");
    Ok(Continuation {
        text: chosen.text.clone(),
        quote: String::new(),
        start: text.len(),
        end: text.len(),
        tier: Tier::Instant,
        made_by: None,
        notes: Vec::new(),
    })
}
