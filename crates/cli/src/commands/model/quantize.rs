//! `companion model quantize`.

use engine::quant::{QuantReport, quantize_encoder};
use engine::store::ModelStore;

use super::table::{self, size};
use crate::context::Context;
use crate::exit::Exit;

/// From what to what.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model to make smaller
    name: String,
    /// The type of the new weights
    #[arg(long, value_enum)]
    to: Target,
    /// The name of the new model [default: NAME-int8]
    #[arg(long = "as", value_name = "NEW_NAME")]
    new_name: Option<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Target {
    /// 8-bit weights, activations quantized as they come
    Int8,
}

pub(super) fn run(context: &Context, store: &ModelStore, args: &Args) -> anyhow::Result<Exit> {
    let Target::Int8 = args.to;
    let new_name = match &args.new_name {
        Some(name) => name.clone(),
        None => format!("{}-int8", args.name),
    };
    let report = make(context, store, &args.name, &new_name)?;
    if context.out.is_json() {
        context.out.json(&report)?;
    } else {
        table::print(context, &[report.model])?;
    }
    Ok(Exit::Success)
}

/// Makes `new_name` from `name`, with a bar on the way and a line at the end, both on stderr.
pub(super) fn make(
    context: &Context,
    store: &ModelStore,
    name: &str,
    new_name: &str,
) -> anyhow::Result<QuantReport> {
    let mut bar = context.out.progress("quantizing", 0);
    let report = quantize_encoder(store, name, new_name, &mut |done, total| {
        bar.set_total(total);
        bar.set(done);
    });
    bar.finish();
    let report = report?;
    let worst = report
        .tensors
        .iter()
        .map(|tensor| tensor.relative_error)
        .fold(0.0, f32::max);
    context.out.note(format!(
        "made {new_name} from {name}: {} to {} ({:.0} % smaller), largest error of a tensor {:.2} %",
        size(report.bytes_before),
        size(report.bytes_after),
        100.0 * (1.0 - report.bytes_after as f64 / report.bytes_before as f64),
        100.0 * worst,
    ));
    Ok(report)
}
