//! A GGUF file: refused, or its tensors can be read, whole and by rows alike, and its metadata can be asked.
#![no_main]

use std::alloc::System;

use cap::Cap;
use engine::tokenizer::{DecoderTokenizer, gguf};
use engine::weights::Source;
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// What a file may make its reader take: four times its size, and some for the reader itself.
fn allowance(bytes: usize) -> usize {
    4 * bytes + (64 << 10)
}

fuzz_target!(|data: &[u8]| {
    let copy = data.to_vec();
    // An allocation beyond the limit ends the process, which libFuzzer reports.
    let _ = MEMORY.set_limit(MEMORY.allocated() + allowance(data.len()));
    let source = Source::from_vec("f".as_ref(), copy);
    let _ = MEMORY.set_limit(usize::MAX);
    let Ok(source) = source else { return };
    for (name, tensor) in source.tensors() {
        let Ok(whole) = source.floats(name, &tensor.shape) else {
            continue;
        };
        assert_eq!(whole.len(), tensor.len());
        let rows = tensor.shape[0];
        let row = whole.len() / rows;
        let mut last = vec![0.0; row];
        let read = source.rows(name, &tensor.shape, rows - 1..rows, &mut last);
        assert!(read.is_ok() && last == whole[(rows - 1) * row..]);
    }
    if let Some(metadata) = source.gguf() {
        gguf::tokenizer_config_json(metadata);
        if let Ok(json) = gguf::tokenizer_json(metadata)
            && let Ok(tokenizer) = DecoderTokenizer::from_json(json.as_bytes())
        {
            let ids = tokenizer.encode("I can't, 日本 🙂\n  12");
            tokenizer.decode(&ids);
        }
    }
});
