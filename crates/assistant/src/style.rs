//! The voice of Companion, as a contract that tests can hold every generated or fixed sentence to: it asks more than
//! it advises, gives no diagnosis, does not flatter, and leaves the vocabulary of brochures to brochures.

use crate::words;

/// Most words of a question.
pub const QUESTION_WORDS: usize = 20;

/// Phrases (folded words) that Companion does not use, each with the reason.
#[rustfmt::skip]
const PHRASES: &[(&str, &str)] = &[
    ("journey", "brochure"), ("wellness", "brochure"), ("self-care", "brochure"),
    ("mindful", "brochure"), ("mindfulness", "brochure"), ("healing", "brochure"),
    ("holistic", "brochure"), ("empower", "brochure"), ("transformative", "brochure"),
    ("inner child", "brochure"), ("best self", "brochure"), ("safe space", "brochure"),
    ("diagnosis", "diagnosis"), ("diagnosed", "diagnosis"), ("disorder", "diagnosis"),
    ("symptom", "diagnosis"), ("symptoms", "diagnosis"), ("depressed", "diagnosis"),
    ("depression", "diagnosis"), ("trauma", "diagnosis"), ("traumatic", "diagnosis"),
    ("burnout", "diagnosis"), ("clinical", "diagnosis"), ("therapy", "diagnosis"),
    ("amazing", "flattery"), ("awesome", "flattery"), ("well done", "flattery"),
    ("great job", "flattery"), ("good job", "flattery"), ("proud of you", "flattery"),
    ("so brave", "flattery"), ("inspiring", "flattery"), ("you are doing great", "flattery"),
    ("what a beautiful", "flattery"), ("wonderful question", "flattery"),
    ("you should", "advice"), ("you must", "advice"), ("you ought", "advice"),
    ("you have to", "advice"), ("make sure", "advice"), ("remember to", "advice"),
    ("dont forget", "advice"), ("do not forget", "advice"), ("why dont you", "advice"),
    ("why not", "advice"), ("consider", "advice"), ("take a deep breath", "advice"),
];

/// What in `text` breaks the contract; empty for a sentence that keeps it.
pub fn breaches(text: &str) -> Vec<String> {
    let folded = format!(" {} ", words::folded(text).collect::<Vec<_>>().join(" "));
    let mut found: Vec<String> = PHRASES
        .iter()
        .filter(|(phrase, _)| folded.contains(&format!(" {phrase} ")))
        .map(|(phrase, why)| format!("{why}: {phrase}"))
        .collect();
    if text.contains('!') {
        found.push("it shouts".to_owned());
    }
    if text
        .chars()
        .any(|c| matches!(c as u32, 0x1f300..=0x1faff | 0x2600..=0x27bf))
    {
        found.push("emoji".to_owned());
    }
    found
}

/// [`breaches`], and whatever keeps `text` from being one short question.
pub fn question_breaches(text: &str) -> Vec<String> {
    let mut found = breaches(text);
    if !text.ends_with('?') {
        found.push("it does not end as a question".to_owned());
    }
    let words = text.split_whitespace().count();
    if words > QUESTION_WORDS {
        found.push(format!("{words} words, more than {QUESTION_WORDS}"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_diagnosis_flattery_and_brochures_are_found() {
        for text in [
            "You should rest more.",
            "That sounds like depression.",
            "Amazing, proud of you!",
            "What did your wellness journey teach you?",
            "Don\u{2019}t forget to breathe.",
        ] {
            assert!(!breaches(text).is_empty(), "{text}");
        }
        assert_eq!(
            breaches("Which hour of today was the least hard, and what was in it?"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_question_is_short_and_ends_as_one() {
        assert!(question_breaches("Tell me about today.").len() == 1);
        assert!(question_breaches(&format!("{}?", "why ".repeat(21).trim())).len() == 1);
    }
}
