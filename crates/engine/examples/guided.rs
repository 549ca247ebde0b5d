//! JSON by a schema, counted and timed.
//!
//!     cargo run --release -p companion-engine --example guided -- data/models/companion-tiny 10000 \
//!         [../shared/data/tokenizers/ggml-vocab-qwen2.gguf]
//!
//! Writes so many documents by five schemas in turn, at a temperature of 1, and counts those that are not what the schema asks for.
//! With a GGUF file, also what guiding costs a step where the vocabulary is that file's: logits are random, so that nothing
//! but sampling and guiding is timed, guided and free in turns.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what this program is for"
)]

use std::error::Error;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use engine::decoder::{Decoder, DecoderOptions};
use engine::generate::{
    Finish, GenerateOptions, Generation, Sampling, Schema, SchemaCompiler, Vocabulary, generate,
};
use engine::tokenizer::{DecoderTokenizer, gguf};
use engine::weights::Source;
use serde_json::{Value, json};

/// Whether a document is what its schema asks for.
type Holds = fn(&Value) -> bool;

fn schemas() -> Vec<(Value, Holds)> {
    let object = |properties: Value, required: Value| json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    vec![
        (
            object(
                json!({"summary": {"type": "string"}, "mood": {"enum": ["calm", "sad", "glad"]}}),
                json!(["summary", "mood"]),
            ),
            |v| {
                let mood = v["mood"].as_str();
                v["summary"].is_string()
                    && mood.is_some_and(|m| ["calm", "sad", "glad"].contains(&m))
            },
        ),
        (
            json!({"type": "array", "minItems": 1, "maxItems": 4, "items": object(
                json!({"n": {"type": "integer"}, "s": {"type": "string", "maxLength": 12}}), json!(["n", "s"]))}),
            |v| {
                let item = |v: &Value| {
                    let short = v["s"].as_str().is_some_and(|s| s.chars().count() <= 12);
                    short && v["n"].as_f64().is_some_and(|n| n.fract() == 0.0)
                };
                v.as_array()
                    .is_some_and(|all| (1..=4).contains(&all.len()) && all.iter().all(item))
            },
        ),
        (
            object(
                json!({"a": {"anyOf": [{"type": "number", "minimum": -1000, "maximum": 1000}, {"type": "null"}]}, "b": {"type": "boolean"}}),
                json!(["a"]),
            ),
            |v| {
                let number = v["a"]
                    .as_f64()
                    .is_some_and(|n| (-1000.0..=1000.0).contains(&n));
                (number || v["a"].is_null()) && (v.get("b").is_none_or(Value::is_boolean))
            },
        ),
        (
            object(
                json!({"people": {"type": "array", "items": {"type": "string"}, "maxItems": 3}, "places": {"type": "array", "items": {"type": "string"}, "maxItems": 3}}),
                json!(["people", "places"]),
            ),
            |v| {
                let names = |v: &Value| {
                    v.as_array()
                        .is_some_and(|all| all.len() <= 3 && all.iter().all(Value::is_string))
                };
                names(&v["people"]) && names(&v["places"])
            },
        ),
        (json!({"enum": ["positive", "neutral", "negative"]}), |v| {
            ["positive", "neutral", "negative"].contains(&v.as_str().unwrap_or_default())
        }),
    ]
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let model = args.next().ok_or("the folder of a model")?;
    let count: u64 = args.next().ok_or("how many documents")?.parse()?;
    documents(Path::new(&model), count)?;
    if let Some(file) = args.next() {
        overhead(Path::new(&file))?;
    }
    Ok(())
}

/// Writes the documents and counts.
fn documents(model: &Path, count: u64) -> Result<(), Box<dyn Error>> {
    let decoder = Decoder::open(model, &DecoderOptions::default())?;
    let tokenizer = decoder.tokenizer()?;
    let compiler = decoder.schema_compiler()?;
    let schemas: Vec<(Schema, Holds)> = (schemas().into_iter())
        .map(|(schema, holds)| Ok((compiler.compile(&schema)?, holds)))
        .collect::<engine::Result<_>>()?;
    let prompt = tokenizer.encode("Today I went to the river with my brother. ");
    let never = AtomicBool::new(false);
    let (begun, mut tokens, mut wrong) = (Instant::now(), 0, 0);
    for seed in 0..count {
        let (schema, holds) = &schemas[seed as usize % schemas.len()];
        let options = GenerateOptions {
            sampling: Sampling {
                temperature: 1.0,
                seed,
                ..Sampling::default()
            },
            // From just enough to ample.
            max_tokens: schema.shortest() + 1 + seed as usize % 80,
            end_tokens: decoder.end_tokens().to_vec(),
            schema: Some(schema.clone()),
            ..GenerateOptions::default()
        };
        let reply = generate(&decoder, tokenizer, &prompt, options, &never, &mut |_| {})?;
        tokens += reply.tokens.len();
        let right = serde_json::from_str(&reply.text).is_ok_and(|value| holds(&value));
        if !right || reply.finish != Finish::End {
            wrong += 1;
            eprintln!("seed {seed}, {:?}: {}", reply.finish, reply.text);
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{count} documents of {tokens} tokens in {seconds:.1} s: {wrong} are not what their schema asks for"
    );
    match wrong {
        0 => Ok(()),
        _ => Err("not every document is valid".into()),
    }
}

/// What guiding adds to a step over the vocabulary of `file`.
fn overhead(file: &Path) -> Result<(), Box<dyn Error>> {
    let source = Source::open(file)?;
    let metadata = source.gguf().ok_or("not a GGUF file")?;
    let tokenizer = DecoderTokenizer::from_json(gguf::tokenizer_json(metadata)?.as_bytes())?;
    let end = tokenizer.token_id("<|im_end|>").ok_or("no <|im_end|>")?;
    let words = tokenizer.vocabulary();
    let compiler = SchemaCompiler::new(&tokenizer, words, end)?;
    let schema = compiler.compile(&schemas()[0].0)?;
    let logits = noise(words);
    let mut each = [Vec::new(), Vec::new()];
    for seed in 0..40 {
        for guided in [false, true] {
            let options = GenerateOptions {
                sampling: Sampling {
                    temperature: 1.0,
                    seed,
                    ..Sampling::default()
                },
                max_tokens: 64,
                schema: guided.then(|| schema.clone()),
                ..GenerateOptions::default()
            };
            let mut generation = Generation::new(options, &[])?;
            for _ in 0..64 {
                let mut logits = logits.clone();
                let begun = Instant::now();
                let step = generation.next(&mut logits, &tokenizer as &dyn Vocabulary)?;
                each[usize::from(guided)].push(begun.elapsed().as_secs_f64() * 1e3);
                if step.finish.is_some() {
                    break;
                }
            }
        }
    }
    for (name, times) in ["free", "guided"].iter().zip(&mut each) {
        times.sort_by(f64::total_cmp);
        let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        println!(
            "{name}: {mean:.3} ms a step on average, {:.3} p50, {:.3} p99, n {}, {words} tokens",
            at(0.5),
            at(0.99),
            times.len()
        );
    }
    Ok(())
}

/// Logits around zero.
fn noise(count: usize) -> Vec<f32> {
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 22) as f32
    };
    (0..count).map(|_| next()).collect()
}
