//! `vault.json`, its previous copy and the key file on disk.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Protection, Unusable, VERSION, Vault, Wrapping};
use crate::home::{sync_dir, write_atomically};
use crate::secret::{Key, hex, unhex};
use crate::{Error, Home, Result};

/// A vault as found on disk.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) vault: Vault,
    /// Why it is the previous copy, if it is.
    pub(crate) recovered: Option<String>,
}

/// Reads `vault.json`, or its previous copy where that fails.
pub(crate) fn read(home: &Home) -> Result<Found> {
    let reason = match load(&home.vault())? {
        Ok(vault) => {
            return Ok(Found {
                vault,
                recovered: None,
            });
        }
        Err(Unusable::Newer(found)) => {
            return Err(Error::NewerVault {
                path: home.vault(),
                found,
                known: VERSION,
            });
        }
        Err(Unusable::Damaged(reason)) => reason,
    };
    match load(&home.vault_previous())? {
        Ok(vault) => Ok(Found {
            vault,
            recovered: Some(reason),
        }),
        Err(_) if home.exists() => Err(Error::VaultDamaged {
            path: home.vault(),
            reason,
        }),
        Err(_) if home.database().exists() => Err(Error::VaultMissing {
            database: home.database(),
        }),
        Err(_) => Err(Error::NoJournal {
            home: home.path().to_owned(),
        }),
    }
}

/// What keeps `vault.json.previous` from being an equal copy of `vault`, if anything does.
pub(crate) fn second_copy_trouble(home: &Home, vault: &Vault) -> Option<String> {
    match load(&home.vault_previous()) {
        Ok(Ok(copy)) if copy == *vault => None,
        Ok(Ok(_)) => Some("differs from vault.json, so an old secret may open it".into()),
        Ok(Err(Unusable::Damaged(reason))) => Some(format!("is damaged ({reason})")),
        Ok(Err(Unusable::Newer(version))) => Some(format!("has the newer format {version}")),
        Err(error) => Some(format!("cannot be used: {error}")),
    }
}

fn load(path: &Path) -> Result<std::result::Result<Vault, Unusable>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Vault::parse(&bytes)),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Err(Unusable::Damaged("it is missing".into())))
        }
        Err(e) => Err(Error::Io {
            action: "read",
            path: path.to_owned(),
            source: e,
        }),
    }
}

/// Replaces the vault by `vault`, which `wrapping` opens, and the key file where there is one.
pub(crate) fn write_with_key(home: &Home, vault: &Vault, wrapping: &Wrapping) -> Result<()> {
    if let Wrapping::KeyFile(key) = wrapping {
        write_key_file(home, key)?;
    }
    keep_previous(home)?;
    write_atomically(&home.vault(), &vault.to_json())?;
    // Only a vault that was read back and opened may replace the copy that is known to work.
    let back = load(&home.vault())?
        .ok()
        .filter(|back| back == vault && back.open(wrapping).is_some());
    let Some(back) = back else {
        return Err(Error::VaultDamaged {
            path: home.vault(),
            reason: "it does not read back as written".into(),
        });
    };
    write_atomically(&home.vault_previous(), &back.to_json())
}

/// Takes away the key file of a journal that has a passphrase now.
pub(crate) fn remove_key_file(home: &Home) -> Result<()> {
    let path = home.key_file();
    match fs::remove_file(&path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove", &path, e)),
        _ => sync_dir(home.path()),
    }
}

/// Saves an intact vault as the previous copy before it is replaced; a damaged one is not worth keeping.
fn keep_previous(home: &Home) -> Result<()> {
    match load(&home.vault())? {
        Ok(vault) => write_atomically(&home.vault_previous(), &vault.to_json()),
        Err(_) => Ok(()),
    }
}

fn write_key_file(home: &Home, key: &Key) -> Result<()> {
    let line = Zeroizing::new(format!(
        "companion-key 1 {} {}\n",
        *key.expose_hex(),
        key_check(key)
    ));
    write_atomically(&home.key_file(), line.as_bytes())
}

pub(super) fn read_key_file(home: &Home) -> Result<Key> {
    let path = home.key_file();
    let text = match fs::read_to_string(&path) {
        Ok(text) => Zeroizing::new(text),
        Err(e) if e.kind() == ErrorKind::NotFound => return Err(Error::KeyFileMissing { path }),
        Err(e) if e.kind() == ErrorKind::InvalidData => {
            return Err(Error::KeyFileDamaged {
                path,
                reason: "it is not text".into(),
            });
        }
        Err(source) => {
            return Err(Error::Io {
                action: "read",
                path,
                source,
            });
        }
    };
    parse_key_file(&text).map_err(|reason| Error::KeyFileDamaged {
        path,
        reason: reason.into(),
    })
}

/// Whether the key file in `keys` opens the vault in `home`.
pub(crate) fn key_file_opens(keys: &Home, home: &Home) -> bool {
    let (Ok(key), Ok(found)) = (read_key_file(keys), read(home)) else {
        return false;
    };
    found.vault.protection() == Protection::KeyFile
        && found.vault.open(&Wrapping::KeyFile(key)).is_some()
}

fn parse_key_file(text: &str) -> std::result::Result<Key, &'static str> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    let &["companion-key", "1", key, check] = parts.as_slice() else {
        return Err("it does not read `companion-key 1 KEY CHECK`");
    };
    let key = unhex(key)
        .and_then(|bytes| Key::from_slice(&bytes))
        .ok_or("its key is not 32 bytes")?;
    if key_check(&key) != check {
        return Err("its checksum does not match");
    }
    Ok(key)
}

fn key_check(key: &Key) -> String {
    hex(&Sha256::digest(key.expose_key())[..8])
}
