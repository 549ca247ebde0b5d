//! The gated layer of a quantized feed-forward network, a few columns at a time. A whole result of 288 rows and
//! 2 · 8,960 columns is 21 MB, which would go to memory and come back.

use std::cell::RefCell;
use std::ops::Range;

use kernels::{Isa, Kernels, MatMut, PANEL, QRows, QRowsMut};

use super::matrix::{FEW_ROWS, Matrix, Quantized};
use crate::model::by_groups::{AT_ONCE, by_groups, share_evenly};
use crate::pool::Team;

thread_local! {
    /// `gate | up` of a few columns, and a row of what becomes of them.
    static SCRATCH: RefCell<(Vec<f32>, Vec<f32>)> = RefCell::default();
}

/// `silu(gate(x)) · up(x)` as the quantized input of `down`.
pub(super) struct Gated<'a> {
    kernels: Kernels,
    team: Team<'a>,
    gate_up: &'a Quantized,
    down: &'a Quantized,
    /// Columns of `gate`.
    width: usize,
}

impl<'a> Gated<'a> {
    /// Where both matrices are quantized, `up` begins with a panel, there are enough groups to share, and enough rows for
    /// products to be bound by arithmetic. Not with AMX: there each call lays out anew what belongs to the rows, and whether
    /// this pays all the same was not measured.
    pub(super) fn of(
        kernels: Kernels,
        team: Team<'a>,
        [gate_up, down]: [&'a Matrix; 2],
        rows: usize,
    ) -> Option<Gated<'a>> {
        let (Matrix::Quantized(gate_up), Matrix::Quantized(down)) = (gate_up, down) else {
            return None;
        };
        let width = down.shape.k;
        let pays =
            rows > FEW_ROWS && kernels.isa() != Isa::Amx && share_evenly(team, down.shape.groups());
        (pays && width.is_multiple_of(PANEL)).then_some(Gated {
            kernels,
            team,
            gate_up,
            down,
            width,
        })
    }

    /// `y = down(silu(gate(x)) · up(x))`. `bytes` are room for the quantized rows of both products.
    pub(super) fn apply(&self, x: &[f32], [bytes, gated]: [&mut QRows; 2], y: &mut [f32]) {
        let y = MatMut::new(y, self.down.shape.n);
        (self.gate_up).quantize_rows(self.kernels, self.team, x, y.rows(), bytes);
        self.quantize(AT_ONCE, bytes, gated);
        self.down.multiply(self.kernels, self.team, gated, y);
    }

    /// Fills `to` from `x`, the rows as `gate_up` takes them, with about `at_once` bytes of floats at a time.
    fn quantize(&self, at_once: usize, x: &QRows, to: &mut QRows) {
        to.reset(x.rows(), self.width, self.down.shape.group);
        let most = at_once / (2 * size_of::<f32>() * x.rows());
        by_groups(self.team, most, to, |columns, part| {
            self.columns(x, columns, part);
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
        let transform = self.down.transform(columns);
        for both in both.chunks_exact(2 * width) {
            let (row, others) = to.split_rows(1);
            to = others;
            self.kernels.silu_mul(both, width, &mut made);
            self.kernels.quantize_rows(&made, transform, row);
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

    /// `[n, k]`, with a bias and factors of its inputs where it is `dressed`.
    fn matrix(
        random: &mut SplitMix64,
        (n, k, group, bits): (usize, usize, usize, u32),
        dressed: bool,
    ) -> Matrix {
        let mut floats =
            |count: usize| -> Vec<f32> { (0..count).map(|_| random.unit() as f32 - 0.4).collect() };
        let packed = pack_q(&floats(n * k), n, k, group, bits, None).expect("known sizes");
        let factors = floats(k).into_iter().map(|x| x + 1.0).collect::<Vec<_>>();
        Matrix::Quantized(Box::new(Quantized {
            shape: packed.shape,
            codes: Tensor::from(packed.codes),
            scales: Tensor::from(packed.scales),
            bias: dressed.then(|| Tensor::from(floats(n))),
            smooth: dressed.then(|| Tensor::from(factors)),
            turned: dressed,
        }))
    }

    #[test]
    fn has_the_bits_of_one_product_after_the_other() {
        let pool = Pool::new(2);
        // The last group and the last panels whole or not.
        for (inputs, width, outputs, group, bits) in [
            (64, 2048, 40, 64, 8),
            (48, 1072, 33, 32, 4),
            (64, 2064, 16, 128, 8),
        ] {
            let (mut random, rows) = (SplitMix64(7), FEW_ROWS + 3);
            let gate_up = matrix(&mut random, (2 * width, inputs, 32, bits), group == 64);
            let down = matrix(&mut random, (outputs, width, group, bits), group != 32);
            let x: Vec<f32> = (0..rows * inputs).map(|_| random.unit() as f32).collect();
            let isas = Isa::ALL.into_iter().filter(|isa| isa.is_available());
            for kernels in isas.map(|isa| Kernels::new(isa).expect("it is available")) {
                let (mut bytes, mut want) = (QRows::default(), QRows::default());
                let mut both = vec![0.0; rows * 2 * width];
                gate_up.apply(kernels, Team::Alone, &x, inputs, &mut bytes, &mut both);
                let mut made = vec![0.0; rows * width];
                kernels.silu_mul(&both, width, &mut made);
                let mut y = vec![0.0; rows * outputs];
                down.apply(kernels, Team::Alone, &made, width, &mut want, &mut y);

                for team in [Team::Alone, Team::All(&pool)] {
                    let Some(gated) = Gated::of(kernels, team, [&gate_up, &down], rows) else {
                        assert_eq!(kernels.isa(), Isa::Amx);
                        continue;
                    };
                    let (mut found, mut result) = (QRows::default(), vec![0.0; y.len()]);
                    gated.apply(&x, [&mut bytes, &mut found], &mut result);
                    assert_eq!(
                        result,
                        y,
                        "{width} in groups of {group}, {}",
                        kernels.name()
                    );
                    // One group at a time, a few, and more than there are.
                    for at_once in [0, 50_000, usize::MAX] {
                        gated.quantize(at_once, &bytes, &mut found);
                        let values = |q: &QRows| -> Vec<f32> {
                            let of = |row| (0..width).map(move |i| q.value(row, i));
                            (0..rows).flat_map(of).collect()
                        };
                        assert_eq!(values(&found), values(&want), "{at_once} bytes at once");
                    }
                }
            }
        }
    }
}
