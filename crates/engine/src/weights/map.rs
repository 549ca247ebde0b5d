//! The one opening for unsafe code in the engine: the mapping of weight files, and the view of their
//! bytes as numbers.
#![allow(unsafe_code)] // Mapping a file and viewing bytes as numbers cannot be said in safe Rust.

use std::fs::File;
use std::io;

use super::Element;

/// Bytes of a weight file, mapped from disk or held in memory.
pub(super) enum Bytes {
    /// A read-only private mapping.
    Mapped(memmap2::Mmap),
    /// Bytes in memory, on an 8-byte boundary; the second field is the length in bytes.
    Owned(Vec<u64>, usize),
}

impl Bytes {
    /// Maps the whole of `file`, which may be empty.
    ///
    /// Model files are installed by a rename and never written in place, so the mapping is stable. If
    /// another program truncates the file all the same, the system ends this process with SIGBUS, as it
    /// does for every program that maps files; the journal is not open through this mapping.
    pub(super) fn map(file: &File) -> io::Result<Bytes> {
        if file.metadata()?.len() == 0 {
            return Ok(Bytes::owned(Vec::new()));
        }
        // SAFETY: the mapping is read-only, and the store replaces model files by rename only, so the
        // bytes behind it do not change while it lives.
        let map = unsafe { memmap2::Mmap::map(file)? };
        Ok(Bytes::Mapped(map))
    }

    pub(super) fn owned(bytes: Vec<u8>) -> Bytes {
        let words = bytes
            .chunks(8)
            .map(|chunk| {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                u64::from_ne_bytes(word)
            })
            .collect();
        Bytes::Owned(words, bytes.len())
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            Bytes::Owned(words, len) => {
                // SAFETY: `words` holds at least `len` bytes (it was made from them in `owned`), and
                // any bit pattern is a valid `u8`.
                unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), *len) }
            }
        }
    }
}

/// `bytes` as numbers, or `None` where their address or length does not fit the type.
pub(super) fn cast<T: Element>(bytes: &[u8]) -> Option<&[T]> {
    let size = size_of::<T>();
    if !bytes.len().is_multiple_of(size) || !bytes.as_ptr().addr().is_multiple_of(align_of::<T>()) {
        return None;
    }
    // SAFETY: length and alignment are checked above; `Element` is sealed to number types without
    // padding for which every bit pattern is valid.
    Some(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / size) })
}

/// The bytes of `numbers` in memory order.
pub(super) fn bytes_of<T: Element>(numbers: &[T]) -> &[u8] {
    // SAFETY: `Element` is sealed to number types without padding, so all their bytes are initialised.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) }
}
