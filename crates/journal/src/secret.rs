//! Key material in memory: wiped when dropped, never shown.

use std::fmt;

use secrecy::SecretString;
use zeroize::{Zeroize, Zeroizing};

use crate::{Error, Result};

/// What opens a journal: a passphrase, or the key file in its home.
#[derive(Clone, Default)]
pub enum Secret {
    /// The key file `journal.key` in the home (mode 0600).
    #[default]
    None,
    /// A passphrase, stretched by Argon2id.
    Passphrase(SecretString),
}

impl Secret {
    /// A passphrase from a plain string, which the caller should wipe.
    pub fn passphrase(text: &str) -> Secret {
        Secret::Passphrase(SecretString::from(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Secret::None => "Secret::None",
            Secret::Passphrase(_) => "Secret::Passphrase([redacted])",
        })
    }
}

/// 32 bytes of key material.
#[derive(PartialEq, Eq)]
pub(crate) struct Key(Box<[u8; 32]>);

impl Key {
    /// A fresh key from the operating system's generator.
    pub(crate) fn random() -> Result<Key> {
        let mut key = Key::zero();
        fill_random(key.0.as_mut_slice())?;
        Ok(key)
    }

    /// A key to be filled in.
    pub(crate) fn zero() -> Key {
        Key(Box::new([0; 32]))
    }

    /// From exactly 32 bytes.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Key> {
        let mut key = Key::zero();
        (bytes.len() == 32).then(|| key.0.copy_from_slice(bytes))?;
        Some(key)
    }

    /// The bytes themselves. Never log, print or copy them to where they are not wiped.
    pub(crate) fn expose_key(&self) -> &[u8; 32] {
        &self.0
    }

    /// The bytes, to be written by a key derivation.
    pub(crate) fn expose_key_mut(&mut self) -> &mut [u8; 32] {
        &mut self.0
    }

    /// In hexadecimal, as SQLCipher wants a raw key.
    pub(crate) fn expose_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex(self.expose_key()))
    }
}

impl Clone for Key {
    fn clone(&self) -> Key {
        Key(self.0.clone())
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([redacted])")
    }
}

/// Fills `buffer` from the operating system's generator.
pub(crate) fn fill_random(buffer: &mut [u8]) -> Result<()> {
    getrandom::fill(buffer).map_err(|e| Error::Io {
        action: "read random bytes from",
        path: "the operating system".into(),
        source: std::io::Error::other(e.to_string()),
    })
}

/// A random 128-bit id as 32 hexadecimal digits.
pub(crate) fn random_id() -> Result<String> {
    let mut bytes = [0; 16];
    fill_random(&mut bytes)?;
    Ok(hex(&bytes))
}

/// Lower-case hexadecimal, in one allocation (so that wiping the result wipes all of it).
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

/// The bytes of lower- or upper-case hexadecimal.
pub(crate) fn unhex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let mut out = Zeroizing::new(Vec::with_capacity(digits.len() / 2));
    for pair in digits.chunks_exact(2) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        out.push((high * 16 + low) as u8);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_a_secret() {
        let key = Key::from_slice(&[0xab; 32]).expect("32 bytes");
        let secret = Secret::passphrase("correct horse");
        let shown = format!("{key:?} {secret:?} {:?}", Some(&secret));
        assert!(
            !shown.contains("ab") && !shown.contains("171") && !shown.contains("horse"),
            "{shown}"
        );
    }

    #[test]
    fn hexadecimal_round_trips_and_refuses_rubbish() {
        assert_eq!(
            unhex(&hex(&[0, 1, 0xfe])).expect("hex").as_slice(),
            [0, 1, 0xfe]
        );
        for bad in ["0", "0g", "é0", "+1"] {
            assert!(unhex(bad).is_none(), "{bad}");
        }
    }
}
