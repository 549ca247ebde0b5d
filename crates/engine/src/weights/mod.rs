//! Weight files, checked at the door.
//!
//! [`Weights`] is a safetensors file that is computed with as it lies: mapped, never copied. [`Source`] is a
//! model to build or quantize from, read tensor by tensor: one safetensors file, several, or a GGUF file.
//!
//! A file from outside may be truncated, hostile or full of NaN. [`Weights::open`] checks the header's
//! length, every dtype, shape and offset, that the tensors cover the data exactly once, and that every
//! float is finite. Past the door the rest of the engine may trust what it reads. Nothing is allocated
//! by a size that the file claims: only by bytes that are there.

mod check;
pub(crate) mod folder;
pub mod gguf;
mod header;
mod map;
mod raw;
mod source;
mod storage;
mod tensor;
mod widen;
mod write;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

pub use header::{Dtype, TensorInfo, WeightError};
pub use source::{Source, SourceTensor};
pub use storage::Storage;
pub use tensor::{Element, Tensor};
pub use write::{NewTensor, PlannedTensor, StreamWriter, write_safetensors};

use crate::{Error, Result};
use map::Bytes;

/// A weight file past the door.
pub struct Weights {
    bytes: Arc<Bytes>,
    data_start: usize,
    tensors: BTreeMap<String, TensorInfo>,
    metadata: BTreeMap<String, String>,
}

impl Weights {
    /// Maps the safetensors file at `path` and checks all of it.
    pub fn open(path: &Path) -> Result<Weights> {
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let bytes = Bytes::map(&file).map_err(|e| Error::io("map", path, e))?;
        Weights::from_bytes(bytes).map_err(|source| Error::Weights {
            path: path.to_owned(),
            source,
        })
    }

    /// Maps the safetensors file at `path` of an installed model: its header is checked again, its numbers were
    /// when it was installed, and reading all of them would take longer than the rest of the start.
    pub(crate) fn open_installed(path: &Path) -> Result<Weights> {
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let bytes = Bytes::map(&file).map_err(|e| Error::io("map", path, e))?;
        Weights::from_header(bytes).map_err(|source| Error::Weights {
            path: path.to_owned(),
            source,
        })
    }

    /// Checks a whole safetensors file that is in memory.
    pub fn from_vec(bytes: Vec<u8>) -> std::result::Result<Weights, WeightError> {
        Weights::from_bytes(Bytes::owned(bytes))
    }

    fn from_bytes(bytes: Bytes) -> std::result::Result<Weights, WeightError> {
        let weights = Weights::from_header(bytes)?;
        check::all_finite(&weights)?;
        Ok(weights)
    }

    fn from_header(bytes: Bytes) -> std::result::Result<Weights, WeightError> {
        let header = header::parse(bytes.as_slice())?;
        Ok(Weights {
            bytes: Arc::new(bytes),
            data_start: header.data_start,
            tensors: header.tensors,
            metadata: header.metadata,
        })
    }

    /// The free-form `__metadata__` of the file.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Every tensor by name, with dtype, shape and place.
    pub fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
        &self.tensors
    }

    /// The bytes of a tensor as they are stored.
    pub fn raw(&self, info: &TensorInfo) -> &[u8] {
        &self.bytes.as_slice()[self.data_start + info.range.start..self.data_start + info.range.end]
    }

    /// The tensor `name`, of element type `T` and exactly of `shape`, without a copy.
    pub fn tensor<T: Element>(
        &self,
        name: &str,
        shape: &[usize],
    ) -> std::result::Result<Tensor<T>, WeightError> {
        let info = self.tensors.get(name).ok_or_else(|| WeightError::Missing {
            tensor: name.to_owned(),
        })?;
        if info.dtype != T::DTYPE {
            return Err(WeightError::WrongDtype {
                tensor: name.to_owned(),
                expected: T::DTYPE,
                found: info.dtype,
            });
        }
        if info.shape != shape {
            return Err(WeightError::WrongShape {
                tensor: name.to_owned(),
                expected: shape.to_vec(),
                found: info.shape.clone(),
            });
        }
        let at = self.data_start + info.range.start;
        Tensor::mapped(&self.bytes, at..self.data_start + info.range.end).ok_or_else(|| {
            WeightError::Misaligned {
                tensor: name.to_owned(),
                offset: at,
            }
        })
    }
}
