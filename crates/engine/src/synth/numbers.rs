//! The random numbers that weights are made of.

use kernels::f32_to_f16;

use crate::generate::SplitMix64;

/// Channels of the residual stream that are larger than the others.
const OUTLIERS: usize = 6;

/// What a tensor holds.
pub(super) enum Kind {
    /// Normally distributed floats of this deviation.
    Floats(f32),
    /// Factors of a norm.
    Norm,
    /// Codes of 8 or 4 bits.
    Codes(u32),
    /// Halves around this.
    Scales(f32),
}

/// The deviation of codes that a group of normal weights fills its range with.
pub(super) fn code_deviation(bits: u32) -> f32 {
    if bits == 8 { 127.0 / 2.6 } else { 7.0 / 2.6 }
}

/// The channels that are larger than the others, and how much.
pub(super) fn outliers(hidden: usize, seed: u64) -> Vec<(usize, f32)> {
    let mut random = SplitMix64(seed ^ 0x6f75_746c);
    (0..OUTLIERS)
        .map(|_| {
            let channel = (random.next() % hidden as u64) as usize;
            (channel, 8.0 + 24.0 * random.unit() as f32)
        })
        .collect()
}

/// A piece of a tensor in the making.
#[derive(Default)]
pub(super) struct Numbers {
    pub(super) floats: Vec<f32>,
    pub(super) bytes: Vec<u8>,
    pub(super) halves: Vec<u16>,
}

impl Numbers {
    pub(super) fn fill(
        &mut self,
        kind: &Kind,
        count: usize,
        mut random: SplitMix64,
        outliers: &[(usize, f32)],
    ) {
        match kind {
            Kind::Floats(deviation) => {
                let numbers = (0..count.div_ceil(2)).flat_map(|_| normal(&mut random));
                self.floats = numbers.take(count).map(|v| v * deviation).collect();
            }
            Kind::Norm => {
                let numbers = (0..count.div_ceil(2)).flat_map(|_| normal(&mut random));
                self.floats = numbers.take(count).map(|v| 1.0 + 0.2 * v).collect();
                for (channel, factor) in outliers {
                    self.floats[*channel] *= factor;
                }
            }
            Kind::Codes(8) => {
                let factor = code_deviation(8);
                let codes = (0..count.div_ceil(2)).flat_map(|_| normal(&mut random));
                let code = |v: f32| ((v * factor).clamp(-127.0, 127.0) + 128.5) as u8;
                self.bytes = codes.take(count).map(code).collect();
            }
            Kind::Codes(_) => {
                let factor = code_deviation(4);
                let code = |v: f32| ((v * factor).clamp(-8.0, 7.0) + 8.5) as u8;
                let pair = |_| {
                    let [low, high] = normal(&mut random).map(code);
                    low | high << 4
                };
                self.bytes = (0..count).map(pair).collect();
            }
            Kind::Scales(scale) => {
                let numbers = (0..count).map(|_| 0.8 + 0.4 * random.unit() as f32);
                self.halves = numbers.map(|v| f32_to_f16(v * scale)).collect();
            }
        }
    }
}

/// Two numbers of about a normal distribution with deviation 1: sums of four bytes each.
#[inline(always)]
fn normal(random: &mut SplitMix64) -> [f32; 2] {
    // The deviation of a sum of four even bytes.
    const DEVIATION: f32 = 147.8;
    let bits = random.next();
    // Bytes of even places, then of odd ones, added in pairs and then all together.
    let pairs = (bits & 0x00ff_00ff_00ff_00ff) + (bits >> 8 & 0x00ff_00ff_00ff_00ff);
    let sums = (pairs & 0x0000_ffff_0000_ffff) + (pairs >> 16 & 0x0000_ffff_0000_ffff);
    [sums as u32, (sums >> 32) as u32].map(|sum| (sum as f32 - 510.0) / DEVIATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_normal_and_codes_in_their_range() {
        let mut numbers = Numbers::default();
        numbers.fill(&Kind::Floats(0.5), 100_001, SplitMix64(1), &[]);
        assert_eq!(numbers.floats.len(), 100_001);
        let mean = numbers.floats.iter().sum::<f32>() / 1e5;
        let variance = numbers.floats.iter().map(|v| v * v).sum::<f32>() / 1e5;
        assert!(mean.abs() < 0.01 && (variance.sqrt() - 0.5).abs() < 0.01);
        numbers.fill(&Kind::Codes(8), 100_000, SplitMix64(2), &[]);
        let codes = numbers.bytes.iter().map(|c| f32::from(*c) - 128.0);
        let deviation = (codes.map(|c| c * c).sum::<f32>() / 1e5).sqrt();
        assert!((deviation - code_deviation(8)).abs() < 1.0, "{deviation}");
        assert!(numbers.bytes.iter().all(|c| *c > 0));
        numbers.fill(&Kind::Codes(4), 100_000, SplitMix64(2), &[]);
        let codes = numbers.bytes.iter().map(|c| f32::from(c & 15) - 8.0);
        let deviation = (codes.map(|c| c * c).sum::<f32>() / 1e5).sqrt();
        assert!((deviation - code_deviation(4)).abs() < 0.2, "{deviation}");
    }
}
