//! Float tensors by name, wherever they lie: what a model is built from or quantized from.
//!
//! A [`Source`] is one safetensors file, or a folder as Hugging Face publishes it, whose weights may be spread
//! over several files, or a GGUF file. Tensors have their Hugging Face names and are widened to f32 as they are
//! read, whole or some rows at a time; nothing is kept, so a model larger than memory can be read through.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder;
use super::gguf;
use super::header;
use super::map::Bytes;
use super::raw::RawFile;
use super::{Dtype, Storage, WeightError};
use crate::read::{MAX_CONFIG_BYTES, read_text};
use crate::store::{CONFIG, GGUF_WEIGHTS, WEIGHTS};
use crate::{Error, Result};

/// Bytes read at a time.
const PIECE_BYTES: usize = 1 << 18;

/// A model's float tensors, by name.
pub struct Source {
    path: PathBuf,
    files: Vec<RawFile>,
    tensors: BTreeMap<String, SourceTensor>,
    metadata: BTreeMap<String, String>,
    config: Option<String>,
    gguf: Option<gguf::Metadata>,
}

/// What is known of a tensor before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTensor {
    /// Extent of each dimension, row-major.
    pub shape: Vec<usize>,
    /// How its numbers are stored.
    pub storage: Storage,
    /// Bytes that it takes in its file.
    pub bytes: u64,
    /// Which of the files holds it.
    pub(super) file: usize,
    /// Its first byte there.
    pub(super) at: u64,
    /// How its rows lie there.
    pub(super) order: Order,
}

/// How the rows of a tensor lie in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// As they are meant.
    AsStored,
    /// Row `i` of the first half of every head at `2 i`, and of the second at `2 i + 1`.
    Paired {
        /// Rows of a head, an even number.
        head_rows: usize,
    },
}

impl Order {
    /// Where the row `row` lies.
    fn stored(self, row: usize) -> usize {
        match self {
            Order::AsStored => row,
            Order::Paired { head_rows } => {
                let (head, row) = (row / head_rows, row % head_rows);
                let (half, i) = (row / (head_rows / 2), row % (head_rows / 2));
                head * head_rows + 2 * i + half
            }
        }
    }
}

impl SourceTensor {
    /// Numbers in it.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no numbers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers of a row: all but the first dimension together; of a vector, one.
    fn row_len(&self) -> usize {
        self.shape.iter().skip(1).product()
    }
}

impl Source {
    /// Opens `path`: a folder with `model.safetensors`, or with `model.safetensors.index.json` and the files
    /// that it names, or with `model.gguf`; or one file, safetensors or GGUF, whatever its name. Headers are checked here, numbers
    /// when they are read.
    pub fn open(path: &Path) -> Result<Source> {
        let weights = if path.is_dir() {
            let index = path.join(folder::INDEX);
            if index.is_file() {
                return folder::open(path, &index);
            }
            let alone = path.join(WEIGHTS);
            let gguf = path.join(GGUF_WEIGHTS);
            match !alone.is_file() && gguf.is_file() {
                true => gguf,
                false => alone,
            }
        } else {
            path.to_owned()
        };
        let (file, bytes) = RawFile::open(&weights)?;
        let mut source = Source::of_file(path, file, bytes)?;
        if source.config.is_none() && source.gguf.is_none() {
            source.config = read_config(weights.parent().unwrap_or(Path::new(".")))?;
        }
        Ok(source)
    }

    /// A file that is in memory, safetensors or GGUF, named `path` in errors.
    pub fn from_vec(path: &Path, bytes: Vec<u8>) -> Result<Source> {
        let (file, bytes) = RawFile::memory(path, bytes);
        Source::of_file(path, file, bytes)
    }

    fn of_file(path: &Path, file: RawFile, bytes: Arc<Bytes>) -> Result<Source> {
        let refused = |source| Error::Weights {
            path: file.path().to_owned(),
            source,
        };
        let mut source = Source::empty(path);
        if bytes.as_slice().starts_with(gguf::MAGIC) {
            let gguf = gguf::read(bytes).map_err(refused)?;
            source.tensors = gguf.tensors;
            source.config = gguf.config;
            source.gguf = Some(gguf.metadata);
        } else {
            let header = header::parse(bytes.as_slice()).map_err(refused)?;
            for (name, info) in header.tensors {
                let tensor = SourceTensor::of(info, 0, header.data_start);
                source.tensors.insert(name, tensor);
            }
            source.config = header.metadata.get("companion.config").cloned();
            source.metadata = header.metadata;
        }
        source.files.push(file);
        Ok(source)
    }

    pub(super) fn empty(path: &Path) -> Source {
        Source {
            path: path.to_owned(),
            files: Vec::new(),
            tensors: BTreeMap::new(),
            metadata: BTreeMap::new(),
            config: None,
            gguf: None,
        }
    }

    /// Adds a file; gives its number.
    pub(super) fn add_file(&mut self, file: RawFile) -> usize {
        self.files.push(file);
        self.files.len() - 1
    }

    pub(super) fn add_tensor(&mut self, name: String, tensor: SourceTensor) {
        self.tensors.insert(name, tensor);
    }

    pub(super) fn set_config(&mut self, config: Option<String>) {
        self.config = config;
    }

    /// The file or folder that was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every tensor by name.
    pub fn tensors(&self) -> &BTreeMap<String, SourceTensor> {
        &self.tensors
    }

    /// Whether there is a tensor `name`.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The free-form `__metadata__` of a single safetensors file.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The metadata of a GGUF file: vocabulary and chat template are in there.
    pub fn gguf(&self) -> Option<&gguf::Metadata> {
        self.gguf.as_ref()
    }

    /// The model's sizes as JSON, under the names of Hugging Face's `config.json`.
    pub fn config_json(&self) -> Result<&str> {
        self.config.as_deref().ok_or_else(|| {
            let folder = match self.path.is_dir() {
                true => self.path.as_path(),
                false => self.path.parent().unwrap_or(Path::new(".")),
            };
            Error::manifest(
                &folder.join(CONFIG),
                "it is missing; it says what shape the network has",
            )
        })
    }

    /// The tensor `name` of exactly `shape`, as f32.
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let tensor = self.find(name, shape)?;
        let mut floats = vec![0.0; tensor.len()];
        let rows = 0..tensor.shape.first().copied().unwrap_or(1);
        self.rows(name, shape, rows, &mut floats)?;
        Ok(floats)
    }

    /// The rows `rows` of the tensor `name` of exactly `shape`, as f32, into `to`, which has room for just them.
    /// A row is everything below one index of the first dimension.
    ///
    /// # Panics
    /// If `to` has another length than the rows, or the rows are beyond the tensor.
    pub fn rows(
        &self,
        name: &str,
        shape: &[usize],
        rows: Range<usize>,
        to: &mut [f32],
    ) -> Result<()> {
        let tensor = self.find(name, shape)?;
        let row = tensor.row_len();
        assert!(rows.end <= tensor.shape.first().copied().unwrap_or(1));
        assert_eq!(to.len(), rows.len() * row, "room for the rows of {name}");
        if tensor.order == Order::AsStored {
            return self.read(name, tensor, rows.start * row, to);
        }
        for (at, to) in rows.zip(to.chunks_mut(row)) {
            self.read(name, tensor, tensor.order.stored(at) * row, to)?;
        }
        Ok(())
    }

    /// Reads the tensor `name` of exactly `shape` through, a piece at a time, and keeps nothing of it.
    pub(crate) fn check(&self, name: &str, shape: &[usize]) -> Result<()> {
        let tensor = self.find(name, shape)?;
        // As many numbers as any block has divide a piece.
        let mut room = vec![0.0; (1 << 16).min(tensor.len())];
        for first in (0..tensor.len()).step_by(1 << 16) {
            let piece = (tensor.len() - first).min(room.len());
            self.read(name, tensor, first, &mut room[..piece])?;
        }
        Ok(())
    }

    /// How most of the bytes are stored, in lower case: `bf16`, `q4_k`.
    pub(crate) fn storage_word(&self) -> String {
        let mut bytes: BTreeMap<&str, u64> = BTreeMap::new();
        for tensor in self.tensors.values() {
            *bytes.entry(tensor.storage.word()).or_default() += tensor.bytes;
        }
        let most = bytes.into_iter().max_by_key(|(_, bytes)| *bytes);
        most.map_or_else(String::new, |(word, _)| word.to_ascii_lowercase())
    }

    fn find(&self, name: &str, shape: &[usize]) -> Result<&SourceTensor> {
        let Some(tensor) = self.tensors.get(name) else {
            let tensor = name.to_owned();
            return Err(self.error(0, WeightError::Missing { tensor }));
        };
        if tensor.shape != shape {
            let wrong = WeightError::WrongShape {
                tensor: name.to_owned(),
                expected: shape.to_vec(),
                found: tensor.shape.clone(),
            };
            return Err(self.error(tensor.file, wrong));
        }
        match tensor.storage {
            Storage::Plain(found) if !tensor.storage.is_float() => {
                let wrong = WeightError::WrongDtype {
                    tensor: name.to_owned(),
                    expected: Dtype::F32,
                    found,
                };
                Err(self.error(tensor.file, wrong))
            }
            _ => Ok(tensor),
        }
    }

    /// Reads the numbers from the `first` on, whole blocks of them, in pieces; refuses what is not finite.
    fn read(&self, name: &str, tensor: &SourceTensor, first: usize, to: &mut [f32]) -> Result<()> {
        let (block, bytes) = (tensor.storage.block_len(), tensor.storage.block_bytes());
        let piece = (PIECE_BYTES / bytes).max(1) * block;
        let mut raw = vec![0; to.len().min(piece) / block * bytes];
        let mut at = first;
        for to in to.chunks_mut(piece) {
            let raw = &mut raw[..to.len() / block * bytes];
            let offset = tensor.at + (at / block * bytes) as u64;
            self.files[tensor.file].read_at(offset, raw)?;
            tensor.storage.widen(raw, to);
            if let Some(bad) = to.iter().position(|number| !number.is_finite()) {
                let element = at + bad;
                let wrong = WeightError::NotFinite {
                    tensor: name.to_owned(),
                    element,
                    offset: element / block * bytes,
                };
                return Err(self.error(tensor.file, wrong));
            }
            at += to.len();
        }
        Ok(())
    }

    /// `source`, found in the file of that number.
    fn error(&self, file: usize, source: WeightError) -> Error {
        let path = match self.files.len() {
            1 => self.files[0].path(),
            // A tensor that no file has is missing in the whole.
            _ if matches!(source, WeightError::Missing { .. }) => &self.path,
            _ => self.files[file].path(),
        };
        Error::Weights {
            path: path.to_owned(),
            source,
        }
    }
}

impl SourceTensor {
    /// The tensor that the header of safetensors file number `file` describes.
    pub(super) fn of(info: super::TensorInfo, file: usize, data_start: usize) -> SourceTensor {
        SourceTensor {
            storage: Storage::Plain(info.dtype),
            bytes: info.range.len() as u64,
            file,
            at: (data_start + info.range.start) as u64,
            order: Order::AsStored,
            shape: info.shape,
        }
    }
}

/// The `config.json` of `folder`, if it has one.
pub(super) fn read_config(folder: &Path) -> Result<Option<String>> {
    let path = folder.join(CONFIG);
    if !path.is_file() {
        return Ok(None);
    }
    read_text(&path, MAX_CONFIG_BYTES).map(Some)
}
