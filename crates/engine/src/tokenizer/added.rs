//! Tokens that templates write out: found where they may stand, and nowhere else.

use super::bpe::Added;

/// A stretch of text, as [`AddedTokens::split`] parts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// Text without any such token.
    Text(&'a str),
    /// A token's id.
    Token(u32),
}

/// The added tokens of a tokenizer.
pub(crate) struct AddedTokens {
    /// Longest first, so that the first that fits is the longest.
    tokens: Vec<Added>,
    /// Whether a token begins with that byte.
    starts: [bool; 256],
}

impl AddedTokens {
    pub(crate) fn new(mut tokens: Vec<Added>) -> AddedTokens {
        tokens.retain(|token| !token.content.is_empty());
        tokens.sort_by_key(|token| std::cmp::Reverse(token.content.len()));
        let mut starts = [false; 256];
        for token in &tokens {
            starts[usize::from(token.content.as_bytes()[0])] = true;
        }
        AddedTokens { tokens, starts }
    }

    pub(crate) fn all(&self) -> &[Added] {
        &self.tokens
    }

    pub(crate) fn by_id(&self, id: u32) -> Option<&Added> {
        self.tokens.iter().find(|token| token.id == id)
    }

    pub(crate) fn by_content(&self, content: &str) -> Option<&Added> {
        self.tokens.iter().find(|token| token.content == content)
    }

    /// The first token in `text` from byte `from` on, the longest of those that begin there, and where it is.
    pub(crate) fn find(&self, text: &str, from: usize) -> Option<(usize, &Added)> {
        let bytes = text.as_bytes();
        (from..bytes.len())
            .filter(|at| self.starts[usize::from(bytes[*at])])
            .find_map(|at| {
                let rest = &bytes[at..];
                let fits = |token: &&Added| rest.starts_with(token.content.as_bytes());
                self.tokens.iter().find(fits).map(|token| (at, token))
            })
    }

    /// Parts `text` into tokens and what lies between, in order.
    pub(crate) fn split<'a>(&self, text: &'a str) -> Vec<Part<'a>> {
        let mut parts = Vec::new();
        let mut reached = 0;
        while let Some((at, token)) = self.find(text, reached) {
            if at > reached {
                parts.push(Part::Text(&text[reached..at]));
            }
            parts.push(Part::Token(token.id));
            reached = at + token.content.len();
        }
        if reached < text.len() {
            parts.push(Part::Text(&text[reached..]));
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(contents: &[&str]) -> AddedTokens {
        let added = contents.iter().enumerate().map(|(id, content)| Added {
            id: id as u32,
            content: (*content).to_owned(),
            special: true,
        });
        AddedTokens::new(added.collect())
    }

    #[test]
    fn the_longest_of_those_that_begin_first_is_taken() {
        let tokens = tokens(&["<a>", "<a><b>", "ß"]);
        use Part::{Text, Token};
        let cases: &[(&str, &[Part])] = &[
            ("", &[]),
            ("x", &[Text("x")]),
            ("<a>", &[Token(0)]),
            ("<a><b>", &[Token(1)]),
            ("é<a>ß<a", &[Text("é"), Token(0), Token(2), Text("<a")]),
            ("<<a>>", &[Text("<"), Token(0), Text(">")]),
        ];
        for (text, parts) in cases {
            assert_eq!(tokens.split(text), *parts, "{text}");
        }
    }
}
