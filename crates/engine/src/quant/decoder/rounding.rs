//! From float weights to codes: the best scale of each group, and each error made good in the weights behind it.

use kernels::{Kernels, PackedQ, QShape, ScaleSearch, f16_to_f32};

use super::moments::{Feedback, Moments};
use crate::pool::Team;
use crate::quant::SquaredError;

/// Columns that a task quantizes: a panel of the packed layout.
const COLUMNS: usize = kernels::PANEL;

/// The loss of the outputs costs more than the rounding itself: it is taken on this part of the columns.
pub(crate) const MEASURED_EVERY: usize = 4;

/// What is known about the inputs of a matrix.
pub(crate) struct Inputs {
    pub(crate) moments: Moments,
    pub(crate) feedback: Feedback,
}

impl Inputs {
    /// For a matrix whose outputs are all that counts.
    pub(crate) fn new(moments: Moments, team: Team<'_>) -> Inputs {
        Inputs::with_floor(moments, team, 0.0)
    }

    /// For one whose weights count too: see [`Moments::feedback`].
    pub(crate) fn with_floor(moments: Moments, team: Team<'_>, floor: f64) -> Inputs {
        Inputs {
            feedback: moments.feedback(team, floor),
            moments,
        }
    }
}

/// A quantized matrix and what it lost.
pub(crate) struct Rounded {
    pub(crate) packed: PackedQ,
    pub(crate) loss: Loss,
}

/// What quantization took away.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Loss {
    /// Of the weights.
    pub(crate) weights: SquaredError,
    /// `Σ (lost · x)²` and `Σ (w · x)²` over a mean row of the calibration texts.
    pub(crate) outputs: SquaredError,
}

impl Loss {
    /// Adds that of other columns.
    pub(crate) fn merge(&mut self, other: Loss) {
        self.weights.merge(other.weights);
        self.outputs.merge(other.outputs);
    }
}

/// Quantizes `w`, `[n, k]`, to `shape`. Without `inputs` every input counts alike.
pub(crate) fn round_matrix(
    kernels: Kernels,
    team: Team<'_>,
    w: &[f32],
    shape: QShape,
    inputs: Option<&Inputs>,
) -> Rounded {
    let mut packed = PackedQ::zeros(shape).expect("the shape was checked");
    let codes = packed.codes.chunks_mut(shape.panel_bytes());
    let scales = packed.scales.chunks_mut(shape.groups() * COLUMNS);
    let mut losses = vec![Loss::default(); shape.panels()];
    let tasks = (w.chunks(COLUMNS * shape.k).zip(codes.zip(scales)))
        .zip(&mut losses)
        .collect();
    team.for_each(tasks, |((w, (codes, scales)), loss)| {
        let part = QShape {
            n: w.len() / shape.k,
            ..shape
        };
        let rounded = round_columns(kernels, w, part, inputs);
        codes.copy_from_slice(&rounded.packed.codes);
        scales.copy_from_slice(&rounded.packed.scales);
        *loss = rounded.loss;
    });
    let mut loss = Loss::default();
    losses.into_iter().for_each(|part| loss.merge(part));
    Rounded { packed, loss }
}

fn round_columns(kernels: Kernels, w: &[f32], shape: QShape, inputs: Option<&Inputs>) -> Rounded {
    let mut packed = PackedQ::zeros(shape).expect("the shape was checked");
    let mut search = ScaleSearch::new(shape);
    let mut loss = Loss::default();
    let mut target = vec![0.0; shape.k];
    let mut back = vec![0.0; shape.k];
    for (column, w) in w.chunks_exact(shape.k).enumerate() {
        target.copy_from_slice(w);
        let mut group = 0;
        let mut set = |search: &ScaleSearch, scale: u16, count: usize| {
            packed.set_group(column, group, scale, &search.codes()[..count]);
            group += 1;
        };
        match inputs {
            Some(inputs) => {
                let mut rest = &mut target[..];
                for block in inputs.feedback.blocks() {
                    let (mine, others) = rest.split_at_mut(block.width());
                    rest = others;
                    for start in (0..mine.len()).step_by(shape.group) {
                        let end = (start + shape.group).min(mine.len());
                        let costs = &block.costs()[start..end];
                        let scale = search.best(&mine[start..end], Some(costs));
                        let step = f16_to_f32(scale);
                        for i in start..end {
                            let code = search.code(mine[i], step);
                            search.codes_mut()[i - start] = code;
                            let error = mine[i] - f32::from(code) * step;
                            kernels.add_scaled(&mut mine[i + 1..], -error, block.shares(i));
                        }
                        set(&search, scale, end - start);
                    }
                }
            }
            None => {
                for weights in target.chunks(shape.group) {
                    let scale = search.best(weights, None);
                    set(&search, scale, weights.len());
                }
            }
        }
        packed.view().dequantize_column(column, &mut back);
        for (want, got) in w.iter().zip(&mut back) {
            loss.weights.add(*want, *got);
            *got = *want - *got;
        }
        if let Some(inputs) = inputs
            && column % MEASURED_EVERY == 0
        {
            let energy = |w: &[f32]| inputs.moments.energy(kernels, w);
            loss.outputs.add_squares(energy(&back), energy(w));
        }
    }
    Rounded { packed, loss }
}
