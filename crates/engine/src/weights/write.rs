//! Writing safetensors files whose tensors begin on 64-byte boundaries, so that they map straight in.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::map;
use super::{Dtype, Element};

/// One tensor to write.
pub struct NewTensor<'a> {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: &'a [u8],
}

impl<'a> NewTensor<'a> {
    /// A tensor of `elements`, row-major.
    ///
    /// # Panics
    /// If `shape` does not hold as many elements as there are.
    pub fn new<T: Element>(
        name: impl Into<String>,
        shape: &[usize],
        elements: &'a [T],
    ) -> NewTensor<'a> {
        let name = name.into();
        assert_eq!(shape.iter().product::<usize>(), elements.len(), "{name}");
        NewTensor {
            name,
            dtype: T::DTYPE,
            shape: shape.to_vec(),
            bytes: map::bytes_of(elements),
        }
    }
}

/// Writes `tensors` in their order. A gap up to the next 64-byte boundary is a tensor of its own
/// (`pad.N`), because the format allows no holes.
pub fn write_safetensors(
    to: &mut impl Write,
    metadata: &BTreeMap<String, String>,
    tensors: &[NewTensor<'_>],
) -> io::Result<()> {
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".into(), serde_json::json!(metadata));
    let mut at = 0;
    for (i, tensor) in tensors.iter().enumerate() {
        let end = at + tensor.bytes.len();
        header.insert(
            tensor.name.clone(),
            serde_json::json!({"dtype": tensor.dtype.word(), "shape": tensor.shape, "data_offsets": [at, end]}),
        );
        at = end.next_multiple_of(64);
        if at > end {
            header.insert(
                format!("pad.{i}"),
                serde_json::json!({"dtype": "U8", "shape": [at - end], "data_offsets": [end, at]}),
            );
        }
    }
    let mut json = serde_json::to_vec(&header).map_err(io::Error::other)?;
    json.resize((8 + json.len()).next_multiple_of(64) - 8, b' ');
    to.write_all(&(json.len() as u64).to_le_bytes())?;
    to.write_all(&json)?;
    for tensor in tensors {
        to.write_all(tensor.bytes)?;
        let padding = tensor.bytes.len().next_multiple_of(64) - tensor.bytes.len();
        to.write_all(&[0; 64][..padding])?;
    }
    to.flush()
}
