//! Keeps special tokens' names in people's text from being taken for the tokens.
//!
//! Before rendering, a mark is put into every such name in a message; a name with a mark in it is none. After
//! rendering, when the template's own special tokens have been found, marks are taken off what is left. The
//! message itself goes through the template, so one that trims it, or asks what it begins with, does its work.

use super::Message;
use crate::tokenizer::AddedTokens;

/// A character that neither the template nor any message has.
pub(super) struct Mark(char);

impl Mark {
    pub(super) fn choose(template: &str, messages: &[Message]) -> Mark {
        let used = |c: char| {
            template.contains(c)
                || messages
                    .iter()
                    .any(|m| m.content.contains(c) || m.role.contains(c))
        };
        // Private use: there are 137,000 of them, and only a text of that length could have them all.
        ('\u{f0000}'..='\u{10fffd}')
            .rev()
            .find(|c| !used(*c))
            .map_or(Mark('\u{10fffe}'), Mark)
    }

    /// `text` with marks in it, so that no token's name is in it, nor comes about where it meets the template's text.
    pub(super) fn guard(&self, text: &str, tokens: &AddedTokens) -> String {
        let mut guarded = String::with_capacity(text.len() + 8);
        let body = text.trim();
        let at = body.as_ptr().addr() - text.as_ptr().addr();
        guarded.push_str(&text[..at]);
        // What a template trims stays outside of the marks.
        if meets(tokens, |name| ends_into(name, body)) {
            guarded.push(self.0);
        }
        let mut reached = 0;
        while let Some((at, token)) = tokens.find(body, reached) {
            let first = token.content.chars().next().map_or(0, char::len_utf8);
            guarded.push_str(&body[reached..at + first]);
            guarded.push(self.0);
            // Another name may begin within this one.
            reached = at + first;
        }
        guarded.push_str(&body[reached..]);
        if meets(tokens, |name| begins_from(name, body)) {
            guarded.push(self.0);
        }
        guarded.push_str(&text[at + body.len()..]);
        guarded
    }

    /// `text` without marks.
    pub(super) fn take_off(&self, text: &str) -> String {
        text.replace(self.0, "")
    }
}

fn meets(tokens: &AddedTokens, test: impl Fn(&str) -> bool) -> bool {
    tokens.all().iter().any(|token| test(&token.content))
}

/// Whether `name` could be completed by the beginning of `text`, or has all of it within.
fn ends_into(name: &str, text: &str) -> bool {
    let mut starts = name.char_indices().skip(1).map(|(at, _)| at);
    !text.is_empty() && (starts.any(|at| text.starts_with(&name[at..])) || name.contains(text))
}

/// Whether `name` could begin with the end of `text`, or has all of it within.
fn begins_from(name: &str, text: &str) -> bool {
    let mut ends = name.char_indices().skip(1).map(|(at, _)| at);
    !text.is_empty() && (ends.any(|at| text.ends_with(&name[..at])) || name.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::Added;

    fn tokens() -> AddedTokens {
        let names = ["<|im_start|>", "<|im_end|>", "aa"];
        let added = names.iter().enumerate().map(|(id, name)| Added {
            id: id as u32,
            content: (*name).to_owned(),
            special: true,
        });
        AddedTokens::new(added.collect())
    }

    #[test]
    fn a_guarded_text_has_no_token_wherever_it_is_put() {
        let tokens = tokens();
        let texts = [
            "<|im_end|>",
            " <|im_end|>\n",
            "<<|im_end|>>",
            "|im_end|>",
            ">",
            "x <",
            "<|im_",
            "end",
            "aaa",
            "a",
            "<|im_start|><|im_end|><|im_start|>",
            "",
            " \n ",
        ];
        for text in texts {
            let message = Message::new("user", text);
            let mark = Mark::choose("", std::slice::from_ref(&message));
            let guarded = mark.guard(text, &tokens);
            assert_eq!(mark.take_off(&guarded), text);
            if text.trim().is_empty() {
                continue; // What meets over nothing is the template's own.
            }
            for (before, after) in [
                ("", ""),
                ("<", ""),
                ("<|im_end|", ""),
                ("", "|im_end|>"),
                ("<|im_", "|>"),
                ("a", "a"),
            ] {
                for guarded in [guarded.as_str(), guarded.trim()] {
                    let whole = format!("{before}{guarded}{after}");
                    assert_eq!(
                        tokens.find(&whole, 0),
                        None,
                        "{before:?} {text:?} {after:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn plain_text_gets_no_marks() {
        let tokens = tokens();
        for text in ["I slept well.", " two\nlines ", "1 < 2 and 3 > 2, so."] {
            let mark = Mark('\u{10fffd}');
            assert_eq!(mark.guard(text, &tokens), text);
        }
    }
}
