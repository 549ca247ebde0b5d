//! Low-rank additions to a network's upper layers: a second reading of a text by the same weights.
//!
//! Each linear map becomes `y = W x + b + B (A x)` (Hu et al. 2021, "LoRA"), and each layer has norms of its own. The
//! base weights stay as they are, INT8 included: the addition is computed aside, in f32. Merging `W + B A` at load
//! would save its time in the forward pass, but costs a second copy of the layers, a second rounding to INT8, and
//! unpacking and packing every weight of them at every start; see decision 9.
//!
//! Tensors, f16 or f32, for each layer `N` from `first` on, with `r` the rank:
//!
//! | tensor | shape |
//! | --- | --- |
//! | `layer.N.attention.self.{query,key,value}.{A,B}` | `[r, hidden]`, `[hidden, r]` |
//! | `layer.N.attention.output.dense.{A,B}` | `[r, hidden]`, `[hidden, r]` |
//! | `layer.N.intermediate.dense.{A,B}` | `[r, hidden]`, `[intermediate, r]` |
//! | `layer.N.output.dense.{A,B}` | `[r, intermediate]`, `[hidden, r]` |
//! | `layer.N.{attention.output,output}.LayerNorm.{weight,bias}` | `[hidden]` |

use std::cell::RefCell;

use kernels::{Kernels, MatMut};

use super::config::Config;
use super::linear::Activation;
use super::minilm::Norm;
use crate::pool::Team;
use crate::weights::{WeightError, Weights};

/// The additions to all upper layers.
pub struct Adapter {
    first: usize,
    layers: Vec<AdaptedLayer>,
}

/// The additions to one layer, and its norms.
pub(super) struct AdaptedLayer {
    pub(super) qkv: LowRank,
    pub(super) output: LowRank,
    pub(super) attention_norm: Norm,
    pub(super) up: LowRank,
    pub(super) down: LowRank,
    pub(super) output_norm: Norm,
}

/// `B (A x)` for one matrix, or for some that read the same input and stand side by side.
pub(super) struct LowRank {
    inputs: usize,
    rank: usize,
    /// Columns of each matrix.
    outputs: usize,
    /// The `A` of all matrices, transposed: `[inputs, matrices · rank]`.
    narrow: Vec<f32>,
    /// The `B` of each matrix, transposed: `[rank, outputs]`.
    widen: Vec<Vec<f32>>,
}

/// Rows that are worth a task of their own.
const ROWS_A_TASK: usize = 12;

thread_local! {
    static NARROWED: RefCell<Vec<f32>> = RefCell::default();
}

impl Adapter {
    /// The additions of rank `rank` to the layers from `first` on of a network of sizes `config`.
    ///
    /// # Panics
    /// If `rank` is 0.
    pub fn load(
        weights: &Weights,
        config: &Config,
        first: usize,
        rank: usize,
    ) -> Result<Adapter, WeightError> {
        assert!(rank > 0, "an addition of rank 0 adds nothing");
        let (h, i) = (config.hidden_size, config.intermediate_size);
        let layers = (first..config.num_hidden_layers)
            .map(|n| {
                let at = |part: &str| format!("layer.{n}.{part}");
                let qkv = ["query", "key", "value"].map(|p| at(&format!("attention.self.{p}")));
                let one = |part: &str, outputs, inputs| {
                    LowRank::load(weights, &[at(part)], outputs, inputs, rank)
                };
                let norm = |part: &str| -> Result<Norm, WeightError> {
                    Ok(Norm {
                        gamma: weights.floats(&at(&format!("{part}.weight")), &[h])?.into(),
                        beta: weights.floats(&at(&format!("{part}.bias")), &[h])?.into(),
                    })
                };
                Ok(AdaptedLayer {
                    qkv: LowRank::load(weights, &qkv, h, h, rank)?,
                    output: one("attention.output.dense", h, h)?,
                    attention_norm: norm("attention.output.LayerNorm")?,
                    up: one("intermediate.dense", i, h)?,
                    down: one("output.dense", h, i)?,
                    output_norm: norm("output.LayerNorm")?,
                })
            })
            .collect::<Result<_, WeightError>>()?;
        Ok(Adapter { first, layers })
    }

    /// The additions to layer `n`, where it is an upper one.
    pub(super) fn layer(&self, n: usize) -> Option<&AdaptedLayer> {
        self.layers.get(n.checked_sub(self.first)?)
    }
}

impl LowRank {
    fn load(
        weights: &Weights,
        names: &[String],
        outputs: usize,
        inputs: usize,
        rank: usize,
    ) -> Result<LowRank, WeightError> {
        let width = names.len() * rank;
        let mut narrow = vec![0.0; inputs * width];
        let mut widen = Vec::with_capacity(names.len());
        for (part, name) in names.iter().enumerate() {
            let a = weights.floats(&format!("{name}.A"), &[rank, inputs])?;
            for (r, row) in a.chunks_exact(inputs.max(1)).enumerate() {
                for (i, value) in row.iter().enumerate() {
                    narrow[i * width + part * rank + r] = *value;
                }
            }
            let b = weights.floats(&format!("{name}.B"), &[outputs, rank])?;
            let mut transposed = vec![0.0; b.len()];
            for (o, row) in b.chunks_exact(rank.max(1)).enumerate() {
                for (r, value) in row.iter().enumerate() {
                    transposed[r * outputs + o] = *value;
                }
            }
            widen.push(transposed);
        }
        Ok(LowRank {
            inputs,
            rank,
            outputs,
            narrow,
            widen,
        })
    }

    /// `y = then(y + B (A x))`; `x` is `[rows, inputs]`, `y` `[rows, all outputs]`.
    pub(super) fn add(
        &self,
        kernels: Kernels,
        team: Team<'_>,
        x: &[f32],
        then: Activation,
        y: &mut [f32],
    ) {
        let (columns, width) = (
            self.widen.len() * self.outputs,
            self.widen.len() * self.rank,
        );
        let mut tasks = Vec::new();
        let (mut rest, mut x) = (MatMut::new(y, columns), x);
        for rows in team.split(rest.rows(), ROWS_A_TASK) {
            let (block, others) = rest.split_rows(rows.len());
            let (inputs, later) = x.split_at(rows.len() * self.inputs);
            (rest, x) = (others, later);
            tasks.push((inputs, block));
        }
        team.for_each(tasks, |(x, block)| {
            let rows = block.rows();
            let mut narrowed = NARROWED.take();
            narrowed.clear();
            narrowed.resize(rows * width, 0.0);
            let mut narrow = MatMut::new(&mut narrowed, width);
            kernels.add_matmul(x, self.inputs, self.inputs, &self.narrow, &mut narrow);
            let mut rest = block;
            for (part, widen) in self.widen.iter().enumerate() {
                let (mut here, others) = rest.split_cols(self.outputs);
                rest = others;
                kernels.add_matmul(
                    &narrowed[part * self.rank..],
                    width,
                    self.rank,
                    widen,
                    &mut here,
                );
                if then == Activation::Gelu {
                    (0..rows).for_each(|row| kernels.gelu(here.row(row)));
                }
            }
            NARROWED.set(narrowed);
        });
    }
}
