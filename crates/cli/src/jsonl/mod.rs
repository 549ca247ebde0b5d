//! JSON Lines in, JSON Lines out: one object a line, answered in the same order, nothing stored.
//!
//! A thread reads and parses ahead of the model, bounded in bytes, so that both cores are busy and a
//! file of any length takes the same memory. What has been read is worked on at once: a program that
//! writes one line and waits for its answer gets it, and a file goes through in full windows.

mod lines;
mod queue;
mod record;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::output::Output;
use queue::Queue;
use record::{Fields, Record};

/// Lines that are handed to the model together, at most.
const WINDOW_LINES: usize = 256;
/// Bytes of text that are handed to the model together; a longer line goes alone.
const WINDOW_BYTES: usize = 1 << 20;
/// Bytes that are read ahead.
const AHEAD_BYTES: usize = 32 << 20;

/// An answer line: what was worked out, then the fields of the input that were not used.
#[derive(Serialize)]
struct Answer<'a, T> {
    #[serde(flatten)]
    result: &'a T,
    #[serde(skip_serializing_if = "Fields::is_empty")]
    input: &'a Fields,
}

/// The answer to a line that cannot be worked on.
#[derive(Serialize)]
struct Refusal<'a> {
    error: &'a str,
    line: u64,
    #[serde(skip_serializing_if = "Fields::is_empty")]
    input: &'a Fields,
}

/// Opens FILE, or stdin for `-`.
pub(crate) fn open(file: &Path) -> anyhow::Result<Box<dyn Read + Send>> {
    if file == Path::new("-") {
        return Ok(Box::new(std::io::stdin()));
    }
    match std::fs::File::open(file) {
        Ok(opened) => Ok(Box::new(opened)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Failure::not_found(format!(
                "no file {}; give a file of JSON lines, or - for stdin",
                file.display()
            ))
            .into())
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// Answers every line of `input` with what `work` makes of its text, in order.
///
/// `work` gets at most [`WINDOW_LINES`] texts at a time and gives one result for each. The exit code is
/// 1 when any line was refused.
pub(crate) fn run<T: Serialize>(
    input: impl Read + Send + 'static,
    out: &Output,
    mut work: impl FnMut(&[&str]) -> anyhow::Result<Vec<T>>,
) -> anyhow::Result<Exit> {
    let queue = Arc::new(Queue::new(AHEAD_BYTES));
    let sender = Arc::clone(&queue);
    // Not joined: on an error here the reader may be waiting for a stdin that never ends.
    std::thread::spawn(move || read_all(input, &sender));
    let mut exit = Exit::Success;
    while let Some(window) = queue.pop(WINDOW_LINES, WINDOW_BYTES) {
        let texts: Vec<&str> = window
            .iter()
            .filter_map(|record| record.text.as_deref().ok())
            .collect();
        let results = if texts.is_empty() {
            Vec::new()
        } else {
            work(&texts)?
        };
        anyhow::ensure!(
            results.len() == texts.len(),
            "{} results for {} texts",
            results.len(),
            texts.len()
        );
        let mut results = results.iter();
        for record in &window {
            let input = &record.fields;
            match &record.text {
                Ok(_) => {
                    let result = results.next().expect("one result a text, as checked above");
                    out.json_line(&Answer { result, input })?;
                }
                Err(error) => {
                    exit = Exit::Failed;
                    out.json_line(&Refusal {
                        error,
                        line: record.line,
                        input,
                    })?;
                }
            }
        }
    }
    Ok(exit)
}

/// [`run`] for lines that are not of the form `{"text": …}`: `parse` reads each, `work` answers those that could be
/// read, at most [`WINDOW_LINES`] at a time; nothing of the input is handed through.
pub(crate) fn run_lines<T: Send + 'static, R: Serialize>(
    input: impl Read + Send + 'static,
    out: &Output,
    parse: fn(&[u8]) -> Result<T, String>,
    mut work: impl FnMut(&[T]) -> anyhow::Result<Vec<R>>,
) -> anyhow::Result<Exit> {
    let queue: Arc<Queue<Result<T, String>>> = Arc::new(Queue::new(AHEAD_BYTES));
    let sender = Arc::clone(&queue);
    std::thread::spawn(move || {
        for line in lines::Lines::new(input) {
            let size_bytes = 128 + line.as_ref().map_or(0, Vec::len);
            if !sender.push(line.and_then(|bytes| parse(&bytes)), size_bytes) {
                return;
            }
        }
        sender.close();
    });
    let (mut exit, mut line) = (Exit::Success, 0);
    while let Some(window) = queue.pop(WINDOW_LINES, WINDOW_BYTES) {
        // Which lines could be read, then their contents without them.
        let (mut good, mut refused) = (Vec::new(), Vec::new());
        for record in window {
            match record {
                Ok(record) => {
                    good.push(record);
                    refused.push(None);
                }
                Err(error) => refused.push(Some(error)),
            }
        }
        let results = if good.is_empty() {
            Vec::new()
        } else {
            work(&good)?
        };
        anyhow::ensure!(
            results.len() == good.len(),
            "{} results for {} lines",
            results.len(),
            good.len()
        );
        let mut results = results.iter();
        for refused in &refused {
            line += 1;
            match refused {
                None => {
                    out.json_line(&results.next().expect("one result a line, as checked above"))?
                }
                Some(error) => {
                    exit = Exit::Failed;
                    let input = &Fields::default();
                    out.json_line(&Refusal { error, line, input })?;
                }
            }
        }
    }
    Ok(exit)
}

/// Reads until the end, an error of the input (which is one more refused line), or nobody listens.
fn read_all(input: impl Read, queue: &Queue<Record>) {
    for (index, line) in lines::Lines::new(input).enumerate() {
        let line_number = index as u64 + 1;
        let record = match line {
            Ok(bytes) => Record::parse(&bytes, line_number),
            Err(reason) => Record::refused(reason, line_number),
        };
        let size_bytes = record.size_bytes();
        if !queue.push(record, size_bytes) {
            return;
        }
    }
    queue.close();
}

#[cfg(test)]
mod tests;
