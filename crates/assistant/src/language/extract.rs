//! People, places and commitments, each with the place where it stands.
//!
//! The instant tier knows people by how names are written ([`crate::summary`]) and commitments by how they are said;
//! places it does not know. The language model's mentions are taken where their words stand in the entry.

use std::collections::BTreeMap;
use std::ops::Range;

use journal::{Entry, EntryId, Filter, Journal};
use serde::{Deserialize, Serialize};

use super::{Tier, cite, read::Reading};
use crate::{Result, summary, words};

/// What is mentioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Somebody.
    Person,
    /// Somewhere.
    Place,
    /// What the writer means or has promised to do.
    Commitment,
}

/// Something that an entry mentions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// What it is.
    pub kind: Kind,
    /// Its words, exactly as written.
    pub quote: String,
    /// Byte offset of the quote in the entry's text.
    pub start: usize,
    /// End of the same.
    pub end: usize,
    /// Which tier found it.
    pub tier: Tier,
}

/// A mention with its entry and the sentence that it stands in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    /// The entry.
    pub entry: EntryId,
    /// The id that it was imported with.
    pub source_id: Option<String>,
    /// When it was written.
    #[serde(serialize_with = "crate::rfc3339")]
    pub date: jiff::ZonedDateTime,
    /// The sentence, exactly as written.
    pub sentence: String,
    /// The mention.
    #[serde(flatten)]
    pub mention: Mention,
    /// Model and prompt file, where a model found it.
    pub made_by: Option<String>,
}

/// Somebody or somewhere, with every mention.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Known {
    /// The name.
    pub name: String,
    /// Where it stands, the latest entry first.
    pub mentions: Vec<Found>,
}

/// How a commitment is said: folded words, at the start of a clause of the writer's.
#[rustfmt::skip]
const PROMISES: &[&str] = &[
    "i will", "ill", "i shall", "i am going to", "im going to", "i need to", "i have to", "i must",
    "i have got to", "ive got to", "i promised", "i said i would", "i said id", "i told him id",
    "i told her id", "i told them id", "i want to remember to", "i am determined to", "i plan to",
    "im planning to", "i intend to", "i owe", "remember to", "dont forget to", "need to", "must",
    "have to", "note to self", "todo", "to do", "tomorrow i",
];
/// Said like that, it is none: "I will never know", "I have to admit".
#[rustfmt::skip]
const NO_PROMISE: &[&str] = &[
    "never", "not", "always", "admit", "say", "confess", "be", "have been", "wonder", "laugh", "know",
];

/// The commitments of `text`, by how they are said.
pub fn commitments(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for sentence in crate::sentences(text) {
        let said = &text[sentence.clone()];
        if said.trim_end().ends_with('?') {
            continue;
        }
        if promises(said) {
            found.push(sentence);
        }
    }
    found
}

fn promises(sentence: &str) -> bool {
    let spans: Vec<Range<usize>> = words::spans(sentence).collect();
    let folded: Vec<String> = spans
        .iter()
        .map(|s| words::fold(&sentence[s.clone()]))
        .collect();
    let clause = |at: usize| {
        at == 0
            || sentence[spans[at - 1].end..spans[at].start]
                .contains([',', ';', ':', '-', '\u{2013}', '\u{2014}', '.'])
            || matches!(
                folded[at - 1].as_str(),
                "and" | "so" | "but" | "that" | "then" | "now" | "still" | "really" | "tomorrow"
            )
    };
    (0..folded.len()).any(|at| {
        PROMISES.iter().any(|phrase| {
            let length = phrase.split(' ').count();
            let here = folded.len() > at + length
                && folded[at..at + length]
                    .iter()
                    .map(String::as_str)
                    .eq(phrase.split(' '));
            here && clause(at) && !NO_PROMISE.contains(&folded[at + length].as_str())
        })
    })
}

/// What the instant tier finds in one entry, beside people, who show only in several.
pub(crate) fn instant(text: &str) -> Vec<Mention> {
    commitments(text)
        .into_iter()
        .map(|span| mention(text, span, Kind::Commitment, Tier::Instant))
        .collect()
}

pub(crate) fn mention(text: &str, span: Range<usize>, kind: Kind, tier: Tier) -> Mention {
    Mention {
        kind,
        quote: text[span.clone()].to_owned(),
        start: span.start,
        end: span.end,
        tier,
    }
}

/// Whether the words at `span` of `text` can be a name: one of them at least is no function word, or is capitalised
/// where a sentence does not begin.
pub(crate) fn is_name(text: &str, span: &Range<usize>) -> bool {
    let begins = |at: usize| {
        let before = text[..at].trim_end_matches(|c: char| !c.is_alphanumeric() && !ends(c));
        before.is_empty() || before.ends_with(ends)
    };
    words::spans(&text[span.clone()]).any(|word| {
        let at = span.start + word.start;
        let word = &text[at..span.start + word.end];
        let capital = word.starts_with(char::is_uppercase) && !begins(at);
        capital || !words::is_stop(&words::fold(word))
    })
}

fn ends(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | ':' | '\n')
}

/// What entries that `filter` lets through mention: people or places by name, those in the most entries first. Of
/// models what `maker` found, where one is named, else what any did.
pub fn known(
    journal: &Journal,
    filter: &Filter,
    kind: Kind,
    maker: Option<&str>,
) -> Result<Vec<Known>> {
    let entries = journal.list(filter)?;
    let mut by_name: BTreeMap<String, Known> = BTreeMap::new();
    let mut add = |name: &str, entry: &Entry, mention: Mention, made_by: Option<&str>| {
        let key = words::folded(name).collect::<Vec<_>>().join(" ");
        let known = by_name.entry(key).or_insert_with(|| Known {
            name: name.to_owned(),
            mentions: Vec::new(),
        });
        let found = found(entry, mention, made_by);
        if !known
            .mentions
            .iter()
            .any(|m| (m.entry, m.mention.start) == (found.entry, found.mention.start))
        {
            known.mentions.push(found);
        }
    };
    if kind == Kind::Person {
        // Who is somebody shows in the whole journal, not in the few entries that were asked for.
        for person in summary::everybody(&journal.list(&Filter::default())?) {
            for entry in entries.iter().filter(|e| person.entries.contains(&e.id)) {
                if let Some(span) = cite::place(&entry.text, &person.name) {
                    add(
                        &person.name,
                        entry,
                        mention(&entry.text, span, kind, Tier::Instant),
                        None,
                    );
                }
            }
        }
    }
    for read in by_model(journal, &entries, maker)? {
        for mention in read.mentions.into_iter().filter(|m| m.kind == kind) {
            let name = mention.quote.clone();
            add(&name, read.entry, mention, Some(&read.maker));
        }
    }
    let mut all: Vec<Known> = by_name.into_values().collect();
    for known in &mut all {
        known.mentions.sort_by(|a, b| b.date.cmp(&a.date));
    }
    all.sort_by(|a, b| (b.mentions.len().cmp(&a.mentions.len())).then_with(|| a.name.cmp(&b.name)));
    Ok(all)
}

/// The commitments in entries that `filter` lets through, the latest first. Where a model has read an entry, its word
/// stands beside that of the rules; with `maker`, that one's only.
pub fn promised(journal: &Journal, filter: &Filter, maker: Option<&str>) -> Result<Vec<Found>> {
    let entries = journal.list(filter)?;
    let mut all: Vec<Found> = Vec::new();
    for entry in &entries {
        let by_rules = instant(&entry.text).into_iter();
        all.extend(by_rules.map(|m| found(entry, m, None)));
    }
    for read in by_model(journal, &entries, maker)? {
        let commitments = (read.mentions.into_iter()).filter(|m| m.kind == Kind::Commitment);
        for mention in commitments {
            let same = |f: &Found| {
                f.entry == read.entry.id
                    && f.mention.start < mention.end
                    && mention.start < f.mention.end
            };
            match all.iter_mut().find(|f| same(f)) {
                Some(known) => {
                    known.mention.tier = Tier::Language;
                    known.made_by = Some(read.maker.clone());
                }
                None => all.push(found(read.entry, mention, Some(&read.maker))),
            }
        }
    }
    all.sort_by(|a, b| {
        b.date
            .cmp(&a.date)
            .then(a.mention.start.cmp(&b.mention.start))
    });
    Ok(all)
}

/// What a model found in an entry.
struct ReadBy<'e> {
    entry: &'e Entry,
    maker: String,
    mentions: Vec<Mention>,
}

/// What models found in `entries`, where they read the present version; with `maker`, what that one found.
fn by_model<'e>(
    journal: &Journal,
    entries: &'e [Entry],
    maker: Option<&str>,
) -> Result<Vec<ReadBy<'e>>> {
    let mut all = Vec::new();
    for written in journal.all_written(super::read::TASK)? {
        if maker.is_some_and(|maker| maker != written.maker) {
            continue;
        }
        let Ok(reading) = serde_json::from_str::<Reading>(&written.data) else {
            continue;
        };
        let read = entries
            .iter()
            .find(|e| written.sources == [(e.id, e.version)]);
        if let Some(entry) = read {
            let stands = |m: &Mention| entry.text.get(m.start..m.end) == Some(m.quote.as_str());
            let by_language = |m: &Mention| m.tier == Tier::Language && stands(m);
            all.push(ReadBy {
                entry,
                maker: written.maker,
                mentions: reading.mentions.into_iter().filter(by_language).collect(),
            });
        }
    }
    Ok(all)
}

fn found(entry: &Entry, mention: Mention, made_by: Option<&str>) -> Found {
    let sentence = crate::sentences(&entry.text)
        .into_iter()
        .find(|s| s.start <= mention.start && mention.start < s.end);
    let sentence = sentence.unwrap_or(mention.start..mention.end);
    Found {
        entry: entry.id,
        source_id: entry.source_id.clone(),
        date: entry.when.clone(),
        sentence: entry.text[sentence].to_owned(),
        mention,
        made_by: made_by.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_word_is_no_name_unless_it_is_written_like_one() {
        let text = "And so we met Will at the harbour in Porto. In the end it rained.";
        let names: Vec<&str> = words::spans(text)
            .filter(|span| is_name(text, span))
            .map(|span| &text[span])
            .collect();
        assert_eq!(names, ["met", "Will", "harbour", "Porto", "end", "rained"]);
        let harbour = text.find("the harbour").unwrap();
        assert!(is_name(text, &(harbour..harbour + "the harbour".len())));
        assert!(!is_name(text, &(0.."And so".len())));
    }

    #[test]
    fn commitments_are_what_the_writer_means_to_do_and_nothing_else() {
        let yes = [
            "I'll call Nadia on Monday.",
            "I need to book the dentist.",
            "Tired, and I must not forget nothing, so I will write the letter tonight.",
            "I promised Dad a new lock.",
            "Need to send the form back.",
            "Note to self: buy stamps.",
            "She asked again; I said I'd bring the ladder.",
            "Remember to water the tomatoes.",
        ];
        let no = [
            "She will call me on Monday.",
            "I will never know why.",
            "I have to admit it was good.",
            "Will I ever finish?",
            "I need to?",
            "He said I have to go.",
            "What I need to understand is her.",
            "The train will be late.",
        ];
        for sentence in yes {
            assert_eq!(commitments(sentence).len(), 1, "{sentence}");
        }
        let wrong: Vec<&str> = no
            .into_iter()
            .filter(|s| !commitments(s).is_empty())
            .collect();
        assert_eq!(wrong, Vec::<&str>::new());
    }
}
