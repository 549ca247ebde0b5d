//! Matching the phrases of one sentence. English only, as the encoder is.
//!
//! Words are compared folded (lower case, no accents, no apostrophes). A phrase is certain where hardly anybody writes it
//! otherwise, once the idioms are taken out; the others need the classifier's agreement. `tools/train/care_phrases.py`
//! matches the same table for the training.

use std::sync::LazyLock;

use super::phrases::{CLASSES, ELSEWHERE, NEGATORS, RULES};
use crate::words;

/// How much a phrase says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// It can mean it. The classifier decides.
    Possible,
    /// It means it.
    Certain,
}

/// Words that a `*` may skip.
const GAP: usize = 3;
/// Words before a phrase among which a negation counts.
const BEFORE: usize = 3;

/// One place of a pattern.
enum Token {
    /// Up to [`GAP`] words of any kind.
    Gap,
    /// One of these words.
    Word(Vec<&'static str>),
}

struct Pattern(Vec<Token>);

struct Rule {
    phrase: Pattern,
    strength: Strength,
    unless: Vec<Pattern>,
}

struct Table {
    rules: Vec<Rule>,
    elsewhere: Vec<Pattern>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| Table {
    rules: RULES
        .iter()
        .map(|&(phrase, strength, unless)| Rule {
            phrase: Pattern::parse(phrase),
            strength,
            unless: unless.iter().map(|p| Pattern::parse(p)).collect(),
        })
        .collect(),
    elsewhere: ELSEWHERE.iter().map(|p| Pattern::parse(p)).collect(),
});

impl Pattern {
    fn parse(text: &'static str) -> Self {
        let words = |word: &'static str| {
            let class = CLASSES.iter().find(|(name, _)| *name == word);
            class.map_or(word, |&(_, words)| words).split('|')
        };
        let token = |token: &'static str| match token {
            "*" => Token::Gap,
            token => Token::Word(token.split('|').flat_map(words).collect()),
        };
        Self(text.split(' ').map(token).collect())
    }

    /// Index of the word at which it first matches.
    fn find(&self, words: &[String]) -> Option<usize> {
        (0..words.len()).find(|&at| starts(&self.0, &words[at..]))
    }

    fn is_in(&self, words: &[String]) -> bool {
        self.find(words).is_some()
    }
}

fn starts(tokens: &[Token], words: &[String]) -> bool {
    match tokens.split_first() {
        None => true,
        Some((Token::Gap, rest)) => {
            (0..=GAP.min(words.len())).any(|skip| starts(rest, &words[skip..]))
        }
        Some((Token::Word(any), rest)) => words
            .split_first()
            .is_some_and(|(word, later)| any.contains(&word.as_str()) && starts(rest, later)),
    }
}

/// How strongly the phrases of one sentence speak of danger; nothing where there are none.
pub(super) fn strength(sentence: &str) -> Option<Strength> {
    let words: Vec<String> = words::folded(sentence).collect();
    let mut strongest: Option<Strength> = None;
    for rule in &TABLE.rules {
        if Some(rule.strength) <= strongest {
            continue;
        }
        let Some(at) = rule.phrase.find(&words) else {
            continue;
        };
        if rule.unless.iter().any(|p| p.is_in(&words)) {
            continue;
        }
        // Denied, or told of a film or of another winter, the plainest phrase is only possible.
        let before = &words[at.saturating_sub(BEFORE)..at];
        let denied = before.iter().any(|w| NEGATORS.contains(&w.as_str()));
        let weighed = if denied || TABLE.elsewhere.iter().any(|p| p.is_in(&words)) {
            Strength::Possible
        } else {
            rule.strength
        };
        strongest = strongest.max(Some(weighed));
    }
    strongest
}

#[cfg(test)]
mod tests {
    use super::Strength::{Certain, Possible};
    use super::*;

    #[test]
    fn plain_words_are_certain_in_every_spelling() {
        for sentence in [
            "I want to die.",
            "I WANT TO DIE",
            "i dont want to be alive anymore",
            "I don\u{2019}t want to live.",
            "I do not want to live any more",
            "I don\u{2019}t deserve to live after that.",
            "Thinking of killing myself again.",
            "I've been thinking about suicide.",
            "I feel so suicidal tonight",
            "They'd all be better off, honestly, without me.",
            "Life isn't worth living.",
            "I wish I'd never been born",
            "He choked me last night.",
            "He threatened to kill me and the dog.",
            "He put his hands round my neck.",
        ] {
            assert_eq!(strength(sentence), Some(Certain), "{sentence}");
        }
    }

    #[test]
    fn what_can_mean_it_waits_for_the_classifier() {
        for sentence in [
            "I don't want to die.",
            "I'm not going to kill myself.",
            "I never wanted to end my life.",
            "I used to want to die every winter.",
            "In the film she says I want to die.",
            "if mum makes me wear it i will kill myself lol",
            "I wanted to die of embarrassment.",
            "I was killing myself laughing.",
            "Cut myself on the tin opener, on purpose or not.",
            "My husband hit me.",
            "I'm scared of my dad.",
            "Nobody would notice if I went.",
        ] {
            assert_eq!(strength(sentence), Some(Possible), "{sentence}");
        }
    }

    #[test]
    fn idioms_are_nothing() {
        for sentence in [
            "Rain all day.",
            "",
            "I don't want to live in this town.",
            "It hit me on the tram that I am forty.",
            "He beat me at chess again.",
            "I'm dying to know.",
            "I could murder a curry.",
            "The team is better off without me.",
            "My sister hit me with a pillow.",
        ] {
            assert_eq!(strength(sentence), None, "{sentence}");
        }
    }

    #[test]
    fn every_pattern_is_well_formed() {
        let patterns = RULES
            .iter()
            .flat_map(|(phrase, _, unless)| std::iter::once(phrase).chain(*unless))
            .chain(ELSEWHERE);
        for pattern in patterns {
            let tokens: Vec<&str> = pattern.split(' ').collect();
            assert!(tokens.iter().all(|t| !t.is_empty()), "{pattern}");
            assert!(
                tokens[0] != "*" && tokens[tokens.len() - 1] != "*",
                "{pattern}"
            );
            for word in tokens.iter().flat_map(|t| t.split('|')) {
                let class = CLASSES.iter().any(|(name, _)| *name == word);
                let folded = words::folded(word).next();
                assert!(
                    class || word == "*" || folded.as_deref() == Some(word),
                    "{pattern}: {word}"
                );
            }
        }
    }
}
