//! `companion profile`: what this machine does, and which language model suits it. Everything it says was measured in
//! the run that says it.

use std::path::PathBuf;

use anyhow::Context as _;
use bench::{Hardware, Prediction, Profile, ProfileOptions, Recommendation};
use engine::store::ModelStore;
use serde::Serialize;

use super::config;
use super::model::size;
use crate::context::Context;
use crate::exit::Exit;
use crate::messages;
use crate::output::{Line, Style};

/// What to do with what was found.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Takes about half a minute and up to 1 GB of disk, which is free again afterwards. Each model's \
    layers run in their real shape with random weights, so no model need be installed. Other programs at work make \
    the predictions slower, as they would make the model."
)]
pub(crate) struct Args {
    /// Keep the profile, and set the recommended threads (and the recommended model, where it is installed)
    #[arg(long)]
    save: bool,
    /// Threads to measure with [default: COMPANION_THREADS, else all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// The profile as a program reads it.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    profile: &'a Profile,
    /// The installed model that is the recommended one.
    installed: Option<&'a str>,
    /// What `--save` has written.
    saved: Vec<String>,
}

/// Where the profile is kept: numbers of the machine, none of the journal.
fn path(context: &Context) -> PathBuf {
    context.home().join("profile.json")
}

/// The profile that was kept, if there is one that this version reads.
pub(super) fn read(context: &Context) -> Option<Profile> {
    let text = std::fs::read(path(context)).ok()?;
    serde_json::from_slice(&text).ok()
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    // Where the models lie or would lie: that disk counts, and it has room for models.
    let place = match context.models_dir() {
        dir if dir.is_dir() => dir,
        _ if context.home().is_dir() => context.home().to_owned(),
        _ => std::env::temp_dir(),
    };
    let dir = tempfile::Builder::new()
        .prefix(&format!(".profile.{}.part", std::process::id()))
        .rand_bytes(0)
        .tempdir_in(&place)
        .with_context(|| format!("cannot write to {}", place.display()))?;
    let options = ProfileOptions {
        dir: dir.path().to_owned(),
        threads: args.threads,
    };
    let mut bar = context.out.progress("measuring", 0);
    let profile = bench::measure_profile(&options, &mut |_, done, total| {
        bar.set_total(total);
        bar.set(done);
    });
    bar.finish();
    let profile = profile?;
    let installed = match &profile.recommended {
        Some(found) => installed(context, found)?,
        None => None,
    };
    let saved = match args.save {
        true => save(context, &profile, installed.as_deref())?,
        false => Vec::new(),
    };
    if context.out.is_json() {
        context.out.json(&Told {
            profile: &profile,
            installed: installed.as_deref(),
            saved,
        })?;
        return Ok(Exit::Success);
    }
    hardware(context, &profile)?;
    table(context, &profile.models)?;
    recommended(
        context,
        profile.recommended.as_ref(),
        installed.as_deref(),
        args.save,
    )?;
    for line in saved {
        context.out.note(format!("saved: {line}"));
    }
    Ok(Exit::Success)
}

/// The name of an installed model with the recommended one's sizes and bits.
fn installed(context: &Context, found: &Recommendation) -> anyhow::Result<Option<String>> {
    let wanted = engine::synth::config_of(&found.model)?;
    let models = ModelStore::new(context.models_dir()).list()?;
    let fits = models.into_iter().find(|model| {
        let same = model.decoder_config().is_ok_and(|config| {
            (
                config.hidden_size,
                config.num_hidden_layers,
                config.vocab_size,
            ) == (
                wanted.hidden_size,
                wanted.num_hidden_layers,
                wanted.vocab_size,
            )
        });
        same && model.quant == found.bits.word() && !model.is_synthetic()
    });
    Ok(fits.map(|model| model.name))
}

/// Keeps the profile and writes the settings; what was written, in words.
fn save(
    context: &Context,
    profile: &Profile,
    installed: Option<&str>,
) -> anyhow::Result<Vec<String>> {
    context.make_home()?;
    let path = path(context);
    let mut file = tempfile::NamedTempFile::new_in(context.home())?;
    serde_json::to_writer_pretty(&mut file, profile)?;
    file.persist(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    let mut saved = vec![format!("the profile, in {}", path.display())];
    let Some(found) = &profile.recommended else {
        return Ok(saved);
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // All cores is the default: written down, it would be wrong on the next machine.
    let threads = if found.threads == cores {
        0
    } else {
        found.threads
    };
    let mut settings = vec![("threads", toml_edit::Value::from(threads as i64))];
    saved.push(format!("threads = {threads}"));
    if let Some(name) = installed {
        settings.push(("language.model", toml_edit::Value::from(name)));
        saved.push(format!("language.model = {name}"));
    }
    config::save(context, settings)?;
    Ok(saved)
}

fn hardware(context: &Context, profile: &Profile) -> anyhow::Result<()> {
    let out = &context.out;
    let Hardware {
        kernel,
        threads_used,
        cache_bytes,
        memory_bytes,
        available_bytes,
        read_bytes,
        read_one_thread,
        read_all_threads,
        int8_products,
        int4_products,
        f32_products,
        threads,
        disk,
    } = &profile.hardware;
    let unknown = || "not told by this system".to_owned();
    let rate = |bytes: f64| format!("{:.1} GB/s", bytes / 1e9);
    let products = |[one, all]: &[f64; 2]| {
        format!(
            "{:.0} with one thread, {:.0} with {threads_used}",
            one / 1e9,
            all / 1e9
        )
    };
    out.line(Line::new().bold(profile.machine.cpu.as_str()))?;
    let memory = memory_bytes.map_or_else(unknown, size);
    let scaled = |rate: &bench::ThreadRate| {
        format!("{} → {:.1} tok/s", rate.threads, rate.decode_tok_s)
            .replace('→', out.glyph("→", "->"))
    };
    let rows = [
        (
            "cores",
            format!("{}, kernel {kernel}", profile.machine.cores),
        ),
        (
            "memory",
            format!(
                "{memory}, {} free",
                available_bytes.map_or_else(unknown, size)
            ),
        ),
        ("cache", cache_bytes.map_or_else(unknown, size)),
        (
            "reading",
            format!(
                "{} with one thread, {} with {threads_used} (over {})",
                rate(*read_one_thread),
                rate(*read_all_threads),
                size(*read_bytes)
            ),
        ),
        (
            "int8",
            format!("{} billion multiply-adds a second", products(int8_products)),
        ),
        (
            "int4",
            format!("{} billion multiply-adds a second", products(int4_products)),
        ),
        (
            "f32",
            format!("{} billion multiply-adds a second", products(f32_products)),
        ),
        (
            "threads",
            format!(
                "{} (0.5B int8)",
                threads.iter().map(scaled).collect::<Vec<_>>().join(", ")
            ),
        ),
        (
            "disk",
            disk.map_or_else(
                || "not measured: this file system cannot be read past the page cache".to_owned(),
                |disk| {
                    format!(
                        "{} past the page cache (over {})",
                        rate(disk.read_rate),
                        size(disk.bytes)
                    )
                },
            ),
        ),
    ];
    for (name, value) in rows {
        out.line(Line::new().dim(format!("  {name:<8} ")).plain(value))?;
    }
    out.line(Line::new().dim(format!("  measured in {:.0} s", profile.seconds)))?;
    out.blank()
}

/// Each model in each width.
fn table(context: &Context, models: &[Prediction]) -> anyhow::Result<()> {
    let out = &context.out;
    out.line(Line::new().dim(format!(
        "  {:<13} {:<6} {:>8} {:>9} {:>12} {:>12} {:>12}",
        "model", "bits", "weights", "memory", "first token", "reads tok/s", "writes tok/s"
    )))?;
    for model in models {
        let row = format!(
            "  {:<13} {:<6} {:>8} {:>9} {:>10.2} s {:>12.0} {:>12.1}",
            model.model,
            model.bits.word(),
            size(model.weights_bytes),
            size(model.memory_bytes),
            model.ttft_ms / 1e3,
            model.prefill_tok_s,
            model.decode_tok_s
        );
        let mut line = Line::new().plain(row);
        if model.interpolated {
            line = line.dim("  between int4 and int8");
        }
        if model.fits == Some(false) {
            line = line.styled(Style::Bad, "  does not fit");
        }
        out.line(line)?;
    }
    out.line(Line::new().dim(
        "  for a prompt of 256 tokens and a reply of 32; predicted from layers of these shapes that ran just now",
    ))?;
    out.blank()
}

fn recommended(
    context: &Context,
    found: Option<&Recommendation>,
    installed: Option<&str>,
    saved: bool,
) -> anyhow::Result<()> {
    let out = &context.out;
    let Some(found) = found else {
        return out.line(
            "no language model is fast and small enough for this machine; the instant tier needs none",
        );
    };
    let (model, bits) = (&found.model, found.bits.word());
    out.line(
        Line::new()
            .plain("recommended: ")
            .bold(format!("{model} {bits}"))
            .plain(format!(", {}", messages::threads(found.threads)))
            .dim(format!("  {}; licence: {}", found.why, found.licence)),
    )?;
    match installed {
        None => out.note(format!(
            "`companion model pull {model}`, then `companion model quantize {model} --to {bits}` installs it, and \
             `companion config set language.model {model}-{bits}` uses it"
        )),
        Some(name) if !saved && context.config.language.model != name => {
            out.note(format!("`companion config set language.model {name}` uses it"));
        }
        Some(_) => {}
    }
    Ok(())
}
