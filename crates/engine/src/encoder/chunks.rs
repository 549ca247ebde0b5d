//! How a text that is longer than the model reads at once is cut.

use std::ops::Range;

/// Word pieces a chunk holds: 256 with the two special ones, as the model was trained.
pub(super) const CHUNK: usize = 254;
/// Pieces that a chunk shares with the next, so that no thought is read only in halves.
const OVERLAP: usize = 32;

/// One chunk of a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chunk {
    /// Its word pieces.
    pub(super) range: Range<usize>,
    /// Its weight in the text's mean: shared pieces count half in each of their chunks. Weights sum to 1.
    pub(super) weight: f32,
}

/// The chunks of a text of `pieces` word pieces: at least one, evenly long, at most [`CHUNK`].
pub(super) fn split(pieces: usize) -> Vec<Chunk> {
    if pieces <= CHUNK {
        return vec![Chunk {
            range: 0..pieces,
            weight: 1.0,
        }];
    }
    let count = (pieces - OVERLAP).div_ceil(CHUNK - OVERLAP);
    // Fresh pieces a chunk, spread evenly, so that the last chunk is no stub.
    let start = |index: usize| (pieces - OVERLAP) * index / count;
    (0..count)
        .map(|index| {
            let range = start(index)..start(index + 1) + OVERLAP;
            let shared = if index == 0 || index + 1 == count {
                OVERLAP
            } else {
                2 * OVERLAP
            };
            let own = range.len() as f32 - shared as f32 / 2.0;
            Chunk {
                range,
                weight: own / pieces as f32,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_every_piece_with_overlap_and_weights_that_sum_to_one() {
        for pieces in [0, 1, 253, 254, 255, 256, 400, 508, 509, 10_000, 123_457] {
            let chunks = split(pieces);
            assert_eq!(chunks[0].range.start, 0);
            assert_eq!(chunks.last().map(|c| c.range.end), Some(pieces));
            for pair in chunks.windows(2) {
                assert_eq!(pair[0].range.end - pair[1].range.start, OVERLAP);
            }
            assert!(chunks.iter().all(|c| c.range.len() <= CHUNK), "{pieces}");
            let total: f32 = chunks.iter().map(|c| c.weight).sum();
            assert!((total - 1.0).abs() < 1e-4, "{pieces}: {total}");
        }
    }
}
