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
    let planned = tensors
        .iter()
        .map(|tensor| PlannedTensor::new(&tensor.name, tensor.dtype, &tensor.shape))
        .collect();
    let mut stream = StreamWriter::new(to, metadata, planned)?;
    for tensor in tensors {
        stream.write_bytes(tensor.bytes)?;
    }
    stream.finish().map(|_| ())
}

/// A tensor that is going to be written.
pub struct PlannedTensor {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
}

impl PlannedTensor {
    /// One of that name, type and shape.
    pub fn new(name: &str, dtype: Dtype, shape: &[usize]) -> PlannedTensor {
        PlannedTensor {
            name: name.to_owned(),
            dtype,
            shape: shape.to_vec(),
        }
    }

    fn size_bytes(&self) -> usize {
        self.dtype.size_bytes() * self.shape.iter().product::<usize>()
    }
}

/// A safetensors file written from front to back, tensor by tensor: no more of it is in memory than what is
/// being written.
pub struct StreamWriter<W> {
    to: W,
    sizes: std::vec::IntoIter<usize>,
    /// Bytes that the current tensor still lacks.
    lacking: usize,
    /// Zero bytes after it.
    padding: usize,
}

impl<W: Write> StreamWriter<W> {
    /// Writes the header of a file with `tensors` in this order, each on a 64-byte boundary.
    pub fn new(
        mut to: W,
        metadata: &BTreeMap<String, String>,
        tensors: Vec<PlannedTensor>,
    ) -> io::Result<StreamWriter<W>> {
        let mut header = serde_json::Map::new();
        header.insert("__metadata__".into(), serde_json::json!(metadata));
        let mut at = 0;
        for (i, tensor) in tensors.iter().enumerate() {
            let end = at + tensor.size_bytes();
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
        let sizes: Vec<usize> = tensors.iter().map(PlannedTensor::size_bytes).collect();
        let mut stream = StreamWriter {
            to,
            sizes: sizes.into_iter(),
            lacking: 0,
            padding: 0,
        };
        stream.next_tensor();
        Ok(stream)
    }

    /// Writes the next elements of the current tensor; what fills it goes on with the next one.
    ///
    /// # Panics
    /// If there are more elements than the tensor still lacks.
    pub fn write<T: Element>(&mut self, elements: &[T]) -> io::Result<()> {
        self.write_bytes(map::bytes_of(elements))
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        assert!(
            bytes.len() <= self.lacking,
            "no more elements than were planned"
        );
        self.to.write_all(bytes)?;
        self.lacking -= bytes.len();
        if self.lacking == 0 {
            self.to.write_all(&[0; 64][..self.padding])?;
            self.next_tensor();
        }
        Ok(())
    }

    /// Goes on to the next tensor that has elements.
    fn next_tensor(&mut self) {
        let size = self.sizes.find(|size| *size > 0).unwrap_or(0);
        self.lacking = size;
        self.padding = size.next_multiple_of(64) - size;
    }

    /// Flushes, and gives back what was written to.
    ///
    /// # Panics
    /// If a tensor lacks elements.
    pub fn finish(mut self) -> io::Result<W> {
        assert!(
            self.lacking == 0 && self.sizes.all(|size| size == 0),
            "every tensor was written"
        );
        self.to.flush()?;
        Ok(self.to)
    }
}
