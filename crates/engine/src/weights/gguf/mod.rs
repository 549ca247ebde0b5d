//! GGUF files, as llama.cpp writes them: tensors under their Hugging Face names, the network's sizes as a
//! `config.json`, and the metadata from which a tokenizer is rebuilt.

mod config;
mod dequant;
mod header;
mod metadata;
mod names;
mod types;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) use dequant::dequantize;
pub(super) use header::MAGIC;
pub use metadata::Metadata;
pub use types::Block;

use super::map::Bytes;
use super::source::{Order, SourceTensor};
use super::{Dtype, Storage, WeightError};

/// A file past the door.
pub(super) struct Gguf {
    pub(super) tensors: BTreeMap<String, SourceTensor>,
    /// The network's sizes as JSON; none where the file has only a vocabulary.
    pub(super) config: Option<String>,
    pub(super) metadata: Metadata,
}

/// Reads all of the file but the tensors' numbers.
pub(super) fn read(file: Arc<Bytes>) -> Result<Gguf, WeightError> {
    let bytes = file.as_slice();
    let header::Header { entries, tensors } = header::parse(bytes)?;
    let metadata = Metadata::new(Arc::clone(&file), entries);
    if tensors.is_empty() {
        return Ok(Gguf {
            tensors: BTreeMap::new(),
            config: None,
            metadata,
        });
    }
    let shape = config::Shape::of(&metadata)?;
    let mut named = BTreeMap::new();
    let mut factors = None;
    for tensor in tensors {
        let name = tensor.name.text(bytes);
        let refused = |reason: &str| WeightError::BadPacking {
            tensor: name.to_owned(),
            reason: reason.to_owned(),
        };
        if name == config::FREQUENCIES {
            factors = Some(floats(bytes, &tensor).ok_or_else(|| refused("it is not in F32"))?);
            continue;
        }
        let ours = names::hugging_face(name)
            .ok_or_else(|| refused("a Qwen2- or Llama-shaped model has no such tensor"))?;
        let order = shape
            .order(&ours, &tensor.shape)
            .map_err(|reason| refused(&reason))?;
        let tensor = SourceTensor {
            shape: tensor.shape,
            storage: tensor.storage,
            bytes: tensor.bytes,
            file: 0,
            at: tensor.at,
            order,
        };
        if named.insert(ours, tensor).is_some() {
            return Err(refused("it stands twice"));
        }
    }
    let config = config::json(&metadata, &shape, &named, factors.as_deref())?;
    Ok(Gguf {
        tensors: named,
        config: Some(config),
        metadata,
    })
}

/// The numbers of a small tensor, if they are plain ones in f32.
fn floats(file: &[u8], tensor: &header::RawTensor) -> Option<Vec<f32>> {
    if tensor.storage != Storage::Plain(Dtype::F32) {
        return None;
    }
    let at = usize::try_from(tensor.at).ok()?;
    let bytes = file.get(at..)?.get(..usize::try_from(tensor.bytes).ok()?)?;
    let numbers = bytes.as_chunks().0.iter();
    Some(numbers.map(|four| f32::from_le_bytes(*four)).collect())
}

impl config::Shape {
    /// How the rows of the tensor with this Hugging Face name lie in the file.
    ///
    /// llama.cpp turns the two halves of every head of a Llama's queries and keys into alternating rows, for
    /// its own way of rotating; Qwen2's it leaves.
    fn order(&self, name: &str, shape: &[usize]) -> Result<Order, String> {
        let heads = match name.rsplit('.').nth(1) {
            Some("q_proj") if self.rotated_in_pairs() => self.heads,
            Some("k_proj") if self.rotated_in_pairs() => self.kv_heads,
            _ => return Ok(Order::AsStored),
        };
        let rows = shape[0];
        if !rows.is_multiple_of(2 * heads) {
            return Err(format!(
                "{rows} rows cannot be parted into {heads} heads of two halves"
            ));
        }
        Ok(Order::Paired {
            head_rows: rows / heads,
        })
    }
}
