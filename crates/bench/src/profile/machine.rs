//! Memory, products and disk.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Instant;

use engine::speed::Hands;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::machine::{cache_bytes, memory};

/// What the machine does, each figure measured in the run that made it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Hardware {
    /// The kernels that ran.
    pub kernel: String,
    /// Threads that ran, where nothing else is said.
    pub threads_used: usize,
    /// The last level of cache, where the system tells.
    pub cache_bytes: Option<u64>,
    /// Memory, and how much of it was free.
    pub memory_bytes: Option<u64>,
    /// What was free of it.
    pub available_bytes: Option<u64>,
    /// Bytes that were read for the bandwidths: more than the caches hold.
    pub read_bytes: u64,
    /// Bytes a second of reading memory with one thread.
    pub read_one_thread: f64,
    /// Bytes a second of reading memory with all threads.
    pub read_all_threads: f64,
    /// Multiply-adds a second of 8-bit products, one thread and all.
    pub int8_products: [f64; 2],
    /// Multiply-adds a second of 4-bit products, one thread and all.
    pub int4_products: [f64; 2],
    /// Multiply-adds a second of float products, one thread and all.
    pub f32_products: [f64; 2],
    /// The smallest model with more and more threads.
    pub threads: Vec<ThreadRate>,
    /// The disk that holds the models; `None` where reading past the page cache is not possible.
    pub disk: Option<Disk>,
}

/// A model's speed with some threads.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ThreadRate {
    /// How many.
    pub threads: usize,
    /// Tokens of a prompt a second.
    pub prefill_tok_s: f64,
    /// Tokens written a second.
    pub decode_tok_s: f64,
}

/// A disk.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Disk {
    /// Bytes a second of reading a file past the page cache, in blocks of 4 MiB.
    pub read_rate: f64,
    /// Bytes that were read.
    pub bytes: u64,
}

/// A probe's weights are this much larger than the last level of cache, so that they come from memory.
const BEYOND_CACHE: f64 = 2.5;

/// Bytes of a probe, for a cache of that size.
pub(super) fn probe_bytes(cache: Option<u64>) -> u64 {
    let beyond = BEYOND_CACHE * cache.unwrap_or(64 << 20) as f64;
    (beyond as u64).clamp(256 << 20, 1 << 30)
}

impl Hardware {
    /// Measures memory and products.
    pub(super) fn measure(all: &Hands) -> Result<Hardware> {
        let one = Hands::new(Some(1))?;
        let cache_bytes = cache_bytes();
        let memory = memory();
        // A quarter of what is free at most: measuring must not push others out of memory.
        let room = memory.map_or(u64::MAX, |memory| memory.available_bytes / 4);
        let bytes = vec![1_u8; probe_bytes(cache_bytes).min(room) as usize];
        let products = |bits| [&one, all].map(|hands| hands.product_rate(bits, 5));
        Ok(Hardware {
            kernel: all.kernel_name().to_owned(),
            threads_used: all.threads(),
            cache_bytes,
            memory_bytes: memory.map(|memory| memory.total_bytes),
            available_bytes: memory.map(|memory| memory.available_bytes),
            read_bytes: bytes.len() as u64,
            read_one_thread: one.read_rate(&bytes, 3),
            read_all_threads: all.read_rate(&bytes, 3),
            int8_products: products(Some(8)),
            int4_products: products(Some(4)),
            f32_products: products(None),
            ..Hardware::default()
        })
    }
}

/// Bytes that are written and read to time the disk.
const DISK_BYTES: usize = 256 << 20;

/// A block of one read, and what `O_DIRECT` wants addresses to be multiples of.
const BLOCK: usize = 4 << 20;
const ALIGNMENT: usize = 4096;

/// Times reading a file in `dir` past the page cache; `None` where the file system cannot do that.
pub(super) fn disk(dir: &Path) -> Option<Disk> {
    let path = dir.join("disk.probe");
    let read_rate = write_file(&path)
        .ok()
        .and_then(|()| read_directly(&path).ok());
    let _ = std::fs::remove_file(&path); // It may not have been made.
    Some(Disk {
        read_rate: read_rate?,
        bytes: DISK_BYTES as u64,
    })
}

fn write_file(path: &Path) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    // Numbers that do not compress: some file systems would.
    let mut state = 7_u64;
    let block: Vec<u8> = (0..BLOCK / 8)
        .flat_map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state.to_le_bytes()
        })
        .collect();
    for _ in 0..DISK_BYTES / BLOCK {
        file.write_all(&block)?;
    }
    file.sync_all()
}

fn read_directly(path: &Path) -> std::io::Result<f64> {
    let flags = rustix::fs::OFlags::DIRECT.bits();
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path)?;
    let mut room = vec![0_u8; BLOCK + ALIGNMENT];
    let from = room.as_ptr().align_offset(ALIGNMENT);
    let block = &mut room[from..from + BLOCK];
    let begun = Instant::now();
    let mut read = 0;
    loop {
        match file.read(block)? {
            0 => break,
            bytes => read += bytes,
        }
    }
    Ok(read as f64 / begun.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_larger_than_the_cache_and_never_huge() {
        assert_eq!(probe_bytes(Some(8 << 20)), 256 << 20);
        assert_eq!(probe_bytes(Some(200 << 20)), 500 << 20);
        assert_eq!(probe_bytes(Some(1 << 30)), 1 << 30);
        assert_eq!(probe_bytes(None), 256 << 20);
    }
}
