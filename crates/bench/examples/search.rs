//! The search of the semantic cache by itself, for `bench/peers/vector_search.py`, which has the others search the same vectors.
//!
//!     cargo run --release --example search -- FILE DIM
//!
//! FILE has vectors of DIM floats of 32 bits, little-endian, one behind another. The first line that is printed tells the version;
//! then each line on stdin, a JSON array of queries, is answered by the time and the best eight of each.

#![allow(clippy::print_stdout, reason = "a program's output")]

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::time::Instant;

use assistant::cache::{Vectors, pack};
use serde_json::json;

/// How many are looked for, as the peers are asked to.
const BEST: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, dim] = args.as_slice() else {
        return Err(
            "FILE and DIM, please; see the first lines of crates/bench/examples/search.rs".into(),
        );
    };
    let vectors = read(file, dim.parse()?)?;
    println!(
        "{}",
        json!({"version": env!("CARGO_PKG_VERSION"), "vectors": vectors.len()})
    );
    for line in std::io::stdin().lock().lines() {
        let queries: Vec<Vec<f32>> = serde_json::from_str(&line?)?;
        let (mut times, mut found) = (Vec::new(), Vec::new());
        for query in &queries {
            let begun = Instant::now();
            let best = vectors.nearest(query, BEST, |_| true);
            times.push(begun.elapsed().as_secs_f64() * 1e3);
            found.push(best.iter().map(|(at, _)| *at).collect::<Vec<usize>>());
        }
        println!("{}", json!({"ms": times, "found": found}));
    }
    Ok(())
}

/// The vectors of `file` as the cache keeps them.
fn read(file: &str, dim: usize) -> Result<Vectors, Box<dyn Error>> {
    let mut file = BufReader::new(File::open(file)?);
    let (mut vectors, mut bytes) = (Vectors::new(dim), vec![0; 4 * dim]);
    loop {
        match file.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(end) if end.kind() == ErrorKind::UnexpectedEof => return Ok(vectors),
            Err(error) => return Err(error.into()),
        }
        let floats = bytes.as_chunks::<4>().0.iter();
        let vector: Vec<f32> = floats.map(|b| f32::from_le_bytes(*b)).collect();
        vectors.push(&pack(&vector).0);
    }
}
