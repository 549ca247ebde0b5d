//! `companion model synth`.

use engine::store::ModelStore;
use engine::synth::{SynthQuant, synthesize};

use super::table;
use crate::context::Context;
use crate::exit::Exit;

/// Which shape.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The weights are random: such a model measures speed and memory, and can say nothing. It is \
    installed as ARCH-QUANT-synth and has no tokenizer."
)]
pub(super) struct Args {
    /// The shape: qwen2.5-0.5b, qwen2.5-1.5b, qwen2.5-3b or qwen2.5-7b
    arch: String,
    /// The type of the weights
    #[arg(long, value_enum, default_value_t = Quant::Int8)]
    quant: Quant,
    /// Where the random numbers begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Quant {
    /// 8 bits a weight
    Int8,
    /// 4 bits a weight
    Int4,
    /// 4 bits a weight, and 8 for as many as `model quantize --to mixed` gives them to
    Mixed,
    /// Floats
    F32,
}

pub(super) fn run(context: &Context, store: &ModelStore, args: &Args) -> anyhow::Result<Exit> {
    let quant = match args.quant {
        Quant::Int8 => SynthQuant::Int8,
        Quant::Int4 => SynthQuant::Int4,
        Quant::Mixed => SynthQuant::Mixed,
        Quant::F32 => SynthQuant::F32,
    };
    engine::synth::config_of(&args.arch)?;
    context.make_home()?;
    let mut bar = context.out.progress("making weights", 0);
    let model = synthesize(store, &args.arch, quant, args.seed, &mut |done, total| {
        bar.set_total(total);
        bar.set(done);
    });
    bar.finish();
    let model = model?;
    if context.out.is_json() {
        context.out.json(&model)?;
    } else {
        table::print(context, std::slice::from_ref(&model))?;
    }
    Ok(Exit::Success)
}
