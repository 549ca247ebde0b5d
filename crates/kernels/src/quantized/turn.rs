//! Turning the inputs of a matrix before they are quantized, so that none stands out in its group.
//!
//! A group is multiplied by a Hadamard matrix, whose entries are ±1: each of its values becomes a sum of all of them, and one
//! that was many times as large as the others is shared out among them. The weights are turned the same way when they are
//! quantized, and since `H · H = group · 1`, products stay what they were (Ashkboos et al. 2024, "QuaRot", turn whole
//! rows; a group is enough here, since each has a scale of its own). A short last group is left as it is.

use crate::Kernels;
use crate::arch::{Op, Simd};

/// What inputs are multiplied with after turning, a power of two as near to `1 / √group` as there is one.
const fn inputs_factor(group: usize) -> f32 {
    match group {
        ..128 => 1.0 / 8.0,
        _ => 1.0 / 16.0,
    }
}

/// Lanes of the widest register.
const WIDEST: usize = 16;

impl Kernels {
    /// Turns each whole group of the rows of `x`, `[rows, k]`, as [`Kernels::quantize_rows`] turns it; turns what
    /// [`Kernels::turn_weights`] gave back.
    ///
    /// # Panics
    /// If `group` is not 32, 64 or 128, or `x` has no whole rows.
    pub fn turn_inputs(self, x: &mut [f32], k: usize, group: usize) {
        self.turn(x, k, group, inputs_factor(group));
    }

    /// Turns each whole group of the rows of `w`, `[n, k]`, so that their products with inputs turned are what they were.
    ///
    /// # Panics
    /// If `group` is not 32, 64 or 128, or `w` has no whole rows.
    pub fn turn_weights(self, w: &mut [f32], k: usize, group: usize) {
        self.turn(w, k, group, 1.0 / (group as f32 * inputs_factor(group)));
    }

    fn turn(self, rows: &mut [f32], k: usize, group: usize, factor: f32) {
        assert!(
            k > 0 && rows.len().is_multiple_of(k) && matches!(group, 32 | 64 | 128),
            "{} values, {k} inputs in groups of {group}",
            rows.len()
        );
        struct Turn<'a, const GROUP: usize>(&'a mut [f32], f32);
        impl<const GROUP: usize> Op for Turn<'_, GROUP> {
            type Out = ();
            #[inline(always)]
            fn run<S: Simd>(self, s: S) {
                for group in self.0.as_chunks_mut::<GROUP>().0 {
                    turn_array(s, group, self.1);
                }
            }
        }
        for row in rows.chunks_exact_mut(k) {
            match group {
                32 => self.run(Turn::<32>(row, factor)),
                64 => self.run(Turn::<64>(row, factor)),
                _ => self.run(Turn::<128>(row, factor)),
            }
        }
    }
}

/// Turns a group of inputs, of 32, 64 or 128.
#[inline(always)]
pub(super) fn turn_group<S: Simd, const GROUP: usize>(s: S, group: &mut [f32; GROUP]) {
    turn_array(s, group, inputs_factor(GROUP));
}

/// The fast Walsh-Hadamard transform. The sums are the same on every machine: those of neighbours first.
#[inline(always)]
fn turn_array<S: Simd, const GROUP: usize>(s: S, group: &mut [f32; GROUP], factor: f32) {
    let factor = s.splat(factor);
    for i in (0..GROUP).step_by(S::LANES) {
        let mut v = s.mul(s.load(&group[i..]), factor);
        v = pairs::<S, 1>(s, v);
        v = pairs::<S, 2>(s, v);
        if S::LANES > 4 {
            v = pairs::<S, 4>(s, v);
        }
        if S::LANES > 8 {
            v = pairs::<S, 8>(s, v);
        }
        s.store(v, &mut group[i..]);
    }
    let mut distance = S::LANES;
    while distance < GROUP {
        for start in (0..GROUP).step_by(2 * distance) {
            for i in (start..start + distance).step_by(S::LANES) {
                let (a, b) = (s.load(&group[i..]), s.load(&group[i + distance..]));
                s.store(s.add(a, b), &mut group[i..]);
                s.store(s.sub(a, b), &mut group[i + distance..]);
            }
        }
        distance *= 2;
    }
}

/// Sum and difference of the lanes that are `DISTANCE` apart, in their places.
#[inline(always)]
fn pairs<S: Simd, const DISTANCE: usize>(s: S, v: S::F) -> S::F {
    let signs: &[f32; WIDEST] = const { &signs(DISTANCE) };
    // The product with ±1 is exact, so the sum is rounded once however this is done.
    s.fma(v, s.load(signs), s.swap::<DISTANCE>(v))
}

/// -1 for the second lane of each pair.
const fn signs(distance: usize) -> [f32; WIDEST] {
    let mut signs = [1.0; WIDEST];
    let mut lane = 0;
    while lane < WIDEST {
        if lane & distance != 0 {
            signs[lane] = -1.0;
        }
        lane += 1;
    }
    signs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, every_kernel};

    /// The entry of a Hadamard matrix of Sylvester's order.
    fn hadamard(row: usize, column: usize) -> f64 {
        match (row & column).count_ones() % 2 {
            0 => 1.0,
            _ => -1.0,
        }
    }

    #[test]
    fn turning_is_the_product_with_a_hadamard_matrix_and_has_the_same_bits_everywhere() {
        for (kernels, group) in every_kernel([32, 64, 128]) {
            // Two whole groups and a short one.
            let k = 2 * group + 7;
            let x = Random::new(3).floats(2 * k);
            let mut got = x.clone();
            kernels.turn_inputs(&mut got, k, group);
            for (x, got) in x.chunks(k).zip(got.chunks(k)) {
                for (x, got) in x.chunks_exact(group).zip(got.chunks_exact(group)) {
                    for (row, got) in got.iter().enumerate() {
                        let terms = x.iter().enumerate();
                        let sum = terms.map(|(i, x)| hadamard(row, i) * f64::from(*x));
                        let want = sum.sum::<f64>() * f64::from(inputs_factor(group));
                        assert!(
                            (f64::from(*got) - want).abs() < 1e-5,
                            "{kernels:?} {group}: {got} {want}"
                        );
                    }
                }
                assert_eq!(x[2 * group..], got[2 * group..], "the short group");
            }
            let mut scalar = x.clone();
            Kernels::scalar().turn_inputs(&mut scalar, k, group);
            assert_eq!(got, scalar, "{kernels:?} {group}");
        }
    }

    #[test]
    fn products_stay_and_weights_turn_back() {
        for (kernels, group) in every_kernel([32, 64, 128]) {
            let k = 3 * group + 5;
            let (mut x, mut w) = (Random::new(1).floats(k), Random::new(2).floats(k));
            let (product, weights) = (kernels.dot(&x, &w), w.clone());
            kernels.turn_inputs(&mut x, k, group);
            kernels.turn_weights(&mut w, k, group);
            assert!((kernels.dot(&x, &w) - product).abs() < 1e-4);
            kernels.turn_inputs(&mut w, k, group);
            for (got, want) in w.iter().zip(&weights) {
                assert!((got - want).abs() < 1e-5, "{group}: {got} {want}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "64 values, 64 inputs in groups of 16")]
    fn a_group_that_no_kernel_knows_is_refused() {
        Kernels::scalar().turn_weights(&mut [0.0; 64], 64, 16);
    }
}
