//! Can, should, want, must. What one can do is not what one should.

use super::text::{Text, overlap};
use super::{Verdict, said};

/// From this share of common words on, a "should" in one only is the difference.
const ALIKE: f64 = 0.6;

pub(super) fn look(a: &Text, b: &Text) -> Verdict {
    let (in_a, in_b) = (kinds(a), kinds(b));
    if in_a.is_empty() && in_b.is_empty() || in_a.iter().any(|kind| in_b.contains(kind)) {
        return Verdict::Pass;
    }
    let (one, other) = (
        in_a.first().copied().unwrap_or(""),
        in_b.first().copied().unwrap_or(""),
    );
    // "How can I", "how should I" and "how do I" ask for the same advice.
    let how = |t: &Text| {
        t.has("how")
            || t.has_phrase("what can")
            || t.has_phrase("what should")
            || t.has_phrase("what could")
    };
    if one.is_empty() || other.is_empty() {
        let harmless = how(a) || how(b) || [one, other].contains(&"can");
        return if harmless {
            Verdict::Pass
        } else if overlap(a, b) >= ALIKE {
            Verdict::Refuse(said("modality", one, other))
        } else {
            Verdict::Doubt(said("modality", one, other))
        };
    }
    if how(a) && how(b) && !["want", "may"].iter().any(|k| [one, other].contains(k)) {
        return Verdict::Doubt(said("modality", one, other));
    }
    Verdict::Refuse(said("modality", one, other))
}

/// The kinds of modality that are about the writer, not about the request ("could you", "I'd like you to").
fn kinds(text: &Text) -> Vec<&'static str> {
    let mut found = Vec::new();
    for at in 0..text.words.len() {
        let next = text.form(at + 1);
        let before = text.form(at.wrapping_sub(1));
        let of_the_request = next == "you"
            || before == "you"
            || (next == "i" && ["get", "have", "ask"].contains(&text.form(at + 2)));
        let kind = match text.form(at) {
            "can" | "could" | "able" | "manage" | "capable" if !of_the_request => "can",
            "should" | "ought" | "supposed" if !of_the_request => "should",
            "must" => "must",
            "have" | "need" | "has" | "needs" if next == "to" => "must",
            "may" | "might" | "maybe" | "perhaps" if !text.words[at].capital => "may",
            "want" | "wish" | "wants" | "hope" | "hoping"
                if !of_the_request && !asks_for(text, at) =>
            {
                "want"
            }
            "would" if next == "like" && text.form(at + 2) == "to" && !asks_for(text, at + 1) => {
                "want"
            }
            _ => continue,
        };
        if !found.contains(&kind) {
            found.push(kind);
        }
    }
    found.sort_unstable();
    found
}

/// "I want to write", "I want a summary": what is wanted is the answer.
fn asks_for(text: &Text, at: usize) -> bool {
    let answer = [
        "write",
        "journal",
        "know",
        "see",
        "hear",
        "read",
        "ask",
        "summary",
        "prompt",
        "question",
        "list",
        "reflect",
        "get",
        "understand",
        "look",
        "a",
        "some",
        "you",
        "something",
        "the",
        "your",
        "ideas",
        "help",
        "find",
    ];
    let next = text.form(at + 1);
    let after = text.form(at + 2);
    at == 0 || (next == "to" && answer.contains(&after)) || (next != "to" && answer.contains(&next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modality_of_the_matter_counts_and_that_of_the_request_does_not() {
        let verdict = |a: &str, b: &str| match look(&Text::read(a), &Text::read(b)) {
            Verdict::Pass => '-',
            Verdict::Doubt(_) => '?',
            Verdict::Refuse(_) => 'x',
        };
        for (a, b, want) in [
            ("should I move out", "can I move out", 'x'),
            (
                "why do I have to apologise",
                "why do I want to apologise",
                'x',
            ),
            ("could you summarise my week", "summarise my week", '-'),
            (
                "I want to write about sleep",
                "let me write about sleep",
                '-',
            ),
            ("how can I sleep better", "how do I sleep better", '-'),
            ("I must call her", "I need to call her", '-'),
        ] {
            assert_eq!(verdict(a, b), want, "{a} | {b}");
            assert_eq!(verdict(b, a), want, "{b} | {a}");
        }
    }
}
