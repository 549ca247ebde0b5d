//! The phrases. English only, as the encoder is.
//!
//! Words are compared folded (lower case, no accents, no apostrophes). A phrase is certain where hardly anybody writes it
//! otherwise, once the idioms are taken out; the others need the classifier's agreement.

use crate::words;

/// How much a phrase says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// It can mean it. The classifier decides.
    Possible,
    /// It means it.
    Certain,
}

use Strength::{Certain, Possible};

/// Words in a sentence that make it about something else: a film, a lesson, a joke.
#[rustfmt::skip]
const ELSEWHERE: &[&str] = &[
    "film", "movie", "book", "novel", "series", "episode", "character", "play", "song", "game",
    "podcast", "documentary", "lecture", "training", "course", "seminar", "article", "news",
    "patient", "patients", "client", "clients", "helpline", "laughing", "laughed", "laugh",
    "embarrassment", "used to", "survivor",
];

/// A phrase, how much it says, and words beside it that take that away.
type Rule = (&'static str, Strength, &'static [&'static str]);

#[rustfmt::skip]
const RULES: &[Rule] = &[
    ("kill myself", Certain, &[]),
    ("killing myself", Certain, &["for them", "for him", "for her", "at work"]),
    ("killed myself", Possible, &["nearly", "almost", "stairs"]),
    ("end my life", Certain, &[]),
    ("ending my life", Certain, &[]),
    ("take my own life", Certain, &[]),
    ("taking my own life", Certain, &[]),
    ("took my own life", Certain, &[]),
    ("end it all", Certain, &["on a high"]),
    ("ending it all", Certain, &[]),
    ("ending it", Possible, &["with"]),
    ("want to die", Certain, &["of shame", "of boredom", "dont want to die", "not want to die"]),
    ("wanted to die", Possible, &["of shame", "of boredom"]),
    ("dont want to die", Possible, &[]),
    ("wish i was dead", Certain, &[]),
    ("wish i were dead", Certain, &[]),
    ("wish i had never been born", Certain, &[]),
    ("better off dead", Certain, &[]),
    ("rather be dead", Certain, &["than sing", "than seen"]),
    ("want to be dead", Certain, &[]),
    ("id be dead by now", Possible, &[]),
    ("better off without me", Certain, &["team", "company", "office"]),
    ("better off if i were gone", Certain, &[]),
    ("better if i was gone", Certain, &[]),
    ("better if i were gone", Certain, &[]),
    ("dont want to live", Certain, &["live here", "live there", "live in", "live with", "live like", "live near", "live on"]),
    ("do not want to live", Certain, &["live here", "live there", "live in", "live with", "live like", "live near", "live on"]),
    ("dont want to be alive", Certain, &[]),
    ("do not want to be alive", Certain, &[]),
    ("dont want to exist", Certain, &[]),
    ("dont want to be here any more", Possible, &[]),
    ("dont want to be here anymore", Possible, &[]),
    ("tired of living", Certain, &["living in", "living with", "living out", "living on", "living here", "living like"]),
    ("tired of being alive", Certain, &[]),
    ("no reason to live", Certain, &[]),
    ("nothing to live for", Certain, &[]),
    ("dont deserve to live", Certain, &[]),
    ("not wake up", Possible, &["alarm"]),
    ("never wake up", Possible, &[]),
    ("dont want to wake up", Possible, &[]),
    ("suicidal", Possible, &[]),
    ("suicide", Possible, &["murder", "murders"]),
    ("hang myself", Certain, &[]),
    ("drown myself", Possible, &["work"]),
    ("hurting myself", Possible, &[]),
    ("hurt myself", Possible, &[]),
    ("harm myself", Certain, &[]),
    ("harming myself", Certain, &[]),
    ("self harm", Possible, &[]),
    ("self-harm", Possible, &[]),
    ("self harmed", Possible, &[]),
    ("self-harmed", Possible, &[]),
    ("cut myself", Possible, &[]),
    ("cutting myself", Possible, &[]),
    ("i cut again", Possible, &[]),
    ("on purpose", Possible, &[]),
    ("overdose", Possible, &[]),
    ("took too many", Possible, &["photos", "pictures"]),
    ("in front of the train", Possible, &[]),
    ("in front of a train", Possible, &[]),
    ("choked me", Certain, &[]),
    ("strangled me", Certain, &[]),
    ("raped me", Certain, &[]),
    ("beats me", Possible, &["beats me at", "beats me to", "beats me in", "beats me why", "it beats"]),
    ("beat me up", Certain, &["it beat me up"]),
    ("hit me", Possible, &["it hit me", "then it hit", "that hit me", "news hit"]),
    ("hits me", Possible, &["it hits me"]),
    ("punched me", Possible, &[]),
    ("kicked me", Possible, &[]),
    ("slapped me", Possible, &[]),
    ("hands round my neck", Certain, &["massage"]),
    ("hands around my neck", Certain, &["massage"]),
    ("pushed me against", Possible, &[]),
    ("threatened to kill", Certain, &[]),
    ("kill me", Possible, &[]),
    ("not safe", Possible, &[]),
    ("unsafe", Possible, &[]),
    ("scared of him", Possible, &[]),
    ("afraid of him", Possible, &[]),
    ("scared of what he", Possible, &[]),
    ("afraid of what he", Possible, &[]),
    ("when he comes home", Possible, &[]),
    ("locked me in", Possible, &["accident"]),
    ("came into my room", Possible, &[]),
];

/// Words without which the classifier is not asked: most sentences have none, and its mistakes are among those. The same
/// list is in `tools/train/care.py`, which sets the cut.
#[rustfmt::skip]
const HINTS: &[&str] = &[
    "afraid", "alive", "arm", "balcony", "beg", "begged", "belt", "better", "blade", "body", "bottle", "bridge",
    "bruise", "bruises", "burden", "burned", "burnt", "choked", "cut", "cuts", "cutting", "dead", "death", "die",
    "died", "disappear", "dying", "edge", "end", "ended", "ending", "ends", "exist", "existing", "fear", "flinch",
    "frightened", "gone", "goodbye", "grabbed", "gun", "harm", "head", "hit", "hits", "hitting", "hurt", "hurting",
    "hurts", "kicked", "kill", "killed", "killing", "knife", "legs", "letters", "life", "live", "living", "locked",
    "lorry", "no", "nothing", "over", "overdose", "pill", "pills", "plan", "platform", "point", "punched", "purpose",
    "pushed", "razor", "reason", "ribs", "river", "roof", "rope", "safe", "scar", "scared", "scars", "slapped",
    "stop", "stopped", "suicidal", "suicide", "tablets", "threat", "threatened", "threatens", "threw", "train",
    "unsafe", "voice", "wake", "will", "without",
];
/// The writer, somewhere in the sentence.
const SELF: &[&str] = &["i", "id", "ill", "im", "ive", "me", "mine", "my", "myself"];

/// Whether a sentence has a word for which the classifier is asked, and somebody who says I.
pub(super) fn hints(sentence: &str) -> bool {
    let (mut hint, mut own) = (false, false);
    for word in words::folded(sentence) {
        hint |= HINTS.binary_search(&word.as_str()).is_ok();
        own |= SELF.contains(&word.as_str());
    }
    hint && own
}

/// How strongly the phrases of one sentence speak of danger; nothing where there are none.
pub(super) fn strength(sentence: &str) -> Option<Strength> {
    let folded = format!(
        " {} ",
        words::folded(sentence).collect::<Vec<_>>().join(" ")
    );
    let has = |phrase: &&str| folded.contains(&format!(" {phrase} "));
    let mut strongest = None;
    for (phrase, strength, unless) in RULES {
        if !has(phrase) || unless.iter().any(has) {
            continue;
        }
        // Told of a film or of another winter, the plainest phrase is only possible.
        let weighed = if ELSEWHERE.iter().any(has) {
            Possible
        } else {
            *strength
        };
        strongest = strongest.max(Some(weighed));
    }
    strongest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_are_certain_in_every_spelling() {
        for sentence in [
            "I want to die.",
            "I WANT TO DIE",
            "i dont want to be alive anymore",
            "I don\u{2019}t deserve to live after that.",
            "Thinking of killing myself again.",
            "He choked me last night.",
        ] {
            assert_eq!(strength(sentence), Some(Certain), "{sentence}");
        }
    }

    #[test]
    fn the_hints_are_sorted_for_the_binary_search() {
        assert!(HINTS.is_sorted());
        assert!(hints("It would be so easy to end it, I thought."));
        assert!(!hints("The cat slept.") && !hints("The river is high."));
    }

    #[test]
    fn idioms_are_nothing_or_only_possible() {
        for sentence in [
            "I wanted to die of embarrassment.",
            "I was killing myself laughing.",
            "In the film she says I want to die.",
            "Cut myself on the tin opener.",
            "I don't want to die.",
        ] {
            assert!(strength(sentence) < Some(Certain), "{sentence}");
        }
        for sentence in [
            "Rain all day.",
            "",
            "I don't want to live in this town.",
            "It hit me on the tram that I am forty.",
        ] {
            assert_eq!(strength(sentence), None, "{sentence}");
        }
    }
}
