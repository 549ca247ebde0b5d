//! Who recurs in a stretch of entries: kin by their words, other people by the names that are written like names.
//!
//! No model and no list of given names: a name is a word that stands capitalised where English would not capitalise
//! it, is not also written in lower case in the same entries, and is not more of a place than of a person. It errs
//! towards silence: one mention at the start of a sentence proves nothing.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use journal::EntryId;
use serde::{Deserialize, Serialize};

use crate::words;

/// Someone who occurs in a span.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Person {
    /// The name as it is written most often: "Nadia", "Dad", "mother".
    pub name: String,
    /// Times the name is written.
    pub mentions: usize,
    /// Entries that write it, in order of time.
    pub entries: Vec<EntryId>,
}

/// Words for kin, each beside the word that it is counted under.
#[rustfmt::skip]
const KIN: &[(&str, &str)] = &[
    ("aunt", "aunt"), ("auntie", "aunt"), ("brother", "brother"), ("cousin", "cousin"),
    ("dad", "father"), ("daddy", "father"), ("daughter", "daughter"), ("father", "father"),
    ("gran", "grandmother"), ("grandad", "grandfather"), ("granddad", "grandfather"),
    ("grandfather", "grandfather"), ("grandma", "grandmother"), ("grandmother", "grandmother"),
    ("grandpa", "grandfather"), ("granny", "grandmother"), ("husband", "husband"),
    ("mama", "mother"), ("mom", "mother"), ("mother", "mother"), ("mum", "mother"),
    ("mummy", "mother"), ("nephew", "nephew"), ("niece", "niece"), ("papa", "father"),
    ("sister", "sister"), ("son", "son"), ("uncle", "uncle"), ("wife", "wife"),
];

/// Capitalised in English without being anyone, beside what looks like an abbreviation.
#[rustfmt::skip]
const NOBODY: &[&str] = &[
    "africa", "amazon", "american", "april", "asia", "august", "birthday", "bluetooth", "british",
    "chinese", "christian", "christmas", "december", "dutch", "easter", "english", "europe",
    "european", "excel", "facebook", "february", "french", "friday", "german", "god", "google",
    "halloween", "i", "id", "ill", "im", "indian", "instagram", "internet", "irish", "italian",
    "ive", "january", "japanese", "july", "june", "korean", "lent", "linkedin", "march", "may",
    "monday", "netflix", "november", "october", "ok", "okay", "polish", "portuguese", "ramadan",
    "russian", "saturday", "september", "skype", "slack", "spanish", "spotify", "sunday",
    "swedish", "teams", "thanksgiving", "thursday", "tuesday", "turkish", "tv", "twitter",
    "wednesday", "whatsapp", "wifi", "youtube", "zoom",
];

/// Words after which a name is more likely a place or a thing: "in Lisbon", "the Penny Ferry show".
const PLACE_BEFORE: &[&str] = &[
    "a", "an", "the", "in", "at", "near", "from", "around", "across", "outside", "through", "into",
    "towards",
];
/// Words that go with a surname or first name and belong to it.
const TITLES: &[&str] = &[
    "aunt",
    "auntie",
    "doctor",
    "dr",
    "miss",
    "mr",
    "mrs",
    "ms",
    "prof",
    "professor",
    "sir",
    "uncle",
];

#[derive(Default)]
struct Counts {
    spellings: BTreeMap<String, usize>,
    /// Mentions by entry.
    entries: BTreeMap<usize, usize>,
    mentions: usize,
    /// Mentions that are not at the start of a sentence.
    inside: usize,
    /// Mentions right after a word of place.
    place: usize,
}

/// People of `entries` (id and text, in order of time): those mentioned in the most entries first, at most `most`.
/// A name needs two mentions, or one entry that writes it inside a sentence beside another that writes it at all.
pub(crate) fn people(entries: &[(EntryId, &str)], most: usize) -> Vec<Person> {
    people_in(entries, 0..entries.len(), 2, most)
}

/// [`people`] of the part `within` of `entries`, who are mentioned there `least` times. What is a name is judged by all of
/// the entries: someone who only ever begins a sentence in one week may stand inside of one in the week before.
pub(crate) fn people_in(
    entries: &[(EntryId, &str)],
    within: Range<usize>,
    least: usize,
    most: usize,
) -> Vec<Person> {
    let mut names: HashMap<String, Counts> = HashMap::new();
    let mut lower: HashMap<String, usize> = HashMap::new();
    for (index, (_, text)) in entries.iter().enumerate() {
        for span in crate::sentences(text) {
            sentence(&text[span], index, &mut names, &mut lower);
        }
    }
    let mut found: Vec<(String, Counts)> = names
        .into_iter()
        .filter(|(key, c)| {
            let kin = kin(key).is_some();
            let name = c.inside > 0 && c.place * 2 <= c.mentions && !lower.contains_key(key);
            c.mentions >= 2 && (kin || name)
        })
        .map(|(key, mut c)| {
            c.entries.retain(|entry, _| within.contains(entry));
            c.mentions = c.entries.values().sum();
            (key, c)
        })
        .filter(|(_, c)| c.mentions >= least)
        .collect();
    found.sort_by(|a, b| {
        (b.1.entries.len(), b.1.mentions)
            .cmp(&(a.1.entries.len(), a.1.mentions))
            .then(a.0.cmp(&b.0))
    });
    let person = |(_, c): (String, Counts)| Person {
        name: favourite(c.spellings),
        mentions: c.mentions,
        entries: c.entries.into_keys().map(|i| entries[i].0).collect(),
    };
    found.into_iter().take(most).map(person).collect()
}

/// Counts the names of one sentence into `names`, and its lower-case words into `lower`.
fn sentence(
    text: &str,
    entry: usize,
    names: &mut HashMap<String, Counts>,
    lower: &mut HashMap<String, usize>,
) {
    let spans: Vec<_> = words::spans(text).collect();
    let written: Vec<&str> = spans.iter().map(|s| &text[s.clone()]).collect();
    let headline = is_headline(text, &written);
    let mut at = 0;
    while at < written.len() {
        let word = base(written[at]);
        let folded = words::fold(word);
        if let Some(kin) = kin(&folded).filter(|_| !is_title(&written, at)) {
            count(names, kin.to_owned(), word, entry, true, false);
            at += 1;
            continue;
        }
        if !is_capitalised(word) {
            *lower.entry(folded).or_default() += 1;
            at += 1;
            continue;
        }
        let title = TITLES.contains(&folded.as_str());
        // The first word of a sentence is capitalised whatever it is: the name after it stands for itself.
        let end = if at > 0 || title {
            name_end(text, &spans, &written, at)
        } else {
            at + 1
        };
        let nobody = NOBODY.binary_search(&folded.as_str()).is_ok() || words::is_stop(&folded);
        if !headline && !nobody && (!title || end > at + 1) {
            let name: Vec<&str> = written[at..end].iter().map(|w| base(w)).collect();
            let key = if title {
                name.join(" ")
            } else {
                name[0].to_owned()
            };
            let place = at > 0 && PLACE_BEFORE.contains(&words::fold(written[at - 1]).as_str());
            count(
                names,
                words::fold(&key),
                &key,
                entry,
                at > 0 && !after_quote(text, spans[at].start),
                place,
            );
        }
        at = if nobody { at + 1 } else { end };
    }
}

/// One past the last word of the name that starts at the word `at`: at most three, none of them a title.
fn name_end(text: &str, spans: &[Range<usize>], written: &[&str], at: usize) -> usize {
    let belongs = |end: usize| {
        let next = written
            .get(end)
            .is_some_and(|w| is_capitalised(w) && !TITLES.contains(&words::fold(w).as_str()));
        next && joined(text, spans, end) && base(written[end - 1]) == written[end - 1]
    };
    (at + 1..at + 3)
        .find(|end| !belongs(*end))
        .unwrap_or(at + 3)
}

/// "The Long Way Home Again": every word that means something is capitalised, so the capitals say nothing.
fn is_headline(text: &str, written: &[&str]) -> bool {
    let means = |w: &&&str| {
        let folded = words::fold(w);
        !words::is_stop(&folded) && !TITLES.contains(&folded.as_str())
    };
    let rest: Vec<&&str> = written.iter().skip(1).filter(means).collect();
    !text.contains(',') && rest.len() >= 3 && rest.iter().all(|w| is_capitalised(w))
}

fn count(
    names: &mut HashMap<String, Counts>,
    key: String,
    spelling: &str,
    entry: usize,
    inside: bool,
    place: bool,
) {
    let c = names.entry(key).or_default();
    *c.spellings.entry(spelling.to_owned()).or_default() += 1;
    *c.entries.entry(entry).or_default() += 1;
    c.mentions += 1;
    c.inside += usize::from(inside);
    c.place += usize::from(place);
}

/// The word that a kin word is counted under; plain plurals are not people.
fn kin(folded: &str) -> Option<&'static str> {
    KIN.binary_search_by_key(&folded, |(word, _)| *word)
        .ok()
        .map(|i| KIN[i].1)
}

/// "Aunt Rosa" is a name, "my aunt" is kin.
fn is_title(written: &[&str], at: usize) -> bool {
    TITLES.contains(&words::fold(written[at]).as_str())
        && is_capitalised(written[at])
        && written.get(at + 1).is_some_and(|w| is_capitalised(w))
}

/// `word` without a possessive ending.
fn base(word: &str) -> &str {
    word.strip_suffix("'s")
        .or_else(|| word.strip_suffix("\u{2019}s"))
        .unwrap_or(word)
}

/// One capital, then small letters: neither "NHS" nor "iPhone".
fn is_capitalised(word: &str) -> bool {
    let mut chars = base(word).chars();
    let first = chars.next().is_some_and(char::is_uppercase);
    let rest: Vec<char> = chars.collect();
    first
        && !rest.is_empty()
        && rest
            .iter()
            .all(|c| c.is_lowercase() || matches!(c, '-' | '\'' | '\u{2019}'))
}

/// The words `at - 1` and `at` are separated by one space, or by the dot of "Mrs. Patel".
fn joined(text: &str, spans: &[Range<usize>], at: usize) -> bool {
    matches!(&text[spans[at - 1].end..spans[at].start], " " | ". ") && {
        let gap = &text[spans[at - 1].end..spans[at].start];
        gap == " " || TITLES.contains(&words::fold(&text[spans[at - 1].clone()]).as_str())
    }
}

/// The first word of quoted speech is capitalised whatever it is.
fn after_quote(text: &str, at: usize) -> bool {
    text[..at]
        .trim_end()
        .ends_with(['"', '\u{201c}', '\u{2018}', ':', '.', '!', '?'])
}

fn favourite(spellings: BTreeMap<String, usize>) -> String {
    spellings
        .into_iter()
        .max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))
        .map(|(s, _)| s)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> Vec<(String, usize, usize)> {
        let entries: Vec<_> = texts
            .iter()
            .enumerate()
            .map(|(i, t)| (EntryId(i as i64), *t))
            .collect();
        people(&entries, 10)
            .into_iter()
            .map(|p| (p.name, p.mentions, p.entries.len()))
            .collect()
    }

    #[test]
    fn the_tables_are_sorted_for_the_binary_search() {
        assert!(KIN.is_sorted_by_key(|k| k.0) && NOBODY.is_sorted());
    }

    #[test]
    fn names_inside_sentences_count_and_words_at_their_start_do_not() {
        let found = of(&[
            "Walked with Nadia. Rain again.",
            "Nadia called. Rain at noon.",
            "Rain.",
        ]);
        assert_eq!(found, [("Nadia".to_owned(), 2, 2)]);
    }

    #[test]
    fn what_is_a_name_is_judged_by_all_entries_and_counted_in_those_asked_for() {
        let entries: Vec<_> = [
            "Ruth's for supper.",
            "I told her about Ines.",
            "Ruth is moving. Ines has gone home.",
            "Ask Ruth about dates. Ines rang.",
        ]
        .into_iter()
        .enumerate()
        .map(|(i, text)| (EntryId(i as i64), text))
        .collect();
        let of = |within, least| {
            let found = people_in(&entries, within, least, 10);
            let row = |p: Person| (p.name, p.mentions, p.entries.len());
            found.into_iter().map(row).collect::<Vec<_>>()
        };
        let (ines, ruth) = ("Ines".to_owned(), "Ruth".to_owned());
        assert_eq!(of(0..2, 1), [(ines.clone(), 1, 1), (ruth.clone(), 1, 1)]);
        assert_eq!(of(0..2, 2), []);
        assert_eq!(of(2..4, 2), [(ines, 2, 2), (ruth, 2, 2)]);
    }

    #[test]
    fn kin_counts_under_one_word_however_it_is_called() {
        let found = of(&[
            "Mum rang twice.",
            "My mother is well, and so is Dad.",
            "dad's car",
        ]);
        assert_eq!(found, [("Dad".to_owned(), 2, 2), ("Mum".to_owned(), 2, 2)]);
    }

    #[test]
    fn places_days_brands_and_shouting_are_nobody() {
        let found = of(&[
            "We were in Lisbon on Monday and saw Netflix. Still in Lisbon.",
            "Back in Lisbon on Monday. NHS letter. MY GOD WHAT A DAY. The Long Way Home Again",
            "I am I and I am.",
        ]);
        assert_eq!(found, []);
    }

    #[test]
    fn titles_and_possessives_belong_to_the_name() {
        let found = of(&[
            "Saw Mrs. Patel and Aunt Rosa.",
            "The dog of Mrs. Patel ate Jonas's lunch; then Jonas left.",
        ]);
        assert!(found.contains(&("Mrs Patel".to_owned(), 2, 2)), "{found:?}");
        assert!(found.contains(&("Jonas".to_owned(), 2, 1)), "{found:?}");
    }

    #[test]
    fn a_word_also_written_small_is_no_name() {
        assert_eq!(
            of(&["The old Harbour is shut, the harbour too. Off to the Harbour."]),
            []
        );
    }
}
