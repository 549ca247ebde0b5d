//! The packed layout of INT8 weights, and how float weights get into it.
//!
//! For a matrix of `n` columns (outputs) and `k` inputs, `panels = ceil(n / 16)`:
//!
//! ```text
//! codes   [panels][k / 4][16][4] i8    four consecutive inputs of a column lie together
//! scales  [panels][k / group][16] f32
//! sums    [panels][k / group][16] f32  scale · Σ codes of the group
//! ```
//!
//! One step of a kernel reads 64 bytes: four inputs for sixteen columns, which is one AVX-512 register,
//! two AVX2 registers, or a row of an AMX tile. Columns past `n` are zeros.

use super::{PANEL, WEIGHT_MAX};

/// A packed matrix in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct PackedQ8 {
    /// Columns (outputs).
    pub n: usize,
    /// Inputs.
    pub k: usize,
    /// Inputs that share a scale.
    pub group: usize,
    /// `[panels][k / 4][16][4]`.
    pub codes: Vec<i8>,
    /// `[panels][k / group][16]`.
    pub scales: Vec<f32>,
    /// `[panels][k / group][16]`.
    pub sums: Vec<f32>,
}

/// A view of a packed matrix whose sizes are known to agree.
#[derive(Debug, Clone, Copy)]
pub struct Q8<'a> {
    pub(crate) n: usize,
    pub(crate) k: usize,
    pub(crate) group: usize,
    pub(crate) codes: &'a [i8],
    pub(crate) scales: &'a [f32],
    pub(crate) sums: &'a [f32],
}

/// Why bytes are not a packed matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Q8Error {
    /// `group` is not a multiple of 8 that divides `k`.
    Group {
        /// Inputs.
        k: usize,
        /// Inputs that share a scale.
        group: usize,
    },
    /// A part has another length than the sizes ask for.
    Length {
        /// `codes`, `scales` or `sums`.
        part: &'static str,
        /// Elements there should be.
        expected: usize,
        /// Elements there are.
        found: usize,
    },
    /// A code lies outside of `-63..=63`, so that AVX2's sums could saturate.
    Code {
        /// Its index among the codes.
        index: usize,
        /// Its value.
        value: i8,
    },
}

impl std::fmt::Display for Q8Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Q8Error::Group { k, group } => {
                write!(
                    f,
                    "groups of {group} do not fit {k} inputs; a group is a multiple of 8 that divides them"
                )
            }
            Q8Error::Length {
                part,
                expected,
                found,
            } => {
                write!(f, "{part} has {found} elements, expected {expected}")
            }
            Q8Error::Code { index, value } => {
                write!(
                    f,
                    "code {index} is {value}, outside of -{WEIGHT_MAX}..={WEIGHT_MAX}"
                )
            }
        }
    }
}

impl std::error::Error for Q8Error {}

impl<'a> Q8<'a> {
    /// A view of a matrix of `n` columns and `k` inputs, if the parts have the sizes for it.
    pub fn new(
        n: usize,
        k: usize,
        group: usize,
        codes: &'a [i8],
        scales: &'a [f32],
        sums: &'a [f32],
    ) -> Result<Q8<'a>, Q8Error> {
        if k == 0 || group == 0 || !group.is_multiple_of(8) || !k.is_multiple_of(group) {
            return Err(Q8Error::Group { k, group });
        }
        let columns = n.next_multiple_of(PANEL);
        let groups = columns * (k / group);
        let lengths = [
            ("codes", columns.saturating_mul(k), codes.len()),
            ("scales", groups, scales.len()),
            ("sums", groups, sums.len()),
        ];
        match lengths
            .into_iter()
            .find(|(_, expected, found)| expected != found)
        {
            Some((part, expected, found)) => Err(Q8Error::Length {
                part,
                expected,
                found,
            }),
            None => Ok(Q8 {
                n,
                k,
                group,
                codes,
                scales,
                sums,
            }),
        }
    }

    /// Checks that every code is one that all kernels multiply exactly. It reads the whole matrix.
    pub fn check_codes(&self) -> Result<(), Q8Error> {
        let outside = |value: i8| !(-WEIGHT_MAX..=WEIGHT_MAX).contains(&value);
        // By blocks without a branch a byte, so that the compiler vectorises the scan.
        let bad = |block: &[i8]| block.iter().fold(false, |bad, v| bad | outside(*v));
        match self.codes.chunks(1024).position(bad) {
            None => Ok(()),
            Some(block) => {
                let rest = &self.codes[block * 1024..];
                let at = rest.iter().position(|v| outside(*v)).unwrap_or(0);
                Err(Q8Error::Code {
                    index: block * 1024 + at,
                    value: rest[at],
                })
            }
        }
    }

    /// Columns (outputs).
    pub fn n(&self) -> usize {
        self.n
    }

    /// Inputs.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Inputs that share a scale.
    pub fn group(&self) -> usize {
        self.group
    }

    /// Panels of 16 columns.
    pub fn panels(&self) -> usize {
        self.n.div_ceil(PANEL)
    }

    /// The weight of column `n` for input `k`, as a float.
    pub fn weight(&self, n: usize, k: usize) -> f32 {
        let (panel, lane) = (n / PANEL, n % PANEL);
        let code = self.codes[panel * self.k * PANEL + k / 4 * 64 + lane * 4 + k % 4];
        let scale = self.scales[(panel * (self.k / self.group) + k / self.group) * PANEL + lane];
        f32::from(code) * scale
    }
}

impl PackedQ8 {
    /// The view that kernels take.
    pub fn view(&self) -> Q8<'_> {
        Q8::new(
            self.n,
            self.k,
            self.group,
            &self.codes,
            &self.scales,
            &self.sums,
        )
        .expect("`pack` makes the parts of these sizes")
    }
}

/// Packs the row-major matrix `w`, `[n, k]`. Each scale is the one of a few that loses least.
pub fn pack(w: &[f32], n: usize, k: usize, group: usize) -> Result<PackedQ8, Q8Error> {
    if k == 0 || group == 0 || !group.is_multiple_of(8) || !k.is_multiple_of(group) {
        return Err(Q8Error::Group { k, group });
    }
    if w.len() != n * k {
        return Err(Q8Error::Length {
            part: "codes",
            expected: n * k,
            found: w.len(),
        });
    }
    let (columns, groups) = (n.next_multiple_of(PANEL), k / group);
    let mut packed = PackedQ8 {
        n,
        k,
        group,
        codes: vec![0; columns * k],
        scales: vec![0.0; columns * groups],
        sums: vec![0.0; columns * groups],
    };
    for (column, row) in w.chunks_exact(k).enumerate() {
        let (panel, lane) = (column / PANEL, column % PANEL);
        for (g, values) in row.chunks_exact(group).enumerate() {
            let scale = best_scale(values);
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            let mut sum = 0;
            for (i, value) in values.iter().enumerate() {
                let code = encode(value * inverse) as i8;
                sum += i32::from(code);
                let input = g * group + i;
                packed.codes[panel * k * PANEL + input / 4 * 64 + lane * 4 + input % 4] = code;
            }
            let at = (panel * groups + g) * PANEL + lane;
            packed.scales[at] = scale;
            packed.sums[at] = scale * sum as f32;
        }
    }
    Ok(packed)
}

/// The code of a weight that is `value` steps large.
fn encode(value: f32) -> f32 {
    // Rounds to the nearest integer: below 2^22, 1.5 · 2^23 leaves no room for a fraction. This
    // vectorises on every machine, which `round_ties_even` does not.
    const ROUNDER: f32 = 12_582_912.0;
    let max = f32::from(WEIGHT_MAX);
    (value.clamp(-max, max) + ROUNDER) - ROUNDER
}

/// The scale with the smallest squared error: cutting the largest values a little often pays for itself.
fn best_scale(values: &[f32]) -> f32 {
    let largest = values.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    if largest < f32::MIN_POSITIVE * 1e4 {
        return 0.0;
    }
    let error = |scale: f32| -> f32 {
        let inverse = 1.0 / scale;
        // Eight sums, so that the compiler may add eight at a time.
        let mut sums = [0.0_f32; 8];
        for values in values.as_chunks::<8>().0 {
            for (sum, value) in sums.iter_mut().zip(values) {
                let error = encode(value * inverse) * scale - value;
                *sum += error * error;
            }
        }
        sums.iter().sum()
    };
    (0..10)
        .map(|step| largest * (1.0 - 0.03 * step as f32) / f32::from(WEIGHT_MAX))
        .map(|scale| (error(scale), scale))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(0.0, |(_, scale)| scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn packing_keeps_every_weight_within_half_a_step_or_a_small_cut() {
        let (n, k, group) = (21, 48, 16);
        let w = Random::new(3).floats(n * k);
        let packed = pack(&w, n, k, group).expect("sizes fit");
        let view = packed.view();
        view.check_codes().expect("7 bits");
        for column in 0..n {
            for input in 0..k {
                let error = (view.weight(column, input) - w[column * k + input]).abs();
                assert!(error < 0.3, "{column} {input}: {error}");
            }
        }
        let mean: f32 = (0..n * k)
            .map(|i| (view.weight(i / k, i % k) - w[i]).powi(2))
            .sum::<f32>()
            / (n * k) as f32;
        assert!(mean.sqrt() < 0.006, "{mean}");
    }

    #[test]
    fn refuses_parts_that_do_not_fit_and_codes_that_saturate() {
        assert_eq!(
            pack(&[0.0; 24], 1, 24, 16).err(),
            Some(Q8Error::Group { k: 24, group: 16 })
        );
        let mut packed = pack(&[1.0; 32], 2, 16, 16).expect("sizes fit");
        let short = Q8::new(2, 16, 16, &packed.codes[1..], &packed.scales, &packed.sums);
        assert_eq!(
            short.err(),
            Some(Q8Error::Length {
                part: "codes",
                expected: 256,
                found: 255
            })
        );
        packed.codes[70] = 64;
        assert_eq!(
            packed.view().check_codes(),
            Err(Q8Error::Code {
                index: 70,
                value: 64
            })
        );
    }
}
