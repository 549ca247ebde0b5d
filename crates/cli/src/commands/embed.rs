//! `companion embed`: vectors for a stream of texts. No journal is opened.

use std::path::PathBuf;

use engine::encoder::{Encoder, EncoderOptions};
use engine::store::ModelStore;
use serde::Serialize;

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::jsonl;
use crate::messages;

/// What to embed, and with which model.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each line of FILE is an object with a field \"text\"; each line of the answer is \
    {\"embedding\":[…],\"tokens\":N,\"chunks\":N,\"model\":…}, in the same order, with the other fields of \
    the input under \"input\". A line that cannot be used gives {\"error\":…,\"line\":N}; the rest goes on, \
    and the exit code is 1 at the end. Long texts are read whole, in overlapping chunks."
)]
pub(crate) struct Args {
    /// A file of JSON lines, - for stdin
    #[arg(long, value_name = "FILE")]
    jsonl: PathBuf,
    /// The encoder, a name of `companion model list` [default: the one that the journal uses]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
}

/// What is said of one text.
#[derive(Serialize)]
struct Embedded {
    embedding: Vec<f32>,
    tokens: usize,
    chunks: usize,
    model: String,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let input = jsonl::open(&args.jsonl)?;
    let encoder = encoder(context, args.model.as_deref())?;
    jsonl::run(input, &context.out, |texts| {
        let embeddings = encoder.embed(texts).into_iter();
        Ok(embeddings
            .map(|embedding| Embedded {
                embedding: embedding.vector,
                tokens: embedding.tokens,
                chunks: embedding.chunks,
                model: encoder.model_id().to_owned(),
            })
            .collect())
    })
}

/// The encoder called `name`, else the one for analysis and search.
fn encoder(context: &Context, name: Option<&str>) -> anyhow::Result<Encoder> {
    let Some(name) = name else {
        return context
            .encoder()?
            .ok_or_else(|| Failure::not_found(messages::NO_MODEL).into());
    };
    let store = ModelStore::new(context.models_dir());
    store.get(name)?; // names the model that is missing, before a path is made of the name
    Ok(Encoder::open(
        &store.path(name),
        &EncoderOptions::default(),
    )?)
}
