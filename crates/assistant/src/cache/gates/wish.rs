//! A wish for a question, in its plain form: what is left of "could you give me a prompt about my job, please" is "job".
//!
//! This is the one place where rules say yes. A wish is little more than its topic, and the ways of wishing are few enough
//! to be written down; two wishes are one where what is left of both is the same, word for word and in order. Any word that
//! is not known to say nothing stays, so a wish put in an unknown way is none, and is left to the judge.

use super::text::Text;
use super::wording::means;

/// What makes a text a wish for a question: one of these ways of asking.
#[rustfmt::skip]
const WISHES: &[&str] = &[
    "prompt", "question", "ask me", "write about", "journal about", "topic", "what to write", "to write about", "suggest", "quiz me",
    "something to write", "idea for", "ideas for", "what to journal",
];
/// Words that say nothing in a wish.
#[rustfmt::skip]
const SAY_NOTHING: &[&str] = &[
    "a", "about", "am", "an", "any", "ask", "at", "be", "being", "can", "could", "do", "does", "entry", "for", "from", "get", "give", "got", "have", "hello",
    "help", "hey", "hi", "i", "idea", "ideas", "if", "in", "is", "it", "journal", "journaling", "just", "kindly", "let", "like", "may", "me", "might", "my",
    "need", "of", "ok", "okay", "on", "one", "please", "prompt", "prompts", "pages", "question", "questions", "quick", "really", "see", "should", "so", "some", "something",
    "started", "suggest", "thank", "thanks", "that", "the", "this", "to", "today", "topic", "topics", "us", "want", "was", "what", "will", "with", "would",
    "write", "writing", "you", "your", "cheers", "dear", "daily", "suggestion", "suggestions", "wish", "new", "quiz",
];
/// Where one of these is there, who does what to whom matters, and the plain form does not hold that.
#[rustfmt::skip]
const MORE_THAN_A_TOPIC: &[&str] = &[
    "he", "him", "his", "she", "her", "hers", "they", "them", "their", "we", "our", "who", "whom", "not", "no", "never", "nothing", "nobody", "without",
];

/// Whether both are wishes for a question, and for the same one.
pub(super) fn is_same(a: &Text, b: &Text) -> bool {
    let (Some(one), Some(other)) = (topic(a), topic(b)) else {
        return false;
    };
    one == other
}

/// What a wish for a question is about; `None` where the text is none, or says more than a topic.
fn topic(text: &Text) -> Option<Vec<&str>> {
    if !WISHES.iter().any(|way| text.has_phrase(way)) || text.has_any(MORE_THAN_A_TOPIC) {
        return None;
    }
    let words = text.words.iter();
    let left: Vec<&str> = words
        .filter(|w| !SAY_NOTHING.contains(&w.form.as_str()))
        .map(means)
        .collect();
    // What is longer than a topic is a matter of its own.
    (left.len() <= 3).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_its_topic_and_nothing_is_guessed() {
        for (a, b, want) in [
            (
                "a gratitude prompt please",
                "give me a prompt about being grateful",
                true,
            ),
            (
                "ask me about my job",
                "could you give me a question about work",
                true,
            ),
            ("what should I write about today?", "give me a prompt", true),
            (
                "a prompt for the morning",
                "a prompt for the evening",
                false,
            ),
            ("ask me about my sister", "ask me about my brother", false),
            ("a prompt about my garden", "advice about my garden", false),
            (
                "ask me what she thinks of me",
                "ask me what I think of her",
                false,
            ),
            ("a prompt about sleep", "a prompt about not sleeping", false),
            (
                "a prompt about work after lunch",
                "a prompt about lunch after work",
                false,
            ),
            ("summarise my week", "summarise my week please", false),
        ] {
            let (x, y) = (Text::read(a), Text::read(b));
            assert_eq!(is_same(&x, &y), want, "{a} | {b}");
            assert_eq!(is_same(&y, &x), want, "{b} | {a}");
        }
    }
}
