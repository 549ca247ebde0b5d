//! A `tokenizer.json` and a text, parted by the first zero byte: refused, or ids are in range, the compiled form
//! says the same, and decoding ends in text.
#![no_main]

use engine::tokenizer::DecoderTokenizer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let at = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let text = String::from_utf8_lossy(data.get(at + 1..).unwrap_or_default());
    let Ok(tokenizer) = DecoderTokenizer::from_json(&data[..at]) else {
        return;
    };
    let ids = tokenizer.encode(&text);
    assert!(ids.iter().all(|id| (*id as usize) < tokenizer.vocabulary()));
    let template = tokenizer.encode_template(&text);
    tokenizer.decode(&template);
    if tokenizer.is_compact() {
        let added = tokenizer.added().iter().map(|token| token.id);
        let special: Vec<u32> = added.collect();
        // Every byte has a piece, so nothing of the text is lost but what composing changed.
        let decoded = tokenizer.decode(&ids);
        if !ids.iter().any(|id| special.contains(id)) && text.is_ascii() {
            assert_eq!(decoded, text);
        }
    }
});
