//! `companion model import`.

use std::path::{Path, PathBuf};

use engine::store::ModelStore;

use super::table;
use crate::context::Context;
use crate::exit::{Exit, Failure};

/// From where.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A folder with model.safetensors (or its shards and their index), tokenizer.json and config.json, the weight
    /// file in it, or a GGUF file
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
    context.make_home()?;
    let model = store
        .import(&args.path, args.name.as_deref())
        .map_err(|error| as_given(error, context, &args.path))?;
    if context.out.is_json() {
        context.out.json(&model)?;
    } else {
        table::print(context, std::slice::from_ref(&model))?;
        if !matches!(model.quant.as_str(), "int8" | "int4" | "mixed") {
            context.out.note(format!(
                "`companion model quantize {} --to int8` makes its fast form",
                model.name
            ));
        }
    }
    Ok(Exit::Success)
}

/// `error` with the file that the person named, in place of its copy in the store, which is gone by now.
fn as_given(mut error: engine::Error, context: &Context, given: &Path) -> engine::Error {
    use engine::Error as E;
    if let E::Io { path, .. }
    | E::Weights { path, .. }
    | E::Tokenizer { path, .. }
    | E::Manifest { path, .. } = &mut error
        && path.starts_with(context.models_dir())
        && let Some(name) = path.file_name()
    {
        *path = match given.is_dir() {
            true => given.join(name),
            // A weight file may have any name of its own.
            false if name == "model.safetensors" || name == "model.gguf" => given.to_owned(),
            false => given.with_file_name(name),
        };
    }
    error
}
