//! People, names and places. An answer about mum is none about dad.

use super::lexicon::{NAMES, PEOPLE};
use super::text::{Text, overlap};
use super::{Verdict, said};

/// Words for people that say nobody in particular.
const ANYBODY: &[&str] = &[
    "someone", "somebody", "anyone", "anybody", "people", "person", "others", "everyone",
];
/// People whom others may be called too, so that one side's silence is only a doubt: a partner is often named otherwise.
const LOOSE: &[&str] = &[
    "partner", "family", "child", "baby", "team", "friend", "parents", "date", "stranger",
];

/// From this share of common words on, a person in one only is the difference.
const ALIKE: f64 = 0.3;

pub(super) fn look(a: &Text, b: &Text) -> Verdict {
    let (kin_a, kin_b) = (kin(a), kin(b));
    let only = |x: &[&'static str], y: &[&'static str]| -> Vec<&'static str> {
        x.iter().filter(|p| !y.contains(p)).copied().collect()
    };
    let (only_a, only_b) = (only(&kin_a, &kin_b), only(&kin_b, &kin_a));
    if let Some((one, other)) = difference(&only_a, &only_b, a, b) {
        let what = said("people", one, other);
        // Somebody whom only one names, in quite other words, may be called otherwise in the other.
        let told = (one.is_empty() || other.is_empty()) && overlap(a, b) < ALIKE;
        return match told {
            true => Verdict::Doubt(what),
            false => Verdict::Refuse(what),
        };
    }
    let (names_a, names_b) = (unmatched_names(a, b), unmatched_names(b, a));
    if let Some(name) = names_a.first().or(names_b.first()) {
        let other = if names_a.is_empty() {
            ""
        } else {
            names_b.first().map_or("", String::as_str)
        };
        let name = if names_a.is_empty() {
            names_b[0].as_str()
        } else {
            name.as_str()
        };
        return Verdict::Refuse(said("names", name, other));
    }
    if let Some(refused) = pronouns(a, b, &kin_a, &kin_b) {
        return refused;
    }
    if !only_a.is_empty() || !only_b.is_empty() {
        let first = |only: &[&'static str]| only.first().copied().unwrap_or("");
        return Verdict::Doubt(said("people", first(&only_a), first(&only_b)));
    }
    Verdict::Pass
}

/// The people of whom only one text speaks, where that cannot be the same person in other words.
fn difference(
    only_a: &[&'static str],
    only_b: &[&'static str],
    a: &Text,
    b: &Text,
) -> Option<(&'static str, &'static str)> {
    match (only_a.first(), only_b.first()) {
        (None, None) => None,
        (Some(one), Some(other)) => {
            // "my partner" and "my husband" may be one.
            let loose = LOOSE.contains(one) || LOOSE.contains(other);
            let related = matches!(
                (*one, *other),
                ("child", "son" | "daughter" | "baby") | ("son" | "daughter" | "baby", "child")
            ) || matches!(
                (*one, *other),
                ("partner", "husband" | "wife" | "boyfriend" | "girlfriend")
                    | ("husband" | "wife" | "boyfriend" | "girlfriend", "partner")
            );
            (!(loose && related)).then_some((*one, *other))
        }
        (Some(one), None) => (!may_be_meant(one, b)).then_some((*one, "")),
        (None, Some(other)) => (!may_be_meant(other, a)).then_some(("", *other)),
    }
}

/// Whether `text` may speak of the person without the word: by "he", "she", "they", or a word that stands for anybody.
fn may_be_meant(kin: &str, text: &Text) -> bool {
    let she = [
        "mother",
        "sister",
        "wife",
        "girlfriend",
        "daughter",
        "grandmother",
        "aunt",
        "niece",
    ]
    .contains(&kin);
    let he = [
        "father",
        "brother",
        "husband",
        "boyfriend",
        "son",
        "grandfather",
        "uncle",
        "nephew",
    ]
    .contains(&kin);
    let by_pronoun = if she {
        text.has_any(&["she", "her", "hers", "woman", "girl", "lady"])
    } else if he {
        text.has_any(&["he", "him", "his", "man", "boy", "lad", "guy"])
    } else {
        text.has_any(&[
            "she", "her", "he", "him", "his", "they", "them", "their", "it", "its",
        ])
    };
    by_pronoun || LOOSE.contains(&kin) || text.has_any(ANYBODY)
}

/// He against she, I against somebody else.
fn pronouns(a: &Text, b: &Text, kin_a: &[&str], kin_b: &[&str]) -> Option<Verdict> {
    let he = |t: &Text| t.has_any(&["he", "him", "his", "himself"]);
    let she = |t: &Text| t.has_any(&["she", "her", "hers", "herself"]);
    if (he(a) && !she(a) && she(b) && !he(b)) || (she(a) && !he(a) && he(b) && !she(b)) {
        return Some(Verdict::Refuse(
            "people: \u{201c}he\u{201d} against \u{201c}she\u{201d}".to_owned(),
        ));
    }
    let i = |t: &Text| t.has_any(&["i", "me", "my", "myself", "mine"]);
    let others = |t: &Text, kin: &[&str]| {
        he(t) || she(t) || t.has_any(&["they", "them", "their"]) || !kin.is_empty()
    };
    if (i(a) && !others(a, kin_a) && others(b, kin_b) && !i(b))
        || (i(b) && !others(b, kin_b) && others(a, kin_a) && !i(a))
    {
        return Some(Verdict::Refuse(
            "people: \u{201c}I\u{201d} against somebody else".to_owned(),
        ));
    }
    let we = |t: &Text| t.has_any(&["we", "us", "our", "ourselves"]);
    if we(a) != we(b) && i(a) != i(b) {
        return Some(Verdict::Doubt(
            "people: \u{201c}I\u{201d} against \u{201c}we\u{201d}".to_owned(),
        ));
    }
    None
}

/// The people of the lexicon that a text speaks of, each by its first word, sorted.
pub(super) fn kin(text: &Text) -> Vec<&'static str> {
    let mut found: Vec<&'static str> = text.words.iter().filter_map(|w| kin_of(&w.form)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Whom a word of the lexicon means.
pub(super) fn kin_of(form: &str) -> Option<&'static str> {
    PEOPLE
        .iter()
        .find(|words| words.contains(&form))
        .map(|words| words[0])
}

/// Whether the word at `at` is a name.
pub(super) fn is_name(text: &Text, at: usize) -> bool {
    let word = &text.words[at];
    if NAMES.contains(&word.form.as_str()) {
        return true;
    }
    word.capital
        && word.form.len() > 1
        && kin_of(&word.form).is_none()
        && !super::lexicon::is_function_word(&word.form)
        && !CAPITALISED.contains(&word.form.as_str())
}

/// Words that are written with a capital letter and name nobody.
#[rustfmt::skip]
const CAPITALISED: &[&str] = &[
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "january", "february", "march", "april", "june", "july",
    "august", "september", "october", "november", "december", "christmas", "easter", "halloween", "english", "tv", "ok", "adhd", "ocd", "gp", "hr", "phd", "uk", "us", "usa",
    "summarise", "tldr", "lord", "god", "whatsapp", "doordash", "instagram", "netflix", "zoom", "covid", "ptsd", "cbt", "iphone", "facebook", "tiktok", "youtube",
];

/// Names in `text` that do not occur in `other` in any way of writing.
fn unmatched_names(text: &Text, other: &Text) -> Vec<String> {
    (0..text.words.len())
        .filter(|at| is_name(text, *at) && !other.has(text.form(*at)))
        .map(|at| text.form(at).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_people_are_refused_and_other_words_for_them_are_not() {
        let verdict = |a: &str, b: &str| match look(&Text::read(a), &Text::read(b)) {
            Verdict::Pass => '-',
            Verdict::Doubt(_) => '?',
            Verdict::Refuse(_) => 'x',
        };
        for (a, b, want) in [
            ("call my mum", "phone my mother", '-'),
            ("call my mum", "call my dad", 'x'),
            ("when did I see Ana", "when did I see Ben", 'x'),
            ("when did I see Ana", "when did i see ana", '-'),
            ("a trip to Bern", "a trip to Berlin", 'x'),
            ("why is he cold to me", "why is she cold to me", 'x'),
            ("how do I sleep", "how does she sleep", 'x'),
            (
                "why does my son ignore me",
                "why does my son ignore his mother",
                'x',
            ),
            ("fight with my partner", "fight with my husband", '?'),
            ("my daughter is cross", "she is cross, my girl", '?'),
        ] {
            assert_eq!(verdict(a, b), want, "{a} | {b}");
            assert_eq!(verdict(b, a), want, "{b} | {a}");
        }
    }
}
