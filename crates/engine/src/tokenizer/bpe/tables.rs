//! The tables of a compiled tokenizer: flat arrays that are mapped and used as they lie.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::merge::Merge;
use crate::weights::{NewTensor, Tensor, WeightError, Weights, write_safetensors};

/// What stands in the slots of a table that are free.
const FREE: i32 = -1;

/// Vocabulary and merges of a byte-level tokenizer, by id. Ids are below 2^31.
pub(crate) struct Tables {
    /// Where every piece ends in `bytes`; it begins where the one before it ends. `[pieces]`
    ends: Tensor<i32>,
    /// The bytes of all pieces, one after the other.
    bytes: Tensor<u8>,
    /// Ids in the order of their bytes. `[pieces]`
    sorted: Tensor<i32>,
    /// The piece of every single byte. `[256]`
    singles: Tensor<i32>,
    /// Left piece, right piece and what they become, by rank. `[merges * 3]`
    merges: Tensor<i32>,
    /// Ranks by the hash of their pair, open addressing; the length is a power of two. `[slots]`
    slots: Tensor<i32>,
}

impl Tables {
    /// Tables of `pieces` (by id; empty where an id has none) and `merges` (by rank: left, right, result).
    pub(crate) fn build(
        pieces: &[Vec<u8>],
        merges: &[[u32; 3]],
    ) -> std::result::Result<Tables, String> {
        let mut ends = Vec::with_capacity(pieces.len());
        let mut bytes = Vec::new();
        let mut singles = vec![FREE; 256];
        for (id, piece) in pieces.iter().enumerate() {
            bytes.extend_from_slice(piece);
            ends.push(i32::try_from(bytes.len()).map_err(|_| "the vocabulary is too large")?);
            if let [byte] = piece[..]
                && singles[usize::from(byte)] == FREE
            {
                singles[usize::from(byte)] = id as i32;
            }
        }
        if let Some(byte) = singles.iter().position(|id| *id == FREE) {
            return Err(format!("no piece stands for the byte {byte}"));
        }
        let mut sorted: Vec<i32> = (0..pieces.len() as i32).collect();
        sorted.sort_by_key(|id| (&pieces[*id as usize], *id));
        let tables = Tables {
            ends: ends.into(),
            bytes: bytes.into(),
            sorted: sorted.into(),
            singles: singles.into(),
            slots: hash_slots(merges).into(),
            merges: merges
                .iter()
                .flatten()
                .map(|id| *id as i32)
                .collect::<Vec<_>>()
                .into(),
        };
        tables.check()?;
        Ok(tables)
    }

    /// Writes them as a safetensors file with this metadata.
    pub(crate) fn write(
        &self,
        to: &mut impl Write,
        metadata: &BTreeMap<String, String>,
    ) -> io::Result<()> {
        let tensors = [
            NewTensor::new("ends", &[self.ends.len()], &self.ends),
            NewTensor::new("bytes", &[self.bytes.len()], &self.bytes),
            NewTensor::new("sorted", &[self.sorted.len()], &self.sorted),
            NewTensor::new("singles", &[self.singles.len()], &self.singles),
            NewTensor::new("merges", &[self.merges.len()], &self.merges),
            NewTensor::new("slots", &[self.slots.len()], &self.slots),
        ];
        write_safetensors(to, metadata, &tensors)
    }

    /// The tables in `file`, checked, so that no lookup can go astray.
    pub(crate) fn read(file: &Weights) -> std::result::Result<Tables, String> {
        fn vector<T: crate::weights::Element>(
            file: &Weights,
            name: &str,
        ) -> std::result::Result<Tensor<T>, WeightError> {
            let length = match file.tensors().get(name) {
                Some(info) => info.shape.iter().product(),
                None => 0,
            };
            file.tensor(name, &[length])
        }
        let read = || -> std::result::Result<Tables, WeightError> {
            Ok(Tables {
                ends: vector(file, "ends")?,
                bytes: vector(file, "bytes")?,
                sorted: vector(file, "sorted")?,
                singles: vector(file, "singles")?,
                merges: vector(file, "merges")?,
                slots: vector(file, "slots")?,
            })
        };
        let tables = read().map_err(|e| e.to_string())?;
        tables.check()?;
        Ok(tables)
    }

    fn check(&self) -> std::result::Result<(), String> {
        let pieces = self.ends.len();
        let is_piece = |id: &i32| usize::try_from(*id).is_ok_and(|id| id < pieces);
        let mut ascending = self.ends.windows(2).all(|pair| pair[0] <= pair[1]);
        ascending &= self.ends.first().is_none_or(|end| *end >= 0);
        if !ascending || self.ends.last().map_or(0, |end| *end as usize) != self.bytes.len() {
            return Err("the pieces do not cover their bytes".into());
        }
        if self.sorted.len() != pieces || self.singles.len() != 256 {
            return Err("a table has the wrong length".into());
        }
        let ids = [&self.sorted, &self.singles, &self.merges];
        if !ids.iter().all(|ids| ids.iter().all(is_piece)) || !self.merges.len().is_multiple_of(3) {
            return Err("a table names a piece that does not exist".into());
        }
        let ranks = self.merges.len() / 3;
        let is_rank = |rank: &i32| usize::try_from(*rank).is_ok_and(|rank| rank < ranks);
        let free = self.slots.iter().filter(|rank| **rank == FREE).count();
        if !self.slots.len().is_power_of_two()
            || free == 0
            || !self.slots.iter().all(|rank| *rank == FREE || is_rank(rank))
        {
            return Err("the table of merges is damaged".into());
        }
        Ok(())
    }

    /// How many ids there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of piece `id`; empty where there is none.
    pub(crate) fn piece(&self, id: u32) -> &[u8] {
        let Some(end) = self.ends.get(id as usize) else {
            return &[];
        };
        let start = id
            .checked_sub(1)
            .map_or(0, |before| self.ends[before as usize]);
        &self.bytes[start as usize..*end as usize]
    }

    /// The piece with just these bytes; of several the one with the lowest id.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<u32> {
        let at = self
            .sorted
            .partition_point(|id| self.piece(*id as u32) < bytes);
        let id = *self.sorted.get(at)? as u32;
        (!bytes.is_empty() && self.piece(id) == bytes).then_some(id)
    }

    /// The piece of a single byte.
    pub(crate) fn single(&self, byte: u8) -> u32 {
        self.singles[usize::from(byte)] as u32
    }

    /// What `left` and `right` side by side become.
    pub(crate) fn merge(&self, left: u32, right: u32) -> Option<Merge> {
        let mask = self.slots.len() - 1;
        let mut slot = hash(left, right) & mask;
        loop {
            // A slot is free somewhere, so this ends.
            let rank = self.slots[slot];
            if rank == FREE {
                return None;
            }
            let merge = &self.merges[rank as usize * 3..][..3];
            if merge[0] as u32 == left && merge[1] as u32 == right {
                return Some((rank as u32, merge[2] as u32));
            }
            slot = (slot + 1) & mask;
        }
    }
}

/// Part of the file's format: the slots were filled by it.
fn hash(left: u32, right: u32) -> usize {
    let key = u64::from(left) << 32 | u64::from(right);
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
}

fn hash_slots(merges: &[[u32; 3]]) -> Vec<i32> {
    let mut slots = vec![FREE; (merges.len() * 2).next_power_of_two().max(2)];
    let mask = slots.len() - 1;
    for (rank, [left, right, _]) in merges.iter().enumerate() {
        let mut slot = hash(*left, *right) & mask;
        loop {
            let taken = slots[slot];
            if taken == FREE {
                slots[slot] = rank as i32;
                break;
            }
            // Of a pair that stands twice the later counts, as for the `tokenizers` crate.
            if merges[taken as usize][..2] == [*left, *right] {
                slots[slot] = rank as i32;
                break;
            }
            slot = (slot + 1) & mask;
        }
    }
    slots
}
