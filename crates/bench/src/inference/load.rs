//! Opening each installed model: its file in the page cache (warm), and its file on the disk alone (cold).

use engine::store::{ModelInfo, ModelStore};
use metrics::process;
use serde::Serialize;

use super::{Model, lengths};
use crate::times::once;
use crate::{Kinds, Options, Result, Times, system};

/// A load is cold if at least this share of the weight file came from the disk.
const COLD_SHARE: f64 = 0.5;

/// What was measured of one model.
#[derive(Debug, Clone, Serialize)]
pub struct LoadFigures {
    /// Name and digest.
    pub model: String,
    /// Bytes of the weight file.
    pub weights_bytes: u64,
    /// Opening it, the file in the page cache.
    pub warm: Times,
    /// The same and a first answer (16 words; a decoder writes 16 tokens).
    pub warm_ready: Times,
    /// Opening it and a first answer, the file on the disk; none where the system would not let go of its pages.
    pub cold_ready: Option<Times>,
    /// Bytes that came from the disk in a cold load, median.
    pub cold_read_bytes: Option<u64>,
}

/// Opens every encoder that is installed and the language models that `options` name; the one model alone where that was
/// asked for by name.
pub(crate) fn suite(options: &Options, on_step: &mut dyn FnMut(&str)) -> Result<Vec<LoadFigures>> {
    let store = ModelStore::new(options.models_dir.clone());
    let mut models = store.list()?;
    models.retain(|info| match options.kinds {
        Kinds::Both if info.kind == "encoder" => true,
        _ => options.models().any(|name| *name == info.name),
    });
    let one = |info: &ModelInfo| {
        on_step(&format!("startup: loading {}", info.name));
        measure(&store, info, options)
    };
    models.iter().map(one).collect()
}

fn measure(store: &ModelStore, info: &ModelInfo, options: &Options) -> Result<LoadFigures> {
    let runs = options.count(20, 5);
    let (mut open, mut ready) = (Vec::new(), Vec::new());
    for run in 0..=runs {
        let (open_ms, model) = once(|| Model::open(store, info, options))?;
        let (answer_ms, ()) = once(|| lengths::first_answer(&model))?;
        if run > 0 {
            open.push(open_ms);
            ready.push(open_ms + answer_ms);
        }
    }
    let (mut cold, mut bytes) = (Vec::new(), Vec::new());
    for _ in 0..options.count(5, 2) {
        let Some((ms, read)) = cold_load(store, info, options)? else {
            break;
        };
        cold.push(ms);
        bytes.push(read);
    }
    bytes.sort_unstable();
    Ok(LoadFigures {
        model: info.id(),
        weights_bytes: info.bytes,
        warm: Times::of(&open),
        warm_ready: Times::of(&ready),
        cold_ready: (!cold.is_empty()).then(|| Times::of(&cold)),
        cold_read_bytes: bytes.get(bytes.len() / 2).copied(),
    })
}

/// One load after the pages of the model were dropped, with the bytes that came from the disk; nothing where they were not.
fn cold_load(
    store: &ModelStore,
    info: &ModelInfo,
    options: &Options,
) -> Result<Option<(f64, u64)>> {
    if !system::evict(&store.path(&info.name)) {
        return Ok(None);
    }
    let before = process::disk();
    let (ms, ()) = once(|| {
        let model = Model::open(store, info, options)?;
        lengths::first_answer(&model)
    })?;
    let read = before
        .zip(process::disk())
        .map(|(before, after)| after.read - before.read);
    Ok(read
        .filter(|read| *read as f64 >= COLD_SHARE * info.bytes as f64)
        .map(|read| (ms, read)))
}
