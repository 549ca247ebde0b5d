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

/// 500 entries of 50 to 1,000 words that the project wrote, as JSON lines; tools/quant/calibration_entries.py.
const ENTRIES: &str = include_str!("../../../assets/calibration-entries.jsonl");

/// Tokens of one text that are read: 1,000 words, and some.
const TEXT_TOKENS: usize = 2048;

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
    /// Texts that they are of.
    pub calibration_texts: usize,
    /// Texts that there were to choose from, evenly from the first to the last.
    pub calibration_texts_given: usize,
    /// Texts that were read up to some point only, since they are longer than what the model or the quantizer reads of one.
    pub calibration_texts_cut: usize,
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
    let read = calibration(&folder, (from, &config), texts)?;

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
        hands,
        &source,
        &config,
        &read.texts,
        options,
        &metadata,
        to,
        progress,
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
        calibration_tokens: read.texts.iter().map(Vec::len).sum(),
        calibration_texts: read.texts.len(),
        calibration_texts_given: read.given,
        calibration_texts_cut: read.cut,
        model,
        matrices,
    })
}

/// Whether a file of a model holds its weights, or says which files do.
fn is_weights(name: &str) -> bool {
    let weights = name.ends_with(".safetensors") && name != COMPILED_TOKENIZER;
    weights || name.ends_with(".gguf") || name.ends_with(".index.json")
}

/// What a model is calibrated with.
#[derive(Default)]
struct Calibration {
    /// Token ids of each text that is read.
    texts: Vec<Vec<u32>>,
    given: usize,
    cut: usize,
}

/// The texts that the model `name` in `folder` is calibrated with: as many as its size allows, evenly from all of them. None
/// where it has no tokenizer, as synthesized ones; that is an error where somebody gave some.
fn calibration(
    folder: &std::path::Path,
    (name, config): (&str, &Config),
    texts: Option<&[String]>,
) -> Result<Calibration> {
    if !folder.join(crate::store::TOKENIZER).is_file() {
        return match texts {
            None => Ok(Calibration::default()),
            Some(_) => Err(Error::Unsupported(format!(
                "{name:?} has no tokenizer, so it cannot read texts to calibrate with; leave --calibrate away, and its weights are rounded without texts"
            ))),
        };
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
    let left = (WORK / a_token).clamp(*TOKENS.start(), *TOKENS.end()) as usize;
    let room = TEXT_TOKENS.min(config.max_position_embeddings);
    let encode = |text: &String| {
        let mut ids = tokenizer.encode(text);
        // An id that the model has no row for would be a tokenizer that is not its own.
        ids.retain(|id| (*id as usize) < config.vocab_size);
        ids
    };
    let mut ids: Vec<Vec<u32>> = texts.iter().map(encode).collect();
    let lengths: Vec<usize> = ids.iter().map(|ids| ids.len().min(room)).collect();
    let mut read = Calibration {
        given: texts.len(),
        ..Calibration::default()
    };
    for at in spread(&lengths, left) {
        let mut ids = std::mem::take(&mut ids[at]);
        read.cut += usize::from(ids.len() > room);
        ids.truncate(room);
        read.texts.push(ids);
    }
    Ok(read)
}

/// Which of texts of these lengths are read where there is room for `room` tokens: those that keep the tokens read nearest
/// to the same share of the tokens passed, so that no part of a set counts more than another.
fn spread(lengths: &[usize], room: usize) -> Vec<usize> {
    let all: usize = lengths.iter().sum();
    let share = (room as f64 / all.max(1) as f64).min(1.0);
    let (mut passed, mut taken) = (0, 0);
    let mut chosen = Vec::new();
    for (at, length) in lengths.iter().copied().enumerate() {
        passed += length;
        let nearer = taken as f64 + length as f64 / 2.0 <= share * passed as f64;
        if length > 0 && nearer && taken + length <= room {
            taken += length;
            chosen.push(at);
        }
    }
    chosen
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
        let long = entries
            .iter()
            .filter(|e| e.split_whitespace().count() >= 400);
        assert_eq!(long.count(), 30, "some people write at length");
    }

    #[test]
    fn texts_are_read_evenly_from_the_first_to_the_last() {
        assert_eq!(spread(&[10; 5], 50), [0, 1, 2, 3, 4]);
        assert_eq!(spread(&[10; 6], 1000), [0, 1, 2, 3, 4, 5]);
        assert_eq!(spread(&[10; 8], 40), [0, 2, 4, 6]);
        assert_eq!(spread(&[10, 0, 10], 20), [0, 2]);
        assert!(spread(&[], 5).is_empty());
        let lengths: Vec<usize> = (0..500).map(|at| 20 + at * 37 % 300).collect();
        let chosen = spread(&lengths, 20_000);
        let tokens: usize = chosen.iter().map(|at| lengths[*at]).sum();
        assert!((19_500..=20_000).contains(&tokens), "{tokens}");
        for part in 0..5 {
            let here = chosen.iter().filter(|at| **at / 100 == part);
            let tokens: usize = here.map(|at| lengths[*at]).sum();
            assert!((3_500..4_500).contains(&tokens), "part {part}: {tokens}");
        }
    }

    #[test]
    fn weights_are_told_from_what_is_copied() {
        assert!(is_weights("model-00001-of-00003.safetensors"));
        assert!(is_weights("model.safetensors.index.json"));
        assert!(!is_weights(COMPILED_TOKENIZER));
        assert!(!is_weights("tokenizer_config.json"));
    }
}
