//! Models: there, whole, in their fast form, and small enough.

use engine::quant::is_of_this_version;
use engine::store::{ModelInfo, ModelStore};

use super::Report;
use crate::commands::model::size;
use crate::context::Context;
use crate::exit;
use crate::messages;

/// What a language model needs besides weights and cache: the rows of a step and the tokenizer.
const BESIDE: u64 = 120_000_000;

/// Tokens of a long conversation, for which there must be room.
const TOKENS: u64 = 4096;

pub(super) fn check(context: &Context, quick: bool, report: &mut Report) {
    let store = ModelStore::new(context.models_dir());
    let models = installed(&store, report);
    encoder(context, &store, &models, report);
    language(context, &models, report);
    if models.is_empty() {
        return;
    }
    report.did(if quick {
        "sizes of models"
    } else {
        "digests of models"
    });
    let total = models.iter().map(|model| model.bytes).sum();
    let mut bar = context.out.progress("reading models", total);
    let mut done = 0;
    for model in &models {
        let sound = match quick {
            true => sizes(&store, model),
            false => store
                .verify(&model.name)
                .map(|_| ())
                .map_err(|error| exit::chain(&error)),
        };
        if let Err(error) = sound {
            report.problem(
                "model-damaged",
                format!("{} is damaged: {error}", model.name),
                again(model),
            );
        }
        done += model.bytes;
        bar.set(done);
    }
    bar.finish();
}

/// Every model whose manifest can be read; the others are findings.
fn installed(store: &ModelStore, report: &mut Report) -> Vec<ModelInfo> {
    let mut models = Vec::new();
    let mut names: Vec<String> = (std::fs::read_dir(store.dir())
        .into_iter()
        .flatten()
        .flatten())
    .filter(|entry| entry.path().join(engine::store::MANIFEST).is_file())
    .map(|entry| entry.file_name().to_string_lossy().into_owned())
    .filter(|name| !name.starts_with('.'))
    .collect();
    names.sort();
    for name in names {
        match store.get(&name) {
            Ok(model) => models.push(model),
            Err(error) => report.problem(
                "model-damaged",
                format!("{name} cannot be used: {}", exit::chain(&error)),
                format!(
                    "`rm -r {}`, then fetch it again",
                    store.path(&name).display()
                ),
            ),
        }
    }
    models
}

/// Whether each file is there with the size that the manifest says.
fn sizes(store: &ModelStore, model: &ModelInfo) -> Result<(), String> {
    for file in &model.files {
        let path = store.path(&model.name).join(&file.name);
        let found =
            std::fs::metadata(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        if found.len() != file.bytes {
            return Err(format!(
                "{} has {} instead of {}",
                path.display(),
                messages::counted(found.len(), "byte", "bytes"),
                file.bytes
            ));
        }
    }
    Ok(())
}

/// The command that makes `model` anew.
fn again(model: &ModelInfo) -> String {
    let pulled = |name: &str| {
        engine::store::catalogue::known(name).is_some()
            || engine::store::catalogue::known_decoder(name).is_some()
    };
    match &model.name {
        name if pulled(name) => format!("`companion model pull {name} --force` fetches it again"),
        name if name == "minilm-int8" => "`companion model pull --force` makes it again".to_owned(),
        name if matches!(model.quant.as_str(), "int8" | "int4" | "mixed")
            && !model.is_synthetic() =>
        {
            format!("make {name} again with `companion model quantize`")
        }
        name => format!("remove it with `companion model rm {name}` and install it again"),
    }
}

fn encoder(context: &Context, store: &ModelStore, models: &[ModelInfo], report: &mut Report) {
    report.did("encoder");
    let wanted = context.config.encoder.as_str();
    let encoders = || models.iter().filter(|model| model.kind == "encoder");
    let Some(used) = [wanted, "minilm-int8", "minilm"]
        .iter()
        .find_map(|name| encoders().find(|model| model.name == *name))
    else {
        report.advise(
            "encoder-missing",
            "no encoder is installed: entries are saved, but not analysed, and search knows words only",
            "`companion model pull minilm` fetches it (91 MB)",
        );
        return;
    };
    if used.name != wanted {
        report.advise(
            "encoder-missing",
            format!(
                "the encoder {wanted:?} of the settings is not installed; {} is used instead",
                used.name
            ),
            if wanted == "minilm-int8" && used.name == "minilm" {
                "`companion model quantize minilm --to int8` makes it".to_owned()
            } else {
                format!(
                    "`companion config set encoder {}`, or install the other",
                    used.name
                )
            },
        );
    }
    if used.quant == "f32" {
        report.advise(
            "encoder-f32",
            format!("the encoder {} runs in f32, which is slower and four times as large", used.name),
            format!(
                "`companion model quantize {0} --to int8`, then `companion config set encoder {0}-int8`",
                used.name
            ),
        );
    } else if !is_of_this_version(store, &used.name) {
        report.problem(
            "encoder-old",
            format!(
                "{} was made by another version of Companion and cannot be read",
                used.name
            ),
            again(used),
        );
    }
}

/// The configured language model: there, small, and small enough for this machine's memory.
fn language(context: &Context, models: &[ModelInfo], report: &mut Report) {
    let name = context.config.language.model.as_str();
    if name.is_empty() {
        report.skip("language model", "none is configured");
        return;
    }
    report.did("language model");
    let Some(model) = models.iter().find(|model| model.name == name) else {
        report.problem(
            "language-missing",
            format!("the language model {name:?} of the settings is not installed"),
            "install it, choose one of `companion model list`, or go on without: `companion config unset language.model`",
        );
        return;
    };
    let Ok(config) = model.decoder_config() else {
        report.problem(
            "language-wrong",
            format!("{name} is an encoder and writes nothing"),
            "`companion config set language.model` with a decoder of `companion model list`",
        );
        return;
    };
    if model.is_synthetic() {
        report.problem(
            "language-synthetic",
            format!("{name} has random weights: it measures speed and can say nothing"),
            "`companion model pull qwen2.5-1.5b` fetches a real one",
        );
    } else if !matches!(model.quant.as_str(), "int8" | "int4" | "mixed") {
        report.advise(
            "language-floats",
            format!("{name} runs in {}, several times as large and slow as it need be", model.quant),
            format!("`companion model quantize {name} --to int8`, then `companion config set language.model {name}-int8`"),
        );
    }
    let kv = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim;
    let needed = model.bytes + kv as u64 * 2 * TOKENS + BESIDE;
    memory(name, needed, report);
}

/// Whether `needed` bytes are to be had.
fn memory(name: &str, needed: u64, report: &mut Report) {
    let Some(memory) = bench::memory() else {
        report.skip("memory", "this system does not tell (no /proc/meminfo)");
        return;
    };
    report.did("memory");
    let says =
        |of: &str, bytes| format!("{name} needs about {}; {} {of}", size(needed), size(bytes));
    let action = "`companion profile` shows which model this machine has room for";
    if needed > memory.total_bytes {
        report.problem(
            "memory-short",
            says("is all that there is", memory.total_bytes),
            action,
        );
    } else if needed > memory.available_bytes {
        report.advise(
            "memory-short",
            says("is free now", memory.available_bytes),
            "close other programs, or take a smaller model: `companion profile` shows them",
        );
    }
}
