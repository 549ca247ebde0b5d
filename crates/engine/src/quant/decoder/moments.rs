//! What the inputs of a linear layer have in common: their second moments, and what rounding makes of them.
//!
//! An error that rounding makes in one weight of an output can be made good in the weights of the inputs that
//! move together with its own (Frantar et al. 2022, "GPTQ"). How, follows from the moments `E[x xᵀ]` alone. They
//! are kept in diagonal blocks: inputs of different blocks count as unrelated, which keeps the work linear in
//! the width.

use std::ops::Range;

use kernels::{Kernels, LinearF32, MatMut};

use crate::pool::Team;

/// Inputs of a block. A multiple of every group that the kernels know.
pub(crate) const BLOCK: usize = 256;

/// How much of the mean square is added to every input's, so that no error is moved on a coincidence of the sample.
const DAMPING: f64 = 0.01;

/// Sums of `x xᵀ` over the rows of a layer's input, in diagonal blocks.
pub(crate) struct Moments {
    inputs: usize,
    rows: usize,
    /// Of each block, `[width, width]`; the last one may be narrower.
    blocks: Vec<Vec<f32>>,
}

impl Moments {
    /// None yet, of `inputs` inputs.
    pub(crate) fn new(inputs: usize) -> Moments {
        Moments {
            inputs,
            rows: 0,
            blocks: blocks(inputs)
                .map(|block| vec![0.0; block.len() * block.len()])
                .collect(),
        }
    }

    /// Adds the rows of `x`, `[rows, inputs]`.
    pub(crate) fn add(&mut self, kernels: Kernels, team: Team<'_>, x: &[f32]) {
        let (inputs, rows) = (self.inputs, x.len() / self.inputs);
        self.rows += rows;
        let tasks = self.blocks.iter_mut().zip(blocks(inputs)).collect();
        team.for_each(tasks, |(sums, block): (&mut Vec<f32>, Range<usize>)| {
            let width = block.len();
            // Inputs by rows, so that one product with itself gives all sums.
            let mut turned = vec![0.0; width * rows];
            for (r, row) in x.chunks_exact(inputs).enumerate() {
                for (i, value) in row[block.clone()].iter().enumerate() {
                    turned[i * rows + r] = *value;
                }
            }
            let zeros = vec![0.0; width];
            let mut product = vec![0.0; width * width];
            let matrix = LinearF32::new(&turned, &zeros, rows);
            let mut out = MatMut::new(&mut product, width);
            kernels.matmul_f32(&turned, matrix, 0..width, &mut out);
            sums.iter_mut().zip(product).for_each(|(sum, p)| *sum += p);
        });
    }

    /// `Σ (w · x)²` of a row of weights or of what it lost, over the mean row.
    pub(crate) fn energy(&self, kernels: Kernels, w: &[f32]) -> f64 {
        let mean = 1.0 / self.rows.max(1) as f64;
        (self.blocks.iter().zip(blocks(self.inputs)))
            .map(|(sums, block)| {
                let w = &w[block];
                let rows = sums.chunks_exact(w.len()).zip(w);
                rows.map(|(row, a)| f64::from(kernels.dot(row, w) * a))
                    .sum::<f64>()
                    * mean
            })
            .sum()
    }

    /// Where the errors of rounding go. `floor` is added to the mean square of every input: what an error in a weight
    /// costs beside what it does to outputs.
    pub(crate) fn feedback(&self, team: Team<'_>, floor: f64) -> Feedback {
        let mut blocks: Vec<FeedbackBlock> = Vec::new();
        blocks.resize_with(self.blocks.len(), FeedbackBlock::default);
        let tasks = blocks.iter_mut().zip(&self.blocks).collect();
        team.for_each(tasks, |(to, sums): (&mut FeedbackBlock, &Vec<f32>)| {
            *to = FeedbackBlock::of(sums, self.rows, floor);
        });
        Feedback { blocks }
    }
}

/// For every input, what an error in its weight does to the best values of the weights behind it.
pub(crate) struct Feedback {
    blocks: Vec<FeedbackBlock>,
}

/// A block of [`Feedback`].
#[derive(Default)]
pub(crate) struct FeedbackBlock {
    /// `[width, width]`, upper triangle: an error `e` in weight `i` is made good by `e · shares[i][j]` in weight `j`.
    shares: Vec<f32>,
    /// What an error in weight `i` costs, once those behind it have made good what they can.
    costs: Vec<f32>,
}

impl Feedback {
    /// The blocks, in the order of the inputs.
    pub(crate) fn blocks(&self) -> &[FeedbackBlock] {
        &self.blocks
    }
}

impl FeedbackBlock {
    /// Inputs.
    pub(crate) fn width(&self) -> usize {
        self.costs.len()
    }

    /// The costs of errors, `[width]`.
    pub(crate) fn costs(&self) -> &[f32] {
        &self.costs
    }

    /// The shares of the weights behind `i`.
    pub(crate) fn shares(&self, i: usize) -> &[f32] {
        let width = self.width();
        &self.shares[i * width + i + 1..(i + 1) * width]
    }

    /// From sums of `x xᵀ`, `[width, width]`.
    fn of(sums: &[f32], rows: usize, floor: f64) -> FeedbackBlock {
        let width = sums.len().isqrt();
        let mean = 1.0 / rows.max(1) as f64;
        let mut m: Vec<f64> = sums.iter().map(|s| f64::from(*s) * mean).collect();
        let trace: f64 = (0..width).map(|i| m[i * width + i]).sum();
        // An input that was never seen still has a price, a small one.
        let damping = floor + (DAMPING * trace / width as f64).max(1e-12);
        (0..width).for_each(|i| m[i * width + i] += damping);
        factor_from_the_end(&mut m, width);
        // m = R Rᵀ with R upper triangular: R⁻¹ is the factor whose rows say how errors are shared.
        let inverse = invert_upper(&m, width);
        let mut shares = vec![0.0; width * width];
        let mut costs = vec![0.0; width];
        for i in 0..width {
            let pivot = inverse[i * width + i];
            costs[i] = (1.0 / (pivot * pivot)) as f32;
            for j in i + 1..width {
                shares[i * width + j] = (inverse[i * width + j] / pivot) as f32;
            }
        }
        FeedbackBlock { shares, costs }
    }
}

/// The ranges of the blocks of `inputs` inputs.
fn blocks(inputs: usize) -> impl Iterator<Item = Range<usize>> {
    (0..inputs)
        .step_by(BLOCK)
        .map(move |at| at..(at + BLOCK).min(inputs))
}

/// Replaces the symmetric, positive `m` (`[n, n]`) by the upper triangular `R` of `m = R Rᵀ`.
fn factor_from_the_end(m: &mut [f64], n: usize) {
    for j in (0..n).rev() {
        let (above, row_j) = m.split_at_mut(j * n);
        let row_j = &mut row_j[..n];
        let square: f64 = row_j[j + 1..].iter().map(|v| v * v).sum();
        let pivot = (row_j[j] - square).max(f64::MIN_POSITIVE).sqrt();
        row_j[j] = pivot;
        for row in above.chunks_exact_mut(n) {
            let dot: f64 = row[j + 1..]
                .iter()
                .zip(&row_j[j + 1..])
                .map(|(a, b)| a * b)
                .sum();
            row[j] = (row[j] - dot) / pivot;
        }
        row_j[..j].fill(0.0);
    }
}

/// The inverse of the upper triangular `r`, `[n, n]`.
fn invert_upper(r: &[f64], n: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; n * n];
    for i in (0..n).rev() {
        // Row i of R · X = I: what stands behind the diagonal is known already.
        let (rows, below) = inverse.split_at_mut((i + 1) * n);
        let row = &mut rows[i * n..];
        row[i] = 1.0;
        for k in i + 1..n {
            let factor = r[i * n + k];
            if factor != 0.0 {
                let known = &below[(k - i - 1) * n..][..n];
                row.iter_mut()
                    .zip(known)
                    .for_each(|(x, v)| *x -= factor * v);
            }
        }
        let pivot = r[i * n + i];
        row.iter_mut().for_each(|x| *x /= pivot);
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows whose neighbouring inputs move together.
    fn sample(rows: usize, inputs: usize) -> Vec<f32> {
        let mut state = 9_u32;
        let mut noise = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        let mut x = vec![0.0; rows * inputs];
        for row in x.chunks_exact_mut(inputs) {
            let mut last = 0.0;
            for value in row {
                last = 0.8 * last + noise();
                *value = last;
            }
        }
        x
    }

    #[test]
    fn sums_are_those_of_the_definition_in_one_go_and_in_parts() {
        let (rows, inputs) = (40, 300);
        let x = sample(rows, inputs);
        let kernels = Kernels::scalar();
        let mut moments = Moments::new(inputs);
        moments.add(kernels, Team::Alone, &x[..25 * inputs]);
        moments.add(kernels, Team::Alone, &x[25 * inputs..]);
        assert_eq!(moments.rows, rows);
        assert_eq!(moments.blocks.len(), 2);
        assert_eq!(moments.blocks[1].len(), 44 * 44);
        for (i, j) in [(0, 0), (3, 200), (200, 3), (255, 255)] {
            let sum: f32 = x.chunks_exact(inputs).map(|row| row[i] * row[j]).sum();
            assert!(
                (moments.blocks[0][i * 256 + j] - sum).abs() < 1e-3,
                "{i} {j}"
            );
        }
        let mut w = vec![0.0; inputs];
        w[260..].copy_from_slice(&x[..40]);
        let energy: f32 = x
            .chunks_exact(inputs)
            .map(|row| row.iter().zip(&w).map(|(a, b)| a * b).sum::<f32>().powi(2))
            .sum();
        let found = moments.energy(kernels, &w) * rows as f64;
        assert!((found / f64::from(energy) - 1.0).abs() < 1e-4);
    }

    #[test]
    fn shares_are_the_best_answer_to_an_error() {
        let (rows, inputs) = (500, 24);
        let x = sample(rows, inputs);
        let mut moments = Moments::new(inputs);
        moments.add(Kernels::scalar(), Team::Alone, &x);
        let feedback = moments.feedback(Team::Alone, 0.0);
        let block = &feedback.blocks()[0];
        for i in [0, 7, inputs - 1] {
            // An error of 1 in weight i, made good as the shares say.
            let mut lost = vec![0.0; inputs];
            lost[i] = 1.0;
            lost[i + 1..]
                .iter_mut()
                .zip(block.shares(i))
                .for_each(|(l, share)| *l = *share);
            let best = moments.energy(Kernels::scalar(), &lost);
            // The cost is that of the outputs and, a little, that of the weights themselves.
            let price = DAMPING * f64::from(x.iter().map(|v| v * v).sum::<f32>()) / x.len() as f64;
            let whole = best + price * lost.iter().map(|l| f64::from(l * l)).sum::<f64>();
            assert!(
                (whole / f64::from(block.costs()[i]) - 1.0).abs() < 0.01,
                "{i}"
            );
            for j in i + 1..inputs {
                for step in [-0.05, 0.05] {
                    let mut other = lost.clone();
                    other[j] += step;
                    assert!(
                        moments.energy(Kernels::scalar(), &other) > best * 0.99,
                        "{i} {j}"
                    );
                }
            }
        }
    }

    #[test]
    fn inputs_that_were_never_seen_share_nothing() {
        let moments = Moments::new(40);
        let feedback = moments.feedback(Team::Alone, 0.0);
        let block = &feedback.blocks()[0];
        assert!((0..40).all(|i| block.shares(i).iter().all(|s| *s == 0.0)));
        assert!(block.costs().iter().all(|c| c.is_finite() && *c > 0.0));
    }
}
