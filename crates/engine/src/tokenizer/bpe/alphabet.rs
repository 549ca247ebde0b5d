//! GPT-2's alphabet: every byte as a printable character, which is how byte-level vocabularies are written down.

/// The character that stands for `byte`: itself where it is printable Latin-1, else one from U+0100 on.
pub(crate) fn character(byte: u8) -> char {
    let printable = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if printable(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|b| !printable(*b)).count() as u32;
    char::from_u32(0x100 + before).expect("there are 68 bytes that are not printable")
}

/// The byte that each character of the alphabet stands for.
pub(crate) struct Alphabet {
    bytes: [Option<u8>; 0x144],
}

impl Alphabet {
    pub(crate) fn new() -> Alphabet {
        let mut bytes = [None; 0x144];
        for byte in 0..=255 {
            bytes[character(byte) as usize] = Some(byte);
        }
        Alphabet { bytes }
    }

    /// The bytes that `piece` stands for, or `None` where a character is not of the alphabet.
    pub(crate) fn bytes(&self, piece: &str) -> Option<Vec<u8>> {
        piece
            .chars()
            .map(|c| self.bytes.get(c as usize).copied().flatten())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_characters_correspond() {
        let alphabet = Alphabet::new();
        for byte in 0..=255 {
            let text = character(byte).to_string();
            assert_eq!(alphabet.bytes(&text), Some(vec![byte]), "{byte}");
        }
        // As published with GPT-2.
        assert_eq!(character(b' '), 'Ġ');
        assert_eq!(character(b'\n'), 'Ċ');
        assert_eq!(character(0xad), 'Ń');
        assert_eq!(alphabet.bytes(" "), None);
        assert_eq!(alphabet.bytes("日"), None);
    }
}
