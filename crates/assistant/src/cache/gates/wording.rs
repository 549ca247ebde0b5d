//! One word in place of another. Two requests that are word for word the same but for one place are the same request
//! only where that place says nothing, or the same in a word that is known to mean it: who repeats a request in
//! earnest puts more than one word in another way, who changes one word wants something else.

use super::lexicon::{SYNONYMS, is_function_word};
use super::people::kin_of;
use super::question::task_of;
use super::text::{Text, Word};
use super::{Verdict, said};

/// Words that are left out before anything is compared: courtesy, articles, and who is to be told.
#[rustfmt::skip]
const COURTESY: &[&str] = &[
    "please", "thanks", "thank", "hey", "hi", "hello", "ok", "okay", "so", "well", "just", "really", "very", "kindly", "dear", "um", "hm",
    "a", "an", "the", "me", "tell", "give", "show", "you", "to", "for", "of", "in", "on", "at", "that", "which", "quick", "quickly", "cheers",
];
/// Words that hardly say anything: what differs in these alone is left to the other gates.
#[rustfmt::skip]
const LIGHT: &[&str] = &[
    "am", "is", "are", "was", "were", "be", "been", "being", "do", "does", "did", "have", "has", "had", "i", "my", "it", "its", "this",
    "these", "those", "there", "here", "then", "and", "also", "too", "quite", "rather", "bit", "kind", "sort", "some", "about", "as", "from",
    "into", "up", "us", "let", "make", "get", "know", "want", "like", "would", "going", "now", "today", "own", "actually", "simply",
];
/// After "how" these ask for the same advice.
const ADVICE: &[&str] = &[
    "can", "could", "should", "do", "does", "might", "would", "ought", "may",
];
/// Words of one place at most: what is longer is another way of putting it.
const PLACE: usize = 3;

pub(super) fn look(a: &Text, b: &Text) -> Verdict {
    // "A prompt about work", "a question about work": the place is one that says nothing in a wish.
    if super::wish::is_same(a, b) {
        return Verdict::Pass;
    }
    let (in_a, in_b) = (weighed(a), weighed(b));
    let both = in_a.iter().zip(&in_b);
    let before = both.take_while(|(x, y)| means(x) == means(y)).count();
    let room = in_a.len().min(in_b.len()) - before;
    let both = in_a.iter().rev().zip(in_b.iter().rev());
    let after = both
        .take(room)
        .take_while(|(x, y)| means(x) == means(y))
        .count();
    let same = before + after;
    if same < 2 || 2 * same < in_a.len().max(in_b.len()) {
        return Verdict::Pass;
    }
    let (one, other) = (
        &in_a[before..in_a.len() - after],
        &in_b[before..in_b.len() - after],
    );
    let heavy = |words: &[&Word]| -> Vec<String> {
        let words = words.iter().filter(|w| !LIGHT.contains(&w.form.as_str()));
        words.map(|w| w.form.clone()).collect()
    };
    let (left, right) = (heavy(one), heavy(other));
    if left.is_empty() && right.is_empty() || left.len().max(right.len()) > PLACE {
        return Verdict::Pass;
    }
    let what = said("wording", &left.join(" "), &right.join(" "));
    let advice = |words: &[&Word]| words.iter().all(|w| ADVICE.contains(&w.form.as_str()));
    if advice(one) && advice(other) && a.has("how") && b.has("how") {
        return Verdict::Doubt(what);
    }
    Verdict::Refuse(what)
}

/// The words that are compared.
fn weighed(text: &Text) -> Vec<&Word> {
    let words = text.words.iter().enumerate();
    words
        .filter(|(at, word)| {
            let asks = ["can", "could", "would", "will"].contains(&word.form.as_str())
                && text.form(at + 1) == "you";
            !asks && !COURTESY.contains(&word.form.as_str())
        })
        .map(|(_, word)| word)
        .collect()
}

/// What a word means, as far as that is known: its stem, or the first of the words that mean the same.
pub(super) fn means(word: &Word) -> &str {
    let form = word.form.as_str();
    if let Some(known) = kin_of(form).or_else(|| task_of(form)) {
        return known;
    }
    let group = SYNONYMS.iter().find(|group| group.contains(&form));
    match group {
        Some(group) => group[0],
        // Of function words each form is its own: "did" is not "do", "he" is not "him".
        None if is_function_word(form) => form,
        None => &word.stem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_in_place_of_another_is_another_request_unless_it_is_known_to_mean_the_same() {
        let verdict = |a: &str, b: &str| match look(&Text::read(a), &Text::read(b)) {
            Verdict::Pass => '-',
            Verdict::Doubt(_) => '?',
            Verdict::Refuse(_) => 'x',
        };
        for (a, b, want) in [
            (
                "give me a prompt about my garden",
                "give me a prompt about my kitchen",
                'x',
            ),
            ("do I want children", "do I want more children", 'x'),
            ("how do I save water", "how do I heat water", 'x'),
            (
                "summarise my week at work",
                "please recap my week at work",
                '-',
            ),
            (
                "how can I sleep better at night",
                "how do I sleep better at night",
                '?',
            ),
            (
                "what did my mum say about Ana",
                "what did my mother say about Ana",
                '-',
            ),
            (
                "why do I lie awake at night",
                "what keeps me from falling asleep in bed",
                '-',
            ),
            ("list my worries", "list my worries please", '-'),
        ] {
            assert_eq!(verdict(a, b), want, "{a} | {b}");
            assert_eq!(verdict(b, a), want, "{b} | {a}");
        }
    }
}
