//! A linear layer of a decoder, float or quantized: the one place that knows which.

use std::cell::RefCell;
use std::ops::Range;

use kernels::{
    Kernels, LinearF32, MatMut, PANEL, QMatrix, QRows, QRowsMut, QShape, Transform, WeightType,
};

use crate::pool::Team;
use crate::weights::Tensor;

/// `x · wᵀ + bias`.
pub(crate) enum Matrix {
    /// Published weights; matrices that read the same input stand side by side. Summed in one order on every
    /// machine if so wished.
    F32 { parts: Vec<F32Part>, exact: bool },
    /// Packed weights; see the layout in `kernels`.
    Quantized(Box<Quantized>),
}

/// One float matrix.
pub(crate) struct F32Part {
    /// `[outputs, inputs]`.
    pub(crate) weight: Tensor<f32>,
    /// `[outputs]`; zeros where the layer has none.
    pub(crate) bias: Tensor<f32>,
}

/// A matrix of 8 or 4 bits, its sizes checked.
pub(crate) struct Quantized {
    pub(crate) shape: QShape,
    pub(crate) codes: Tensor<u8>,
    /// Halves.
    pub(crate) scales: Tensor<u16>,
    /// `[outputs]`.
    pub(crate) bias: Option<Tensor<f32>>,
    /// `[inputs]`: what each input is multiplied by before it is quantized.
    pub(crate) smooth: Option<Tensor<f32>>,
    /// Whether the groups of its inputs are turned before they are quantized, as those of its weights were.
    pub(crate) turned: bool,
}

/// Columns that a task of a float product has at least.
const F32_COLUMNS: usize = 4;

/// Rows up to which a product waits for memory rather than for arithmetic.
pub(super) const FEW_ROWS: usize = 8;

/// Panels of one row that the kernels read side by side.
const PANELS_TOGETHER: usize = 8;

/// A task of a product: columns, and the part of the result that they make.
type Tile<'a> = (Range<usize>, MatMut<'a>);

/// Rows that are worth a task of their own in what is done row by row.
pub(super) const ROWS_A_TASK: usize = 8;

thread_local! {
    /// A row between its making and its bytes.
    static MADE: RefCell<Vec<f32>> = RefCell::default();
}

impl Matrix {
    /// Columns of the result.
    pub(crate) fn outputs(&self) -> usize {
        match self {
            Matrix::F32 { parts, .. } => parts.iter().map(|part| part.bias.len()).sum(),
            Matrix::Quantized(q) => q.shape.n,
        }
    }

    /// What it is multiplied as.
    pub(crate) fn weight_type(&self) -> WeightType {
        match self {
            Matrix::F32 { .. } => WeightType::F32,
            Matrix::Quantized(q) if q.shape.bits == 4 => WeightType::Int4,
            Matrix::Quantized(_) => WeightType::Int8,
        }
    }

    /// Bytes that a pass over it reads.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Matrix::F32 { parts, .. } => parts
                .iter()
                .map(|part| 4 * (part.weight.len() + part.bias.len()))
                .sum(),
            Matrix::Quantized(q) => {
                let floats = |floats: &Option<Tensor<f32>>| floats.as_ref().map_or(0, |f| f.len());
                let floats = floats(&q.bias) + floats(&q.smooth);
                q.codes.len() + 2 * q.scales.len() + 4 * floats
            }
        }
    }

    /// What a pass over it reads, but for vectors, as bytes.
    pub(crate) fn pieces(&self) -> Vec<&[u8]> {
        match self {
            Matrix::F32 { parts, .. } => parts.iter().map(|part| part.weight.bytes()).collect(),
            Matrix::Quantized(q) => vec![q.codes.bytes(), q.scales.bytes()],
        }
    }

    /// `y = x · wᵀ + bias`; `x` is `[rows, inputs]`, `y` `[rows, outputs]`. `bytes` is room for the quantized rows.
    pub(crate) fn apply(
        &self,
        kernels: Kernels,
        team: Team<'_>,
        x: &[f32],
        inputs: usize,
        bytes: &mut QRows,
        y: &mut [f32],
    ) {
        let y = MatMut::new(y, self.outputs());
        match self {
            Matrix::F32 { parts, exact } => {
                let mut rest = y;
                for part in parts {
                    let (here, others) = rest.split_cols(part.bias.len());
                    rest = others;
                    let matrix = LinearF32::new(&part.weight, &part.bias, inputs);
                    let tiles = by_columns(team, here, F32_COLUMNS);
                    team.for_each(tiles, |(columns, mut y)| {
                        if *exact {
                            kernels.matmul_f32_exact(x, matrix, columns, &mut y);
                        } else {
                            kernels.matmul_f32(x, matrix, columns, &mut y);
                        }
                    });
                }
            }
            Matrix::Quantized(q) => q.apply(kernels, team, x, bytes, y),
        }
    }

    /// [`Matrix::apply`] to rows that `make` writes, each block by the index of its first. A quantized matrix takes a row as
    /// soon as it is made, and the floats never leave the caches; a float matrix has them all in `x`.
    pub(crate) fn apply_made(
        &self,
        kernels: Kernels,
        team: Team<'_>,
        make: impl Fn(usize, &mut [f32]) + Sync,
        (inputs, x): (usize, &mut Vec<f32>),
        bytes: &mut QRows,
        y: &mut [f32],
    ) {
        match self {
            Matrix::F32 { .. } => {
                x.resize(y.len() / self.outputs() * inputs, 0.0);
                by_rows(team, x, inputs, make);
                self.apply(kernels, team, x, inputs, bytes, y);
            }
            Matrix::Quantized(q) => {
                let y = MatMut::new(y, self.outputs());
                q.apply_made(kernels, team, make, bytes, y);
            }
        }
    }

    /// Row `id` of the table that is stored as this matrix, `[outputs, inputs]`.
    pub(crate) fn row(&self, id: usize, to: &mut [f32]) {
        match self {
            Matrix::F32 { parts, .. } => {
                let width = to.len();
                to.copy_from_slice(&parts[0].weight[id * width..][..width]);
            }
            Matrix::Quantized(q) => q.view().dequantize_column(id, to),
        }
    }
}

impl Quantized {
    pub(super) fn view(&self) -> QMatrix<'_> {
        QMatrix::new(self.shape, &self.codes, &self.scales)
            .expect("sizes were checked when the matrix was loaded")
    }

    fn apply(&self, kernels: Kernels, team: Team<'_>, x: &[f32], bytes: &mut QRows, y: MatMut<'_>) {
        self.quantize_rows(kernels, team, x, y.rows(), bytes);
        self.multiply(kernels, team, bytes, y);
    }

    /// What becomes of `inputs`, whole groups but for the last, before they are quantized.
    pub(super) fn transform(&self, inputs: Range<usize>) -> Transform<'_> {
        Transform {
            smooth: self.smooth.as_deref().map(|smooth| &smooth[inputs]),
            turned: self.turned,
        }
    }

    /// `x`, `[rows, inputs]`, as the product takes it.
    pub(super) fn quantize_rows(
        &self,
        kernels: Kernels,
        team: Team<'_>,
        x: &[f32],
        rows: usize,
        bytes: &mut QRows,
    ) {
        let k = self.shape.k;
        let transform = self.transform(0..k);
        self.quantize(team, rows, bytes, |rows, block| {
            kernels.quantize_rows(&x[rows.start * k..rows.end * k], transform, block);
        });
    }

    /// See [`Matrix::apply_made`].
    fn apply_made(
        &self,
        kernels: Kernels,
        team: Team<'_>,
        make: impl Fn(usize, &mut [f32]) + Sync,
        bytes: &mut QRows,
        y: MatMut<'_>,
    ) {
        let transform = self.transform(0..self.shape.k);
        self.quantize(team, y.rows(), bytes, |rows, mut block| {
            let mut made = MADE.take();
            made.resize(self.shape.k, 0.0);
            for row in rows {
                let (one, others) = block.split_rows(1);
                block = others;
                make(row, &mut made);
                kernels.quantize_rows(&made, transform, one);
            }
            MADE.set(made);
        });
        self.multiply(kernels, team, bytes, y);
    }

    /// Gives blocks of `rows` rows to `task`, which quantizes them.
    fn quantize(
        &self,
        team: Team<'_>,
        rows: usize,
        bytes: &mut QRows,
        task: impl Fn(Range<usize>, QRowsMut<'_>) + Sync,
    ) {
        bytes.reset(rows, self.shape.k, self.shape.group);
        let mut blocks = Vec::new();
        let mut rest = bytes.as_mut();
        for rows in team.split(rows, ROWS_A_TASK) {
            let (block, others) = rest.split_rows(rows.len());
            rest = others;
            blocks.push((rows, block));
        }
        team.for_each(blocks, |(rows, block)| task(rows, block));
    }

    /// The product with what was quantized.
    pub(super) fn multiply(&self, kernels: Kernels, team: Team<'_>, bytes: &QRows, y: MatMut<'_>) {
        let (matrix, bias) = (self.view(), self.bias.as_deref());
        let rows = y.rows();
        let tiles = match rows <= FEW_ROWS {
            true => {
                let parts = team.split_falling(y.cols(), PANELS_TOGETHER * PANEL);
                cut(y, parts)
            }
            false => by_columns(team, y, PANEL),
        };
        team.for_each(tiles, |(columns, mut y)| {
            let panels = columns.start / PANEL..columns.end.div_ceil(PANEL);
            kernels.matmul_q(bytes, 0..rows, matrix, panels, bias, &mut y);
        });
    }
}

/// Gives blocks of the rows of `matrix`, `width` wide, to `task`, with the index of the first.
pub(super) fn by_rows(
    team: Team<'_>,
    matrix: &mut [f32],
    width: usize,
    task: impl Fn(usize, &mut [f32]) + Sync,
) {
    let mut rest = matrix;
    let count = rest.len() / width;
    let cut = |range: Range<usize>| {
        let (block, others) = std::mem::take(&mut rest).split_at_mut(range.len() * width);
        rest = others;
        (range.start, block)
    };
    let tasks = team.split(count, ROWS_A_TASK).map(cut).collect();
    team.for_each(tasks, |(first, rows)| task(first, rows));
}

/// Cuts a result into tasks by columns, `step` or a multiple at a time: each weight is then read by one
/// thread only.
fn by_columns<'a>(team: Team<'_>, y: MatMut<'a>, step: usize) -> Vec<Tile<'a>> {
    let (columns, steps) = (y.cols(), y.cols().div_ceil(step));
    let parts = team.split(steps, 1);
    cut(
        y,
        parts.map(|part| part.start * step..(part.end * step).min(columns)),
    )
}

/// Cuts a result into the column ranges `parts`, which lie behind one another and cover all of it.
fn cut(y: MatMut<'_>, parts: impl IntoIterator<Item = Range<usize>>) -> Vec<Tile<'_>> {
    let mut tiles = Vec::new();
    let mut rest = y;
    for columns in parts {
        let (tile, others) = rest.split_cols(columns.len());
        rest = others;
        tiles.push((columns, tile));
    }
    tiles
}
