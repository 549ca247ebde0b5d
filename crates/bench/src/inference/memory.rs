//! Where the memory of a process is that has a model open and a text of 200 words in it.

use engine::decoder::Work;
use engine::store::{ModelInfo, ModelStore, WEIGHTS};
use metrics::process;
use serde::Serialize;

use super::Model;
use crate::{Options, Result, system, texts, words};

/// Words of the text.
const WORDS: usize = 200;

/// Resident bytes by component; weights, cache, encoder and runtime are together the whole.
#[derive(Debug, Clone, Serialize)]
pub struct MemoryFigures {
    /// The whole process.
    pub total_bytes: u64,
    /// The program before it opened anything; part of `runtime_bytes`.
    pub program_bytes: u64,
    /// Pages of the model's own files, and weights that were copied out of them.
    pub weights_bytes: u64,
    /// Cached keys and values.
    pub cache_bytes: u64,
    /// The encoder beside a language model: its files and what it took to work.
    pub encoder_bytes: u64,
    /// The rest: the program, its buffers and threads.
    pub runtime_bytes: u64,
}

/// Nothing where the system does not tell.
pub(super) fn measure(
    store: &ModelStore,
    info: &ModelInfo,
    options: &Options,
) -> Result<Option<MemoryFigures>> {
    let before = process::resident();
    let beside = match (info.kind.as_str(), store.get(&options.model)) {
        ("decoder", Ok(encoder)) if encoder.kind == "encoder" => {
            let model = Model::open(store, &encoder, options)?;
            read(&model)?;
            Some(model)
        }
        _ => None,
    };
    let with_encoder = process::resident();
    let model = Model::open(store, info, options)?;
    let cache_bytes = read(&model)?;
    let parts = (
        before,
        with_encoder,
        process::resident(),
        weights(store, info),
    );
    drop(beside);
    let (Some(before), Some(with_encoder), Some(total_bytes), Some(weights_bytes)) = parts else {
        return Ok(None);
    };
    let encoder_bytes = with_encoder.saturating_sub(before);
    Ok(Some(MemoryFigures {
        total_bytes,
        program_bytes: before,
        weights_bytes,
        cache_bytes,
        encoder_bytes,
        runtime_bytes: total_bytes.saturating_sub(weights_bytes + cache_bytes + encoder_bytes),
    }))
}

/// Bytes of the weights of a model that is open and has read something; nothing where the system does not tell.
///
/// Weights are computed with as they lie in their mapped file, but floats of half precision and those of a GGUF file: they are
/// widened into memory, and no file stays mapped. Then there are four bytes for each of them.
fn weights(store: &ModelStore, info: &ModelInfo) -> Option<u64> {
    let folder = store.path(&info.name);
    let mapped = system::mapped_bytes(&folder)?;
    let is_mapped = system::mapped_bytes(&folder.join(WEIGHTS)).is_some_and(|bytes| bytes > 0);
    let copied = match is_mapped {
        true => 0,
        false => info.parameters * size_of::<f32>() as u64,
    };
    Some(mapped + copied)
}

/// Lets the model read a text and keep it; bytes of the keys and values that it then holds.
fn read(model: &Model) -> Result<u64> {
    let text = words::text(&texts::load(), WORDS, 5);
    let decoder = match model {
        Model::Encoder(encoder) => {
            encoder.embed(&[&text]);
            return Ok(0);
        }
        Model::Decoder(decoder) => decoder,
    };
    let prompt = match decoder.tokenizer() {
        Ok(tokenizer) => tokenizer.encode(&text),
        Err(_) => (1..=(WORDS as f64 * words::TOKENS_A_WORD) as u32).collect(),
    };
    let mut sequence = decoder.start(&prompt)?;
    decoder.forward(&mut [Work {
        sequence: &mut sequence,
        tokens: &prompt,
        logits: true,
    }])?;
    Ok(decoder.kv_stats().used_bytes as u64)
}
