//! The manifest of a model.

use std::path::Path;

use kernels::{Kernels, WeightType};
use serde::{Deserialize, Serialize};

use crate::model::{minilm, qwen2};
use crate::read::{MAX_MANIFEST_BYTES, read_text};
use crate::{Error, Result};

/// What the origin of a quantized model begins with; the id of the original follows.
pub(crate) const QUANTIZED_FROM: &str = "quantized from ";

/// The origin of a model of random numbers.
pub(crate) const SYNTHETIC: &str = "synthetic weights: speed only";

/// What is known of an installed model; `model.json` in its folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// The folder's name, and what commands call it.
    pub name: String,
    /// `encoder` or `decoder`.
    pub kind: String,
    /// Architecture: `minilm`, `qwen2` or `llama`.
    pub arch: String,
    /// Type of the weights: `int8`, `int4` or `mixed` where Companion quantized them, else how they were published,
    /// `f32`, `bf16` or a format of GGUF.
    pub quant: String,
    /// Size of the weight file in bytes.
    pub bytes: u64,
    /// Weights of the network that a forward pass can use, before any packing.
    pub parameters: u64,
    /// Digest of the weight file, in hex.
    pub sha256: String,
    /// Components of a token's vector: of an encoder, what it makes.
    pub dim: usize,
    /// Where it came from, in words.
    pub origin: String,
    /// Licence of the weights, as an SPDX identifier; `unknown` where nobody said.
    pub licence: String,
    /// When it was installed, in seconds since 1970 UTC.
    pub created: u64,
    /// Every other file of the folder with its digest.
    pub files: Vec<FileInfo>,
    /// Sizes of the network.
    pub config: ModelConfig,
}

/// Sizes of a network, under the names of its `config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ModelConfig {
    /// A language model.
    Decoder(Box<qwen2::Config>),
    /// A model of sentence vectors.
    Encoder(minilm::Config),
}

impl ModelConfig {
    /// Why these sizes cannot be, if they cannot.
    fn check(&self) -> std::result::Result<(), String> {
        match self {
            ModelConfig::Decoder(config) => config.check(),
            ModelConfig::Encoder(config) => config.check(),
        }
    }
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// Its name in the folder.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its digest, in hex.
    pub sha256: String,
}

impl ModelInfo {
    /// Reads a manifest and checks what later code relies on.
    pub fn read(path: &Path) -> Result<ModelInfo> {
        let text = read_text(path, MAX_MANIFEST_BYTES)?;
        let info: ModelInfo =
            serde_json::from_str(&text).map_err(|e| Error::manifest(path, e.to_string()))?;
        info.config
            .check()
            .map_err(|reason| Error::manifest(path, reason))?;
        if let Some(file) = info
            .files
            .iter()
            .find(|f| super::check_name(&f.name).is_err())
        {
            return Err(Error::manifest(
                path,
                format!("{:?} cannot be a file of a model", file.name),
            ));
        }
        if info.sha256.len() != 64 || !info.sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Error::manifest(
                path,
                format!("{:?} is not a sha256", info.sha256),
            ));
        }
        Ok(info)
    }

    /// The sizes of an encoder; a model of another kind is an error.
    pub fn encoder_config(&self) -> Result<&minilm::Config> {
        match &self.config {
            ModelConfig::Encoder(config) => Ok(config),
            ModelConfig::Decoder(_) => Err(self.wrong_kind("an encoder")),
        }
    }

    /// The sizes of a decoder; a model of another kind is an error.
    pub fn decoder_config(&self) -> Result<&qwen2::Config> {
        match &self.config {
            ModelConfig::Decoder(config) => Ok(config),
            ModelConfig::Encoder(_) => Err(self.wrong_kind("a decoder")),
        }
    }

    fn wrong_kind(&self, needed: &str) -> Error {
        Error::Unsupported(format!(
            "{:?} is of the kind {}; this needs {needed}",
            self.name, self.kind
        ))
    }

    /// Bits that the weight file has for each parameter, scales and everything else included.
    pub fn bits(&self) -> f64 {
        8.0 * self.bytes as f64 / (self.parameters as f64).max(1.0)
    }

    /// Tokens that the network reads at most.
    pub fn context(&self) -> usize {
        match &self.config {
            ModelConfig::Decoder(config) => config.max_position_embeddings,
            ModelConfig::Encoder(config) => config.max_position_embeddings,
        }
    }

    /// The kernels that would run the model here, with the default options: `x86_64-int4-amx`. Floats of any kind are
    /// computed with as f32.
    ///
    /// # Errors
    /// Where `COMPANION_KERNEL` names kernels that this processor cannot run.
    pub fn kernel_name(&self) -> Result<&'static str> {
        Ok(Kernels::from_env()?.name_for(self.weight_type()))
    }

    pub(crate) fn weight_type(&self) -> WeightType {
        match self.quant.as_str() {
            "int8" => WeightType::Int8,
            "int4" => WeightType::Int4,
            "mixed" => WeightType::Mixed,
            _ => WeightType::F32,
        }
    }

    /// Whether the weights are random numbers of the right shape, made to measure speed.
    pub fn is_synthetic(&self) -> bool {
        self.origin == SYNTHETIC
    }

    /// What stands beside every vector and analysis: the name and the first digits of the digest.
    pub fn id(&self) -> String {
        format!("{}@{}", self.name, &self.sha256[..12])
    }

    /// The first digits of the digest of the float weights behind this model: its own, or those that it was
    /// quantized from, as its origin says; empty where that is not known.
    pub fn made_from(&self) -> String {
        if !matches!(self.quant.as_str(), "int8" | "int4" | "mixed") {
            return self.sha256[..12].to_owned();
        }
        let source = self.origin.strip_prefix(QUANTIZED_FROM);
        let digits = source.and_then(|id| id.rsplit_once('@'));
        digits.map_or_else(String::new, |(_, digits)| digits.to_owned())
    }
}
