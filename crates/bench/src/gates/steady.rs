//! What needs no clock: counts and bytes, the same on every machine.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use assistant::Instant;
use engine::encoder::{Encoder, EncoderOptions};
use serde::{Deserialize, Serialize};

use super::GateOptions;
use crate::{Error, Result, cache, texts};

/// Entries that the memory of `analyze --jsonl` is measured with.
const ANALYSED: usize = 400;
/// The most that reading those may take, bytes: the encoder is 23 MB, the adapter 14 MB once merged, the rest are buffers.
const ANALYSIS_BYTES: u64 = 300_000_000;
/// The most that the daily workflow may take with a model of 1.5 billion weights in INT8.
const WORKFLOW_BYTES: u64 = 2_000_000_000;
/// Least share of the simulated prompts that the cache answers.
const HIT_RATE: f64 = 0.60;
/// Most of the held-out author's look-alikes that it may serve.
const FALSE_HITS: f64 = 0.01;
/// Points of accuracy that INT8 may lose.
const LOSS: f64 = 0.05;
/// Least mean cosine of INT8 vectors with those of f32.
const COSINE: f64 = 0.998;

/// One limit.
#[derive(Debug, Clone, Serialize)]
pub struct Limit {
    /// What is limited.
    pub name: &'static str,
    /// What it is here; absent: not measured.
    pub measured: Option<String>,
    /// What it may be.
    pub limit: String,
    /// Whether it is; absent: not measured.
    pub passed: Option<bool>,
}

/// All limits.
pub(super) fn measure(options: &GateOptions, on_step: &mut dyn FnMut(&str)) -> Result<Vec<Limit>> {
    let open =
        |name: &str| Encoder::open(&options.models_dir.join(name), &EncoderOptions::default());
    let encoder = open("minilm-int8")?;
    let mut limits = Vec::new();
    on_step("counting: what INT8 loses");
    if options.models_dir.join("minilm").is_dir() {
        let exact = open("minilm")?;
        limits.push(cosine(&encoder, &exact));
        limits.extend(
            options
                .entries
                .as_deref()
                .map(|path| loss(path, encoder.clone(), exact))
                .transpose()?,
        );
    }
    on_step("counting: what the cache serves");
    limits.extend(served(&encoder)?);
    on_step("counting: memory");
    limits.push(analysis_memory(options)?);
    limits.push(workflow_memory(options)?);
    Ok(limits)
}

fn cosine(encoder: &Encoder, exact: &Encoder) -> Limit {
    let texts = texts::load().bulk_short;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let pairs = encoder.embed(&texts).into_iter().zip(exact.embed(&texts));
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let mean = pairs.map(|(a, b)| dot(&a.vector, &b.vector)).sum::<f64>() / texts.len() as f64;
    Limit {
        name: "cosine of INT8 with f32, mean",
        measured: Some(format!("{mean:.4}")),
        limit: format!("at least {COSINE}"),
        passed: Some(mean >= COSINE),
    }
}

#[derive(Deserialize)]
struct Labelled {
    text: String,
    sentiment: String,
}

/// Accuracy of the sentiment with the float weights less that with INT8.
fn loss(path: &Path, encoder: Encoder, exact: Encoder) -> Result<Limit> {
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let text = std::fs::read_to_string(path).map_err(io)?;
    let entries: Vec<Labelled> = text
        .lines()
        .map(|line| serde_json::from_str(line).map_err(|error| io(error.into())))
        .collect::<Result<_>>()?;
    let texts: Vec<&str> = entries.iter().map(|e| e.text.as_str()).collect();
    let accuracy = |encoder| -> Result<f64> {
        let said = Instant::open(encoder)?.read(&texts)?;
        let right = said
            .iter()
            .zip(&entries)
            .filter(|(said, e)| said.analysis.sentiment.as_str() == e.sentiment);
        Ok(right.count() as f64 / entries.len().max(1) as f64)
    };
    let (int8, f32) = (accuracy(encoder)?, accuracy(exact)?);
    Ok(Limit {
        name: "accuracy lost by INT8, points",
        measured: Some(format!(
            "{:.1} of {:.1} %",
            100.0 * (f32 - int8),
            100.0 * f32
        )),
        limit: format!("below {:.0}", 100.0 * LOSS),
        passed: Some(f32 - int8 < LOSS),
    })
}

/// The cache on the simulated use, and on the pairs of the author that nothing was trained on.
fn served(encoder: &Encoder) -> Result<Vec<Limit>> {
    let (prompts, workload, rates) = cache::steady(encoder)?;
    let share = |part: u64, of: u64| part as f64 / of.max(1) as f64;
    let hits = share(workload.hits, prompts);
    let wrong = share(rates.false_hits, rates.look_alikes);
    let percent = |x: f64| format!("{:.2} %", 100.0 * x);
    Ok(vec![
        Limit {
            name: "cache: hits, simulated use",
            measured: Some(percent(hits)),
            limit: format!("above {}", percent(HIT_RATE)),
            passed: Some(hits > HIT_RATE),
        },
        Limit {
            name: "cache: false hits, simulated use",
            measured: Some(workload.false_hits.to_string()),
            limit: "none".to_owned(),
            passed: Some(workload.false_hits == 0),
        },
        Limit {
            name: "cache: look-alikes served",
            measured: Some(percent(wrong)),
            limit: format!("at most {}", percent(FALSE_HITS)),
            passed: Some(wrong <= FALSE_HITS),
        },
    ])
}

/// The most memory of `analyze --jsonl` over some hundred entries.
fn analysis_memory(options: &GateOptions) -> Result<Limit> {
    let long = texts::load().long;
    let line = serde_json::json!({ "text": long }).to_string() + "\n";
    let home = tempfile::tempdir().map_err(|source| Error::Io {
        path: std::env::temp_dir(),
        source,
    })?;
    let mut command = Command::new(&options.program);
    command
        .args(["analyze", "--jsonl", "-"])
        .env("COMPANION_HOME", home.path());
    let io = |source| Error::Io {
        path: options.models_dir.clone(),
        source,
    };
    let models = std::fs::canonicalize(&options.models_dir).map_err(io)?;
    std::os::unix::fs::symlink(models, home.path().join("models")).map_err(io)?;
    let peak = peak_of(&mut command, line.repeat(ANALYSED).into_bytes())?;
    Ok(bytes(
        "memory of analysing 400 entries",
        peak,
        ANALYSIS_BYTES,
    ))
}

/// The most memory of a large decoder at work, with what the analysis takes beside it.
fn workflow_memory(options: &GateOptions) -> Result<Limit> {
    let name = "memory of the daily workflow, 1.5B";
    let Some(model) = options
        .large
        .as_deref()
        .filter(|model| options.models_dir.join(model).is_dir())
    else {
        return Ok(Limit {
            name,
            measured: None,
            limit: format!("below {:.2} GB", WORKFLOW_BYTES as f64 / 1e9),
            passed: None,
        });
    };
    let home = options.models_dir.parent().unwrap_or(&options.models_dir);
    let mut command = Command::new(&options.program);
    command
        .args([
            "benchmark",
            "--inference",
            "-m",
            model,
            "--prompt-tokens",
            "256",
            "--gen-tokens",
            "8",
            "--runs",
            "1",
        ])
        .env("COMPANION_HOME", home);
    let decoder = peak_of(&mut command, Vec::new())?;
    let analysis = ANALYSIS_BYTES; // an upper bound of what the limit above allows
    Ok(bytes(
        name,
        decoder.map(|peak| peak + analysis),
        WORKFLOW_BYTES,
    ))
}

fn bytes(name: &'static str, peak: Option<u64>, limit: u64) -> Limit {
    let megabytes = |b: u64| format!("{:.0} MB", b as f64 / 1e6);
    Limit {
        name,
        measured: peak.map(megabytes),
        limit: format!("below {}", megabytes(limit)),
        passed: peak.map(|peak| peak < limit),
    }
}

/// Runs `command` with `input`, and gives the largest resident set that was seen; `None` where the system does not tell.
fn peak_of(command: &mut Command, input: Vec<u8>) -> Result<Option<u64>> {
    let program = command.get_program().to_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| Error::Io {
            path: program.clone().into(),
            source,
        })?;
    let mut stdin = child.stdin.take();
    let feeding = std::thread::spawn(move || {
        if let Some(stdin) = &mut stdin {
            let _ = stdin.write_all(&input); // a program that ended early is told of below
        }
    });
    let mut peak = None;
    let failed = |said: String| Error::Program {
        program: program.clone().into(),
        arguments: String::new(),
        said,
    };
    let ended = loop {
        // The kernel keeps the largest value, so that looking now and then misses only what came last.
        peak = metrics::process::peak_of(child.id()).max(peak);
        if let Some(ended) = child
            .try_wait()
            .map_err(|error| failed(error.to_string()))?
        {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let _ = feeding.join();
    match ended.success() {
        true => Ok(peak),
        false => Err(failed(ended.to_string())),
    }
}
