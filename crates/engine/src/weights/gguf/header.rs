//! The header of a GGUF file: magic, version, metadata, tensor infos; all little-endian.
//!
//! ```text
//! "GGUF"  u32 version  u64 tensors  u64 metadata entries
//! entry:   string key  u32 kind  value          string: u64 bytes, UTF-8
//! tensor:  string name  u32 dimensions  u64 extents[]  u32 type  u64 offset   (innermost extent first)
//! data from the next multiple of general.alignment (32 unless said otherwise)
//! ```
//!
//! Nothing is copied out of the metadata: it is kept as places in the file, which take less memory than what
//! they point at, however many a hostile file has.

use super::super::{Dtype, Storage, WeightError};
use super::Block;
use super::metadata::{Entry, Kind, Place, Value};
use super::types;

/// The first four bytes.
pub(in crate::weights) const MAGIC: &[u8; 4] = b"GGUF";

/// A larger header than this has no model: a vocabulary of 150,000 makes 6 MB.
const MAX_HEADER_BYTES: usize = 1 << 30;

/// As ggml has it.
const MAX_DIMENSIONS: u32 = 4;

/// What a file says before its data.
pub(super) struct Header {
    /// Entries sorted by key.
    pub(super) entries: Vec<Entry>,
    pub(super) tensors: Vec<RawTensor>,
}

/// A tensor as the file describes it, in bounds.
pub(super) struct RawTensor {
    pub(super) name: Place,
    /// Row-major: the file's order turned around.
    pub(super) shape: Vec<usize>,
    pub(super) storage: Storage,
    /// Its first byte in the file.
    pub(super) at: u64,
    pub(super) bytes: u64,
}

/// Reads and checks the header of the file `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Result<Header, WeightError> {
    let mut reader = Reader {
        bytes: &bytes[..bytes.len().min(MAX_HEADER_BYTES)],
        at: 0,
    };
    if reader.array::<4>("the magic")? != *MAGIC {
        return Err(bad("it does not begin with GGUF"));
    }
    match reader.u32("the version")? {
        2 | 3 => {}
        0x0200_0000 | 0x0300_0000 => return Err(bad("the file is big-endian")),
        version => {
            return Err(bad(format!(
                "version {version} is not known, 2 and 3 are; convert the model again"
            )));
        }
    }
    let tensors = reader.u64("the number of tensors")?;
    let entries = reader.u64("the number of metadata entries")?;
    let entries = read_entries(&mut reader, entries)?;
    let infos = read_infos(&mut reader, tensors)?;
    let alignment = alignment(bytes, &entries)?;
    let data_start = reader.at.next_multiple_of(alignment);
    let mut tensors = Vec::with_capacity(infos.len());
    for info in infos {
        tensors.push(check_tensor(bytes, info, data_start, alignment)?);
    }
    check_overlaps(bytes, &mut tensors)?;
    Ok(Header { entries, tensors })
}

/// An error of the header's structure.
fn bad(reason: impl Into<String>) -> WeightError {
    WeightError::BadHeader {
        reason: reason.into(),
    }
}

/// The bytes of the header and how far they were read.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next `length` bytes; `what` they are, for the error.
    fn take(&mut self, length: usize, what: &str) -> Result<&'a [u8], WeightError> {
        let taken = self
            .at
            .checked_add(length)
            .and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| {
            bad(format!(
                "{what} at byte {} takes {length} bytes, the file has {} left",
                self.at,
                self.bytes.len() - self.at
            ))
        })?;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], WeightError> {
        let taken = self.take(N, what)?;
        Ok(*taken.first_chunk().expect("as many bytes were taken"))
    }

    fn u32(&mut self, what: &str) -> Result<u32, WeightError> {
        self.array(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &str) -> Result<u64, WeightError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A string's place; it is UTF-8.
    fn string(&mut self, what: &str) -> Result<Place, WeightError> {
        let length = self.u64(what)?;
        let at = self.at;
        let text = self.take(usize::try_from(length).unwrap_or(usize::MAX), what)?;
        if std::str::from_utf8(text).is_err() {
            return Err(bad(format!("{what} at byte {at} is not UTF-8")));
        }
        Ok(Place::new(at..self.at))
    }

    /// How many of `claimed` things of at least `least` bytes the rest can hold, as room for them.
    fn room(&self, claimed: u64, least: usize) -> usize {
        let possible = (self.bytes.len() - self.at) / least;
        usize::try_from(claimed).map_or(possible, |claimed| claimed.min(possible))
    }
}

fn read_entries(reader: &mut Reader<'_>, count: u64) -> Result<Vec<Entry>, WeightError> {
    // The smallest entry: an empty key's length, kind and one byte.
    let mut entries = Vec::with_capacity(reader.room(count, 8 + 4 + 1));
    for _ in 0..count {
        let key = reader.string("a metadata key")?;
        let name = key.text(reader.bytes);
        let kind = reader.u32("the kind of a metadata value")?;
        let kind = Kind::from_number(kind)
            .ok_or_else(|| bad(format!("metadata {name:?} is of the unknown kind {kind}")))?;
        let value = read_value(reader, kind, name)?;
        entries.push(Entry { key, value });
    }
    let bytes = reader.bytes;
    entries.sort_by_key(|entry| entry.key.text(bytes));
    let twice = entries
        .windows(2)
        .find(|pair| pair[0].key.text(bytes) == pair[1].key.text(bytes));
    match twice {
        Some(pair) => Err(bad(format!(
            "metadata {:?} stands twice",
            pair[0].key.text(bytes)
        ))),
        None => Ok(entries),
    }
}

fn read_value(reader: &mut Reader<'_>, kind: Kind, name: &str) -> Result<Value, WeightError> {
    let what = || format!("metadata {name:?}");
    match kind {
        Kind::Text => Ok(Value::Text(reader.string(&what())?)),
        Kind::Array => {
            let number = reader.u32(&what())?;
            let item = Kind::from_number(number)
                .filter(|kind| *kind != Kind::Array)
                .ok_or_else(|| {
                    bad(format!("metadata {name:?} is an array of kind {number}, which is none that can be read"))
                })?;
            let count = reader.u64(&what())?;
            let start = reader.at;
            if item == Kind::Text {
                let what = format!("an item of metadata {name:?}");
                for _ in 0..count {
                    reader.string(&what)?;
                }
            } else {
                let length = usize::try_from(count)
                    .ok()
                    .and_then(|count| count.checked_mul(item.bytes()));
                reader.take(length.unwrap_or(usize::MAX), &what())?;
            }
            Ok(Value::Array {
                item,
                // Each item takes at least a byte of the header, so the count is no larger than that.
                count: u32::try_from(count).map_err(|_| bad(format!("{} is too long", what())))?,
                place: Place::new(start..reader.at),
            })
        }
        _ => {
            let raw = reader.take(kind.bytes(), &what())?;
            Value::scalar(kind, raw)
                .ok_or_else(|| bad(format!("{} is neither true nor false", what())))
        }
    }
}

/// A tensor info before its numbers are checked.
struct Info {
    name: Place,
    extents: [u64; MAX_DIMENSIONS as usize],
    dimensions: usize,
    number: u32,
    offset: u64,
}

fn read_infos(reader: &mut Reader<'_>, count: u64) -> Result<Vec<Info>, WeightError> {
    // The smallest info: an empty name's length, no extents, type and offset.
    let mut infos = Vec::with_capacity(reader.room(count, 8 + 4 + 8 + 4 + 8));
    for _ in 0..count {
        let name = reader.string("a tensor name")?;
        let what = format!("tensor {:?}", name.text(reader.bytes));
        let dimensions = reader.u32(&what)?;
        if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
            return Err(bad(format!(
                "{what} has {dimensions} dimensions, 1 to {MAX_DIMENSIONS} are possible"
            )));
        }
        let mut extents = [1; MAX_DIMENSIONS as usize];
        for extent in &mut extents[..dimensions as usize] {
            *extent = reader.u64(&what)?;
        }
        infos.push(Info {
            name,
            extents,
            dimensions: dimensions as usize,
            number: reader.u32(&what)?,
            offset: reader.u64(&what)?,
        });
    }
    Ok(infos)
}

/// Where `general.alignment` wants the data.
fn alignment(bytes: &[u8], entries: &[Entry]) -> Result<usize, WeightError> {
    const KEY: &str = "general.alignment";
    let value = entries
        .binary_search_by_key(&KEY, |entry| entry.key.text(bytes))
        .ok()
        .map(|at| entries[at].value);
    match value {
        None => Ok(32),
        Some(Value::Unsigned(alignment))
            if alignment.is_power_of_two() && (8..=1 << 16).contains(&alignment) =>
        {
            Ok(alignment as usize)
        }
        Some(other) => Err(WeightError::BadMetadata {
            key: KEY.into(),
            found: other.show(bytes),
            expected: "a power of two from 8 to 65536".into(),
        }),
    }
}

fn storage(number: u32) -> Option<Storage> {
    Some(match number {
        0 => Storage::Plain(Dtype::F32),
        1 => Storage::Plain(Dtype::F16),
        30 => Storage::Plain(Dtype::Bf16),
        2 => Storage::Block(Block::Q4_0),
        3 => Storage::Block(Block::Q4_1),
        6 => Storage::Block(Block::Q5_0),
        7 => Storage::Block(Block::Q5_1),
        8 => Storage::Block(Block::Q8_0),
        12 => Storage::Block(Block::Q4K),
        13 => Storage::Block(Block::Q5K),
        14 => Storage::Block(Block::Q6K),
        _ => return None,
    })
}

fn check_tensor(
    bytes: &[u8],
    info: Info,
    data_start: usize,
    alignment: usize,
) -> Result<RawTensor, WeightError> {
    let name = || info.name.text(bytes).to_owned();
    let storage = storage(info.number).ok_or_else(|| WeightError::UnknownDtype {
        tensor: name(),
        dtype: types::unknown(info.number),
    })?;
    let wrong = |reason: String| WeightError::BadPacking {
        tensor: name(),
        reason,
    };
    let mut shape = Vec::with_capacity(info.dimensions);
    for extent in info.extents[..info.dimensions].iter().rev() {
        match usize::try_from(*extent) {
            Ok(extent) if extent > 0 => shape.push(extent),
            _ => return Err(wrong(format!("an extent of {extent} cannot be"))),
        }
    }
    let (block, block_bytes) = (storage.block_len() as u64, storage.block_bytes() as u64);
    if !info.extents[0].is_multiple_of(block) {
        return Err(wrong(format!(
            "rows of {} numbers are no whole blocks of {block}, of which {} is made",
            info.extents[0],
            storage.word()
        )));
    }
    let numbers = info
        .extents
        .iter()
        .try_fold(1_u64, |product, extent| product.checked_mul(*extent));
    let size = numbers.and_then(|numbers| (numbers / block).checked_mul(block_bytes));
    let data_bytes = bytes.len().saturating_sub(data_start);
    let end = size.and_then(|size| info.offset.checked_add(size));
    let (Some(size), Some(end)) = (size, end) else {
        return Err(wrong(format!("a shape of {shape:?} cannot be")));
    };
    if end > data_bytes as u64 {
        return Err(WeightError::OutOfBounds {
            tensor: name(),
            end: usize::try_from(end).unwrap_or(usize::MAX),
            data_bytes,
        });
    }
    if !info.offset.is_multiple_of(alignment as u64) {
        return Err(wrong(format!(
            "its offset {} is no multiple of the file's alignment {alignment}",
            info.offset
        )));
    }
    Ok(RawTensor {
        name: info.name,
        shape,
        storage,
        at: data_start as u64 + info.offset,
        bytes: size,
    })
}

/// Refuses two tensors that share bytes. Gaps are padding and allowed.
fn check_overlaps(bytes: &[u8], tensors: &mut [RawTensor]) -> Result<(), WeightError> {
    tensors.sort_by_key(|tensor| tensor.at);
    for pair in tensors.windows(2) {
        let end = pair[0].at + pair[0].bytes;
        if pair[1].at < end {
            return Err(WeightError::Overlap {
                tensor: pair[1].name.text(bytes).to_owned(),
                begin: usize::try_from(pair[1].at).unwrap_or(usize::MAX),
                other: pair[0].name.text(bytes).to_owned(),
                other_end: usize::try_from(end).unwrap_or(usize::MAX),
            });
        }
    }
    Ok(())
}
