//! `companion model quantize`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use engine::quant::decoder::{self, DecoderQuant, DecoderReport, quantize_decoder};
use engine::quant::gate::{GATE, GateReport};
use engine::quant::{QUANTIZATION, QuantReport, quantize_encoder};
use engine::store::{ModelInfo, ModelStore, Trial};
use serde::Serialize;

use super::gate;
use super::table::{self, size};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::messages;

/// From what to what.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A language model is calibrated with texts: each matrix is rounded so that what it makes of them changes least. \
    Without --calibrate these are 500 journal entries that come with Companion.\n\n\
    The new model is then compared with the old one, on other texts: what it gets right, how it writes, how fast it is and \
    what it takes. One that fails is not installed (exit code 1), nor one that this machine has not the memory to compare. \
    `companion model show NAME` prints the comparison."
)]
pub(super) struct Args {
    /// The model to make smaller
    name: String,
    /// The type of the new weights
    #[arg(long, value_enum)]
    to: Target,
    /// The name of the new model [default: NAME-int8, -int4 or -mixed]
    #[arg(long = "as", value_name = "NEW_NAME")]
    new_name: Option<String>,
    /// Weights under one scale, 32, 64 or 128: fewer are more exact and larger [default: 128 in layers of 8 bits, 32 in tied embeddings of int4, else 64]
    #[arg(long, value_name = "N", value_parser = group)]
    group: Option<usize>,
    /// Size that a mixed weight file may have, such as 900MB or 1GB [default: 4.88 bits a weight]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    budget: Option<u64>,
    /// Texts to calibrate with: JSON lines with a "text", or paragraphs
    #[arg(long, value_name = "FILE")]
    calibrate: Option<PathBuf>,
    /// Install it even if it fails the quality gate or cannot be compared; it is marked as such
    #[arg(long)]
    force: bool,
}

/// What was made, and what the gate says of it.
#[derive(Serialize)]
pub(super) struct Made<T> {
    #[serde(flatten)]
    pub(super) report: T,
    pub(super) gate: GateReport,
    /// Whether it is installed now.
    pub(super) installed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Target {
    /// 8-bit weights, activations quantized as they come
    Int8,
    /// 4-bit weights; language models only
    Int4,
    /// 4-bit weights, 8 bits where they count; language models only
    Mixed,
}

impl Target {
    fn of_decoder(self) -> decoder::Target {
        match self {
            Target::Int8 => decoder::Target::Int8,
            Target::Int4 => decoder::Target::Int4,
            Target::Mixed => decoder::Target::Mixed,
        }
    }
}

pub(super) fn run(context: &Context, store: &ModelStore, args: &Args) -> anyhow::Result<Exit> {
    let new_name = match &args.new_name {
        Some(name) => name.clone(),
        None => format!("{}-{}", args.name, args.to.of_decoder().name()),
    };
    if store.get(&args.name)?.kind == "decoder" {
        return make_decoder(context, store, args, &new_name);
    }
    if args.to != Target::Int8
        || args.group.is_some()
        || args.budget.is_some()
        || args.calibrate.is_some()
    {
        return Err(Failure::usage(format!(
            "{:?} is an encoder: `--to int8` is all there is for it, without --group, --budget and --calibrate",
            args.name
        ))
        .into());
    }
    let made = make(context, store, (&args.name, &new_name), args.force)?;
    tell(context, &made, &made.report.model)
}

/// Prints what was made; the exit code says whether it was installed.
fn tell<T: Serialize>(
    context: &Context,
    made: &Made<T>,
    model: &ModelInfo,
) -> anyhow::Result<Exit> {
    if context.out.is_json() {
        context.out.json(made)?;
    } else {
        gate::print(context, &made.gate)?;
        if made.installed {
            table::print(context, std::slice::from_ref(model))?;
        }
    }
    if made.installed {
        return Ok(Exit::Success);
    }
    context.out.warn(gate::refusal(&made.gate, &model.name));
    Ok(Exit::Failed)
}

/// Lets the gate judge the model of `trial`, and installs it if it passes or must be, with the report on its tensors.
fn admit(
    context: &Context,
    store: &ModelStore,
    trial: Trial<'_>,
    (from, model, made): (&str, &ModelInfo, &impl Serialize),
    force: bool,
) -> anyhow::Result<(GateReport, bool)> {
    let from = store.get(from)?;
    let made = serde_json::to_vec_pretty(made).context("cannot write the report on tensors")?;
    trial.write_beside(&model.name, QUANTIZATION, &made)?;
    let mut gate = gate::judge(context, (store, &from), (trial.store(), model))?;
    let admitted = gate::admits(&gate, from.is_synthetic());
    if !admitted && !force {
        return Ok((gate, false));
    }
    gate.forced = !admitted;
    let report = serde_json::to_vec_pretty(&gate).context("cannot write the gate's report")?;
    trial.write_beside(&model.name, GATE, &report)?;
    trial.install(&model.name)?;
    Ok((gate, true))
}

/// Makes `new_name` from `name`, with a bar on the way and a line at the end, both on stderr.
pub(super) fn make(
    context: &Context,
    store: &ModelStore,
    (name, new_name): (&str, &str),
    force: bool,
) -> anyhow::Result<Made<QuantReport>> {
    let trial = store.trial(name)?;
    let mut bar = context.out.progress("quantizing", 0);
    let report = quantize_encoder(trial.store(), name, new_name, &mut |done, total| {
        bar.set_total(total);
        bar.set(done);
    });
    bar.finish();
    let report = report?;
    let errors = report.tensors.iter().map(|tensor| tensor.relative_error);
    context.out.note(said(
        (name, new_name),
        (report.bytes_before, report.bytes_after),
        errors.fold(0.0, f32::max),
    ));
    let about = (name, &report.model, &report);
    let (gate, installed) = admit(context, store, trial, about, force)?;
    Ok(Made {
        report,
        gate,
        installed,
    })
}

fn make_decoder(
    context: &Context,
    store: &ModelStore,
    args: &Args,
    new_name: &str,
) -> anyhow::Result<Exit> {
    if args.budget.is_some() && args.to != Target::Mixed {
        return Err(Failure::usage(
            "--budget is for `--to mixed`: the other types have the size that they have",
        )
        .into());
    }
    let options = DecoderQuant {
        to: args.to.of_decoder(),
        group: args.group,
        budget_bytes: args.budget,
    };
    let texts = args.calibrate.as_deref().map(read_texts).transpose()?;
    let trial = store.trial(&args.name)?;
    let mut bar = context.out.progress("quantizing", 0);
    let report = quantize_decoder(
        trial.store(),
        &args.name,
        new_name,
        &options,
        texts.as_deref(),
        &mut |done, total| {
            bar.set_total(total);
            bar.set(done);
        },
    );
    bar.finish();
    let report: DecoderReport = report?;
    let errors = report.matrices.iter().map(|matrix| matrix.relative_error);
    context.out.note(said(
        (&args.name, new_name),
        (report.bytes_before, report.bytes_after),
        errors.fold(0.0, f32::max),
    ));
    context.out.note(format!(
        "{:.2} bits a weight, {}; the error of every tensor is kept beside the model ({QUANTIZATION})",
        report.bits_per_weight,
        calibrated(&report)
    ));
    let about = (args.name.as_str(), &report.model, &report);
    let (gate, installed) = admit(context, store, trial, about, args.force)?;
    let made = Made {
        report,
        gate,
        installed,
    };
    tell(context, &made, &made.report.model)
}

/// What a decoder was calibrated with.
fn calibrated(report: &DecoderReport) -> String {
    if report.calibration_texts_given == 0 {
        return "calibrated without texts, since it has no tokenizer".to_owned();
    }
    let cut = match report.calibration_texts_cut {
        0 => String::new(),
        1 => " (one of them is too long and was cut)".to_owned(),
        more => format!(" ({more} of them are too long and were cut)"),
    };
    format!(
        "calibrated with {} of {}, {} read{cut}",
        report.calibration_texts,
        messages::counted(report.calibration_texts_given, "text", "texts"),
        messages::counted(report.calibration_tokens, "token", "tokens")
    )
}

fn said((name, new_name): (&str, &str), (before, after): (u64, u64), worst: f32) -> String {
    format!(
        "made {new_name} from {name}: {} to {} ({:.0} % smaller), largest error of a tensor {:.2} %",
        size(before),
        size(after),
        100.0 * (1.0 - after as f64 / before as f64),
        100.0 * worst,
    )
}

/// The texts of a file: its JSON lines if the first line is one, else its paragraphs.
fn read_texts(path: &Path) -> anyhow::Result<Vec<String>> {
    #[derive(serde::Deserialize)]
    struct Line {
        text: String,
    }
    let all =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let texts: Vec<String> = if all.trim_start().starts_with('{') {
        let lines = all.lines().enumerate();
        let lines = lines.filter(|(_, line)| !line.trim().is_empty());
        lines
            .map(|(at, line)| {
                // What is wrong is said without the text.
                let line: Line = serde_json::from_str(line).map_err(|_| {
                    let place = format!("{}, line {}", path.display(), at + 1);
                    Failure::usage(format!("{place}: no JSON object with a \"text\""))
                })?;
                Ok(line.text)
            })
            .collect::<anyhow::Result<_>>()?
    } else {
        let paragraphs = all.split("\n\n").map(str::trim);
        paragraphs
            .filter(|p| !p.is_empty())
            .map(str::to_owned)
            .collect()
    };
    if texts.is_empty() {
        return Err(
            Failure::usage(format!("{} has no text to calibrate with", path.display())).into(),
        );
    }
    Ok(texts)
}

fn group(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(group @ (32 | 64 | 128)) => Ok(group),
        _ => Err("a group has 32, 64 or 128 weights".into()),
    }
}

/// `900MB`, `1GB`, `1.2 GB`, or bytes.
fn bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 1.0,
        "KB" => 1e3,
        "MB" | "M" => 1e6,
        "GB" | "G" => 1e9,
        "MIB" => 1024.0 * 1024.0,
        "GIB" => 1024.0 * 1024.0 * 1024.0,
        unit => return Err(format!("{unit:?} is no unit of size; MB and GB are")),
    };
    let number = digits.trim().parse::<f64>();
    let number = number.ok().filter(|n| n.is_finite() && *n > 0.0);
    let number = number.ok_or_else(|| "a size is a number above zero, as in 900MB".to_owned())?;
    Ok((number * unit) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, expected) in [
            ("1GB", 1_000_000_000),
            ("1.2 gb", 1_200_000_000),
            ("900MB", 900_000_000),
            ("1GiB", 1 << 30),
            ("12", 12),
        ] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "GB", "-1GB", "1XB", "nan"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn texts_are_json_lines_or_paragraphs() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("texts");
        let read = |content: &str| {
            std::fs::write(&path, content).expect("it is written");
            read_texts(&path)
        };
        let lines = read("{\"id\": 1, \"text\": \"one\"}\n\n{\"text\": \"two\"}\n");
        assert_eq!(lines.expect("they are JSON lines"), ["one", "two"]);
        let paragraphs = read("one\ngoes on\n\n\ntwo\n");
        assert_eq!(paragraphs.expect("they are texts"), ["one\ngoes on", "two"]);
        let error = read("{\"text\": \"one\"}\n{\"secret\": 1}\n").expect_err("no text");
        assert!(
            error
                .to_string()
                .ends_with("line 2: no JSON object with a \"text\"")
        );
        assert!(read(" \n").is_err());
    }
}
