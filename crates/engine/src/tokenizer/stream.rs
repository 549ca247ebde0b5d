//! Tokens to text as they come: whole characters only.

use super::DecoderTokenizer;

/// Turns tokens into text one by one. A character may take several tokens; what is given out is always whole.
pub struct DecodeStream<'a> {
    tokenizer: &'a DecoderTokenizer,
    /// The beginning of a character.
    pending: Vec<u8>,
    /// Whether the next space is one that the tokenizer put before the text.
    strip: bool,
}

impl<'a> DecodeStream<'a> {
    pub(super) fn new(tokenizer: &'a DecoderTokenizer) -> DecodeStream<'a> {
        DecodeStream {
            tokenizer,
            pending: Vec::new(),
            strip: tokenizer.strips_first_space(),
        }
    }

    /// The text that `id` completes; empty while a character lacks bytes, and for special tokens. Bytes that
    /// can be no character become U+FFFD.
    pub fn push(&mut self, id: u32) -> String {
        if self.tokenizer.is_special(id) {
            return String::new();
        }
        let mut bytes = self.tokenizer.token_bytes(id);
        if self.strip && !bytes.is_empty() {
            bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
            self.strip = false;
        }
        self.pending.extend_from_slice(bytes);
        let whole = self.pending.len() - unfinished(&self.pending);
        let rest = self.pending.split_off(whole);
        let text = String::from_utf8_lossy(&self.pending).into_owned();
        self.pending = rest;
        text
    }

    /// What is left when no more tokens come: U+FFFD for a character that was never completed, or nothing.
    pub fn finish(self) -> String {
        String::from_utf8_lossy(&self.pending).into_owned()
    }
}

/// How many bytes at the end of `bytes` begin a character that more bytes could complete.
fn unfinished(bytes: &[u8]) -> usize {
    for length in 1..=bytes.len().min(3) {
        let tail = &bytes[bytes.len() - length..];
        let wanted = match tail[0] {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            0x80..=0xbf => continue,
            _ => return 0,
        };
        let open = std::str::from_utf8(tail).is_err_and(|e| e.error_len().is_none());
        return if open && length < wanted { length } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_beginning_of_a_character_is_held_back() {
        let cases: &[(&[u8], usize)] = &[
            (b"", 0),
            (b"a", 0),
            ("é".as_bytes(), 0),
            (&"é".as_bytes()[..1], 1),
            (&"日".as_bytes()[..2], 2),
            (&"🙂".as_bytes()[..3], 3),
            (&"🙂".as_bytes()[..1], 1),
            (&[0x80], 0),
            (&[0xff], 0),
            // Overlong, and a surrogate: nothing can complete them.
            (&[0xe0, 0x80], 0),
            (&[0xed, 0xa0], 0),
            (&[b'a', 0xf0, 0x9f], 2),
        ];
        for (bytes, expected) in cases {
            assert_eq!(unfinished(bytes), *expected, "{bytes:x?}");
        }
    }
}
