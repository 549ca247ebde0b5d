//! A wish for a question, in its plain form: what is left of "could you give me a prompt about my job, please" is "job".
//!
//! This is the one place where rules say yes. A wish is little more than its topic, and the ways of wishing are few enough
//! to be written down, as whole phrases; two wishes are one where what is left of both is the same, word for word and in
//! order. A word goes only where its place shows that it says nothing: "for" before "the evening" goes, "letters for my
//! mother" keeps it. So a wish put in an unknown way is none, and is left to the judge.

use std::sync::LazyLock;

use super::text::Text;
use super::wording::means;

/// What makes a text a wish for a question: one of these ways of asking.
#[rustfmt::skip]
const WISHES: &[&str] = &[
    "prompt", "question", "ask me", "write about", "journal about", "topic", "what to write", "to write about", "quiz me",
    "something to write", "idea for", "ideas for", "what to journal",
];
/// Ways of wishing, as whole phrases. They say nothing before the topic; behind it they may be the topic's own words
/// ("ask me what I want").
#[rustfmt::skip]
const FRAMES: &[&str] = &[
    "what should i write about", "what could i write about", "what can i write about", "what shall i write about", "what do i write about",
    "what should i write", "what could i write", "what can i write", "what shall i write", "what do i write",
    "what to write about", "what to write", "i am what to write about", "i am what to write", "i have what to write about", "i have what to write",
    "something i could write about", "something i can write about", "something to write about", "something i could write", "something i can write", "something to write",
    "what should i journal about", "what should i journal", "what to journal about", "what to journal",
    "to write about", "write about", "to journal about", "journal about",
    "i would like", "i want", "i need", "need", "may i have", "can i have", "could i have", "may i get", "can i get", "could i get",
    "do you have", "have you got", "got", "can you", "could you", "would you", "will you", "let me have",
    "give me", "get me", "show me", "give me something", "ask me", "ask me something", "ask me anything", "quiz me", "suggest",
    "help me get started writing", "help me get started",
    "what is today prompt", "what is today question", "what is today topic",
];
/// What may stand anywhere and says nothing.
#[rustfmt::skip]
const ASIDES: &[&str] = &[
    "for my journal entry", "for my journal", "for my diary", "for my entry", "for today", "for me", "thank you",
];
/// Single words that say nothing.
#[rustfmt::skip]
const SAY_NOTHING: &[&str] = &[
    "a", "an", "the", "my", "some", "any", "please", "kindly", "hi", "hello", "hey", "thanks", "cheers", "ok", "okay", "just", "really",
];
/// What is wished for. They say nothing, except as the topic: "a question about my ideas".
#[rustfmt::skip]
const NOUNS: &[&str] = &[
    "prompt", "prompts", "question", "questions", "topic", "topics", "idea", "ideas", "suggestion", "suggestions",
];
/// They say nothing right before such a noun.
const BEFORE_A_NOUN: &[&str] = &[
    "new",
    "quick",
    "daily",
    "journal",
    "journaling",
    "diary",
    "entry",
    "writing",
];
/// A topic follows.
const LEADS: &[&str] = &["about", "on", "of"];
/// "For" one of these is when, not what.
const MOMENTS: &[&str] = &["morning", "evening", "night", "tonight", "today", "bedtime"];
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
    // "Write about my trip" has somebody else write.
    let mut forms = text.words.iter().map(|w| w.form.as_str());
    let first = forms.find(|form| !SAY_NOTHING.contains(form));
    if first.is_some_and(|form| ["write", "journal"].contains(&form)) {
        return None;
    }
    let (mut left, mut at) = (Vec::new(), 0);
    // A frame that ends with "about", unless a topic follows it, asks for any: "what should I write about today".
    let mut asks_for_any = false;
    while at < text.words.len() {
        let frame =
            longest(text, at, &FRAMES_BY_LENGTH).filter(|_| left.is_empty() && !is_topic(text, at));
        if let Some(phrase) = frame.or_else(|| longest(text, at, &ASIDES_BY_LENGTH)) {
            asks_for_any = phrase[0] == "what" || phrase[0] == "something";
            at += phrase.len();
            continue;
        }
        if !says_nothing(text, at, asks_for_any) {
            left.push(means(&text.words[at]));
        }
        asks_for_any = false;
        at += 1;
    }
    // What is longer than a topic is a matter of its own.
    (left.len() <= 3).then_some(left)
}

/// Whether the word at `at`, which is in no phrase, says nothing in its place.
fn says_nothing(text: &Text, at: usize, asks_for_any: bool) -> bool {
    let (form, next) = (text.form(at), text.form(at + 1));
    let before = at.checked_sub(1).map_or("", |before| text.form(before));
    match form {
        "about" => !next.is_empty(),
        "on" => before == "me" || NOUNS.contains(&before),
        "for" => {
            let known = ["this", "the", "my"].contains(&next);
            MOMENTS.contains(&text.form(at + 1 + usize::from(known)))
        }
        "me" => !LEADS.contains(&before),
        "today" => asks_for_any || !LEADS.contains(&before),
        "being" => ["grateful", "thankful"].contains(&next),
        _ if NOUNS.contains(&form) => !is_topic(text, at),
        _ if BEFORE_A_NOUN.contains(&form) => {
            let words = &text.words[at..];
            let rest = words
                .iter()
                .position(|w| !BEFORE_A_NOUN.contains(&w.form.as_str()));
            rest.is_some_and(|rest| {
                NOUNS.contains(&text.form(at + rest)) && !is_topic(text, at + rest)
            })
        }
        _ => SAY_NOTHING.contains(&form),
    }
}

/// Whether what begins at `at` is what the wish is about.
fn is_topic(text: &Text, at: usize) -> bool {
    let words = text.words[..at].iter().rev();
    let clause = words.take_while(|w| w.clause == text.words[at].clause);
    let mut before = clause
        .map(|w| w.form.as_str())
        .skip_while(|form| SAY_NOTHING.contains(form) || BEFORE_A_NOUN.contains(form));
    before.next().is_some_and(|form| LEADS.contains(&form))
}

/// The longest of these phrases that begins at `at`.
fn longest<'a>(text: &Text, at: usize, phrases: &'a [Vec<&str>]) -> Option<&'a [&'a str]> {
    let begins = |phrase: &&Vec<&str>| {
        let mut words = text.words[at..].iter();
        phrase
            .iter()
            .all(|form| words.next().is_some_and(|w| w.form == *form))
    };
    phrases.iter().find(begins).map(Vec::as_slice)
}

static FRAMES_BY_LENGTH: LazyLock<Vec<Vec<&str>>> = LazyLock::new(|| by_length(FRAMES));
static ASIDES_BY_LENGTH: LazyLock<Vec<Vec<&str>>> = LazyLock::new(|| by_length(ASIDES));

fn by_length(phrases: &[&'static str]) -> Vec<Vec<&'static str>> {
    let mut all: Vec<Vec<&str>> = phrases.iter().map(|p| p.split(' ').collect()).collect();
    all.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, b: &str, want: bool) {
        let (x, y) = (Text::read(a), Text::read(b));
        assert_eq!(is_same(&x, &y), want, "{a} | {b}");
        assert_eq!(is_same(&y, &x), want, "{b} | {a}");
    }

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
            (
                "what should I write about my trip",
                "write about my trip",
                false,
            ),
            (
                "something to write about first thing in the morning?",
                "something to write about last thing in the morning?",
                false,
            ),
        ] {
            check(a, b, want);
        }
    }

    #[test]
    fn ways_of_wishing_say_nothing() {
        for (a, b) in [
            ("I'd like to write about my cat", "ask me about my cat"),
            (
                "hi, could I have a daily journal prompt, thank you",
                "ask me something",
            ),
            (
                "I'm not sure what to write, suggest a topic for my entry",
                "a question",
            ),
            ("any prompt for me today", "what can I write about?"),
            ("an evening question please", "a question for the evening"),
            (
                "something to write about this morning?",
                "a prompt for this morning",
            ),
            ("quiz me on food", "a question on food"),
            ("what's today's prompt?", "got a topic?"),
        ] {
            check(a, b, true);
        }
    }

    #[test]
    fn no_two_shipped_wishes_are_the_same_one() {
        let mut wishes = std::collections::HashMap::new();
        let mut twice = Vec::new();
        for wish in crate::cache::common_prompts() {
            for phrasing in &wish.phrasings {
                let text = Text::read(phrasing);
                let Some(topic) = topic(&text) else { continue };
                let topic = topic.join(" ");
                let (other, first) = wishes.entry(topic).or_insert((&wish.id, phrasing));
                if *other != &wish.id {
                    twice.push((*first, phrasing));
                }
            }
        }
        assert!(twice.is_empty(), "{twice:?}");
    }

    #[test]
    fn a_word_that_says_something_in_its_place_stays() {
        for (a, b) in [
            ("should I write about my boss", "a prompt about my boss"),
            ("give me a prompt", "a prompt about my will"),
            ("a prompt about my mother", "a prompt about being a mother"),
            (
                "a prompt about letters from my mother",
                "a prompt about letters to my mother",
            ),
            ("give me a prompt please", "ask me what I want"),
            ("ask me what I need", "ask me what I want"),
            ("give me a prompt", "ask me about us"),
            ("give me a prompt", "ask me about me"),
            ("give me a prompt", "a prompt about today"),
            (
                "give me a journal prompt",
                "what was this journal prompt about",
            ),
            ("a prompt", "what is the prompt about"),
            ("a prompt", "a prompt about my journal"),
            ("a prompt", "a prompt about my ideas"),
            ("a prompt", "what could I write about my ideas"),
            ("a prompt about my job", "a prompt about my new job"),
            ("a prompt about a gift", "suggest a gift"),
            ("a prompt", "a prompt about need"),
            (
                "a prompt about what they give me",
                "a prompt about what they get me",
            ),
        ] {
            check(a, b, false);
        }
    }
}
