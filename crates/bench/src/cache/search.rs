//! The search alone: the nearest of so many vectors, to stand beside `bench/peers/vector_search.py`.

use std::time::Instant;

use assistant::cache::{Vectors, pack};
use serde::Serialize;

use crate::Times;
use crate::sample::Random;

/// Searches of each size.
const RUNS: usize = 101;

/// Times of one size.
#[derive(Debug, Clone, Serialize)]
pub struct SearchFigures {
    /// Vectors searched.
    pub vectors: usize,
    /// One search for the best eight, on one thread.
    pub times: Times,
}

pub(super) fn measure(sizes: &[usize], dim: usize) -> Vec<SearchFigures> {
    let mut random = Random(20_261_126);
    let mut vector = || -> Vec<f32> {
        (0..dim)
            .map(|_| random.below(2_001) as f32 / 1_000.0 - 1.0)
            .collect()
    };
    let mut vectors = Vectors::new(dim);
    let mut figures = Vec::new();
    for &size in sizes {
        while vectors.len() < size {
            vectors.push(&pack(&vector()).0);
        }
        let runs = if size > 100_000 { RUNS / 4 } else { RUNS };
        let mut samples = Vec::with_capacity(runs);
        for round in 0..runs + 2 {
            let query = vector();
            let begun = Instant::now();
            let found = vectors.nearest(&query, 8, |_| true);
            let spent = begun.elapsed().as_secs_f64() * 1e3;
            assert_eq!(found.len(), 8.min(size));
            if round >= 2 {
                samples.push(spent);
            }
        }
        figures.push(SearchFigures {
            vectors: size,
            times: Times::of(&samples),
        });
    }
    figures
}
