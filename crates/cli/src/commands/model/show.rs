//! `companion model show`.

use engine::quant::QUANTIZATION;
use engine::quant::gate::GateReport;
use engine::store::{ModelInfo, ModelStore};
use serde::Serialize;
use serde_json::Value;

use super::gate;
use super::table::{Listed, size};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Line;

/// Which model.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Its name in `companion model list`
    name: String,
}

/// A model with what the quality gate found when it was made.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    model: Listed<'a>,
    gate: Option<&'a GateReport>,
    /// What quantizing it did, with the error of every tensor, where that is on record.
    quantization: Option<Value>,
}

pub(super) fn run(context: &Context, store: &ModelStore, args: &Args) -> anyhow::Result<Exit> {
    let model = store.get(&args.name)?;
    let gate = gate::read(store, &args.name);
    if context.out.is_json() {
        context.out.json(&Shown {
            model: Listed::of(&model),
            gate: gate.as_ref(),
            quantization: quantization(store, &args.name),
        })?;
        return Ok(Exit::Success);
    }
    context.out.line(Line::new().bold(model.name.as_str()))?;
    for (label, value) in facts(&model) {
        context
            .out
            .line(Line::new().dim(format!("  {label:<11}")).plain(value))?;
    }
    if let Some(gate) = gate {
        context.out.blank()?;
        gate::print(context, &gate)?;
    }
    Ok(Exit::Success)
}

/// The report on the tensors of the installed model `name`, but for the model itself, which is shown anyway.
fn quantization(store: &ModelStore, name: &str) -> Option<Value> {
    let text = std::fs::read(store.path(name).join(QUANTIZATION)).ok()?;
    let mut report: Value = serde_json::from_slice(&text).ok()?;
    report.as_object_mut()?.remove("model");
    Some(report)
}

fn facts(model: &ModelInfo) -> Vec<(&'static str, String)> {
    let installed = i64::try_from(model.created)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(
            || "at an unknown time".to_owned(),
            |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        );
    let what = match model.decoder_config() {
        Ok(config) => (
            "context",
            format!(
                "{} tokens of a vocabulary of {}",
                config.max_position_embeddings, config.vocab_size
            ),
        ),
        Err(_) => ("vectors", format!("{} components", model.dim)),
    };
    let kernel = model.kernel_name();
    vec![
        ("kind", format!("{}, {}", model.kind, model.arch)),
        (
            "weights",
            format!(
                "{}, {}, {} parameters, {:.2} bits each",
                size(model.bytes),
                model.quant,
                model.parameters,
                model.bits()
            ),
        ),
        what,
        (
            "kernel",
            kernel.map_or_else(|e| e.to_string(), str::to_owned),
        ),
        ("sha256", model.sha256.clone()),
        ("licence", model.licence.clone()),
        ("origin", model.origin.clone()),
        ("installed", installed),
    ]
}
