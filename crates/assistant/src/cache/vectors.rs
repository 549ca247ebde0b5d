//! Flat search over the vectors of kept requests: signed bytes with a scale each, all of them, every time.
//!
//! At the sizes of a person's cache (100 answers, 10,000 at most) reading every vector takes less time than any index
//! would save, and never misses the best one.

/// Vectors of one length, one behind another.
#[derive(Debug, Clone, Default)]
pub struct Vectors {
    dim: usize,
    /// `[len, dim]`.
    data: Vec<i8>,
    /// Of each vector: its scale over its length, so that a product with a unit vector is a cosine.
    factors: Vec<f32>,
}

/// `vector` as signed bytes and a scale; what is not a number becomes 0.
pub fn pack(vector: &[f32]) -> (Vec<i8>, f32) {
    let finite = vector.iter().map(|x| x.abs()).filter(|x| x.is_finite());
    let largest = finite.fold(0.0_f32, f32::max);
    let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
    let bytes = vector
        .iter()
        .map(|x| (x / scale).round().clamp(-127.0, 127.0) as i8)
        .collect();
    (bytes, scale)
}

impl Vectors {
    /// None yet, of `dim` components each.
    pub fn new(dim: usize) -> Vectors {
        Vectors {
            dim,
            ..Vectors::default()
        }
    }

    /// Components of each.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.factors.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.factors.is_empty()
    }

    /// Adds one, whatever its length in space.
    ///
    /// # Panics
    /// If it has another number of components.
    pub fn push(&mut self, bytes: &[i8]) {
        assert_eq!(bytes.len(), self.dim, "components");
        let squares: i64 = bytes.iter().map(|x| i64::from(*x) * i64::from(*x)).sum();
        self.data.extend_from_slice(bytes);
        self.factors.push(if squares > 0 {
            1.0 / (squares as f32).sqrt()
        } else {
            0.0
        });
    }

    /// The `most` vectors of highest cosine with `query` among those that `may` lets through, the best first; of equals
    /// the earlier.
    pub fn nearest(
        &self,
        query: &[f32],
        most: usize,
        may: impl Fn(usize) -> bool,
    ) -> Vec<(usize, f32)> {
        let (query, _) = pack(query);
        let squares: i64 = query.iter().map(|x| i64::from(*x) * i64::from(*x)).sum();
        if squares == 0 || query.len() != self.dim || most == 0 {
            return Vec::new();
        }
        let of_query = 1.0 / (squares as f32).sqrt();
        let mut best: Vec<(usize, f32)> = Vec::with_capacity(most + 1);
        for (at, (bytes, factor)) in self
            .data
            .chunks_exact(self.dim)
            .zip(&self.factors)
            .enumerate()
        {
            if !may(at) {
                continue;
            }
            let cosine = dot(&query, bytes) as f32 * factor * of_query;
            if best.len() == most && best.last().is_some_and(|(_, last)| *last >= cosine) {
                continue;
            }
            let place = best.partition_point(|(_, other)| *other >= cosine);
            best.insert(place, (at, cosine));
            best.truncate(most);
        }
        best
    }
}

/// The product of two vectors of bytes. Written so that the compiler multiplies pairs of 16-bit lanes into 32-bit ones.
fn dot(a: &[i8], b: &[i8]) -> i32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<32>(), b.as_chunks::<32>());
    let mut sum = 0;
    for (a, b) in a.iter().zip(b) {
        let products = a
            .iter()
            .zip(b)
            .map(|(x, y)| i32::from(i16::from(*x) * i16::from(*y)));
        sum += products.sum::<i32>();
    }
    let rest = a_rest
        .iter()
        .zip(b_rest)
        .map(|(x, y)| i32::from(*x) * i32::from(*y));
    sum + rest.sum::<i32>()
}

/// Cosine of two vectors of floats; 0 where one has no length.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |x: &[f32], y: &[f32]| -> f32 { x.iter().zip(y).map(|(x, y)| x * y).sum() };
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths > 0.0 {
        dot(a, b) / lengths
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_nearest_are_those_of_a_plain_search(
            vectors in prop::collection::vec(prop::collection::vec(-1.0_f32..1.0, 48), 1..40),
            query in prop::collection::vec(-1.0_f32..1.0, 48),
        ) {
            let mut all = Vectors::new(48);
            vectors.iter().for_each(|v| all.push(&pack(v).0));
            let found = all.nearest(&query, 3, |at| at % 5 != 4);
            for pair in found.windows(2) {
                prop_assert!(pair[0].1 >= pair[1].1);
            }
            for (at, near) in &found {
                prop_assert!((near - cosine(&vectors[*at], &query)).abs() < 0.02);
            }
            let best = (0..vectors.len()).filter(|at| at % 5 != 4).map(|at| cosine(&vectors[at], &query)).fold(-1.0, f32::max);
            prop_assert!(found.is_empty() || found[0].1 > best - 0.04);
        }
    }

    #[test]
    fn a_vector_without_length_is_near_to_nothing() {
        let mut all = Vectors::new(2);
        all.push(&[0, 0]);
        all.push(&[127, 0]);
        assert_eq!(all.nearest(&[1.0, 0.0], 2, |_| true), [(1, 1.0), (0, 0.0)]);
        assert!(all.nearest(&[0.0, 0.0], 2, |_| true).is_empty());
        assert!(all.nearest(&[f32::NAN, 0.0], 2, |_| true).is_empty());
    }
}
