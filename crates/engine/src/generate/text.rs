//! Text from tokens: whole characters only, and nothing of a stop string.

/// What comes in as bytes and goes out as text.
#[derive(Debug, Clone, Default)]
pub(super) struct TextOut {
    stops: Vec<String>,
    /// The beginning of a character.
    bytes: Vec<u8>,
    /// Text that may be the beginning of a stop string.
    held: String,
}

/// What a token's bytes make possible to say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The text that can be said now.
    pub(super) text: String,
    /// Whether a stop string follows it.
    pub(super) stopped: bool,
}

impl TextOut {
    /// A stream that ends before any of `stops`; empty ones do not count.
    pub(super) fn new(stops: &[String]) -> TextOut {
        TextOut {
            stops: stops.iter().filter(|s| !s.is_empty()).cloned().collect(),
            ..TextOut::default()
        }
    }

    /// Takes in a token's bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Piece {
        self.bytes.extend_from_slice(bytes);
        loop {
            match std::str::from_utf8(&self.bytes) {
                Ok(text) => {
                    self.held.push_str(text);
                    self.bytes.clear();
                    break;
                }
                Err(error) => {
                    let whole = error.valid_up_to();
                    self.held
                        .push_str(&String::from_utf8_lossy(&self.bytes[..whole]));
                    match error.error_len() {
                        // More bytes may complete it.
                        None => {
                            self.bytes.drain(..whole);
                            break;
                        }
                        Some(bad) => {
                            self.held.push(char::REPLACEMENT_CHARACTER);
                            self.bytes.drain(..whole + bad);
                        }
                    }
                }
            }
        }
        let first = (self.stops.iter())
            .filter_map(|stop| self.held.find(stop.as_str()))
            .min();
        if let Some(at) = first {
            self.held.truncate(at);
            return Piece {
                text: std::mem::take(&mut self.held),
                stopped: true,
            };
        }
        let keep = (self.stops.iter())
            .map(|stop| begun(&self.held, stop))
            .max()
            .unwrap_or(0);
        let text = self.held.drain(..self.held.len() - keep).collect();
        Piece {
            text,
            stopped: false,
        }
    }

    /// What is left when no more tokens come.
    pub(super) fn finish(&mut self) -> String {
        let mut text = std::mem::take(&mut self.held);
        text.push_str(&String::from_utf8_lossy(&std::mem::take(&mut self.bytes)));
        text
    }
}

/// Bytes at the end of `text` that `stop` begins with, but not all of it.
fn begun(text: &str, stop: &str) -> usize {
    (1..stop.len().min(text.len() + 1))
        .rev()
        .find(|n| stop.is_char_boundary(*n) && text.ends_with(&stop[..*n]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn characters_come_whole_and_nonsense_is_marked() {
        let mut out = TextOut::new(&[]);
        let snow = "☃".as_bytes();
        assert_eq!(out.push(&snow[..1]).text, "");
        assert_eq!(out.push(&snow[1..]).text, "☃");
        assert_eq!(out.push(b"a\xffb").text, "a\u{fffd}b");
        assert_eq!(out.push(&snow[..2]).text, "");
        assert_eq!(out.finish(), "\u{fffd}");
    }

    #[test]
    fn a_stop_string_is_found_across_tokens_and_never_said() {
        let mut out = TextOut::new(&["\n\nUser".into(), "END".into(), String::new()]);
        let mut said = String::new();
        for token in ["one\n", "\nUs", "ing\n\nU", "se", "r: two"] {
            let piece = out.push(token.as_bytes());
            said += &piece.text;
            if piece.stopped {
                assert_eq!(said, "one\n\nUsing");
                return;
            }
        }
        panic!("no stop after {said:?}");
    }

    proptest! {
        #[test]
        fn whatever_the_tokens_the_text_is_the_same(text in "[abc☃é]{0,40}", cuts in prop::collection::vec(1_usize..6, 1..60), stop in "[abc☃]{1,3}") {
            let mut out = TextOut::new(std::slice::from_ref(&stop));
            let (mut said, mut stopped) = (String::new(), false);
            let mut rest = text.as_bytes();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() || stopped {
                    break;
                }
                let (token, others) = rest.split_at((*cut).min(rest.len()));
                rest = others;
                let piece = out.push(token);
                said += &piece.text;
                stopped = piece.stopped;
            }
            if !stopped {
                said += &out.finish();
            }
            let want = text.find(&stop).map_or(text.as_str(), |at| &text[..at]);
            prop_assert_eq!(said, want);
        }
    }
}
