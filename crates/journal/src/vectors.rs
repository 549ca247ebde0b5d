//! Vectors as they are stored: one signed byte a component, with a scale for the whole vector.
//!
//! # Layout of a sentence blob
//!
//! Once per sentence, little-endian, without padding, in the order of the text:
//!
//! ```text
//! u32  first byte of the sentence in the entry's text
//! u32  one past its last byte
//! f32  scale
//! i8 × dimension
//! ```
//!
//! The dimension precedes all of them as a u32.

use std::ops::Range;

/// A vector of `i8 * scale`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Packed {
    pub(crate) scale: f32,
    pub(crate) data: Vec<u8>,
}

/// Rounds to 127 steps on each side of zero. Not-a-number becomes 0.
pub(crate) fn pack(vector: &[f32]) -> Packed {
    let largest = vector
        .iter()
        .map(|x| x.abs())
        .filter(|x| x.is_finite())
        .fold(0.0f32, f32::max);
    let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
    let data = vector
        .iter()
        .map(|x| (x / scale).round().clamp(-127.0, 127.0) as i8 as u8)
        .collect();
    Packed { scale, data }
}

/// The vector that `data` stands for.
pub(crate) fn unpack(data: &[u8], scale: f32) -> Vec<f32> {
    data.iter()
        .map(|byte| f32::from(*byte as i8) * scale)
        .collect()
}

/// The length of the vector that `packed` stands for.
pub(crate) fn norm(packed: &Packed) -> f64 {
    let squares: i64 = packed
        .data
        .iter()
        .map(|byte| i64::from(*byte as i8).pow(2))
        .sum();
    (squares as f64).sqrt() * f64::from(packed.scale)
}

/// `query · data`, without the scale. The lengths are equal.
pub(crate) fn dot(query: &[f32], data: &[u8]) -> f32 {
    // Eight independent sums let the compiler use vector registers.
    let mut sums = [0.0f32; 8];
    let (query_blocks, data_blocks) = (query.chunks_exact(8), data.chunks_exact(8));
    let tail: f32 = query_blocks
        .remainder()
        .iter()
        .zip(data_blocks.remainder())
        .map(|(q, d)| q * f32::from(*d as i8))
        .sum();
    for (q, d) in query_blocks.zip(data_blocks) {
        for lane in 0..8 {
            sums[lane] += q[lane] * f32::from(d[lane] as i8);
        }
    }
    sums.iter().sum::<f32>() + tail
}

/// All sentences of an entry in one blob.
pub(crate) fn pack_sentences(dimension: usize, sentences: &[(Range<usize>, Vec<f32>)]) -> Vec<u8> {
    let mut blob = Vec::with_capacity(4 + sentences.len() * (12 + dimension));
    blob.extend((dimension as u32).to_le_bytes());
    for (span, vector) in sentences {
        let packed = pack(vector);
        blob.extend((span.start as u32).to_le_bytes());
        blob.extend((span.end as u32).to_le_bytes());
        blob.extend(packed.scale.to_le_bytes());
        blob.extend(packed.data);
    }
    blob
}

/// The sentences in a blob; a blob of another form (damage) holds none.
pub(crate) fn unpack_sentences(blob: &[u8]) -> Vec<(Range<usize>, Vec<f32>)> {
    let Some((head, rest)) = blob.split_first_chunk::<4>() else {
        return Vec::new();
    };
    let step = (u32::from_le_bytes(*head) as usize).saturating_add(12);
    if rest.len() % step != 0 {
        return Vec::new();
    }
    let word =
        |record: &[u8], at: usize| [record[at], record[at + 1], record[at + 2], record[at + 3]];
    rest.chunks_exact(step)
        .map(|record| {
            let start = u32::from_le_bytes(word(record, 0)) as usize;
            let end = u32::from_le_bytes(word(record, 4)) as usize;
            (
                start..end,
                unpack(&record[12..], f32::from_le_bytes(word(record, 8))),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packing_loses_at_most_half_a_step(vector in prop::collection::vec(-1.0f32..1.0, 1..50)) {
            let packed = pack(&vector);
            for (kept, given) in unpack(&packed.data, packed.scale).iter().zip(&vector) {
                prop_assert!((kept - given).abs() <= packed.scale * 0.501);
            }
            let direct: f32 = vector.iter().zip(unpack(&packed.data, packed.scale)).map(|(a, b)| a * b).sum();
            prop_assert!((dot(&vector, &packed.data) * packed.scale - direct).abs() < 1e-3);
        }

        #[test]
        fn sentences_come_back_with_their_spans(
            spans in prop::collection::vec((0usize..1000, 0usize..1000), 0..6),
            vector in prop::collection::vec(-1.0f32..1.0, 5),
        ) {
            let sentences: Vec<_> = spans.iter().map(|(a, b)| (*a.min(b)..*a.max(b), vector.clone())).collect();
            let back = unpack_sentences(&pack_sentences(5, &sentences));
            prop_assert_eq!(back.iter().map(|s| s.0.clone()).collect::<Vec<_>>(), sentences.iter().map(|s| s.0.clone()).collect::<Vec<_>>());
        }

        #[test]
        fn a_damaged_blob_is_read_without_panic(blob in prop::collection::vec(any::<u8>(), 0..60)) {
            unpack_sentences(&blob);
        }
    }

    #[test]
    fn zero_and_not_a_number_pack_to_something_finite() {
        for vector in [
            vec![0.0; 4],
            vec![f32::NAN, 1.0, f32::INFINITY, -1.0],
            vec![],
        ] {
            let packed = pack(&vector);
            assert!(norm(&packed).is_finite());
        }
    }
}
