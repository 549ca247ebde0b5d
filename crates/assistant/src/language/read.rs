//! Reading one entry with the model: feeling and theme by the probabilities of labels, one sentence, and mentions. The
//! entry is read once; the four questions come after it and share it.

use std::ops::Range;

use jiff::ZonedDateTime;
use journal::{Entry, EntryId, Journal, Sentiment, Written};
use serde::{Deserialize, Serialize};

use super::extract::{self, Kind, Mention};
use super::plan::{self, Plan};
use super::prompts::{Filled, PromptError, Prompts, Slot};
use super::{Chat, Failed, Language, ModelError, Tier, Usage, cite, structured};
use crate::{Instant, Result, THEMES, style};

mod rule;

pub use rule::{CERTAIN, HARDLY, Labels, SURE, THEME, Verdict};

use rule::LABELS;

/// The name under which readings are kept.
pub const TASK: &str = "read";
const SUMMARY_TOKENS: usize = 96;
const MENTION_TOKENS: usize = 256;
/// Most words of a summary; a model that goes on has not summed up.
const SUMMARY_WORDS: usize = 40;

/// What both tiers say about an entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The entry.
    pub entry: EntryId,
    /// Which tier the summary and the labels come from: language as soon as one of them does.
    pub tier: Tier,
    /// Model and prompt file, where a model read it.
    pub made_by: Option<String>,
    /// Probabilities of positive, neutral and negative by the model's labels.
    pub feeling: Option<[f32; 3]>,
    /// Probabilities of the themes by the model's labels, in the order of [`THEMES`].
    pub themes: Option<Vec<f32>>,
    /// One sentence; nothing where the entry has none.
    pub summary: Option<OneSentence>,
    /// People, places and commitments.
    pub mentions: Vec<Mention>,
    /// Mentions of the model whose words stand nowhere in the entry, or name nothing.
    pub forged: usize,
    /// Whether part of the entry was not read.
    pub truncated: bool,
    /// Byte spans that were not read.
    pub dropped_spans: Vec<Range<usize>>,
    /// Parts that the entry was read in.
    pub parts: usize,
    /// What it cost.
    pub usage: Usage,
    /// What did not go as it should.
    pub notes: Vec<String>,
}

/// One sentence about an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneSentence {
    /// The sentence: the model's, checked, or one of the entry's own.
    pub text: String,
    /// Whose it is.
    pub tier: Tier,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SummaryAnswer {
    summary: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MentionsAnswer {
    people: Vec<String>,
    places: Vec<String>,
    commitments: Vec<String>,
}

/// The reading of `entry`: the one that is kept, where it was made by this model with this prompt file; else a new one,
/// which is kept. Without a model, what the instant tier can say.
pub fn read(
    journal: &mut Journal,
    language: Option<&Language<'_>>,
    instant: Option<&Instant>,
    entry: &Entry,
    refresh: bool,
) -> Result<Reading> {
    let Some(language) = language else {
        return instant_reading(journal, instant, entry);
    };
    if !refresh && let Some(kept) = kept(journal, language, entry)? {
        return Ok(kept);
    }
    let before = instant_reading(journal, instant, entry)?;
    let reading = fresh(language, entry, before);
    keep(journal, language, entry, &reading)?;
    Ok(reading)
}

/// The reading that is kept, where it was made of this version by this model with this prompt file.
pub(super) fn kept(
    journal: &Journal,
    language: &Language<'_>,
    entry: &Entry,
) -> Result<Option<Reading>> {
    let kept = journal.written(TASK, &entry.id.to_string())?;
    let kept = kept.filter(|kept| {
        kept.maker == language.maker(TASK) && kept.sources == [(entry.id, entry.version)]
    });
    Ok(kept.and_then(|kept| serde_json::from_str(&kept.data).ok()))
}

/// Keeps a reading of the model that is whole.
pub(super) fn keep(
    journal: &mut Journal,
    language: &Language<'_>,
    entry: &Entry,
    reading: &Reading,
) -> Result<()> {
    let stopped = language.flow().is_break();
    if reading.tier != Tier::Language || stopped || journal.is_read_only() {
        return Ok(());
    }
    let written = Written {
        task: TASK.to_owned(),
        subject: entry.id.to_string(),
        maker: language.maker(TASK),
        data: serde_json::to_string(reading).expect("numbers and strings"),
        made: jiff::Timestamp::UNIX_EPOCH,
        sources: vec![(entry.id, entry.version)],
    };
    journal.save_written(&written)?;
    Ok(())
}

/// What the instant tier says by itself.
pub(super) fn instant_reading(
    journal: &Journal,
    instant: Option<&Instant>,
    entry: &Entry,
) -> Result<Reading> {
    let summary = central(journal, instant, entry)?.map(|span| OneSentence {
        text: cite::tidy(&entry.text[span]),
        tier: Tier::Instant,
    });
    Ok(Reading {
        entry: entry.id,
        tier: Tier::Instant,
        made_by: None,
        feeling: None,
        themes: None,
        summary,
        mentions: extract::instant(&entry.text),
        forged: 0,
        truncated: false,
        dropped_spans: Vec::new(),
        parts: 1,
        usage: Usage::default(),
        notes: Vec::new(),
    })
}

/// The sentence that is most like the rest of its entry; the first where there are no vectors.
fn central(
    journal: &Journal,
    instant: Option<&Instant>,
    entry: &Entry,
) -> Result<Option<Range<usize>>> {
    if let Some(instant) = instant {
        let model = instant.encoder().model_id();
        let whole = journal.entry_vector(entry.id, model)?;
        let sentences = journal.sentence_vectors(entry.id, model)?;
        if let Some(whole) = whole {
            let likeness = |v: &[f32]| crate::search::dot(v, &whole);
            let best = sentences
                .into_iter()
                .filter(|(s, _)| entry.text.get(s.clone()).is_some())
                .max_by(|a, b| likeness(&a.1).total_cmp(&likeness(&b.1)));
            if let Some((span, _)) = best {
                return Ok(Some(span));
            }
        }
    }
    Ok(crate::sentences(&entry.text).into_iter().next())
}

/// Reads `entry` with the model, whatever is kept; `reading` is what the instant tier says.
pub(super) fn fresh(language: &Language<'_>, entry: &Entry, mut reading: Reading) -> Reading {
    let prompt = language.prompt(TASK);
    let fill = |text: &str| prompt.fill(&slots(&entry.when, text));
    let room = plan::room(
        language.model,
        &fill("").chat(Some("mentions")),
        MENTION_TOKENS,
    );
    let plan = Plan::new(language.model, &entry.text, room);
    reading.parts = plan.parts.len();
    reading.truncated = plan.truncated();
    let mut parts = Parts::default();
    for span in &plan.parts {
        if language.flow().is_break() {
            note(&mut reading, "entry", &Failed::Cancelled);
            break;
        }
        let filled = fill(&entry.text[span.clone()]);
        parts.read(language, &filled, entry, span, &mut reading);
    }
    reading.dropped_spans = plan.dropped;
    reading.feeling = parts.feeling.mean().map(|p| [p[0], p[1], p[2]]);
    reading.themes = parts.themes.mean();
    if let Some(text) = parts.summary(language, entry, &mut reading) {
        reading.summary = Some(OneSentence {
            text,
            tier: Tier::Language,
        });
    }
    let said = reading.feeling.is_some()
        || reading.themes.is_some()
        || (reading.summary.iter()).any(|s| s.tier == Tier::Language)
        || (reading.mentions.iter()).any(|m| m.tier == Tier::Language);
    if said {
        reading.tier = Tier::Language;
        reading.made_by = Some(language.maker(TASK));
    }
    reading
}

/// What an entry is called in the prompt, whichever it is. No question is about its id, and one that stood before the
/// text would have to be known while the entry is being written. So the form says no less than before, and readings
/// that were kept when it named the entry's own stay good.
const CALLED: EntryId = EntryId(1);

fn slots<'a>(when: &ZonedDateTime, text: &'a str) -> [(&'static str, Slot<'a>); 2] {
    let day = when.strftime("%Y-%m-%d").to_string();
    let themes = THEMES.map(str::to_owned).to_vec();
    [
        ("entries", Slot::Entries(vec![(CALLED, day, text.into())])),
        ("themes", Slot::List(themes)),
    ]
}

/// What the reading of an entry will begin with that is being written: `text` is what there is of it, `when` the time
/// that it will have, of which the day counts. For [`DecoderModel::read_ahead`](super::DecoderModel::read_ahead).
pub fn opening(
    prompts: &Prompts,
    when: &ZonedDateTime,
    text: &str,
) -> std::result::Result<Chat, PromptError> {
    let filled = prompts.get(TASK)?.fill(&slots(when, text));
    Ok(filled.chat(Some("feeling")))
}

/// Feeling and themes by the model's labels, and nothing that has to be written: what can be said at once when an
/// entry is saved. Only of an entry that is read in one part.
///
/// They are not kept: a kept reading is a whole one, and with these in its place nobody would ask for the sentence and
/// the mentions any more. Of what is shown without asking again, nothing needs them: filters and trends count the heads'.
pub fn labels(language: &Language<'_>, entry: &Entry) -> std::result::Result<Labels, ModelError> {
    let prompt = language.prompt(TASK);
    let filled = prompt.fill(&slots(&entry.when, &entry.text));
    let model = language.model;
    let sentiments = LABELS.map(Sentiment::as_str);
    let (feeling, mut usage) = model.score(&filled.chat(Some("feeling")), &sentiments)?;
    let (themes, more) = model.score(&filled.chat(Some("theme")), &THEMES)?;
    usage += more;
    if !sound(&feeling, LABELS.len()) || !sound(&themes, THEMES.len()) {
        return Err(ModelError::Engine(
            "its probabilities are no numbers".to_owned(),
        ));
    }
    Ok(Labels {
        feeling: [feeling[0], feeling[1], feeling[2]],
        themes,
        usage,
    })
}

/// What the parts of an entry said, to be put together.
#[derive(Default)]
struct Parts {
    feeling: Weighted,
    themes: Weighted,
    summaries: Vec<String>,
}

/// A mean of probabilities over parts, weighted by their length.
#[derive(Default)]
struct Weighted {
    sum: Vec<f32>,
    weight: f32,
}

impl Weighted {
    fn add(&mut self, probabilities: &[f32], weight: f32) {
        self.sum.resize(probabilities.len(), 0.0);
        for (sum, p) in self.sum.iter_mut().zip(probabilities) {
            *sum += p * weight;
        }
        self.weight += weight;
    }

    fn mean(&self) -> Option<Vec<f32>> {
        (self.weight > 0.0).then(|| self.sum.iter().map(|s| s / self.weight).collect())
    }
}

impl Parts {
    fn read(
        &mut self,
        language: &Language<'_>,
        filled: &Filled<'_>,
        entry: &Entry,
        span: &Range<usize>,
        reading: &mut Reading,
    ) {
        let weight = span.len() as f32;
        let labels = LABELS.map(Sentiment::as_str);
        for (question, labels, to) in [
            ("feeling", &labels[..], &mut self.feeling),
            ("theme", &THEMES[..], &mut self.themes),
        ] {
            match language.model.score(&filled.chat(Some(question)), labels) {
                Ok((p, usage)) if sound(&p, labels.len()) => {
                    reading.usage += usage;
                    to.add(&p, weight);
                }
                Ok((_, usage)) => {
                    reading.usage += usage;
                    note(reading, question, &Failed::Malformed);
                }
                Err(error) => note(reading, question, &error.into()),
            }
        }
        match summary(language, filled, entry, span, &mut reading.usage) {
            Ok(text) => self.summaries.push(text),
            Err(why) => note(reading, "summary", &why),
        }
        let chat = filled.chat(Some("mentions"));
        let schema = mentions_schema();
        let answer = structured::<MentionsAnswer>(
            language,
            &chat,
            schema,
            MENTION_TOKENS,
            &mut reading.usage,
        );
        match answer {
            Ok(answer) => mentions(answer, entry, span, reading),
            Err(why) => note(reading, "mentions", &why),
        }
    }

    /// The parts' summaries as one: read as if they were the entry.
    fn summary(
        &self,
        language: &Language<'_>,
        entry: &Entry,
        reading: &mut Reading,
    ) -> Option<String> {
        if self.summaries.len() < 2 {
            return self.summaries.first().cloned();
        }
        let together = self.summaries.join(" ");
        let filled = language.prompt(TASK).fill(&slots(&entry.when, &together));
        let whole = 0..entry.text.len();
        match summary(language, &filled, entry, &whole, &mut reading.usage) {
            Ok(text) => Some(text),
            Err(why) => {
                note(reading, "summary", &why);
                self.summaries.first().cloned()
            }
        }
    }
}

fn note(reading: &mut Reading, what: &str, why: &Failed) {
    let note = format!("{what}: {why}");
    if !reading.notes.contains(&note) {
        reading.notes.push(note);
    }
}

/// Probabilities that are some.
fn sound(p: &[f32], labels: usize) -> bool {
    p.len() == labels
        && p.iter().all(|p| p.is_finite() && *p >= 0.0)
        && (p.iter().sum::<f32>() - 1.0).abs() < 0.01
}

/// The model's sentence about the part `span`, checked: not empty, short, in the voice of the house, and without a
/// name or number that the entry does not have.
fn summary(
    language: &Language<'_>,
    filled: &Filled<'_>,
    entry: &Entry,
    span: &Range<usize>,
    usage: &mut Usage,
) -> std::result::Result<String, Failed> {
    let schema = serde_json::json!({
        "type": "object", "additionalProperties": false, "required": ["summary"],
        "properties": {"summary": {"type": "string"}}
    });
    let chat = filled.chat(Some("summary"));
    let answer: SummaryAnswer = structured(language, &chat, schema, SUMMARY_TOKENS, usage)?;
    let text = cite::tidy(&answer.summary);
    if text.is_empty() {
        return Err(Failed::Empty);
    }
    let words = text.split_whitespace().count();
    let rests = cite::rests_on(&text, &entry.text[span.clone()]);
    if words > SUMMARY_WORDS || !style::breaches(&text).is_empty() || !rests {
        return Err(Failed::Unsupported);
    }
    Ok(text)
}

fn mentions_schema() -> serde_json::Value {
    let list = serde_json::json!({
        "type": "array", "maxItems": 8, "items": {"type": "string"}
    });
    serde_json::json!({
        "type": "object", "additionalProperties": false,
        "required": ["people", "places", "commitments"],
        "properties": {"people": list, "places": list, "commitments": list}
    })
}

/// Takes the mentions that stand in the part `span`; a name is a few words, a commitment at least three.
fn mentions(answer: MentionsAnswer, entry: &Entry, span: &Range<usize>, reading: &mut Reading) {
    let part = &entry.text[span.clone()];
    let lists = [
        (Kind::Person, answer.people),
        (Kind::Place, answer.places),
        (Kind::Commitment, answer.commitments),
    ];
    for (kind, list) in lists {
        for words in list {
            let found = match kind {
                Kind::Commitment => cite::locate(part, &words),
                _ if words.split_whitespace().count() > 5 => None,
                _ => cite::place(part, &words).filter(|at| extract::is_name(part, at)),
            };
            let Some(found) = found else {
                reading.forged += 1;
                continue;
            };
            let found = span.start + found.start..span.start + found.end;
            let same = |m: &Mention| m.kind == kind && m.start < found.end && found.start < m.end;
            match reading.mentions.iter_mut().find(|m| same(m)) {
                Some(known) => known.tier = Tier::Language,
                None => reading.mentions.push(extract::mention(
                    &entry.text,
                    found,
                    kind,
                    Tier::Language,
                )),
            }
        }
    }
}
