//! Quantizing a decoder of the store into another one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufWriter;

use kernels::{Kernels, QShape};

use super::{DecoderQuant, Hands, MatrixReport, plan, write_quantized};
use crate::model::qwen2::{Config, FORMAT};
use crate::pool::{self, Pool, Team};
use crate::store::{COMPILED_TOKENIZER, ModelInfo, ModelStore, QUANTIZED_FROM, WEIGHTS};
use crate::tokenizer::DecoderTokenizer;
use crate::weights::Source;
use crate::{Error, Result};

/// 500 entries of 50 to 344 words that the project wrote, as JSON lines; tools/quant/calibration_entries.py.
const ENTRIES: &str = include_str!("../../../assets/calibration-entries.jsonl");

/// Tokens of one text that are read.
const TEXT_TOKENS: usize = 512;

/// Multiply-adds that calibrating may take: a few minutes on two cores. A large model is calibrated with fewer texts.
const WORK: u64 = 30_000_000_000_000;

/// Tokens that any model is calibrated with at least, and at most.
const TOKENS: std::ops::RangeInclusive<u64> = 4096..=40_960;

/// What quantizing a decoder did.
#[derive(Debug, Clone, serde::Serialize)]
pub struct DecoderReport {
    /// The new model.
    pub model: ModelInfo,
    /// Size of the weights it was made from, read from the files.
    pub bytes_before: u64,
    /// Size of the new weight file, read from the file.
    pub bytes_after: u64,
    /// Bits of the new file for each weight of the network.
    pub bits_per_weight: f64,
    /// Tokens that it was calibrated with.
    pub calibration_tokens: usize,
    /// Each quantized matrix.
    pub matrices: Vec<MatrixReport>,
}

/// Quantizes the float decoder `from` and installs it as `to_name`, replacing what has that name. `texts` are what to
/// calibrate with, the entries that come with Companion if `None`. `progress` gets (done, total) weights.
pub fn quantize_decoder(
    store: &ModelStore,
    from: &str,
    to_name: &str,
    options: &DecoderQuant,
    texts: Option<&[String]>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<DecoderReport> {
    let info = store.get(from)?;
    if info.kind != "decoder" || matches!(info.quant.as_str(), "int8" | "int4" | "mixed") {
        return Err(Error::Unsupported(format!(
            "{from:?} is an {} {}; only language models in floats can be quantized",
            info.quant, info.kind
        )));
    }
    let group = options.group.unwrap_or(plan::GROUP);
    QShape::new(1, 1, group, 8).map_err(|_| {
        Error::Unsupported(format!(
            "groups of {group} inputs; a group has 32, 64 or 128"
        ))
    })?;
    let folder = store.path(from);
    let source = Source::open(&folder)?;
    let config = Config::parse(source.config_json()?.as_bytes())
        .map_err(|reason| Error::manifest(&folder, reason))?;
    let pool = Pool::new(pool::thread_count(None)?);
    let hands = Hands {
        kernels: Kernels::from_env()?,
        team: Team::All(&pool),
    };
    let texts = calibration(&folder, &config, texts)?;

    let staging = store.stage(to_name)?;
    let path = staging.path.join(WEIGHTS);
    let metadata = BTreeMap::from([
        ("companion.quant".to_owned(), options.to.name().to_owned()),
        ("companion.format".to_owned(), FORMAT.to_owned()),
        ("companion.group".to_owned(), group.to_string()),
        (
            "companion.config".to_owned(),
            serde_json::to_string(&config).map_err(|e| Error::manifest(&path, e.to_string()))?,
        ),
        ("companion.source_sha256".to_owned(), info.sha256.clone()),
        ("licence".to_owned(), info.licence.clone()),
    ]);
    let file = File::create(&path).map_err(|e| Error::io("write", &path, e))?;
    let to = (BufWriter::new(file), path.as_path());
    let matrices = write_quantized(
        hands, &source, &config, &texts, options, &metadata, to, progress,
    )?;
    for file in info.files.iter().filter(|file| !is_weights(&file.name)) {
        let (old, new) = (folder.join(&file.name), staging.path.join(&file.name));
        fs::copy(&old, new).map_err(|e| Error::io("copy", &old, e))?;
    }
    let model = store.finish(staging, to_name, &format!("{QUANTIZED_FROM}{}", info.id()))?;
    Ok(DecoderReport {
        bytes_before: source.tensors().values().map(|tensor| tensor.bytes).sum(),
        bytes_after: model.bytes,
        bits_per_weight: 8.0 * model.bytes as f64 / config.parameters() as f64,
        calibration_tokens: texts.iter().map(Vec::len).sum(),
        model,
        matrices,
    })
}

/// Whether a file of a model holds its weights, or says which files do.
fn is_weights(name: &str) -> bool {
    let weights = name.ends_with(".safetensors") && name != COMPILED_TOKENIZER;
    weights || name.ends_with(".gguf") || name.ends_with(".index.json")
}

/// Token ids of the texts, from the front, as many as the size of the model allows. None where the model has no
/// tokenizer, as synthesized ones.
fn calibration(
    folder: &std::path::Path,
    config: &Config,
    texts: Option<&[String]>,
) -> Result<Vec<Vec<u32>>> {
    if !folder.join(crate::store::TOKENIZER).is_file() {
        return Ok(Vec::new());
    }
    let tokenizer = DecoderTokenizer::open(folder)?;
    let shipped;
    let texts = match texts {
        Some(texts) => texts,
        None => {
            shipped = calibration_entries();
            &shipped
        }
    };
    // Twice through the layers: once to look, once with what became of them.
    let a_token = 2 * config.parameters();
    let mut left = (WORK / a_token).clamp(*TOKENS.start(), *TOKENS.end()) as usize;
    let room = TEXT_TOKENS.min(config.max_position_embeddings);
    let mut chosen = Vec::new();
    for text in texts {
        let mut ids = tokenizer.encode(text);
        ids.truncate(room.min(left));
        // An id that the model has no row for would be a tokenizer that is not its own.
        ids.retain(|id| (*id as usize) < config.vocab_size);
        if ids.is_empty() {
            continue;
        }
        left -= ids.len();
        chosen.push(ids);
        if left == 0 {
            break;
        }
    }
    Ok(chosen)
}

/// The entries that come with Companion to calibrate with.
pub fn calibration_entries() -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Entry {
        text: String,
    }
    ENTRIES
        .lines()
        .map(|line| {
            serde_json::from_str::<Entry>(line)
                .expect("the asset is JSON lines")
                .text
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_entries_are_500_of_50_to_1000_words() {
        let entries = calibration_entries();
        assert_eq!(entries.len(), 500);
        assert!(
            entries
                .iter()
                .all(|e| (50..=1000).contains(&e.split_whitespace().count()))
        );
    }

    #[test]
    fn weights_are_told_from_what_is_copied() {
        assert!(is_weights("model-00001-of-00003.safetensors"));
        assert!(is_weights("model.safetensors.index.json"));
        assert!(!is_weights(COMPILED_TOKENIZER));
        assert!(!is_weights("tokenizer_config.json"));
    }
}
