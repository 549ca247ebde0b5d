//! The metadata of a GGUF file, kept as places in it.

use std::ops::Range;
use std::sync::Arc;

use super::super::WeightError;
use super::super::map::Bytes;

/// A stretch of the header, in bytes from the start of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    start: u32,
    bytes: u32,
}

impl Place {
    /// `range`, which lies in the first 4 GiB: the reader does not go beyond the first.
    pub(super) fn new(range: Range<usize>) -> Place {
        Place {
            start: range.start as u32,
            bytes: range.len() as u32,
        }
    }

    fn slice(self, file: &[u8]) -> &[u8] {
        &file[self.start as usize..][..self.bytes as usize]
    }

    /// The text there; it was found to be UTF-8 when the place was made.
    pub(super) fn text(self, file: &[u8]) -> &str {
        std::str::from_utf8(self.slice(file)).unwrap_or_default()
    }
}

/// The kinds of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    Text,
    Array,
    U64,
    I64,
    F64,
}

impl Kind {
    pub(super) fn from_number(number: u32) -> Option<Kind> {
        use Kind::{Array, Bool, F32, F64, I8, I16, I32, I64, Text, U8, U16, U32, U64};
        [
            U8, I8, U16, I16, U32, I32, F32, Bool, Text, Array, U64, I64, F64,
        ]
        .get(number as usize)
        .copied()
    }

    /// Bytes of one, for those that have a fixed size.
    pub(super) fn bytes(self) -> usize {
        match self {
            Kind::U8 | Kind::I8 | Kind::Bool => 1,
            Kind::U16 | Kind::I16 => 2,
            Kind::U32 | Kind::I32 | Kind::F32 => 4,
            Kind::U64 | Kind::I64 | Kind::F64 | Kind::Text | Kind::Array => 8,
        }
    }
}

/// A value, or where it lies.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    Text(Place),
    Array {
        item: Kind,
        count: u32,
        place: Place,
    },
}

impl Value {
    /// The value of a fixed size in `raw`, which has that size; `None` for a bool that is neither.
    pub(super) fn scalar(kind: Kind, raw: &[u8]) -> Option<Value> {
        let mut word = [0; 8];
        word[..raw.len()].copy_from_slice(raw);
        let bits = u64::from_le_bytes(word);
        Some(match kind {
            Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64 => Value::Unsigned(bits),
            Kind::I8 => Value::Signed(i64::from(bits as i8)),
            Kind::I16 => Value::Signed(i64::from(bits as i16)),
            Kind::I32 => Value::Signed(i64::from(bits as i32)),
            Kind::I64 => Value::Signed(bits as i64),
            Kind::F32 => Value::Float(f64::from(f32::from_bits(bits as u32))),
            Kind::F64 => Value::Float(f64::from_bits(bits)),
            Kind::Bool if bits < 2 => Value::Bool(bits == 1),
            Kind::Bool | Kind::Text | Kind::Array => return None,
        })
    }

    /// For an error.
    pub(super) fn show(self, file: &[u8]) -> String {
        match self {
            Value::Unsigned(value) => value.to_string(),
            Value::Signed(value) => value.to_string(),
            Value::Float(value) => value.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Text(place) => place.text(file).chars().take(64).collect(),
            Value::Array { count, .. } => format!("an array of {count}"),
        }
    }
}

/// A key and its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) key: Place,
    pub(super) value: Value,
}

/// What a GGUF file says of its model besides the tensors: sizes, vocabulary, chat template.
pub struct Metadata {
    file: Arc<Bytes>,
    /// Sorted by key.
    entries: Vec<Entry>,
}

impl Metadata {
    pub(super) fn new(file: Arc<Bytes>, entries: Vec<Entry>) -> Metadata {
        Metadata { file, entries }
    }

    fn get(&self, key: &str) -> Option<Value> {
        let file = self.file.as_slice();
        self.entries
            .binary_search_by_key(&key, |entry| entry.key.text(file))
            .ok()
            .map(|at| self.entries[at].value)
    }

    /// Whether there is a value `key`, of whatever kind.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The value of `key` is of another kind than it must be, or missing.
    pub(crate) fn unexpected(&self, key: &str, expected: &str) -> WeightError {
        WeightError::BadMetadata {
            key: key.to_owned(),
            found: self
                .get(key)
                .map_or_else(String::new, |value| value.show(self.file.as_slice())),
            expected: expected.to_owned(),
        }
    }

    /// The text `key`.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Value::Text(place) => Some(place.text(self.file.as_slice())),
            _ => None,
        }
    }

    /// The whole number `key`, not negative, in whichever width it is stored.
    pub fn whole(&self, key: &str) -> Option<u64> {
        match self.get(key)? {
            Value::Unsigned(value) => Some(value),
            Value::Signed(value) => u64::try_from(value).ok(),
            _ => None,
        }
    }

    /// The number `key`.
    pub fn number(&self, key: &str) -> Option<f64> {
        match self.get(key)? {
            Value::Float(value) => Some(value),
            Value::Unsigned(value) => Some(value as f64),
            Value::Signed(value) => Some(value as f64),
            _ => None,
        }
    }

    /// The truth value `key`.
    pub fn flag(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The array of texts `key`: how many, and each in order.
    pub fn texts(&self, key: &str) -> Option<(usize, impl Iterator<Item = &str>)> {
        let Value::Array {
            item: Kind::Text,
            count,
            place,
        } = self.get(key)?
        else {
            return None;
        };
        let mut rest = place.slice(self.file.as_slice());
        let texts = (0..count).map_while(move |_| {
            let (length, after) = rest.split_first_chunk::<8>()?;
            let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
            let (text, after) = after.split_at_checked(length)?;
            rest = after;
            std::str::from_utf8(text).ok()
        });
        Some((count as usize, texts))
    }

    /// The array of numbers `key`, each of 4 bytes or more, as floats.
    pub fn numbers(&self, key: &str) -> Option<Vec<f64>> {
        let Value::Array { item, place, .. } = self.get(key)? else {
            return None;
        };
        if matches!(item, Kind::Text | Kind::Array) || item.bytes() < 4 {
            return None;
        }
        place
            .slice(self.file.as_slice())
            .chunks(item.bytes())
            .map(|raw| match Value::scalar(item, raw)? {
                Value::Unsigned(value) => Some(value as f64),
                Value::Signed(value) => Some(value as f64),
                Value::Float(value) => Some(value),
                Value::Bool(_) | Value::Text(_) | Value::Array { .. } => None,
            })
            .collect()
    }
}
