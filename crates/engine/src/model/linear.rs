//! A linear layer, float or quantized: the one place of an encoder that knows which.

use std::cell::RefCell;
use std::ops::Range;

use kernels::{Isa, Kernels, LinearF32, MatMut, PANEL, QError, QMatrix, QRows, QShape, Transform};

use super::by_groups::{AT_ONCE, by_groups, share_evenly};
use crate::pool::Team;
use crate::weights::{Tensor, WeightError, Weights};

/// `x · wᵀ + bias`.
pub(crate) enum Linear {
    /// Published weights; matrices that read the same input stand side by side.
    F32 { parts: Vec<F32Part>, inputs: usize },
    /// Packed weights; see the layout in `kernels`.
    Quantized(Box<Quantized>),
}

/// What is done to a sum before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// Nothing.
    None,
    /// `x · Φ(x)`; behind a quantized product, whose results become bytes next, with an error up to 1e-4.
    Gelu,
}

/// One float matrix, `[outputs, inputs]`, and its bias, `[outputs]`.
pub(crate) struct F32Part {
    pub(crate) weight: Tensor<f32>,
    pub(crate) bias: Tensor<f32>,
}

/// A matrix of 8 bits, its sizes checked.
pub(crate) struct Quantized {
    shape: QShape,
    codes: Tensor<u8>,
    /// Halves.
    scales: Tensor<u16>,
    /// `[outputs]`.
    bias: Tensor<f32>,
    /// `[inputs]`: what each input is multiplied by before it is quantized.
    smooth: Tensor<f32>,
    /// Whether the groups of its inputs are turned then, as those of its weights were.
    turned: bool,
}

/// Rows that are worth a task of their own.
const ROWS_A_TASK: usize = 8;

impl Linear {
    /// The float matrices `names`, each `[outputs, inputs]`, side by side.
    pub(crate) fn load_f32(
        weights: &Weights,
        names: &[String],
        outputs: usize,
        inputs: usize,
    ) -> Result<Linear, WeightError> {
        let parts = names
            .iter()
            .map(|name| {
                Ok(F32Part {
                    weight: weights.tensor(&format!("{name}.weight"), &[outputs, inputs])?,
                    bias: weights.tensor(&format!("{name}.bias"), &[outputs])?,
                })
            })
            .collect::<Result<_, WeightError>>()?;
        Ok(Linear::F32 { parts, inputs })
    }

    /// The packed matrix `name` of `outputs` columns; `turned`: see [`Transform::turned`].
    pub(crate) fn load_int8(
        weights: &Weights,
        name: &str,
        (outputs, inputs, group): (usize, usize, usize),
        turned: bool,
    ) -> Result<Linear, WeightError> {
        let shape = shape_of(outputs, inputs, group).map_err(|e| WeightError::BadPacking {
            tensor: format!("{name}.codes"),
            reason: e.to_string(),
        })?;
        let [codes, scales] = stored_shapes(&shape);
        Ok(Linear::Quantized(Box::new(Quantized {
            shape,
            codes: weights.tensor(&format!("{name}.codes"), &codes)?,
            scales: weights.tensor(&format!("{name}.scales"), &scales)?,
            bias: weights.tensor(&format!("{name}.bias"), &[outputs])?,
            smooth: weights.tensor(&format!("{name}.smooth"), &[inputs])?,
            turned,
        })))
    }

    /// Columns of the result.
    pub(crate) fn outputs(&self) -> usize {
        match self {
            Linear::F32 { parts, .. } => parts.iter().map(|part| part.bias.len()).sum(),
            Linear::Quantized(q) => q.shape.n,
        }
    }

    /// `y = then(x · wᵀ + bias)`; `x` is `[rows, inputs]`, `y` becomes `[rows, outputs]`. `bytes` is room
    /// for the quantized rows.
    pub(crate) fn apply(
        &self,
        kernels: Kernels,
        team: Team<'_>,
        x: &[f32],
        then: Activation,
        bytes: &mut QRows,
        y: &mut Vec<f32>,
    ) {
        let (inputs, outputs) = match self {
            Linear::F32 { inputs, .. } => (*inputs, self.outputs()),
            Linear::Quantized(q) => (q.shape.k, q.shape.n),
        };
        let rows = x.len() / inputs;
        y.resize(rows * outputs, 0.0);
        let y = MatMut::new(y, outputs);
        match self {
            Linear::F32 { parts, .. } => {
                let mut rest = y;
                for part in parts {
                    let (here, others) = rest.split_cols(part.bias.len());
                    rest = others;
                    let matrix = LinearF32::new(&part.weight, &part.bias, inputs);
                    team.for_each(tiles(team, here, 4), |(_, columns, mut y)| {
                        kernels.matmul_f32(x, matrix, columns.clone(), &mut y);
                        if then == Activation::Gelu {
                            (0..y.rows()).for_each(|row| kernels.gelu(y.row(row)));
                        }
                    });
                }
            }
            Linear::Quantized(q) => q.apply(kernels, team, x, then, bytes, y),
        }
    }
}

thread_local! {
    /// What a wide layer gives, a few columns of it.
    static WIDE: RefCell<Vec<f32>> = RefCell::default();
}

/// `y = down(gelu(up(x)))`, where both are quantized; whether it was worked out. What is between them becomes bytes in the
/// caches. Not with AMX: there each product lays out anew what belongs to the rows.
pub(crate) fn feed_forward(
    kernels: Kernels,
    team: Team<'_>,
    [up, down]: [&Linear; 2],
    x: &[f32],
    [bytes, wide]: [&mut QRows; 2],
    y: &mut Vec<f32>,
) -> bool {
    let (Linear::Quantized(up), Linear::Quantized(down)) = (up, down) else {
        return false;
    };
    if kernels.isa() == Isa::Amx || !share_evenly(team, down.shape.groups()) {
        return false;
    }
    let rows = x.len() / up.shape.k;
    up.quantize_rows(kernels, team, x, bytes);
    wide.reset(rows, down.shape.k, down.shape.group);
    let (x, matrix) = (&*bytes, up.view());
    let most = AT_ONCE / (size_of::<f32>() * rows.max(1));
    by_groups(team, most, wide, |columns, mut to| {
        let mut made = WIDE.take();
        made.resize(rows * columns.len(), 0.0);
        let panels = columns.start / PANEL..columns.end.div_ceil(PANEL);
        let mut out = MatMut::new(&mut made, columns.len());
        kernels.matmul_q(x, 0..rows, matrix, panels, Some(&up.bias), &mut out);
        for row in made.chunks_exact_mut(columns.len()) {
            let (one, others) = to.split_rows(1);
            to = others;
            kernels.gelu_for_bytes(row);
            kernels.quantize_rows(row, down.transform(columns.clone()), one);
        }
        WIDE.set(made);
    });
    y.resize(rows * down.shape.n, 0.0);
    let y = MatMut::new(y, down.shape.n);
    down.multiply(kernels, team, Activation::None, wide, y);
    true
}

impl Quantized {
    fn view(&self) -> QMatrix<'_> {
        QMatrix::new(self.shape, &self.codes, &self.scales)
            .expect("sizes were checked when the layer was loaded")
    }

    fn apply(
        &self,
        kernels: Kernels,
        team: Team<'_>,
        x: &[f32],
        then: Activation,
        bytes: &mut QRows,
        y: MatMut<'_>,
    ) {
        self.quantize_rows(kernels, team, x, bytes);
        self.multiply(kernels, team, then, bytes, y);
    }

    /// What becomes of `inputs` before they are quantized.
    fn transform(&self, inputs: Range<usize>) -> Transform<'_> {
        Transform {
            smooth: Some(&self.smooth[inputs]),
            turned: self.turned,
        }
    }

    fn quantize_rows(&self, kernels: Kernels, team: Team<'_>, x: &[f32], bytes: &mut QRows) {
        let QShape { k, group, .. } = self.shape;
        let rows = x.len() / k;
        bytes.reset(rows, k, group);
        let mut blocks = Vec::new();
        let mut rest = bytes.as_mut();
        for rows in team.split(rows, ROWS_A_TASK) {
            let (block, others) = rest.split_rows(rows.len());
            rest = others;
            blocks.push((&x[rows.start * k..rows.end * k], block));
        }
        team.for_each(blocks, |(x, block)| {
            kernels.quantize_rows(x, self.transform(0..k), block);
        });
    }

    /// The product with what was quantized.
    fn multiply(
        &self,
        kernels: Kernels,
        team: Team<'_>,
        then: Activation,
        bytes: &QRows,
        y: MatMut<'_>,
    ) {
        let matrix = self.view();
        team.for_each(tiles(team, y, PANEL), |(rows, columns, mut y)| {
            let panels = columns.start / PANEL..columns.end.div_ceil(PANEL);
            kernels.matmul_q(bytes, rows, matrix, panels, Some(&self.bias), &mut y);
            if then == Activation::Gelu {
                (0..y.rows()).for_each(|row| kernels.gelu_for_bytes(y.row(row)));
            }
        });
    }
}

/// The shape that a matrix of `outputs` and `inputs` is quantized to: 8 bits, `group` inputs to a scale.
pub(crate) fn shape_of(outputs: usize, inputs: usize, group: usize) -> Result<QShape, QError> {
    QShape::new(outputs, inputs, group, 8)
}

/// The shapes of the tensors that hold codes and scales.
pub(crate) fn stored_shapes(shape: &QShape) -> [Vec<usize>; 2] {
    [
        vec![shape.panels(), shape.padded_k() / 4, PANEL, 4],
        vec![shape.panels(), shape.groups(), PANEL],
    ]
}

/// A task of a product: rows, columns, and the part of the result that they make.
type Tile<'a> = (Range<usize>, Range<usize>, MatMut<'a>);

/// Cuts a result into tasks by columns, `step` or a multiple at a time: each weight is then read by one
/// thread only.
fn tiles<'a>(team: Team<'_>, y: MatMut<'a>, step: usize) -> Vec<Tile<'a>> {
    let (rows, steps) = (y.rows(), y.cols().div_ceil(step));
    let mut tiles = Vec::new();
    let mut rest = y;
    let mut at = 0;
    for range in team.split(steps, 1) {
        let count = (range.len() * step).min(rest.cols());
        let (tile, others) = rest.split_cols(count);
        rest = others;
        tiles.push((0..rows, at..at + count, tile));
        at += count;
    }
    tiles
}

#[cfg(test)]
mod tests {
    use kernels::pack_q;

    use super::*;
    use crate::generate::SplitMix64;
    use crate::pool::Pool;

    fn floats(random: &mut SplitMix64, count: usize) -> Vec<f32> {
        (0..count).map(|_| random.unit() as f32 - 0.4).collect()
    }

    fn linear(random: &mut SplitMix64, outputs: usize, inputs: usize, turned: bool) -> Linear {
        let weights = floats(random, outputs * inputs);
        let packed = pack_q(&weights, outputs, inputs, 128, 8, None).expect("known sizes");
        Linear::Quantized(Box::new(Quantized {
            shape: packed.shape,
            codes: Tensor::from(packed.codes),
            scales: Tensor::from(packed.scales),
            bias: Tensor::from(floats(random, outputs)),
            smooth: Tensor::from(vec![0.7; inputs]),
            turned,
        }))
    }

    #[test]
    fn both_halves_at_once_have_the_bits_of_one_after_the_other() {
        let pool = Pool::new(2);
        // One group, several with a short last one, and an even number.
        for (width, rows) in [(96, 5), (700, 9), (1024, 600)] {
            let mut random = SplitMix64(3);
            let up = linear(&mut random, width, 48, false);
            let down = linear(&mut random, 40, width, true);
            let x = floats(&mut random, rows * 48);
            let isas = Isa::ALL.into_iter().filter(|isa| isa.is_available());
            for kernels in isas.map(|isa| Kernels::new(isa).expect("it is available")) {
                let (mut bytes, mut wide) = (QRows::default(), QRows::default());
                let (mut inner, mut want) = (Vec::new(), Vec::new());
                let (team, gelu) = (Team::Alone, Activation::Gelu);
                up.apply(kernels, team, &x, gelu, &mut bytes, &mut inner);
                down.apply(
                    kernels,
                    team,
                    &inner,
                    Activation::None,
                    &mut bytes,
                    &mut want,
                );
                for team in [Team::Alone, Team::All(&pool)] {
                    let (mut got, between) = (Vec::new(), [&mut bytes, &mut wide]);
                    if feed_forward(kernels, team, [&up, &down], &x, between, &mut got) {
                        assert_eq!(got, want, "{width} wide, {}", kernels.name());
                    } else {
                        let uneven = team.threads() > 1 && width == 96;
                        assert!(kernels.isa() == Isa::Amx || uneven);
                    }
                }
            }
        }
    }
}
