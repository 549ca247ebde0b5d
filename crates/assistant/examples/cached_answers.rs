//! The semantic cache on its own: a slow function, and a cache in memory in front of it.
//!
//! `cargo run --release -p companion-assistant --example cached_answers -- MODEL_DIR`
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::convert::Infallible;
use std::path::PathBuf;

use assistant::cache::{
    CacheOptions, Computed, Context, MemoryStore, Mode, Request, SemanticCache, Task,
};
use engine::encoder::{Encoder, EncoderOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = std::env::args_os()
        .nth(1)
        .ok_or("usage: cached_answers MODEL_DIR")?;
    let encoder = Encoder::open(&PathBuf::from(model), &EncoderOptions::default())?;
    let cache = SemanticCache::over(
        Box::new(MemoryStore::default()),
        Some(&encoder),
        CacheOptions::default(),
    )?;
    for intent in [
        "Summarise my week.",
        "summarise my week",
        "give me a summary of my week",
        "give me a summary of last week",
        "don't summarise my week",
    ] {
        let request = Request {
            task: Task::Summary,
            intent,
            context: Context::default(),
        };
        let served = cache.get_or_compute(&request, Mode::Use, || {
            std::thread::sleep(std::time::Duration::from_millis(300));
            Ok::<_, Infallible>(Computed::from(format!("the answer to {intent:?}")))
        })?;
        println!("{:<10} {intent:<34} {}", served.how.name(), served.answer);
    }
    println!("{:?}", cache.counters()?);
    Ok(())
}
