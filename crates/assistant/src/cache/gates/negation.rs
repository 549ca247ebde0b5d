//! What is denied, and opposites. "I can sleep" and "I can't sleep" share every word that carries meaning.

use super::lexicon::{OPPOSITES, is_function_word};
use super::text::{Text, overlap};
use super::{Verdict, said};

const NEGATORS: &[&str] = &[
    "not", "no", "never", "without", "none", "nothing", "nobody", "nowhere", "neither", "nor",
    "hardly", "barely", "unable", "cannot", "lack", "lacking", "failed", "fail", "fails",
];
/// They deny half: what follows happens with trouble, or is kept from happening.
const HALF: &[&str] = &[
    "struggle",
    "struggling",
    "trouble",
    "difficulty",
    "hard",
    "difficult",
    "tough",
    "avoid",
    "avoiding",
    "refuse",
    "stop",
    "stopping",
    "stopped",
    "prevent",
    "prevents",
    "keeps",
    "keep",
    "instead",
    "hate",
    "quit",
    "impossible",
    "rarely",
    "seldom",
    "except",
    "stops",
    "miss",
    "missing",
    "missed",
    "skip",
    "skipped",
    "skipping",
    "refuses",
    "refused",
    "trying",
    "from",
    "anymore",
];
/// Where the reach of a negation ends.
const ENDS: &[&str] = &[
    "but", "because", "so", "although", "though", "while", "then", "and", "when", "if", "yet",
    "since",
];
/// Words that a negation reaches.
const REACH: usize = 7;
/// From this share of common words on, an unexplained negation is taken for the difference.
const ALIKE: f64 = 0.5;

/// How a word is said: not denied, denied, or half.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Plainly,
    Denied,
    Half,
}

pub(super) fn look(a: &Text, b: &Text) -> Verdict {
    let (in_a, in_b) = (said_words(a), said_words(b));
    let mut half = false;
    for (stem, how) in &in_a {
        let others: Vec<Said> = in_b
            .iter()
            .filter(|(s, _)| s == stem)
            .map(|(_, how)| *how)
            .collect();
        let here: Vec<Said> = in_a
            .iter()
            .filter(|(s, _)| s == stem)
            .map(|(_, how)| *how)
            .collect();
        if others.is_empty() || here.iter().any(|how| others.contains(how)) {
            continue;
        }
        half |= others.contains(&Said::Half) || *how == Said::Half;
        let opposed = (*how == Said::Denied && others.contains(&Said::Plainly))
            || (*how == Said::Plainly && others.contains(&Said::Denied));
        if opposed {
            return Verdict::Refuse(format!(
                "\u{201c}{stem}\u{2026}\u{201d} is denied in one only"
            ));
        }
    }
    match opposites(a, b) {
        Some((one, other, true)) => return Verdict::Refuse(said("opposites", one, other)),
        Some((_, _, false)) => return Verdict::Pass,
        None => {}
    }
    let (denials_a, denials_b) = (denials(a), denials(b));
    if denials_a != denials_b && (denials_a == 0 || denials_b == 0) {
        return if overlap(a, b) >= ALIKE {
            Verdict::Refuse("a denial in one only".to_owned())
        } else {
            Verdict::Doubt("a denial in one only, in other words".to_owned())
        };
    }
    if half {
        return Verdict::Doubt(
            "what is kept from happening in one happens in the other".to_owned(),
        );
    }
    Verdict::Pass
}

fn denials(text: &Text) -> usize {
    text.words
        .iter()
        .filter(|w| NEGATORS.contains(&w.form.as_str()))
        .count()
}

/// The stems that carry meaning, each with how it is said.
fn said_words(text: &Text) -> Vec<(String, Said)> {
    let mut out = Vec::new();
    for (at, word) in text.words.iter().enumerate() {
        let modal = ["can", "could"].contains(&word.form.as_str());
        if (is_light(&word.form) && !modal) || NEGATORS.contains(&word.form.as_str()) {
            continue;
        }
        let how = how_said(text, at);
        if !(modal && how == Said::Half) {
            out.push((word.stem.clone(), how));
        }
        if let Some(root) = morphologically_denied(&word.form) {
            let how = if how == Said::Denied {
                Said::Plainly
            } else {
                Said::Denied
            };
            out.push((super::lexicon::stem(root), how));
        }
    }
    out
}

fn how_said(text: &Text, at: usize) -> Said {
    // "can not": the negator stands behind its verb.
    let next = text.form(at + 1);
    if ["can", "could"].contains(&text.form(at)) {
        return if next == "not" || (text.has("not") && text.form(at + 2) == "not") {
            Said::Denied
        } else {
            Said::Half
        };
    }
    let clause = text.words[at].clause;
    let mut half = false;
    for back in (at.saturating_sub(REACH)..at).rev() {
        let form = text.form(back);
        if text.words[back].clause != clause || ENDS.contains(&form) {
            break;
        }
        if NEGATORS.contains(&form) {
            // What is denied is what comes first; behind it, only as part of that.
            let first = (back + 1..at).all(|i| is_light(text.form(i)));
            return if first { Said::Denied } else { Said::Half };
        }
        half |= HALF.contains(&form);
    }
    if half { Said::Half } else { Said::Plainly }
}

/// Words that a negation passes through to what follows: "do not feel good".
fn is_light(form: &str) -> bool {
    is_function_word(form)
        || [
            "feel", "feels", "felt", "feeling", "seem", "seems", "think", "believe", "become",
            "makes", "made",
        ]
        .contains(&form)
}

/// The root of a word that denies itself, as in "unhappy", "hopeless", "dishonest".
fn morphologically_denied(form: &str) -> Option<&str> {
    const ROOTS: &[&str] = &[
        "able",
        "appreciated",
        "certain",
        "clear",
        "comfortable",
        "decided",
        "done",
        "fair",
        "faithful",
        "finished",
        "fit",
        "grateful",
        "happy",
        "healthy",
        "helpful",
        "important",
        "kind",
        "likely",
        "loved",
        "motivated",
        "pleasant",
        "productive",
        "prepared",
        "ready",
        "realistic",
        "reliable",
        "reasonable",
        "safe",
        "satisfied",
        "seen",
        "sure",
        "successful",
        "usual",
        "wanted",
        "well",
        "worthy",
        "patient",
        "perfect",
        "polite",
        "possible",
        "proper",
        "balanced",
        "correct",
        "dependent",
        "secure",
        "sensitive",
        "complete",
        "capable",
        "agree",
        "honest",
        "like",
        "connected",
        "organised",
        "organized",
        "respect",
        "satisfied",
        "trust",
        "loyal",
        "heard",
        "planned",
        "resolved",
        "spoken",
        "expected",
        "employed",
        "invited",
    ];
    for prefix in ["un", "in", "im", "dis", "ir", "il"] {
        if let Some(root) = form.strip_prefix(prefix)
            && ROOTS.contains(&root)
        {
            return Some(root);
        }
    }
    form.strip_suffix("less").filter(|root| {
        [
            "hope", "care", "help", "use", "sleep", "thought", "fear", "meaning", "end", "rest",
            "shame", "pain", "worth", "home", "job",
        ]
        .contains(root)
    })
}

/// Words of the two sides of a pair of opposites, one in each text; and whether both are said alike, so that the
/// requests are opposites too.
fn opposites<'a>(a: &'a Text, b: &'a Text) -> Option<(&'a str, &'a str, bool)> {
    let mut explained = None;
    for (one, other) in OPPOSITES {
        for (left, right) in [(one, other), (other, one)] {
            let (Some(at), Some(bt)) = (find(a, left), find(b, right)) else {
                continue;
            };
            if find(a, right).is_some() || find(b, left).is_some() {
                continue;
            }
            let alike = how_said(a, at) == how_said(b, bt);
            let found = (text_form(a, at), text_form(b, bt), alike);
            if alike {
                return Some(found);
            }
            explained = Some(found);
        }
    }
    explained
}

fn text_form(text: &Text, at: usize) -> &str {
    text.form(at)
}

fn find(text: &Text, side: &[&str]) -> Option<usize> {
    text.words
        .iter()
        .position(|w| side.contains(&w.form.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(a: &str, b: &str) -> char {
        match look(&Text::read(a), &Text::read(b)) {
            Verdict::Pass => '-',
            Verdict::Doubt(_) => '?',
            Verdict::Refuse(_) => 'x',
        }
    }

    #[test]
    fn denial_has_a_reach() {
        for (a, b, want) in [
            ("I can sleep", "I can't sleep", 'x'),
            (
                "why do I not talk to my son",
                "why do I talk to my son",
                'x',
            ),
            ("why am I unhappy at work", "why am I happy at work", 'x'),
            (
                "why am I unhappy at work",
                "why am I not happy at work",
                '-',
            ),
            ("I never rest", "I always rest", 'x'),
            ("a week without meat", "a week with meat", 'x'),
            (
                "I don't want to quit, but I am tired",
                "I want to quit, but I am tired",
                'x',
            ),
            ("tired but not sad", "sad but not tired", 'x'),
            ("write about my dog", "write about my dog, no rush", '-'),
        ] {
            assert_eq!(verdict(a, b), want, "{a} | {b}");
            assert_eq!(verdict(b, a), want, "{b} | {a}");
        }
    }

    #[test]
    fn an_opposite_that_is_denied_means_the_same() {
        assert_eq!(verdict("I feel bad", "I don't feel good"), '-');
        assert_eq!(verdict("I feel bad today", "I feel good today"), 'x');
        assert_eq!(
            verdict("how do I stop smoking", "how do I start smoking"),
            'x'
        );
    }
}
