//! Who does it to whom. "I hurt her" and "she hurt me" have the same words for a model of meaning.

use super::Verdict;
use super::people::{is_name, kin_of};
use super::text::Text;

/// Words between a person and a verb, or a verb and a person, at most.
const NEAR: usize = 4;

/// Someone does something to someone.
#[derive(Debug, PartialEq)]
struct Deed {
    who: String,
    verb: String,
    whom: String,
}

pub(super) fn look(a: &Text, b: &Text) -> Verdict {
    if let Some((one, other)) = exchanged(a, b) {
        return Verdict::Refuse(format!(
            "\u{201c}{one}\u{201d} and \u{201c}{other}\u{201d} stand in each other's place"
        ));
    }
    let (in_a, in_b) = (deeds(a), deeds(b));
    for x in &in_a {
        for y in &in_b {
            let swapped = x.verb == y.verb && same(&x.who, &y.whom) && same(&x.whom, &y.who);
            let straight = in_b
                .iter()
                .any(|z| z.verb == x.verb && same(&z.who, &x.who))
                || in_a
                    .iter()
                    .any(|z| z.verb == y.verb && same(&z.who, &y.who));
            if swapped && !straight {
                return Verdict::Refuse("who does it to whom is the other way round".to_owned());
            }
        }
    }
    // The same two people, the other way round, with other verbs.
    let turned = in_a.iter().any(|x| {
        in_b.iter()
            .any(|y| same(&x.who, &y.whom) && same(&x.whom, &y.who))
    });
    let kept = in_a
        .iter()
        .any(|x| in_b.iter().any(|y| same(&x.who, &y.who)));
    if turned && !kept {
        return Verdict::Doubt("who does it to whom may be the other way round".to_owned());
    }
    Verdict::Pass
}

/// The two words that have changed places, where nothing else is another: how sleep affects mood is not how mood affects
/// sleep. What "and" or "or" joins stands in any order.
fn exchanged<'a>(a: &'a Text, b: &Text) -> Option<(&'a str, &'a str)> {
    if a.words.len() != b.words.len() {
        return None;
    }
    let mut places = (0..a.words.len()).filter(|at| a.words[*at].stem != b.words[*at].stem);
    let (first, second) = (places.next()?, places.next()?);
    let swapped =
        a.words[first].stem == b.words[second].stem && a.words[second].stem == b.words[first].stem;
    let joined = (first..second).any(|at| ["and", "or"].contains(&a.form(at)));
    let neighbours = second - first == 1;
    (places.next().is_none() && swapped && !joined && !neighbours)
        .then(|| (a.form(first), a.form(second)))
}

/// "She" may be the sister; two names, or I and another, are never one.
fn same(one: &str, other: &str) -> bool {
    one == other || (one != "i" && other != "i" && (one == "other" || other == "other"))
}

/// Whom the word at `at` means, if it means a person that can do something.
fn person(text: &Text, at: usize) -> Option<String> {
    let form = text.form(at);
    match form {
        "i" | "me" | "myself" => Some("i".to_owned()),
        "we" | "us" => Some("we".to_owned()),
        "he" | "him" | "she" | "they" | "them" => Some("other".to_owned()),
        // "hurt her" is a person, "her dog" is not.
        "her"
            if text.words.get(at + 1).is_none_or(|next| {
                next.form.ends_with("ly")
                    || super::lexicon::is_function_word(&next.form)
                    || next.clause != text.words[at].clause
            }) =>
        {
            Some("other".to_owned())
        }
        _ if is_name(text, at) => Some(form.to_owned()),
        _ => kin_of(form).map(str::to_owned),
    }
}

fn deeds(text: &Text) -> Vec<Deed> {
    let mut found = Vec::new();
    for at in 0..text.words.len() {
        let Some(who) = person(text, at) else {
            continue;
        };
        let clause = text.words[at].clause;
        let mut verb: Option<&str> = None;
        let mut passive = false;
        for step in at + 1..(at + 2 * NEAR).min(text.words.len()) {
            let word = &text.words[step];
            if word.clause != clause
                || ["and", "or", "that", "because"].contains(&word.form.as_str())
            {
                break;
            }
            if let Some(whom) = person(text, step) {
                if let Some(verb) = verb {
                    let (who, whom) = if passive {
                        (whom, who.clone())
                    } else {
                        (who.clone(), whom)
                    };
                    if who != whom {
                        found.push(Deed {
                            who,
                            verb: verb.to_owned(),
                            whom,
                        });
                    }
                }
                break;
            }
            passive |= word.form == "by" && verb.is_some();
            let thing = super::lexicon::is_function_word(&word.form)
                && !DOING.contains(&word.form.as_str());
            if verb.is_none() && !thing {
                verb = Some(&word.stem);
            }
        }
    }
    found
}

/// Function words that are deeds all the same.
const DOING: &[&str] = &[
    "help", "tell", "ask", "give", "show", "know", "want", "need", "like",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_roles_are_refused_and_passives_are_understood() {
        let refused =
            |a: &str, b: &str| matches!(look(&Text::read(a), &Text::read(b)), Verdict::Refuse(_));
        for (a, b, want) in [
            ("I hurt my sister", "my sister hurt me", true),
            ("what my boss thinks of me", "what I think of my boss", true),
            (
                "how can I help my friend",
                "how can my friend help me",
                true,
            ),
            ("Ana shouted at Ben", "Ben shouted at Ana", true),
            ("I was hurt by my sister", "my sister hurt me", false),
            ("I hurt my sister", "I have hurt my sister badly", false),
            ("I called my mum", "my mum is well", false),
            (
                "does my work hurt my sleep",
                "does my sleep hurt my work",
                true,
            ),
            ("a short and sweet recap", "a sweet and short recap", false),
            (
                "how are my work and my sleep",
                "how are my sleep and my work",
                false,
            ),
        ] {
            assert_eq!(refused(a, b), want, "{a} | {b}");
            assert_eq!(refused(b, a), want, "{b} | {a}");
        }
    }
}
