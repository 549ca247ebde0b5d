//! The vault: 32 random bytes, the *data key*, wrapped so that only the passphrase or the key file frees them.
//!
//! # Format 1, byte by byte
//!
//! `vault.json` is UTF-8 JSON, mode 0600; byte strings are lower-case hexadecimal:
//!
//! ```json
//! {
//!   "format": "companion-vault",
//!   "version": 1,
//!   "journal": "<16 random bytes: the identity of this journal>",
//!   "kdf": {"name": "argon2id", "salt": "<16 bytes>", "memory_kib": 65536, "passes": 3, "lanes": 1},
//!   "keys": [{"nonce": "<24 bytes>", "sealed": "<32 + 16 bytes>"}],
//!   "checksum": "<32 bytes>"
//! }
//! ```
//!
//! - **Wrapping key**, 32 bytes. `argon2id`: Argon2id version 0x13 over the passphrase (UTF-8, NFC) with the
//!   parameters shown, so the cost can grow without a new format. `"kdf": {"name": "key-file"}`: the 32 bytes
//!   of `journal.key`, as they are.
//! - **Header**: the ASCII text `companion-vault\n1\nJOURNAL\nKDF\n`, where KDF is
//!   `argon2id SALT MEMORY PASSES LANES` or `key-file`. It is the associated data of every sealed key, so
//!   neither the identity nor the cost can be altered unnoticed.
//! - **Sealed key**: XChaCha20-Poly1305 ([construction](https://datatracker.ietf.org/doc/html/draft-irtf-cfrg-xchacha))
//!   of the data key under the wrapping key, a random nonce, and the header; the last 16 bytes are the tag.
//!   `keys[0]` is the current data key. A second one is there only while a re-keying is under way: which of
//!   the two the database uses is found by trying.
//! - **Checksum**: SHA-256 over the header and then each key's nonce and sealed bytes. It tells a damaged vault
//!   (checksum wrong) from a wrong passphrase (checksum right, tag wrong); it protects against accidents, the tag against people.
//!
//! `journal.key` (mode 0600): `companion-key 1 KEY CHECK\n`, KEY being 32 bytes and CHECK the first 8 bytes of
//! SHA-256(KEY), both in hexadecimal.
//!
//! The data key goes to SQLCipher raw (`PRAGMA key = "x'…'"`), so Argon2id is the only key derivation that costs time.
//!
//! # Replacing
//!
//! Write aside, fsync, rename, fsync of the directory; the old file stays as `vault.json.previous` until the new
//! one has been read back and opened, then the previous copy is made equal to it. So at rest there are two equal
//! copies, and an old passphrase opens neither.

mod file;
mod seal;

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::secret::{Key, hex, unhex};
use crate::{Error, Home, Result};

pub(crate) use file::{key_file_opens, read, remove_key_file, second_copy_trouble, write_with_key};
pub(crate) use seal::{Cost, Wrapping};

const FORMAT: &str = "companion-vault";
/// The newest vault format this release reads and the one it writes.
pub(crate) const VERSION: u32 = 1;

/// What locks a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// A key file in the home: protects a copy of the database alone, not of the whole home.
    KeyFile,
    /// A passphrase: protects the whole home.
    Passphrase,
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protection::KeyFile => "key file",
            Protection::Passphrase => "passphrase",
        })
    }
}

/// The parsed vault. Holds nothing secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vault {
    format: String,
    version: u32,
    journal: String,
    kdf: Kdf,
    keys: Vec<Sealed>,
    checksum: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Kdf {
    Argon2id {
        salt: String,
        memory_kib: u32,
        passes: u32,
        lanes: u32,
    },
    KeyFile {},
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    nonce: String,
    sealed: String,
}

impl Vault {
    /// Seals `keys` (the current one first) for `journal` under `wrapping`.
    pub(crate) fn seal(journal: &str, wrapping: &Wrapping, keys: &[&Key]) -> Result<Vault> {
        let kdf = wrapping.kdf();
        let header = header(journal, &kdf);
        let keys = keys
            .iter()
            .map(|key| seal::seal(wrapping.key(), &header, key))
            .collect::<Result<Vec<_>>>()?;
        let checksum = checksum(&header, &keys).expect("just made from bytes");
        Ok(Vault {
            format: FORMAT.into(),
            version: VERSION,
            journal: journal.into(),
            kdf,
            keys,
            checksum,
        })
    }

    /// Parses and checks everything that can be checked without the secret; the error is the reason.
    pub(crate) fn parse(bytes: &[u8]) -> std::result::Result<Vault, Unusable> {
        let damaged = |reason: String| Unusable::Damaged(reason);
        if bytes.is_empty() {
            return Err(damaged("it is empty".into()));
        }
        #[derive(Deserialize)]
        struct Version {
            format: String,
            version: u32,
        }
        let kind: Version =
            serde_json::from_slice(bytes).map_err(|e| damaged(format!("not a vault: {e}")))?;
        if kind.format != FORMAT {
            return Err(damaged(format!(
                "its format is {:?}, not {FORMAT:?}",
                kind.format
            )));
        }
        if kind.version > VERSION {
            return Err(Unusable::Newer(kind.version));
        }
        let vault: Vault =
            serde_json::from_slice(bytes).map_err(|e| damaged(format!("not a vault: {e}")))?;
        vault.check().map_err(damaged)?;
        Ok(vault)
    }

    fn check(&self) -> std::result::Result<(), String> {
        let expected = checksum(&self.header(), &self.keys).ok_or("a key is not hexadecimal")?;
        if expected != self.checksum {
            return Err("its checksum does not match".into());
        }
        if self.keys.is_empty() || self.keys.len() > 2 {
            return Err(format!("it holds {} keys, not 1 or 2", self.keys.len()));
        }
        self.kdf.check()
    }

    /// The keys inside, the current one first.
    pub(crate) fn open(&self, wrapping: &Wrapping) -> Option<Vec<Key>> {
        let header = self.header();
        self.keys
            .iter()
            .map(|sealed| seal::open(wrapping.key(), &header, sealed))
            .collect()
    }

    /// Which secret this vault wants.
    pub(crate) fn protection(&self) -> Protection {
        match self.kdf {
            Kdf::Argon2id { .. } => Protection::Passphrase,
            Kdf::KeyFile {} => Protection::KeyFile,
        }
    }

    pub(crate) fn journal(&self) -> &str {
        &self.journal
    }

    pub(crate) fn kdf(&self) -> &Kdf {
        &self.kdf
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("strings and numbers only");
        json.push(b'\n');
        json
    }

    fn header(&self) -> Vec<u8> {
        header(&self.journal, &self.kdf)
    }
}

/// Why a vault cannot be used.
#[derive(Debug, PartialEq)]
pub(crate) enum Unusable {
    /// Its bytes are not what was written.
    Damaged(String),
    /// A newer release wrote it.
    Newer(u32),
}

fn header(journal: &str, kdf: &Kdf) -> Vec<u8> {
    let kdf = match kdf {
        Kdf::Argon2id {
            salt,
            memory_kib,
            passes,
            lanes,
        } => format!("argon2id {salt} {memory_kib} {passes} {lanes}"),
        Kdf::KeyFile {} => "key-file".into(),
    };
    format!("{FORMAT}\n{VERSION}\n{journal}\n{kdf}\n").into_bytes()
}

/// `None` where a key is not hexadecimal.
fn checksum(header: &[u8], keys: &[Sealed]) -> Option<String> {
    let mut sum = Sha256::new();
    sum.update(header);
    for key in keys {
        sum.update(unhex(&key.nonce)?.as_slice());
        sum.update(unhex(&key.sealed)?.as_slice());
    }
    Some(hex(&sum.finalize()))
}

/// The data keys of the vault in `home`, and what had to be done to get at them.
pub(crate) fn unlock(home: &Home, secret: &crate::Secret) -> Result<Unlocked> {
    let found = read(home)?;
    let wrapping = Wrapping::for_vault(&found.vault, home, secret)?;
    let keys = found
        .vault
        .open(&wrapping)
        .ok_or_else(|| match found.vault.protection() {
            Protection::Passphrase => Error::WrongPassphrase,
            Protection::KeyFile => Error::WrongKeyFile {
                path: home.key_file(),
            },
        })?;
    Ok(Unlocked {
        vault: found.vault,
        wrapping,
        keys,
        recovered: found.recovered,
    })
}

/// An opened vault.
pub(crate) struct Unlocked {
    pub(crate) vault: Vault,
    pub(crate) wrapping: Wrapping,
    /// One key, or two while a re-keying was under way.
    pub(crate) keys: Vec<Key>,
    /// Why the previous copy had to be used, if it had.
    pub(crate) recovered: Option<String>,
}

#[cfg(test)]
mod tests;
