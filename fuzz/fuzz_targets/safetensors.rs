//! A safetensors file: refused, or every tensor can be read and has the numbers that its bytes stand for.
#![no_main]

use std::alloc::System;

use cap::Cap;
use engine::weights::{Source, Storage, Weights};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// What a file may make its reader take: four times its size, and some for the reader itself.
fn allowance(bytes: usize) -> usize {
    4 * bytes + (64 << 10)
}

fuzz_target!(|data: &[u8]| {
    // `Source` goes by what a file begins with; the other target has these.
    if data.starts_with(b"GGUF") {
        return;
    }
    let copy = data.to_vec();
    // An allocation beyond the limit ends the process, which libFuzzer reports.
    let _ = MEMORY.set_limit(MEMORY.allocated() + allowance(data.len()));
    let source = Source::from_vec("f".as_ref(), copy);
    let _ = MEMORY.set_limit(usize::MAX);
    let whole = Weights::from_vec(data.to_vec());
    let Ok(source) = source else {
        assert!(whole.is_err(), "both readers share their header");
        return;
    };
    let mut finite = true;
    for (name, tensor) in source.tensors() {
        let Storage::Plain(_) = tensor.storage else {
            panic!("a safetensors file has no blocks");
        };
        let floats = source.floats(name, &tensor.shape);
        if !tensor.storage.is_float() {
            assert!(floats.is_err());
            continue;
        }
        finite &= floats.is_ok();
        if let (Ok(floats), Ok(whole)) = (floats, &whole) {
            assert_eq!(whole.floats(name, &tensor.shape).as_deref(), Ok(&floats[..]));
        }
    }
    assert_eq!(finite, whole.is_ok(), "only numbers tell them apart");
});
