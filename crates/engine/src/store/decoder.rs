//! Language models in the store: several weight files, GGUF, and the tokenizer compiled.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::digest::sha256_bytes;
use super::import::UNKNOWN_LICENCE;
use super::sha256_file;
use super::{CONFIG, GGUF_WEIGHTS, ModelConfig, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS_INDEX};
use crate::tokenizer::{DecoderTokenizer, gguf};
use crate::weights::{Source, folder};
use crate::{Error, Result};

/// What may stand beside weights and tokenizer, and is taken along.
const BESIDE: [&str; 4] = [
    CONFIG,
    TOKENIZER_CONFIG,
    "chat_template.jinja",
    "generation_config.json",
];

/// What a manifest says of the weights.
pub(super) struct Described {
    pub(super) config: ModelConfig,
    pub(super) quant: String,
    pub(super) sha256: String,
    pub(super) bytes: u64,
    pub(super) licence: String,
}

/// Whether the file `path` begins like a GGUF file.
pub(super) fn is_gguf(path: &Path) -> Result<bool> {
    let mut magic = Vec::new();
    File::open(path)
        .and_then(|file| file.take(4).read_to_end(&mut magic))
        .map_err(|e| Error::io("read", path, e))?;
    Ok(magic == b"GGUF")
}

/// The files of [`BESIDE`] that `from` has, by name and place.
pub(super) fn files_beside(from: &Path) -> Vec<(String, PathBuf)> {
    BESIDE
        .iter()
        .map(|name| ((*name).to_owned(), from.join(name)))
        .filter(|(_, path)| path.is_file())
        .collect()
}

/// The files of a model in several weight files.
pub(super) fn sharded_files(from: &Path) -> Result<Vec<(String, PathBuf)>> {
    let index = from.join(WEIGHTS_INDEX);
    let mut names = folder::shard_names(&index)?;
    names.extend([WEIGHTS_INDEX, TOKENIZER].map(str::to_owned));
    let mut files: Vec<_> = names
        .into_iter()
        .map(|name| {
            let path = from.join(&name);
            (name, path)
        })
        .collect();
    if let Some((_, missing)) = files.iter().find(|(_, path)| !path.is_file()) {
        return Err(Error::Unsupported(format!(
            "{} is missing; the model needs every file that {WEIGHTS_INDEX} names, and {TOKENIZER}",
            missing.display()
        )));
    }
    files.extend(files_beside(from));
    Ok(files)
}

/// Writes what a folder of the store has beside its weights: of a GGUF file, config and tokenizer from its metadata;
/// of every language model, the compiled tokenizer.
pub(super) fn prepare(folder: &Path) -> Result<()> {
    let weights = folder.join(GGUF_WEIGHTS);
    if weights.is_file() {
        let source = Source::open(&weights)?;
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).map_err(|e| Error::io("write", &path, e))
        };
        write(CONFIG, source.config_json()?)?;
        if let Some(metadata) = source.gguf() {
            let json = gguf::tokenizer_json(metadata).map_err(|reason| Error::Tokenizer {
                path: weights.clone(),
                reason,
            })?;
            write(TOKENIZER, &json)?;
            write(TOKENIZER_CONFIG, &gguf::tokenizer_config_json(metadata))?;
        }
    }
    if folder.join(TOKENIZER).is_file() {
        DecoderTokenizer::compile(folder)?;
    }
    Ok(())
}

/// The weights of a language model in several files or in GGUF.
pub(super) fn describe(folder_path: &Path) -> Result<Described> {
    let source = Source::open(folder_path)?;
    let config = crate::decoder::config_of(folder_path, &source)?;
    let index = folder_path.join(WEIGHTS_INDEX);
    let names = match index.is_file() {
        true => folder::shard_names(&index)?,
        false => vec![GGUF_WEIGHTS.to_owned()],
    };
    let mut digests = Vec::with_capacity(names.len());
    let mut bytes = 0;
    for name in &names {
        let (digest, size) = sha256_file(&folder_path.join(name))?;
        digests.push((digest, name));
        bytes += size;
    }
    // Of several files the digest is that of their list, as sha256sum prints it.
    let sha256 = match digests.as_slice() {
        [(digest, _)] => digest.clone(),
        several => {
            let lines: String = several
                .iter()
                .map(|(digest, name)| format!("{digest}  {name}\n"))
                .collect();
            sha256_bytes(lines.as_bytes())
        }
    };
    let licence = source
        .gguf()
        .and_then(|metadata| metadata.text("general.license"));
    Ok(Described {
        config: ModelConfig::Decoder(Box::new(config)),
        quant: source.storage_word(),
        sha256,
        bytes,
        licence: licence.unwrap_or(UNKNOWN_LICENCE).to_owned(),
    })
}
