//! The gated layer of a quantized feed-forward network, a few columns at a time: they become bytes while they are in the
//! caches. A whole result of 256 rows and 2 · 8,960 columns is 18 MB, which would go to memory and come back.

use std::cell::RefCell;
use std::ops::Range;

use kernels::{Kernels, MatMut, PANEL, QRows, QRowsMut};

use super::matrix::{Matrix, Quantized};
use crate::pool::Team;

/// Rows from which it pays: results of fewer stay in the caches anyway.
const MANY_ROWS: usize = 64;

/// Bytes of gates and of what they let through that a thread works out at a time: a quarter of a second-level cache of 2 MB.
const AT_ONCE: usize = 512 << 10;

thread_local! {
    /// `gate | up` of a few columns, and a row of what becomes of them.
    static SCRATCH: RefCell<(Vec<f32>, Vec<f32>)> = RefCell::default();
}

/// `silu(gate(x)) · up(x)` as the quantized input of `down`.
pub(super) struct Gated<'a> {
    kernels: Kernels,
    gate_up: &'a Quantized,
    down: &'a Quantized,
    /// Columns of `gate`.
    width: usize,
}

impl<'a> Gated<'a> {
    /// Where both matrices are quantized, `up` begins with a panel, and `rows` are enough for it to pay.
    pub(super) fn of(
        kernels: Kernels,
        gate_up: &'a Matrix,
        down: &'a Matrix,
        rows: usize,
    ) -> Option<Gated<'a>> {
        let (Matrix::Quantized(gate_up), Matrix::Quantized(down)) = (gate_up, down) else {
            return None;
        };
        let width = down.shape.k;
        (rows >= MANY_ROWS && width.is_multiple_of(PANEL)).then_some(Gated {
            kernels,
            gate_up,
            down,
            width,
        })
    }

    /// `y = down(silu(gate(x)) · up(x))`. `bytes` are room for the quantized rows of both products.
    pub(super) fn apply(
        &self,
        team: Team<'_>,
        x: &[f32],
        [bytes, gated]: [&mut QRows; 2],
        y: &mut [f32],
    ) {
        let y = MatMut::new(y, self.down.shape.n);
        self.gate_up
            .quantize_rows(self.kernels, team, x, y.rows(), bytes);
        self.quantize(team, bytes, gated);
        self.down.multiply(self.kernels, team, gated, y);
    }

    /// Fills `to` from `x`, the rows as `gate_up` takes them.
    fn quantize(&self, team: Team<'_>, x: &QRows, to: &mut QRows) {
        let group = self.down.shape.group;
        to.reset(x.rows(), self.width, group);
        let mut rest = to.as_mut();
        let mut tasks = Vec::new();
        for groups in team.split(self.width.div_ceil(group), 1) {
            let columns = groups.start * group..(groups.end * group).min(self.width);
            let (part, others) = rest.split_inputs(columns.len());
            rest = others;
            tasks.push((columns, part));
        }
        team.for_each(tasks, |(columns, mut to)| {
            let step = AT_ONCE / (2 * size_of::<f32>() * x.rows());
            let step = (step / group * group).max(group);
            for start in columns.clone().step_by(step) {
                let columns = start..(start + step).min(columns.end);
                let (part, others) = to.split_inputs(columns.len());
                to = others;
                self.columns(x, columns, part);
            }
        });
    }

    /// The inputs `columns` of every row.
    fn columns(&self, x: &QRows, columns: Range<usize>, mut to: QRowsMut<'_>) {
        let (mut both, mut made) = SCRATCH.take();
        let width = columns.len();
        both.resize(x.rows() * 2 * width, 0.0);
        made.resize(width, 0.0);
        let (gate, up) = MatMut::new(&mut both, 2 * width).split_cols(width);
        let matrix = self.gate_up.view();
        for (first, mut out) in [(columns.start, gate), (self.width + columns.start, up)] {
            let panels = first / PANEL..(first + width).div_ceil(PANEL);
            let bias = self.gate_up.bias.as_deref();
            (self.kernels).matmul_q(x, 0..x.rows(), matrix, panels, bias, &mut out);
        }
        let smooth = self.down.smooth.as_deref();
        let smooth = smooth.map(|smooth| &smooth[columns]);
        for both in both.chunks_exact(2 * width) {
            let (row, others) = to.split_rows(1);
            to = others;
            self.kernels.silu_mul(both, width, &mut made);
            self.kernels.quantize_rows(&made, smooth, row);
        }
        SCRATCH.set((both, made));
    }
}

#[cfg(test)]
mod tests {
    use kernels::pack_q;

    use super::*;
    use crate::generate::SplitMix64;
    use crate::pool::Pool;
    use crate::weights::Tensor;

    /// `[n, k]`, with a bias and factors of its inputs.
    fn matrix(random: &mut SplitMix64, n: usize, k: usize, group: usize, bits: u32) -> Matrix {
        let mut floats =
            |count: usize| -> Vec<f32> { (0..count).map(|_| random.unit() as f32 - 0.5).collect() };
        let packed = pack_q(&floats(n * k), n, k, group, bits, None).expect("known sizes");
        Matrix::Quantized(Box::new(Quantized {
            shape: packed.shape,
            codes: Tensor::from(packed.codes),
            scales: Tensor::from(packed.scales),
            bias: Some(Tensor::from(floats(n))),
            smooth: Some(Tensor::from(
                floats(k).into_iter().map(|x| x + 1.0).collect::<Vec<_>>(),
            )),
        }))
    }

    #[test]
    fn has_the_bits_of_one_product_after_the_other() {
        let pool = Pool::new(3);
        // The last group and the last panel whole or not, one column at a time and many.
        for (inputs, width, outputs, group, bits) in [
            (64, 2048, 40, 64, 8),
            (48, 176, 33, 32, 4),
            (64, 336, 16, 128, 8),
        ] {
            let mut random = SplitMix64(7);
            let gate_up = matrix(&mut random, 2 * width, inputs, 32, bits);
            let down = matrix(&mut random, outputs, width, group, bits);
            let (kernels, rows) = (Kernels::detect(), MANY_ROWS + 3);
            let x: Vec<f32> = (0..rows * inputs).map(|_| random.unit() as f32).collect();
            let (mut bytes, mut gated) = (QRows::default(), QRows::default());

            let mut both = vec![0.0; rows * 2 * width];
            gate_up.apply(kernels, Team::Alone, &x, inputs, &mut bytes, &mut both);
            let mut made = vec![0.0; rows * width];
            kernels.silu_mul(&both, width, &mut made);
            let mut want = vec![0.0; rows * outputs];
            down.apply(kernels, Team::Alone, &made, width, &mut bytes, &mut want);

            for team in [Team::Alone, Team::All(&pool)] {
                let mut y = vec![0.0; rows * outputs];
                Gated::of(kernels, &gate_up, &down, rows)
                    .expect("both are quantized, and the rows many")
                    .apply(team, &x, [&mut bytes, &mut gated], &mut y);
                assert_eq!(y, want, "{width} in groups of {group}");
            }
        }
    }
}
