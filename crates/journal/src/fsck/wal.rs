//! Which pages of the write-ahead log are committed ([format](https://www.sqlite.org/fileformat2.html#walformat)).

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use super::pages::PAGE;

const HEADER: usize = 32;
const FRAME: usize = 24 + PAGE;

/// What the log adds to the database.
#[derive(Default)]
pub(super) struct Committed {
    /// Offset of the latest copy of each page.
    pub(super) frames: HashMap<u32, u64>,
    /// The size of the database after the last commit, in pages.
    pub(super) pages: Option<u32>,
}

/// Reads the log up to the first frame that is torn or of an earlier round; what comes after was never committed.
pub(super) fn committed(log: &File) -> Committed {
    let mut committed = Committed::default();
    let mut header = [0; HEADER];
    if log.read_exact_at(&mut header, 0).is_err() {
        return committed;
    }
    let big_endian = match word(&header, 0) {
        0x377f_0682 => false,
        0x377f_0683 => true,
        _ => return committed,
    };
    let mut sum = checksum(big_endian, (0, 0), &header[..24]);
    if word(&header, 8) as usize != PAGE || sum != (word(&header, 24), word(&header, 28)) {
        return committed;
    }
    let mut pending = HashMap::new();
    let mut frame = vec![0; FRAME];
    let mut at = HEADER as u64;
    while log.read_exact_at(&mut frame, at).is_ok() {
        sum = checksum(big_endian, sum, &frame[..8]);
        sum = checksum(big_endian, sum, &frame[24..]);
        if frame[8..16] != header[16..24] || sum != (word(&frame, 16), word(&frame, 20)) {
            break;
        }
        pending.insert(word(&frame, 0), at + 24);
        let size = word(&frame, 4);
        if size > 0 {
            committed.frames.extend(pending.drain());
            committed.pages = Some(size);
        }
        at += FRAME as u64;
    }
    committed
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn checksum(big_endian: bool, (mut a, mut b): (u32, u32), bytes: &[u8]) -> (u32, u32) {
    let read = |part: &[u8]| {
        let four = [part[0], part[1], part[2], part[3]];
        if big_endian {
            u32::from_be_bytes(four)
        } else {
            u32::from_le_bytes(four)
        }
    };
    for pair in bytes.chunks_exact(8) {
        a = a.wrapping_add(read(&pair[..4])).wrapping_add(b);
        b = b.wrapping_add(read(&pair[4..])).wrapping_add(a);
    }
    (a, b)
}
