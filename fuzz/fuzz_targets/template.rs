//! A chat template and a message, parted by the first zero byte: refused, or rendered within its bounds, whatever it
//! is; and no special token comes out of a message.
#![no_main]

use engine::chat::{ChatTemplate, Message};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    let Ok(data) = std::str::from_utf8(data) else {
        return;
    };
    let (template, text) = data.split_once('\0').unwrap_or((data, "hello"));
    let config = json!({"bos_token": "<s>", "eos_token": "</s>"});
    let Ok(template) = ChatTemplate::new(template, &config) else {
        return;
    };
    let messages = [
        Message::new("system", "be calm"),
        Message::new("user", text),
    ];
    if let Ok(rendered) = template.render(&messages, true) {
        assert!(rendered.len() <= (1 << 18) + 8 * (text.len() + 64));
    }
});
