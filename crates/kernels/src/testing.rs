//! What the tests of this crate share: every kernel of this machine, sizes that hurt, seeded numbers.

use crate::{Isa, Kernels};

/// Each kernel that this machine can run with each of `sizes`.
pub(crate) fn every_kernel(sizes: impl IntoIterator<Item = usize>) -> Vec<(Kernels, usize)> {
    let kernels: Vec<_> = Isa::ALL
        .into_iter()
        .filter_map(|isa| Kernels::new(isa).ok())
        .collect();
    sizes
        .into_iter()
        .flat_map(|size| kernels.iter().map(move |k| (*k, size)).collect::<Vec<_>>())
        .collect()
}

/// Sizes around every register width.
pub(crate) fn sizes() -> Vec<usize> {
    vec![
        0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 127, 384,
    ]
}

/// A small generator (SplitMix64) with a fixed seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In `-1..1`.
    pub(crate) fn float(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub(crate) fn floats(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.float()).collect()
    }
}

/// `x · Φ(x)` in double precision: by the series, or by the continued fraction in the tails.
pub(crate) fn gelu(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let tail = if z < 2.5 {
        let (mut term, mut sum) = (z, z);
        for n in 1..100 {
            term *= -z * z / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        1.0 - sum * std::f64::consts::FRAC_2_SQRT_PI
    } else {
        let mut fraction = 0.0;
        for n in (1..60).rev() {
            fraction = f64::from(n) / 2.0 / (z + fraction);
        }
        (-z * z).exp() / (z + fraction) / std::f64::consts::PI.sqrt()
    };
    if x < 0.0 {
        x * 0.5 * tail
    } else {
        x * (1.0 - 0.5 * tail)
    }
}
