//! From the start of a process to a model that can be asked, tokenizer included.
//!
//!     cargo run --release -p companion-engine --example ready -- MODEL_DIR ../shared/data/tokenizers/ggml-vocab-qwen2.gguf
//!
//! MODEL_DIR is a model that `companion model synth` made; it has no tokenizer, so the file's is put beside it in a
//! folder of its own, compiled as `companion model pull` does it. The file's pages are in memory (a first run is not counted).

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what this program is for"
)]

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use engine::decoder::{Decoder, DecoderOptions};
use engine::tokenizer::{DecoderTokenizer, gguf};
use engine::weights::Source;

const RUNS: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        [flag, folder] if flag == "--child" => child(Path::new(folder)),
        [model, vocabulary] => parent(Path::new(model), Path::new(vocabulary)),
        _ => Err("the folder of a model and a GGUF file with a vocabulary".into()),
    }
}

/// Opens the model and says so.
fn child(folder: &Path) -> Result<(), Box<dyn Error>> {
    let decoder = Decoder::open(folder, &DecoderOptions::default())?;
    let tokens = decoder.tokenizer()?.encode("Today I went to the river.");
    println!("ready {}", tokens.len());
    Ok(())
}

fn parent(model: &Path, vocabulary: &Path) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let source = Source::open(vocabulary)?;
    let json = gguf::tokenizer_json(source.gguf().ok_or("not a GGUF file")?)?;
    std::fs::write(folder.path().join("tokenizer.json"), json)?;
    for file in ["model.safetensors", "model.json"] {
        std::os::unix::fs::symlink(model.canonicalize()?.join(file), folder.path().join(file))?;
    }
    let begun = Instant::now();
    DecoderTokenizer::compile(folder.path())?;
    let compiled = begun.elapsed();
    let mut times = Vec::new();
    for run in 0..=RUNS {
        let begun = Instant::now();
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--child")
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let spent = begun.elapsed();
        if !child.wait()?.success() || !line.starts_with("ready") {
            return Err("the model did not open".into());
        }
        if run > 0 {
            times.push(spent.as_secs_f64() * 1e3);
        }
    }
    times.sort_by(f64::total_cmp);
    println!(
        "start to ready: {:.1} ms p50, {:.1} to {:.1}, n {RUNS}; the tokenizer compiled once in {:.0} ms",
        times[RUNS / 2],
        times[0],
        times[RUNS - 1],
        compiled.as_secs_f64() * 1e3
    );
    Ok(())
}
