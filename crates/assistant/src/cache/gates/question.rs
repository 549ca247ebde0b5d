//! What kind of question it is, and what is to be done: why is not when, a summary is not a list.

use super::text::{Text, overlap};
use super::{Verdict, said};

/// Tasks by the words that ask for them.
#[rustfmt::skip]
const TASKS: &[(&str, &[&str])] = &[
    ("summarise", &["summarise", "summarize", "summary", "summarised", "recap", "sum", "tldr", "overview", "digest", "condense", "gist", "roundup", "synopsis", "rundown", "summaries"]),
    ("list", &["list", "enumerate", "bullet", "bullets"]),
    ("rewrite", &["rewrite", "rephrase", "reword", "edit", "proofread", "translate", "shorten"]),
    ("compare", &["compare", "comparison", "versus", "vs"]),
    ("plan", &["plan", "schedule", "planning"]),
    ("advise", &["advise", "advice", "tips", "suggestions", "recommend", "recommendations"]),
    ("interview", &["interview", "question", "quiz", "questions"]),
    ("remind", &["remind", "reminder"]),
    ("prompt", &["prompt", "prompts"]),
];
/// Tasks that may be asked for in each other's words.
const RELATED: &[(&str, &str)] = &[
    ("interview", "prompt"),
    ("plan", "advise"),
    ("list", "prompt"),
    ("remind", "list"),
];

/// From this share of common words on, another question word is another question.
const ALIKE: f64 = 0.6;

/// The task that a word names.
pub(super) fn task_of(form: &str) -> Option<&'static str> {
    let found = TASKS.iter().find(|(_, words)| words.contains(&form));
    found.map(|(task, _)| *task)
}

pub(super) fn look(a: &Text, b: &Text) -> Verdict {
    let (ask_a, ask_b) = (asked(a), asked(b));
    if let (Some(x), Some(y)) = (ask_a, ask_b)
        && x != y
    {
        let (one, other) = if x <= y { (x, y) } else { (y, x) };
        let soft = matches!(
            (one, other),
            ("how", "what")
                | ("what", "why")
                | ("what", "when")
                | ("what", "who")
                | ("what", "where")
                | ("how long", "when")
                | ("what", "which")
                | ("how often", "when")
                | ("how many", "how often")
                | ("how", "which")
                | ("how long", "what")
                | ("how many", "what")
                | ("what", "whether")
                | ("how", "whether")
                | ("how", "how long")
                | ("when", "which")
                | ("where", "which")
                | ("which", "who")
        );
        // In the same words otherwise, no two question words ask the same.
        return if soft && overlap(a, b) < ALIKE {
            Verdict::Doubt(said("question", x, y))
        } else {
            Verdict::Refuse(said("question", x, y))
        };
    }
    let (tasks_a, tasks_b) = (tasks(a), tasks(b));
    if let (Some(x), Some(y)) = (tasks_a.first(), tasks_b.first())
        && !tasks_a.iter().any(|task| tasks_b.contains(task))
    {
        let related = RELATED
            .iter()
            .any(|(one, other)| (x == one && y == other) || (x == other && y == one));
        return if related {
            Verdict::Doubt(said("task", x, y))
        } else {
            Verdict::Refuse(said("task", x, y))
        };
    }
    // A task against a plain question: "summarise why I cried", "why did I cry".
    let first = |tasks: &[&'static str]| tasks.first().copied().unwrap_or("");
    if tasks_a != tasks_b && (tasks_a.is_empty() || tasks_b.is_empty()) {
        return Verdict::Doubt(said("task", first(&tasks_a), first(&tasks_b)));
    }
    if ask_a != ask_b {
        return Verdict::Doubt(said("question", ask_a.unwrap_or(""), ask_b.unwrap_or("")));
    }
    Verdict::Pass
}

/// What is asked: `why`, `how`, `how often`, `when`, `where`, `who`, `which`, `what`, or `whether` for yes and no.
fn asked(text: &Text) -> Option<&'static str> {
    for at in 0..text.words.len() {
        let (form, next) = (text.form(at), text.form(at + 1));
        let kind = match form {
            "why" | "y" => "why",
            "how"
                if next == "often"
                    || next == "frequently"
                    || (next == "many" && text.form(at + 2) == "times") =>
            {
                "how often"
            }
            "how" if next == "many" || next == "much" => "how many",
            "how" if next == "long" => "how long",
            "how" if next == "come" => "why",
            "how" => "how",
            "when" if begins_question(text, at) => "when",
            "where" if begins_question(text, at) => "where",
            "who" | "whom" if begins_question(text, at) => "who",
            "which" => "which",
            // "What is the reason", "what makes me": why. "What can I do to": how.
            "what"
                if names(
                    text,
                    at,
                    &[
                        "reason", "reasons", "cause", "causes", "makes", "causing", "behind",
                        "made",
                    ],
                ) =>
            {
                "why"
            }
            "what" if names(text, at, &["way", "ways", "method", "steps"]) => "how",
            "what"
                if next == "can"
                    || next == "could"
                    || (next == "should" && text.form(at + 3) == "do") =>
            {
                "how"
            }
            "what" if names(text, at, &["date", "day", "time"]) => "when",
            "what" | "wat" | "wot" => "what",
            "reason" | "reasons" | "cause" => "why",
            "way" | "ways" if at > 0 => continue,
            _ => continue,
        };
        return Some(kind);
    }
    let first = text.form(0);
    let yes_or_no = [
        "do", "does", "did", "am", "is", "are", "was", "were", "have", "has", "should", "will",
        "can", "could", "would",
    ];
    let about_me = [
        "i", "my", "we", "he", "she", "they", "it", "there", "the", "this", "me",
    ]
    .contains(&text.form(1));
    (yes_or_no.contains(&first) && about_me || text.has("whether")).then_some("whether")
}

/// "When" that asks, not "when I was young".
fn begins_question(text: &Text, at: usize) -> bool {
    let next = text.form(at + 1);
    let asks = [
        "did", "do", "does", "was", "were", "is", "are", "will", "am", "have", "has", "should",
        "can", "could", "would", "had", "else", "all",
    ];
    asks.contains(&next)
        || (at == 0 && !text.words.iter().any(|w| w.clause > 0))
        || text.form(at.wrapping_sub(1)) == "tell"
}

fn names(text: &Text, at: usize, nouns: &[&str]) -> bool {
    (at + 1..at + 5).any(|i| nouns.contains(&text.form(i)))
}

fn tasks(text: &Text) -> Vec<&'static str> {
    let mut found = Vec::new();
    for (task, words) in TASKS {
        let asks = text.words.iter().enumerate().any(|(at, w)| {
            words.contains(&w.form.as_str())
                // "my plan", "the question of": things, not tasks.
                && !(["plan", "question", "list", "questions", "plans"].contains(&w.form.as_str())
                    && ["my", "the", "that", "this", "i", "in", "her", "his"].contains(&text.form(at.wrapping_sub(1))))
        });
        if asks {
            found.push(*task);
        }
    }
    if found.is_empty() && (text.has_phrase("ask me") || text.has_phrase("asks me")) {
        found.push("interview");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_told_apart() {
        for (text, want) in [
            ("why do I cry", Some("why")),
            ("what is the reason that I cry", Some("why")),
            ("how often do I cry", Some("how often")),
            ("when did I cry", Some("when")),
            ("when I cry I feel better", Some("when")),
            ("did I cry", Some("whether")),
            ("summarise my week", None),
        ] {
            assert_eq!(asked(&Text::read(text)), want, "{text}");
        }
    }

    #[test]
    fn other_questions_and_tasks_are_refused() {
        let verdict = |a: &str, b: &str| match look(&Text::read(a), &Text::read(b)) {
            Verdict::Pass => '-',
            Verdict::Doubt(_) => '?',
            Verdict::Refuse(_) => 'x',
        };
        for (a, b, want) in [
            ("why do I shout", "when do I shout", 'x'),
            ("how do I sleep better", "why do I sleep better", 'x'),
            ("summarise my week", "list my week", 'x'),
            ("recap of my week", "summarise my week", '-'),
            ("advice about my boss", "questions about my boss", 'x'),
            ("did I call mum", "why did I call mum", 'x'),
        ] {
            assert_eq!(verdict(a, b), want, "{a} | {b}");
            assert_eq!(verdict(b, a), want, "{b} | {a}");
        }
    }
}
