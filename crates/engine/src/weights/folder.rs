//! A model spread over several safetensors files, as `model.safetensors.index.json` lists them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::header;
use super::raw::RawFile;
use super::source::{Source, SourceTensor, read_config};
use super::{TensorInfo, WeightError};
use crate::read::read_text;
use crate::{Error, Result};

pub(super) use crate::store::WEIGHTS_INDEX as INDEX;

/// The longest index that is read: a 7B model's has 30 kB.
const MAX_INDEX_BYTES: u64 = 16 << 20;

/// More files than any model has that fits a laptop.
const MAX_SHARDS: usize = 1024;

/// The file of every tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// The files that the index of `folder` names, each a plain name in it.
pub(crate) fn shard_names(index: &Path) -> Result<Vec<String>> {
    let mut names: Vec<String> = read_index(index)?.weight_map.into_values().collect();
    names.sort();
    names.dedup();
    Ok(names)
}

fn read_index(path: &Path) -> Result<Index> {
    let text = read_text(path, MAX_INDEX_BYTES)?;
    let index: Index =
        serde_json::from_str(&text).map_err(|e| Error::manifest(path, e.to_string()))?;
    for (tensor, file) in &index.weight_map {
        if crate::store::check_name(file).is_err() || !file.ends_with(".safetensors") {
            return Err(Error::manifest(
                path,
                format!("tensor {tensor:?} lies in {file:?}, which cannot be a file of the model"),
            ));
        }
    }
    Ok(index)
}

/// Opens the shards of `folder`. The index decides which file a tensor is read from, and one that the file does
/// not have is an error. A tensor that the index does not list is not there, as for Hugging Face's own reader.
pub(super) fn open(folder: &Path, index_path: &Path) -> Result<Source> {
    let index = read_index(index_path)?;
    let mut source = Source::empty(folder);
    let mut headers: BTreeMap<String, BTreeMap<String, TensorInfo>> = BTreeMap::new();
    let mut places: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (tensor, name) in index.weight_map {
        if !headers.contains_key(&name) {
            if headers.len() == MAX_SHARDS {
                return Err(Error::manifest(
                    index_path,
                    format!("more than {MAX_SHARDS} files are listed"),
                ));
            }
            let path = folder.join(&name);
            let (file, bytes) = RawFile::open(&path)?;
            let header = header::parse(bytes.as_slice())
                .map_err(|source| Error::Weights { path, source })?;
            places.insert(name.clone(), (source.add_file(file), header.data_start));
            headers.insert(name.clone(), header.tensors);
        }
        let tensors = headers.get_mut(&name).expect("it was put there above");
        let Some(info) = tensors.remove(&tensor) else {
            return Err(Error::Weights {
                path: folder.join(&name),
                source: WeightError::Missing { tensor },
            });
        };
        let (file, data_start) = places[&name];
        source.add_tensor(tensor, SourceTensor::of(info, file, data_start));
    }
    source.set_config(read_config(folder)?);
    Ok(source)
}
