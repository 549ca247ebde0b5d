//! What the machine allows and what is reached of it: memory is read at most so fast, int8 products are made at most so fast,
//! and work that needs more products for each byte passes from the first limit to the second (Williams et al. 2009).

use engine::decoder::rows_together;
use engine::speed::Hands;
use serde::Serialize;

use crate::{ModelFigures, Options, PeerFile, Result};

/// Bytes that are read for the bandwidth: more than the caches of most machines hold.
const READ_BYTES: usize = 512 << 20;
/// What a point above the limit of the memory means.
pub(crate) const IN_CACHE: &str =
    "above 100 %: weights that fit in the processor's cache are not read from memory each time";
/// Runs of each, of which the fastest counts: a limit is what was reached at best.
const RUNS: usize = 5;

/// The limits, and where the work is below them.
#[derive(Debug, Clone, Serialize)]
pub struct RooflineFigures {
    /// Bytes a second that all threads read from memory, measured in this run.
    pub read_bytes_s: f64,
    /// Operations a second of int8 products in the caches (a multiply and an add are two), measured in this run.
    pub int8_ops_s: f64,
    /// Work of ours and of peers.
    pub points: Vec<RoofPoint>,
}

/// Some work below the limits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoofPoint {
    /// Whose, and what.
    pub name: String,
    /// Whether it is a peer's, measured in another run of the same machine.
    pub peer: bool,
    /// Operations for each byte of weights that is read.
    pub ops_per_byte: f64,
    /// Operations a second.
    pub ops_s: f64,
}

impl RooflineFigures {
    /// The limits that were measured, with the work of `models` and of `peers` below them.
    pub(crate) fn new(
        (read_bytes_s, int8_ops_s): (f64, f64),
        models: &[ModelFigures],
        peers: &[PeerFile],
    ) -> RooflineFigures {
        let mut points: Vec<RoofPoint> = models.iter().flat_map(ours).collect();
        points.extend(peers.iter().flat_map(PeerFile::roof_points));
        RooflineFigures {
            read_bytes_s,
            int8_ops_s,
            points,
        }
    }

    /// The most operations a second that so many for each byte allow.
    pub(crate) fn limit(&self, ops_per_byte: f64) -> f64 {
        self.int8_ops_s.min(self.read_bytes_s * ops_per_byte)
    }

    /// The share of what is allowed there that `point` reaches.
    pub(crate) fn share(&self, point: &RoofPoint) -> f64 {
        point.ops_s / self.limit(point.ops_per_byte)
    }

    /// Whether a point reaches more than the memory allows, which takes weights that are not read from there.
    pub(crate) fn has_cached(&self) -> bool {
        let by_memory = |p: &RoofPoint| self.read_bytes_s * p.ops_per_byte < self.int8_ops_s;
        (self.points.iter()).any(|p| by_memory(p) && self.share(p) > 1.0)
    }
}

/// Bytes a second of reading, and operations a second of int8 products, with all threads.
pub(crate) fn limits(options: &Options) -> Result<(f64, f64)> {
    let hands = Hands::new(options.threads)?;
    let bytes = vec![1_u8; READ_BYTES];
    let multiply_adds = hands.product_rate(Some(8), RUNS);
    Ok((hands.read_rate(&bytes, RUNS), 2.0 * multiply_adds))
}

/// Writing one token after another, and reading 500 words.
fn ours(model: &ModelFigures) -> Vec<RoofPoint> {
    let (Some(step_bytes), Some(length)) = (model.step_bytes, model.lengths.last()) else {
        return Vec::new();
    };
    let name = model.model.split('@').next().unwrap_or_default();
    let ops = 2.0 * model.parameters as f64;
    let of_step = ops / step_bytes as f64;
    let point = |what: &str, tokens: usize, tok_s: f64| RoofPoint {
        name: format!("{name}, {what}"),
        peer: false,
        ops_per_byte: of_step * tokens as f64,
        ops_s: ops * tok_s,
    };
    let mut points = vec![point(
        "reading",
        rows_together(length.tokens),
        length.prefill_tok_s.median,
    )];
    points.extend(
        length
            .decode_tok_s
            .map(|rate| point("writing", 1, rate.median)),
    );
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_limits_little_work_and_products_much() {
        let roof = RooflineFigures::new((10e9, 400e9), &[], &[]);
        assert_eq!(roof.limit(2.0), 20e9);
        assert_eq!(roof.limit(1_000.0), 400e9);
    }

    #[test]
    fn more_than_memory_allows_means_the_cache_and_more_than_products_do_not() {
        let with = |ops_per_byte, ops_s| {
            let mut roof = RooflineFigures::new((10e9, 400e9), &[], &[]);
            roof.points.push(RoofPoint {
                name: "small".to_owned(),
                peer: false,
                ops_per_byte,
                ops_s,
            });
            roof
        };
        assert!(with(2.0, 22e9).has_cached());
        assert!((with(2.0, 22e9).share(&with(2.0, 22e9).points[0]) - 1.1).abs() < 1e-9);
        assert!(!with(2.0, 19e9).has_cached());
        assert!(!with(1_000.0, 410e9).has_cached());
    }
}
