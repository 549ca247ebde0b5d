//! `companion model import`.

use std::path::PathBuf;

use engine::store::ModelStore;

use super::table;
use crate::context::Context;
use crate::exit::{Exit, Failure};

/// From where.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A folder with model.safetensors, tokenizer.json and config.json, or the weight file in it
    path: PathBuf,
    /// The name to install it under [default: the folder's]
    #[arg(long)]
    name: Option<String>,
}

pub(super) fn run(context: &Context, store: &ModelStore, args: &Args) -> anyhow::Result<Exit> {
    if !args.path.exists() {
        return Err(Failure::not_found(format!(
            "no file or folder {}; give the folder with model.safetensors in it",
            args.path.display()
        ))
        .into());
    }
    let model = store.import(&args.path, args.name.as_deref())?;
    if context.out.is_json() {
        context.out.json(&model)?;
    } else {
        table::print(context, std::slice::from_ref(&model))?;
        if model.quant == "f32" {
            context.out.note(format!(
                "`companion model quantize {} --to int8` makes its fast form",
                model.name
            ));
        }
    }
    Ok(Exit::Success)
}
