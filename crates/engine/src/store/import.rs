//! Putting a model into the store: checked at the door, copied beside its place, renamed into it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{CONFIG, GGUF_WEIGHTS, MANIFEST, TOKENIZER, WEIGHTS, WEIGHTS_INDEX};
use super::{FileInfo, ModelConfig, ModelInfo, ModelStore};
use super::{catalogue, check_name, decoder, sha256_file};
use crate::model::minilm::Config;
use crate::model::qwen2;
use crate::weights::{Source, Weights};
use crate::{Error, Result};

impl ModelStore {
    /// Copies the model in the folder `from`, or of the weight file `from` with its neighbours, into the
    /// store as `name` (else the folder's own name), after checking all of it. An older model of that
    /// name is replaced in one step.
    pub fn import(&self, from: &Path, name: Option<&str>) -> Result<ModelInfo> {
        let is_folder = fs::metadata(from)
            .map_err(|e| Error::io("open", from, e))?
            .is_dir();
        let folder = if is_folder {
            from
        } else {
            from.parent().unwrap_or(Path::new("."))
        };
        let weights = if is_folder {
            from.join(WEIGHTS)
        } else {
            from.to_owned()
        };
        let named_by = if is_folder {
            from.file_name()
        } else {
            from.file_stem()
        };
        let own_name = named_by
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let name = name.unwrap_or(&own_name);
        if weights.is_file() && decoder::is_gguf(&weights)? {
            let files = [(GGUF_WEIGHTS, weights.as_path())];
            return self.install(name, &files, "imported from a GGUF file");
        }
        if is_folder && !weights.is_file() && folder.join(WEIGHTS_INDEX).is_file() {
            let files = decoder::sharded_files(folder)?;
            let files: Vec<_> = files
                .iter()
                .map(|(n, p)| (n.as_str(), p.as_path()))
                .collect();
            return self.install(name, &files, "imported from a folder");
        }
        let tokenizer = folder.join(TOKENIZER);
        for needed in [&weights, &tokenizer] {
            if !needed.is_file() {
                return Err(Error::Unsupported(format!(
                    "{} is missing; a model needs {WEIGHTS}, {TOKENIZER} and, unless Companion wrote it, {CONFIG} in one folder",
                    needed.display()
                )));
            }
        }
        let mut files = vec![
            (WEIGHTS.to_owned(), weights),
            (TOKENIZER.to_owned(), tokenizer),
        ];
        files.extend(decoder::files_beside(folder));
        let files: Vec<_> = files
            .iter()
            .map(|(n, p)| (n.as_str(), p.as_path()))
            .collect();
        self.install(name, &files, "imported from a folder")
    }

    /// Installs `files` (name in the store, where it is now) as the model `name`. `origin` says in words
    /// where they came from.
    pub fn install(&self, name: &str, files: &[(&str, &Path)], origin: &str) -> Result<ModelInfo> {
        check_name(name)?;
        for (file, _) in files {
            check_name(file)?;
        }
        let staging = self.stage(name)?;
        for (file, from) in files {
            fs::copy(from, staging.path.join(file)).map_err(|e| Error::io("copy", from, e))?;
        }
        self.finish(staging, name, origin)
    }

    /// An empty folder beside the models, which is deleted again unless [`ModelStore::finish`] gets it.
    pub(crate) fn stage(&self, name: &str) -> Result<Staging> {
        fs::create_dir_all(&self.models_dir)
            .map_err(|e| Error::io("create", &self.models_dir, e))?;
        // The leading dot keeps it out of `list`: no model name begins with one.
        let path = self
            .models_dir
            .join(format!(".{name}.{}.part", std::process::id()));
        if path.exists() {
            fs::remove_dir_all(&path).map_err(|e| Error::io("delete", &path, e))?;
        }
        fs::create_dir(&path).map_err(|e| Error::io("create", &path, e))?;
        Ok(Staging { path })
    }

    /// Checks what was staged, writes its manifest, and renames it into its place.
    pub(crate) fn finish(&self, staging: Staging, name: &str, origin: &str) -> Result<ModelInfo> {
        decoder::prepare(&staging.path)?;
        let info = describe(&staging.path, name, origin)?;
        check(&staging.path, &info)?;
        let manifest = staging.path.join(MANIFEST);
        let json = serde_json::to_vec_pretty(&info)
            .map_err(|e| Error::manifest(&manifest, e.to_string()))?;
        fs::write(&manifest, json).map_err(|e| Error::io("write", &manifest, e))?;
        for file in fs::read_dir(&staging.path).map_err(|e| Error::io("read", &staging.path, e))? {
            let path = file
                .map_err(|e| Error::io("read", &staging.path, e))?
                .path();
            File::open(&path)
                .and_then(|f| f.sync_all())
                .map_err(|e| Error::io("write", &path, e))?;
        }
        self.put_in_place(&staging.path, name)?;
        Ok(info)
    }

    /// Renames the finished model in the folder `from` to where `name` belongs; an older one makes way.
    pub(super) fn put_in_place(&self, from: &Path, name: &str) -> Result<()> {
        let place = self.path(name);
        if place.exists() {
            // A folder cannot be renamed over a full one, so the old model steps aside first.
            let old = self
                .models_dir
                .join(format!(".{name}.{}.old", std::process::id()));
            fs::rename(&place, &old).map_err(|e| Error::io("replace", &place, e))?;
            fs::rename(from, &place).map_err(|e| Error::io("write", &place, e))?;
            fs::remove_dir_all(&old).map_err(|e| Error::io("delete", &old, e))?;
        } else {
            fs::rename(from, &place).map_err(|e| Error::io("write", &place, e))?;
        }
        Ok(())
    }
}

/// The licence of weights of which nobody said.
pub(super) const UNKNOWN_LICENCE: &str = "unknown";

/// A model in the making; its folder is deleted with it unless it was renamed into place.
pub(crate) struct Staging {
    pub(crate) path: PathBuf,
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After a rename there is nothing left here, and that is well.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Whether the files in `folder` make a working model.
pub(super) fn check(folder: &Path, info: &ModelInfo) -> Result<()> {
    match info.config {
        ModelConfig::Encoder(_) => crate::encoder::check(folder, info),
        ModelConfig::Decoder(_) => crate::decoder::check(folder),
    }
}

/// The sizes of the model in `folder`, and the type of its weights.
fn sizes(folder: &Path, weights: &Weights) -> Result<(ModelConfig, String)> {
    if let Some(config) = qwen2::Config::of_model(folder, weights)? {
        let quant = weights.metadata().get("companion.quant");
        let quant = match quant {
            Some(quant) => quant.clone(),
            None => Source::open(folder)?.storage_word(),
        };
        return Ok((ModelConfig::Decoder(Box::new(config)), quant));
    }
    let config = Config::of_model(folder, weights)?;
    let quant = crate::quant::kind_of(weights).map_err(|source| Error::Weights {
        path: folder.join(WEIGHTS),
        source,
    })?;
    Ok((ModelConfig::Encoder(config), quant.to_owned()))
}

/// The manifest of the model in `folder`, read from its files.
fn describe(folder: &Path, name: &str, origin: &str) -> Result<ModelInfo> {
    let weights_path = folder.join(WEIGHTS);
    let described = if weights_path.is_file() {
        let weights = Weights::open(&weights_path)?;
        let (config, quant) = sizes(folder, &weights)?;
        let (sha256, bytes) = sha256_file(&weights_path)?;
        let licence = licence(weights.metadata(), &sha256);
        decoder::Described {
            config,
            quant,
            sha256,
            bytes,
            licence,
        }
    } else {
        decoder::describe(folder)?
    };
    let decoder::Described {
        config,
        quant,
        sha256,
        bytes,
        mut licence,
    } = described;
    if licence == UNKNOWN_LICENCE
        && let Some(known) = catalogue::licence_of_origin(origin)
    {
        known.clone_into(&mut licence);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| Error::io("read", folder, e))? {
        let entry = entry.map_err(|e| Error::io("read", folder, e))?;
        let (sha256, bytes) = sha256_file(&entry.path())?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.push(FileInfo {
            name,
            bytes,
            sha256,
        });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let (kind, arch, parameters, dim) = match &config {
        ModelConfig::Encoder(c) => ("encoder", "minilm".into(), c.parameters(), c.hidden_size),
        ModelConfig::Decoder(c) => (
            "decoder",
            c.model_type.clone(),
            c.parameters(),
            c.hidden_size,
        ),
    };
    Ok(ModelInfo {
        name: name.to_owned(),
        kind: kind.into(),
        arch,
        quant,
        bytes,
        parameters,
        licence,
        sha256,
        dim,
        origin: origin.to_owned(),
        created: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs()),
        files,
        config,
    })
}

fn licence(metadata: &BTreeMap<String, String>, sha256: &str) -> String {
    catalogue::licence_of(sha256)
        .map(str::to_owned)
        .or_else(|| metadata.get("licence").cloned())
        .unwrap_or_else(|| UNKNOWN_LICENCE.into())
}
