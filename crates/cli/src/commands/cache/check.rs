//! `companion cache check`: would an answer stored for `a` be served to `b`? By meaning alone; nothing is stored.

use std::path::PathBuf;

use assistant::cache::judge::Judge;
use assistant::cache::{Decider, Decision};
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::jsonl;
use crate::messages;

/// Which pairs.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each line of FILE is {\"a\":\"…\",\"b\":\"…\"}; each line of the answer is \
    {\"served\":…,\"similarity\":…,\"refused_by\":…,\"judge\":…}, in the same order. refused_by is null, the name of a gate, \
    similarity, judge or doubt; judge is the judge's score, null where it was not asked. A line that cannot be used gives \
    {\"error\":…,\"line\":N}; the rest goes on, and the exit code is 1 at the end."
)]
pub(crate) struct Args {
    /// A file of JSON lines, - for stdin
    #[arg(long, value_name = "FILE")]
    jsonl: PathBuf,
}

#[derive(Deserialize)]
struct Pair {
    a: String,
    b: String,
}

#[derive(Serialize)]
struct Checked {
    served: bool,
    similarity: f32,
    refused_by: Option<&'static str>,
    judge: Option<f32>,
}

impl From<&Decision> for Checked {
    fn from(decision: &Decision) -> Checked {
        Checked {
            served: decision.serves(),
            similarity: decision.similarity,
            refused_by: decision.refused_by,
            judge: decision.judged.map(|j| j.score).filter(|s| s.is_finite()),
        }
    }
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let input = jsonl::open(&args.jsonl)?;
    let encoder = context
        .encoder()?
        .ok_or_else(|| Failure::not_found(messages::NO_MODEL))?;
    let decider = Decider::new(context.config.cache.options().thresholds);
    let decider = match Judge::committed(&encoder)? {
        Some(judge) => decider.with_judge(judge),
        None => decider,
    };
    jsonl::run_lines(input, &context.out, parse, |pairs: &[Pair]| {
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|p| (p.a.as_str(), p.b.as_str())).collect();
        Ok(decider
            .check(&encoder, &pairs)
            .iter()
            .map(Checked::from)
            .collect())
    })
}

/// Reads a line, or says what is wrong with it.
fn parse(line: &[u8]) -> Result<Pair, String> {
    let text = std::str::from_utf8(line)
        .map_err(|e| format!("invalid UTF-8 at byte {}", e.valid_up_to() + 1))?
        .trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Err("the line is empty; write {\"a\": …, \"b\": …}".to_owned());
    }
    let pair: Pair = serde_json::from_str(text).map_err(|e| {
        let said = e.to_string();
        let said = said.split(" at line ").next().unwrap_or_default();
        match e.column() {
            0 => said.to_owned(),
            column => format!("{said} at column {column}"),
        }
    })?;
    match [("a", &pair.a), ("b", &pair.b)]
        .iter()
        .find(|(_, t)| t.trim().is_empty())
    {
        Some((name, _)) => Err(format!("\"{name}\" is blank")),
        None => Ok(pair),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_cannot_be_used_says_why() {
        for (line, want) in [
            (
                &b""[..],
                "the line is empty; write {\"a\": \u{2026}, \"b\": \u{2026}}",
            ),
            (b"{\"a\":\"x\"}", "missing field `b` at column 9"),
            (
                b"{\"a\":\"x\",\"b\":7}",
                "invalid type: integer `7`, expected a string at column 14",
            ),
            (b"{\"a\":\"x\",\"b\":\" \"}", "\"b\" is blank"),
            (b"\xff", "invalid UTF-8 at byte 1"),
        ] {
            assert_eq!(parse(line).err().as_deref(), Some(want));
        }
        assert!(parse(b"{\"a\":\"x\",\"b\":\"y\",\"id\":1}").is_ok());
    }
}
