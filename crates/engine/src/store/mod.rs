//! The models on disk: one folder a model, written whole or not at all, checked against its manifest.
//!
//! `models/<name>/` holds `model.json` (the manifest, [`ModelInfo`]), `model.safetensors` and
//! `tokenizer.json`. A model is put together in a temporary folder beside its place and renamed into it,
//! so what has a manifest is complete. No network here.

pub mod catalogue;
mod decoder;
mod digest;
mod import;
mod manifest;
mod trial;

use std::fs;
use std::path::{Path, PathBuf};

pub use digest::sha256_file;
pub use manifest::{FileInfo, ModelConfig, ModelInfo};
pub(crate) use manifest::{QUANTIZED_FROM, SYNTHETIC};
pub use trial::Trial;

use crate::{Error, Result};

/// File name of the manifest.
pub const MANIFEST: &str = "model.json";
/// File name of the weights.
pub const WEIGHTS: &str = "model.safetensors";
/// File name of the list of weight files, where there are several.
pub const WEIGHTS_INDEX: &str = "model.safetensors.index.json";
/// File name of weights in GGUF.
pub const GGUF_WEIGHTS: &str = "model.gguf";
/// File name of the tokenizer.
pub const TOKENIZER: &str = "tokenizer.json";
/// File name of the compiled tokenizer, made from [`TOKENIZER`] when a language model is installed.
pub const COMPILED_TOKENIZER: &str = "tokenizer.safetensors";
/// File name of what surrounds a tokenizer: special tokens and the chat template.
pub const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
/// File name of the network's sizes, as published with the weights.
pub const CONFIG: &str = "config.json";

/// The folder of models.
pub struct ModelStore {
    models_dir: PathBuf,
}

impl ModelStore {
    /// The store in `models_dir`, which need not exist yet.
    pub fn new(models_dir: PathBuf) -> ModelStore {
        ModelStore { models_dir }
    }

    /// The folder of all models.
    pub fn dir(&self) -> &Path {
        &self.models_dir
    }

    /// The folder that `name` has or would have.
    pub fn path(&self, name: &str) -> PathBuf {
        self.models_dir.join(name)
    }

    /// Every installed model, by name. A folder without a manifest is none.
    pub fn list(&self) -> Result<Vec<ModelInfo>> {
        let entries = match fs::read_dir(&self.models_dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(Error::io("read", &self.models_dir, e)),
        };
        let mut models = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| Error::io("read", &self.models_dir, e))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if check_name(&name).is_ok() && entry.path().join(MANIFEST).is_file() {
                models.push(self.get(&name)?);
            }
        }
        models.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(models)
    }

    /// The manifest of `name`.
    pub fn get(&self, name: &str) -> Result<ModelInfo> {
        check_name(name)?;
        let path = self.path(name);
        if !path.join(MANIFEST).is_file() {
            return Err(Error::NoModel {
                name: name.to_owned(),
                models_dir: self.models_dir.clone(),
            });
        }
        let info = ModelInfo::read(&path.join(MANIFEST))?;
        if info.name != name {
            return Err(Error::manifest(
                &path.join(MANIFEST),
                format!("it describes {:?}, not {name:?}", info.name),
            ));
        }
        Ok(info)
    }

    /// Deletes `name`, manifest first, so that half a deletion is no model.
    pub fn remove(&self, name: &str) -> Result<ModelInfo> {
        let info = self.get(name)?;
        let path = self.path(name);
        let manifest = path.join(MANIFEST);
        fs::remove_file(&manifest).map_err(|e| Error::io("delete", &manifest, e))?;
        fs::remove_dir_all(&path).map_err(|e| Error::io("delete", &path, e))?;
        Ok(info)
    }

    /// Reads every file of `name` again: digests against the manifest, weights and tokenizer at the door.
    pub fn verify(&self, name: &str) -> Result<ModelInfo> {
        let info = self.get(name)?;
        let path = self.path(name);
        for file in &info.files {
            let at = path.join(&file.name);
            let (found, _) = sha256_file(&at)?;
            if found != file.sha256 {
                return Err(Error::Digest {
                    path: at,
                    found,
                    expected: file.sha256.clone(),
                });
            }
        }
        import::check(&path, &info)?;
        Ok(info)
    }
}

/// Whether `name` can be a model's: a plain folder name that means the same everywhere.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && name.len() <= 64 && name.chars().all(plain) {
        Ok(())
    } else {
        Err(Error::BadName {
            name: name.to_owned(),
        })
    }
}
