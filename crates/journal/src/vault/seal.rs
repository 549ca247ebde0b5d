//! The two constructions of the vault: Argon2id for the passphrase, XChaCha20-Poly1305 for the keys.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::{Kdf, Sealed, Vault, file};
use crate::secret::{Key, fill_random, hex, unhex};
use crate::{Error, Home, Protection, Result, Secret};

/// 16 times what version 1 writes: more would make a hostile backup swap for minutes, or end the program for want of
/// memory, before its vault is known to be wrong.
const MAX_MEMORY_KIB: u32 = 1 << 20;
/// Five times what version 1 writes.
const MAX_PASSES: u32 = 16;

/// What one guess at the passphrase costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) memory_kib: u32,
    pub(crate) passes: u32,
    pub(crate) lanes: u32,
}

impl Default for Cost {
    /// 64 MiB, three passes: RFC 9106's second recommended choice, about 0.1 s.
    fn default() -> Cost {
        Cost {
            memory_kib: 64 * 1024,
            passes: 3,
            lanes: 1,
        }
    }
}

impl Kdf {
    /// Refuses parameters that would exhaust the machine before the checksum's author could be asked why.
    pub(super) fn check(&self) -> std::result::Result<(), String> {
        let Kdf::Argon2id {
            memory_kib,
            passes,
            lanes,
            salt,
        } = self
        else {
            return Ok(());
        };
        let limits = [
            ("memory_kib", *memory_kib, MAX_MEMORY_KIB),
            ("passes", *passes, MAX_PASSES),
            ("lanes", *lanes, 64),
        ];
        for (name, value, limit) in limits {
            if value == 0 || value > limit {
                return Err(format!("kdf {name} is {value}, not 1 to {limit}"));
            }
        }
        match unhex(salt) {
            Some(bytes) if bytes.len() == 16 => Ok(()),
            _ => Err("kdf salt is not 16 bytes".into()),
        }
    }
}

/// The key that wraps the data keys, with where it came from.
pub(crate) enum Wrapping {
    /// From a passphrase.
    Passphrase {
        /// The derived key.
        key: Key,
        /// Salt and cost.
        kdf: Kdf,
    },
    /// From the key file.
    KeyFile(Key),
}

impl Wrapping {
    /// A fresh wrapping for `secret`: a new salt, or a new key file's content (written by the caller).
    pub(crate) fn fresh(secret: &Secret, cost: Cost) -> Result<Wrapping> {
        let Secret::Passphrase(passphrase) = secret else {
            return Ok(Wrapping::KeyFile(Key::random()?));
        };
        if passphrase.expose_secret().is_empty() {
            return Err(Error::EmptyPassphrase);
        }
        let mut salt = [0; 16];
        fill_random(&mut salt)?;
        let key = stretch(passphrase, &salt, cost);
        let Cost {
            memory_kib,
            passes,
            lanes,
        } = cost;
        Ok(Wrapping::Passphrase {
            key,
            kdf: Kdf::Argon2id {
                salt: hex(&salt),
                memory_kib,
                passes,
                lanes,
            },
        })
    }

    /// What `secret` gives for an existing vault.
    pub(crate) fn for_vault(vault: &Vault, home: &Home, secret: &Secret) -> Result<Wrapping> {
        match (vault.kdf(), secret) {
            (Kdf::KeyFile {}, Secret::None) => file::read_key_file(home).map(Wrapping::KeyFile),
            (Kdf::KeyFile {}, Secret::Passphrase(_)) => Err(Error::PassphraseNotUsed),
            (Kdf::Argon2id { .. }, Secret::None) => Err(Error::PassphraseNeeded),
            (
                kdf @ Kdf::Argon2id {
                    salt,
                    memory_kib,
                    passes,
                    lanes,
                },
                Secret::Passphrase(passphrase),
            ) => {
                let salt = unhex(salt).expect("checked when the vault was parsed");
                let cost = Cost {
                    memory_kib: *memory_kib,
                    passes: *passes,
                    lanes: *lanes,
                };
                Ok(Wrapping::Passphrase {
                    key: stretch(passphrase, &salt, cost),
                    kdf: kdf.clone(),
                })
            }
        }
    }

    pub(super) fn key(&self) -> &Key {
        match self {
            Wrapping::Passphrase { key, .. } | Wrapping::KeyFile(key) => key,
        }
    }

    pub(super) fn kdf(&self) -> Kdf {
        match self {
            Wrapping::Passphrase { kdf, .. } => kdf.clone(),
            Wrapping::KeyFile(_) => Kdf::KeyFile {},
        }
    }

    /// Which kind of secret it came from.
    pub(crate) fn protection(&self) -> Protection {
        match self {
            Wrapping::Passphrase { .. } => Protection::Passphrase,
            Wrapping::KeyFile(_) => Protection::KeyFile,
        }
    }
}

fn stretch(passphrase: &SecretString, salt: &[u8], cost: Cost) -> Key {
    // The same passphrase typed on another system may come decomposed.
    let text: Zeroizing<String> = Zeroizing::new(passphrase.expose_secret().nfc().collect());
    let params = Params::new(
        cost.memory_kib.max(8 * cost.lanes),
        cost.passes,
        cost.lanes,
        Some(32),
    )
    .expect("checked against the limits of the format");
    let mut key = Key::zero();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(text.as_bytes(), salt, key.expose_key_mut())
        .expect("a passphrase, a 16-byte salt and a 32-byte key are within Argon2's limits");
    key
}

pub(super) fn seal(wrapping: &Key, header: &[u8], key: &Key) -> Result<Sealed> {
    let mut nonce = [0; 24];
    fill_random(&mut nonce)?;
    let payload = Payload {
        msg: key.expose_key(),
        aad: header,
    };
    let sealed = XChaCha20Poly1305::new(wrapping.expose_key().into())
        .encrypt(&XNonce::from(nonce), payload)
        .expect("32 bytes are within the cipher's limits");
    Ok(Sealed {
        nonce: hex(&nonce),
        sealed: hex(&sealed),
    })
}

/// `None` when the tag does not fit: another passphrase or key file.
pub(super) fn open(wrapping: &Key, header: &[u8], sealed: &Sealed) -> Option<Key> {
    let nonce: [u8; 24] = unhex(&sealed.nonce)?.as_slice().try_into().ok()?;
    let bytes = unhex(&sealed.sealed)?;
    let payload = Payload {
        msg: bytes.as_slice(),
        aad: header,
    };
    let plain = XChaCha20Poly1305::new(wrapping.expose_key().into())
        .decrypt(&XNonce::from(nonce), payload)
        .ok()?;
    Key::from_slice(&Zeroizing::new(plain))
}
