//! SQLCipher's pages, read without SQLCipher: it stops at the first page that does not authenticate, and here is where
//! the others are wanted.
//!
//! # A page on disk (SQLCipher 4 defaults)
//!
//! ```text
//! 4096 bytes = 4016 bytes AES-256-CBC ciphertext, 16 bytes IV, 64 bytes HMAC-SHA512
//! ```
//!
//! The HMAC is over ciphertext, IV and the page number as a little-endian u32, under a key that is PBKDF2-HMAC-SHA512
//! of the data key with the salt (each byte xor 0x3a) in 2 rounds. Page 1 starts with the 16 bytes of salt in the
//! place of SQLite's header string, in the clear. Pages in the write-ahead log look alike.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use aes::Aes256;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;
use zeroize::Zeroizing;

use super::wal;
use crate::secret::Key;
use crate::{Error, Home, Result};

/// Bytes of a page on disk.
pub(super) const PAGE: usize = 4096;
/// Bytes of a page that the B-tree uses.
pub(super) const USABLE: usize = PAGE - 80;
/// SQLite never uses the page that holds the byte for its locks.
const LOCK_PAGE: u32 = (0x4000_0000 / PAGE as u32) + 1;

/// An authenticated page in the clear: `USABLE` bytes.
pub(super) type Page = Vec<u8>;

/// The pages of a database as of its last commit.
pub(super) struct Pages {
    database: File,
    log: Option<File>,
    /// Where in the log the latest committed copy of a page is.
    in_log: HashMap<u32, u64>,
    key: Key,
    mac_key: Zeroizing<[u8; 64]>,
    /// How many pages there are.
    pub(super) count: u32,
    /// Bytes at the end of the file that make no whole page.
    pub(super) ragged: u64,
}

impl Pages {
    /// The database in `home` under the candidate key that authenticates most of its first pages.
    pub(super) fn open(home: &Home, keys: &[Key]) -> Result<Pages> {
        let mut candidates = keys
            .iter()
            .map(|key| Pages::with_key(home, key))
            .collect::<Result<Vec<_>>>()?;
        candidates.sort_by_key(|pages| {
            let sample = 1..=pages.count.min(64);
            sample
                .filter(|number| matches!(pages.read(*number), Ok(Some(_))))
                .count()
        });
        candidates.pop().ok_or_else(|| Error::DatabaseDamaged {
            detail: "the vault holds no key".into(),
        })
    }

    fn with_key(home: &Home, key: &Key) -> Result<Pages> {
        let path = home.database();
        let database = File::open(&path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Error::DatabaseMissing { path: path.clone() },
            _ => Error::io("read", &path, e),
        })?;
        let size = database
            .metadata()
            .map_err(|e| Error::io("read", &path, e))?
            .len();
        let log = File::open(home.wal()).ok();
        let committed = log.as_ref().map(wal::committed).unwrap_or_default();
        let mut salt = [0; 16];
        // A file shorter than its salt has no page that could authenticate.
        let _ = database.read_exact_at(&mut salt, 0);
        let in_file = u32::try_from(size / PAGE as u64).unwrap_or(u32::MAX);
        Ok(Pages {
            database,
            log,
            in_log: committed.frames,
            key: key.clone(),
            mac_key: mac_key(key, &salt),
            count: committed.pages.unwrap_or(in_file),
            ragged: size % PAGE as u64,
        })
    }

    /// The page in the clear, `None` where it does not authenticate or is missing.
    pub(super) fn read(&self, number: u32) -> Result<Option<Page>> {
        let mut raw = vec![0; PAGE];
        let read = match (self.in_log.get(&number), &self.log) {
            (Some(at), Some(log)) => log.read_exact_at(&mut raw, *at),
            _ => self
                .database
                .read_exact_at(&mut raw, (u64::from(number) - 1) * PAGE as u64),
        };
        match read {
            Ok(()) => Ok(self.open_page(number, raw)),
            // A medium that cannot read a sector has lost the page just as well.
            Err(e)
                if e.kind() == std::io::ErrorKind::UnexpectedEof || e.raw_os_error() == Some(5) =>
            {
                Ok(None)
            }
            Err(e) => Err(Error::io("read", std::path::Path::new("journal.db"), e)),
        }
    }

    fn open_page(&self, number: u32, mut page: Vec<u8>) -> Option<Page> {
        let start = if number == 1 { 16 } else { 0 };
        let mut mac =
            Hmac::<Sha512>::new_from_slice(&self.mac_key[..32]).expect("any length is a key");
        mac.update(&page[start..USABLE + 16]);
        mac.update(&number.to_le_bytes());
        mac.verify_slice(&page[USABLE + 16..]).ok()?;
        let iv: [u8; 16] = page[USABLE..USABLE + 16].try_into().expect("16 bytes");
        cbc::Decryptor::<Aes256>::new(self.key.expose_key().into(), &iv.into())
            .decrypt_padded::<NoPadding>(&mut page[start..USABLE])
            .ok()?;
        if number == 1 {
            page[..16].copy_from_slice(b"SQLite format 3\0");
        }
        page.truncate(USABLE);
        Some(page)
    }

    /// Every page number that should authenticate.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> + use<> {
        (1..=self.count).filter(|number| *number != LOCK_PAGE)
    }
}

/// PBKDF2-HMAC-SHA512 with two rounds is the sum of the first two links of its chain.
fn mac_key(key: &Key, salt: &[u8; 16]) -> Zeroizing<[u8; 64]> {
    let round = |message: &[&[u8]]| {
        let mut mac =
            Hmac::<Sha512>::new_from_slice(key.expose_key()).expect("any length is a key");
        message.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes()
    };
    let masked = salt.map(|byte| byte ^ 0x3a);
    let first = round(&[&masked, &1u32.to_be_bytes()]);
    let second = round(&[&first]);
    let mut out = Zeroizing::new([0; 64]);
    for (at, byte) in out.iter_mut().enumerate() {
        *byte = first[at] ^ second[at];
    }
    out
}
