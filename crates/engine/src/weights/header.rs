//! The header of a safetensors file: eight bytes of length, JSON, then the data.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The longest header that is read: a thousand times what the encoder has, and a hundred times less than
/// what would hurt.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// What is wrong with a weight file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeightError {
    /// The file ends before its header does.
    #[error(
        "not a safetensors file: {file_bytes} bytes are too few for a header of {header_bytes} bytes"
    )]
    Truncated {
        /// What the file announces.
        header_bytes: u64,
        /// What there is.
        file_bytes: u64,
    },
    /// The header announces an absurd length.
    #[error(
        "not a safetensors file: its header claims {header_bytes} bytes, {MAX_HEADER_BYTES} are allowed"
    )]
    HeaderTooLong {
        /// What the file announces.
        header_bytes: u64,
    },
    /// The header is not the JSON it must be.
    #[error("the header is malformed: {reason}")]
    BadHeader {
        /// What the parser said.
        reason: String,
    },
    /// A tensor has a dtype that the engine does not know.
    #[error("tensor {tensor:?} has the unknown dtype {dtype:?}")]
    UnknownDtype {
        /// The tensor.
        tensor: String,
        /// As written in the file.
        dtype: String,
    },
    /// A tensor has another dtype than the model needs.
    #[error("tensor {tensor:?} is {found:?}, expected {expected:?}")]
    WrongDtype {
        /// The tensor.
        tensor: String,
        /// What the model needs.
        expected: Dtype,
        /// What the file has.
        found: Dtype,
    },
    /// A tensor has another shape than the model needs.
    #[error("tensor {tensor:?} has shape {found:?}, expected {expected:?}")]
    WrongShape {
        /// The tensor.
        tensor: String,
        /// What the model needs.
        expected: Vec<usize>,
        /// What the file has.
        found: Vec<usize>,
    },
    /// A shape's element count is beyond what can be addressed, or does not match the offsets.
    #[error("tensor {tensor:?} of shape {shape:?} does not fit its offsets {begin}..{end}")]
    BadSize {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
        /// First byte in the data.
        begin: usize,
        /// End in the data.
        end: usize,
    },
    /// A tensor reaches beyond the end of the file.
    #[error(
        "tensor {tensor:?} ends at offset {end}, but the data has {data_bytes} bytes; the file is truncated"
    )]
    OutOfBounds {
        /// The tensor.
        tensor: String,
        /// End in the data.
        end: usize,
        /// Bytes of data there are.
        data_bytes: usize,
    },
    /// Two tensors overlap.
    #[error(
        "tensor {tensor:?} at offset {begin} overlaps tensor {other:?}, which ends at {other_end}"
    )]
    Overlap {
        /// The later one.
        tensor: String,
        /// Where it begins.
        begin: usize,
        /// The earlier one.
        other: String,
        /// Where that ends.
        other_end: usize,
    },
    /// Bytes belong to no tensor.
    #[error("{bytes} bytes at offset {offset} belong to no tensor")]
    Hole {
        /// Where they begin.
        offset: usize,
        /// How many.
        bytes: usize,
    },
    /// A float is NaN or infinite.
    #[error("tensor {tensor:?} has a value that is not finite: element {element}, offset {offset}")]
    NotFinite {
        /// The tensor.
        tensor: String,
        /// Index of the first such element.
        element: usize,
        /// Its byte in the data.
        offset: usize,
    },
    /// A tensor the model needs is not there.
    #[error("tensor {tensor:?} is missing")]
    Missing {
        /// The tensor.
        tensor: String,
    },
    /// A tensor's address does not suit its type.
    #[error("tensor {tensor:?} at byte {offset} of the file is not aligned for its type")]
    Misaligned {
        /// The tensor.
        tensor: String,
        /// Its byte in the file.
        offset: usize,
    },
    /// A packed matrix is not one that the kernels can multiply.
    #[error("tensor {tensor:?}: {reason}")]
    BadPacking {
        /// The tensor.
        tensor: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A metadata entry is missing or has a value that the engine does not know.
    #[error("metadata {key:?} is {found:?}, expected {expected}")]
    BadMetadata {
        /// The entry.
        key: String,
        /// What the file has; empty where it has nothing.
        found: String,
        /// What it should be.
        expected: String,
    },
}

/// The number types that the engine reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    /// 32-bit float.
    F32,
    /// 16-bit float (IEEE half).
    F16,
    /// 16-bit float (bfloat16).
    Bf16,
    /// Signed byte.
    I8,
    /// Unsigned byte.
    U8,
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
}

impl Dtype {
    /// Bytes of one element.
    pub fn size_bytes(self) -> usize {
        match self {
            Dtype::I8 | Dtype::U8 => 1,
            Dtype::F16 | Dtype::Bf16 => 2,
            Dtype::F32 | Dtype::I32 => 4,
            Dtype::I64 => 8,
        }
    }

    /// The name in the file.
    pub fn word(self) -> &'static str {
        match self {
            Dtype::F32 => "F32",
            Dtype::F16 => "F16",
            Dtype::Bf16 => "BF16",
            Dtype::I8 => "I8",
            Dtype::U8 => "U8",
            Dtype::I32 => "I32",
            Dtype::I64 => "I64",
        }
    }

    fn from_word(word: &str) -> Option<Dtype> {
        [
            Dtype::F32,
            Dtype::F16,
            Dtype::Bf16,
            Dtype::I8,
            Dtype::U8,
            Dtype::I32,
            Dtype::I64,
        ]
        .into_iter()
        .find(|dtype| dtype.word() == word)
    }
}

/// What the header says of one tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Number type.
    pub dtype: Dtype,
    /// Extent of each dimension, row-major.
    pub shape: Vec<usize>,
    /// Its bytes, counted from the start of the data.
    pub range: Range<usize>,
}

/// A parsed header.
pub(super) struct Header {
    /// First byte of the data in the file.
    pub(super) data_start: usize,
    pub(super) tensors: BTreeMap<String, TensorInfo>,
    pub(super) metadata: BTreeMap<String, String>,
}

/// More dimensions than any tensor has.
const MAX_DIMENSIONS: usize = 8;

/// More entries of metadata than any file has.
const MAX_METADATA: usize = 512;

#[derive(Deserialize)]
struct RawTensor {
    dtype: String,
    shape: Shape,
    data_offsets: (usize, usize),
}

/// Extents, no more than [`MAX_DIMENSIONS`]: a list of ones takes four times its text.
struct Shape(Vec<usize>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Extents;
        impl<'de> Visitor<'de> for Extents {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of extents")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
                let mut extents = Vec::new();
                while let Some(extent) = list.next_element()? {
                    if extents.len() == MAX_DIMENSIONS {
                        let reason = format!("more than {MAX_DIMENSIONS} dimensions");
                        return Err(A::Error::custom(reason));
                    }
                    extents.push(extent);
                }
                Ok(Shape(extents))
            }
        }
        deserializer.deserialize_seq(Extents)
    }
}

/// Free-form texts, no more than [`MAX_METADATA`].
struct Metadata(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Metadata;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
                let mut texts = BTreeMap::new();
                while let Some((key, text)) = map.next_entry()? {
                    if texts.len() == MAX_METADATA {
                        let reason = format!("more than {MAX_METADATA} entries of metadata");
                        return Err(A::Error::custom(reason));
                    }
                    texts.insert(key, text);
                }
                Ok(Metadata(texts))
            }
        }
        deserializer.deserialize_map(Texts)
    }
}

/// The header's entries, each in the form that it is kept in: a hostile header has many, and each form on the way
/// would take memory again. A name that stands twice is an error.
struct RawHeader {
    tensors: BTreeMap<String, TensorInfo>,
    /// The first tensor of a dtype that is not known, and that dtype.
    unknown: Option<(String, String)>,
    metadata: Option<BTreeMap<String, String>>,
}

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = RawHeader;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawHeader, A::Error> {
                let mut header = RawHeader {
                    tensors: BTreeMap::new(),
                    unknown: None,
                    metadata: None,
                };
                while let Some(name) = map.next_key::<String>()? {
                    let is_metadata = name == "__metadata__";
                    if header.tensors.contains_key(&name)
                        || (is_metadata && header.metadata.is_some())
                    {
                        return Err(A::Error::custom(format!("tensor {name:?} stands twice")));
                    }
                    if is_metadata {
                        header.metadata = Some(map.next_value::<Metadata>()?.0);
                    } else if name.len() > 1024 {
                        map.next_value::<IgnoredAny>()?;
                        return Err(A::Error::custom("a tensor name is longer than 1024 bytes"));
                    } else {
                        let tensor: RawTensor = map
                            .next_value()
                            .map_err(|e| A::Error::custom(format!("tensor {name:?}: {e}")))?;
                        header.add(name, tensor);
                    }
                }
                Ok(header)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

impl RawHeader {
    fn add(&mut self, name: String, tensor: RawTensor) {
        let dtype = Dtype::from_word(&tensor.dtype);
        if dtype.is_none() && self.unknown.is_none() {
            self.unknown = Some((name.clone(), tensor.dtype));
        }
        let info = TensorInfo {
            // The file is refused where it is not known.
            dtype: dtype.unwrap_or(Dtype::U8),
            shape: tensor.shape.0,
            range: tensor.data_offsets.0..tensor.data_offsets.1,
        };
        self.tensors.insert(name, info);
    }
}

/// Reads and checks the header of the file `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Result<Header, WeightError> {
    let file_bytes = bytes.len() as u64;
    let truncated = |header_bytes| WeightError::Truncated {
        header_bytes,
        file_bytes,
    };
    let length = bytes.first_chunk::<8>().ok_or_else(|| truncated(8))?;
    let header_bytes = u64::from_le_bytes(*length);
    if header_bytes > MAX_HEADER_BYTES {
        return Err(WeightError::HeaderTooLong { header_bytes });
    }
    let data_start = 8 + header_bytes as usize;
    let json = bytes
        .get(8..data_start)
        .ok_or_else(|| truncated(header_bytes))?;
    let raw: RawHeader = serde_json::from_slice(json).map_err(|e| WeightError::BadHeader {
        reason: e.to_string(),
    })?;
    if let Some((tensor, dtype)) = raw.unknown {
        return Err(WeightError::UnknownDtype { tensor, dtype });
    }
    let data_bytes = bytes.len() - data_start;
    for (name, info) in &raw.tensors {
        check_tensor(name, info, data_bytes)?;
    }
    check_coverage(&raw.tensors, data_bytes)?;
    Ok(Header {
        data_start,
        tensors: raw.tensors,
        metadata: raw.metadata.unwrap_or_default(),
    })
}

fn check_tensor(name: &str, info: &TensorInfo, data_bytes: usize) -> Result<(), WeightError> {
    let (begin, end) = (info.range.start, info.range.end);
    let size = info
        .shape
        .iter()
        .try_fold(info.dtype.size_bytes(), |size, &extent| {
            size.checked_mul(extent)
        });
    if end < begin || size != Some(end - begin) {
        return Err(WeightError::BadSize {
            tensor: name.to_owned(),
            shape: info.shape.clone(),
            begin,
            end,
        });
    }
    if end > data_bytes {
        return Err(WeightError::OutOfBounds {
            tensor: name.to_owned(),
            end,
            data_bytes,
        });
    }
    Ok(())
}

/// Checks that the tensors lie side by side and cover the data to its end.
fn check_coverage(
    tensors: &BTreeMap<String, TensorInfo>,
    data_bytes: usize,
) -> Result<(), WeightError> {
    let mut by_place: Vec<_> = tensors.iter().collect();
    by_place.sort_by_key(|(_, info)| (info.range.start, info.range.end));
    let mut reached = 0;
    let mut previous = "";
    for (name, info) in by_place {
        if info.range.start < reached {
            return Err(WeightError::Overlap {
                tensor: name.clone(),
                begin: info.range.start,
                other: previous.to_owned(),
                other_end: reached,
            });
        }
        if info.range.start > reached {
            return Err(WeightError::Hole {
                offset: reached,
                bytes: info.range.start - reached,
            });
        }
        reached = info.range.end;
        previous = name;
    }
    if reached < data_bytes {
        return Err(WeightError::Hole {
            offset: reached,
            bytes: data_bytes - reached,
        });
    }
    Ok(())
}
