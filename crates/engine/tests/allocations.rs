//! A weight file cannot make its reader take more memory than it has bytes for. One test alone in its binary: the limit is
//! the process's.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // A failed test may panic, and an aborted one has said at what.

mod cases;
mod common;

use std::alloc::System;
use std::path::{Path, PathBuf};

use cap::Cap;
use engine::weights::{Source, Weights};

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// Four times the file, and some for the reader itself; as in the fuzz targets.
fn allowance(bytes: usize) -> usize {
    4 * bytes + (64 << 10)
}

/// Runs `read` on a copy of `bytes`. An allocation beyond the limit ends the process.
fn within<T>(bytes: &[u8], read: impl FnOnce(Vec<u8>) -> T) -> T {
    let copy = bytes.to_vec();
    let limit = MEMORY.allocated() + allowance(bytes.len());
    MEMORY.set_limit(limit).unwrap();
    let result = read(copy);
    MEMORY.set_limit(usize::MAX).unwrap();
    result
}

fn both_readers(what: &str, bytes: &[u8]) {
    eprintln!("{what}: {} bytes", bytes.len());
    drop(within(bytes, |bytes| Source::from_vec("f".as_ref(), bytes)));
    drop(within(bytes, Weights::from_vec));
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

/// Every file below `folder`, by name.
fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(root(folder)).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn no_file_makes_its_reader_take_more_than_four_times_its_size() {
    // The limit is one: a reader that takes twice its allowance hits it.
    let probe = within(&[0; 8], |_| {
        let mut room: Vec<u8> = Vec::new();
        room.try_reserve_exact(2 * allowance(8)).is_err()
    });
    assert!(probe, "the limit does not hold");

    for (what, bytes, _) in cases::safetensors::hostile() {
        both_readers(what, &bytes);
    }
    for (what, bytes, _) in cases::gguf::hostile() {
        both_readers(what, &bytes);
    }
    // Seeds of one parser are noise to another.
    for folder in ["safetensors", "gguf", "template", "tokenizer"] {
        for (what, bytes) in files(&format!("fuzz/corpus/{folder}")) {
            both_readers(&what, &bytes);
        }
    }

    // Sound files, cut and with a byte of the header changed.
    let folder = tempfile::tempdir().unwrap();
    common::write_model(folder.path(), common::SIZES[1], 1);
    let mut good = files("tools/fixtures/gguf");
    let model = folder.path().join("model.safetensors");
    good.push(("a model".to_owned(), std::fs::read(model).unwrap()));
    let mut random = common::Random(5);
    for (what, bytes) in good {
        both_readers(&what, &bytes);
        let header = bytes.len().min(2048);
        for _ in 0..200 {
            let mut bad = bytes.clone();
            bad[random.next() as usize % header] = random.next() as u8;
            both_readers(&format!("{what}, a byte changed"), &bad);
            bad.truncate(random.next() as usize % bytes.len());
            both_readers(&format!("{what}, cut"), &bad);
        }
    }
}
