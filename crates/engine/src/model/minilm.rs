//! MiniLM (BERT with six thin layers): word pieces in, one vector a text out.
//!
//! The forward pass is the one of Devlin et al. 2019 with layer norms behind each half of a layer. All
//! texts of a batch lie behind one another in one matrix, `[tokens of all texts, hidden]`: nothing is
//! padded, and only attention knows where a text ends.

use std::cell::RefCell;
use std::ops::Range;

use kernels::{AttentionShape, Kernels, MatMut, QRows};

use super::adapter::{Adapter, LowRank};
pub use super::config::Config;
use super::linear::{Activation, Linear, feed_forward};
use crate::pool::Team;
use crate::weights::{Tensor, WeightError, Weights};

/// The network with its weights.
pub struct MiniLm {
    config: Config,
    words: Words,
    /// `[max_position_embeddings, hidden]`, the embedding of the first segment included.
    positions: Tensor<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

/// The table of word pieces, `[vocab_size, hidden]`.
enum Words {
    F32(Tensor<f32>),
    /// A scale for each row.
    Int8(Tensor<i8>, Tensor<f32>),
}

/// Scale and shift of a layer norm, `[hidden]` each.
pub(super) struct Norm {
    pub(super) gamma: Tensor<f32>,
    pub(super) beta: Tensor<f32>,
}

struct Layer {
    /// Queries, keys and values side by side: `[3 · hidden, hidden]`.
    qkv: Linear,
    /// `[hidden, hidden]`.
    output: Linear,
    attention_norm: Norm,
    /// `[intermediate, hidden]`.
    up: Linear,
    /// `[hidden, intermediate]`.
    down: Linear,
    output_norm: Norm,
}

/// Texts that go through the network together.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    /// The word pieces of all texts behind one another, with their special ones.
    pub(crate) ids: &'a [u32],
    /// How many each text has.
    pub(crate) lengths: &'a [usize],
    /// Places in `ids` whose states are averaged; each gives one mean.
    pub(crate) groups: &'a [Range<usize>],
    /// Where second texts stand, if pairs are read.
    pub(crate) second: Option<Second<'a>>,
}

/// The second texts of pairs that are read together.
#[derive(Clone, Copy)]
pub(crate) struct Second<'a> {
    /// For each of the batch's ids whether it belongs to one.
    pub(crate) belongs: &'a [bool],
    /// What is added to their embeddings, `[hidden]`.
    pub(crate) mark: &'a [f32],
}

/// The matrices between the layers, kept by each thread from one pass to the next.
#[derive(Default)]
struct Work {
    hidden: Vec<f32>,
    qkv: Vec<f32>,
    context: Vec<f32>,
    inner: Vec<f32>,
    outer: Vec<f32>,
    bytes: QRows,
    /// What is between the two halves of a feed-forward network, where `bytes` are still needed.
    wide: QRows,
}

thread_local! {
    static WORK: RefCell<Work> = RefCell::default();
    static SCRATCH: RefCell<Vec<f32>> = RefCell::default();
}

/// Which of a layer's matrices reads an input: for those who watch a forward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Qkv,
    Output,
    Up,
    Down,
}

/// Sees the input of each linear layer, `[rows, inputs]`: layer, place, input. Of quantized feed-forward networks it may see none.
pub(crate) type Observer<'a> = &'a mut dyn FnMut(usize, Place, &[f32]);

impl MiniLm {
    /// Takes the tensors out of `weights`, floats under their published names or INT8 as
    /// [`quant`](crate::quant) writes them.
    pub fn load(weights: &Weights, config: &Config) -> Result<MiniLm, WeightError> {
        match crate::quant::kind_of(weights)? {
            "f32" => MiniLm::load_f32(weights, config),
            _ => MiniLm::load_int8(weights, config),
        }
    }

    fn load_f32(weights: &Weights, config: &Config) -> Result<MiniLm, WeightError> {
        let (h, i) = (config.hidden_size, config.intermediate_size);
        let norm = |name: String| Norm::load(weights, &name, h);
        let layers = (0..config.num_hidden_layers)
            .map(|l| {
                let at = |part: &str| format!("encoder.layer.{l}.{part}");
                let qkv =
                    ["query", "key", "value"].map(|part| at(&format!("attention.self.{part}")));
                Ok(Layer {
                    qkv: Linear::load_f32(weights, &qkv, h, h)?,
                    output: Linear::load_f32(weights, &[at("attention.output.dense")], h, h)?,
                    attention_norm: norm(at("attention.output.LayerNorm"))?,
                    up: Linear::load_f32(weights, &[at("intermediate.dense")], i, h)?,
                    down: Linear::load_f32(weights, &[at("output.dense")], h, i)?,
                    output_norm: norm(at("output.LayerNorm"))?,
                })
            })
            .collect::<Result<_, WeightError>>()?;
        let table = |name: &str, rows: usize| {
            weights.tensor::<f32>(&format!("embeddings.{name}_embeddings.weight"), &[rows, h])
        };
        Ok(MiniLm {
            words: Words::F32(table("word", config.vocab_size)?),
            positions: with_segment(
                &table("position", config.max_position_embeddings)?,
                &table("token_type", config.type_vocab_size)?[..h],
            ),
            norm: norm("embeddings.LayerNorm".into())?,
            layers,
            config: config.clone(),
        })
    }

    fn load_int8(weights: &Weights, config: &Config) -> Result<MiniLm, WeightError> {
        let (h, i) = (config.hidden_size, config.intermediate_size);
        let (group, down_is_turned) = crate::quant::layout_of(weights);
        let norm = |name: String| Norm::load(weights, &name, h);
        let layers = (0..config.num_hidden_layers)
            .map(|l| {
                let at = |part: &str| format!("layer.{l}.{part}");
                let linear = |part: &str, outputs, inputs, turned| {
                    Linear::load_int8(weights, &at(part), (outputs, inputs, group), turned)
                };
                Ok(Layer {
                    qkv: linear("qkv", 3 * h, h, false)?,
                    output: linear("output", h, h, false)?,
                    attention_norm: norm(at("attention_norm"))?,
                    up: linear("up", i, h, false)?,
                    down: linear("down", h, i, down_is_turned)?,
                    output_norm: norm(at("output_norm"))?,
                })
            })
            .collect::<Result<_, WeightError>>()?;
        Ok(MiniLm {
            words: Words::Int8(
                weights.tensor("embeddings.words.codes", &[config.vocab_size, h])?,
                weights.tensor("embeddings.words.scales", &[config.vocab_size])?,
            ),
            positions: weights
                .tensor("embeddings.positions", &[config.max_position_embeddings, h])?,
            norm: norm("embeddings.norm".into())?,
            layers,
            config: config.clone(),
        })
    }

    /// The mean of the last layer's tokens, for each text of a batch.
    ///
    /// `ids` holds the word pieces of all texts behind one another, with their special ones, `lengths` how
    /// many each text has; `means` is `[texts, hidden]`, not normalised. Ids are below `vocab_size`, lengths
    /// from 1 to `max_position_embeddings`. A text's mean depends on nothing but the text, to the bit.
    ///
    /// # Panics
    /// If an id, a length or a size is not so.
    pub fn forward(
        &self,
        kernels: Kernels,
        team: Team<'_>,
        ids: &[u32],
        lengths: &[usize],
        means: &mut [f32],
    ) {
        self.forward_observed(kernels, team, ids, lengths, means, &mut |_, _, _| ());
    }

    /// [`MiniLm::forward`], with someone watching.
    pub(crate) fn forward_observed(
        &self,
        kernels: Kernels,
        team: Team<'_>,
        ids: &[u32],
        lengths: &[usize],
        means: &mut [f32],
        observe: Observer<'_>,
    ) {
        let mut end = 0;
        let whole = |length: &usize| {
            end += length;
            end - length..end
        };
        let texts: Vec<Range<usize>> = lengths.iter().map(whole).collect();
        let batch = Batch {
            ids,
            lengths,
            groups: &texts,
            second: None,
        };
        self.run(kernels, team, batch, None, means, observe);
    }

    /// The mean of the last layer's tokens, for each of the batch's groups, as the adapted layers read them.
    ///
    /// `adapter` was loaded for this network. What is said of [`MiniLm::forward`] holds, with groups for texts.
    ///
    /// # Panics
    /// If an id, a length or a size is not so, or a group is empty or not in the batch.
    pub(crate) fn forward_adapted(
        &self,
        kernels: Kernels,
        team: Team<'_>,
        batch: Batch<'_>,
        adapter: &Adapter,
        means: &mut [f32],
    ) {
        self.run(
            kernels,
            team,
            batch,
            Some(adapter),
            means,
            &mut |_, _, _| (),
        );
    }

    fn run(
        &self,
        kernels: Kernels,
        team: Team<'_>,
        batch: Batch<'_>,
        adapter: Option<&Adapter>,
        means: &mut [f32],
        observe: Observer<'_>,
    ) {
        let h = self.config.hidden_size;
        let eps = self.config.layer_norm_eps;
        let Batch {
            ids,
            lengths,
            groups,
            ..
        } = batch;
        assert_eq!(ids.len(), lengths.iter().sum::<usize>());
        assert_eq!(means.len(), groups.len() * h);
        let mut work = WORK.take();
        let Work {
            hidden,
            qkv,
            context,
            inner,
            outer,
            bytes,
            wide,
        } = &mut work;

        let hands = (kernels, team);
        self.embed(kernels, team, batch, hidden);
        for (l, layer) in self.layers.iter().enumerate() {
            let upper = adapter.and_then(|adapter| adapter.layer(l));
            observe(l, Place::Qkv, hidden);
            let qkv_layer = (&layer.qkv, upper.map(|u| &u.qkv));
            apply(hands, qkv_layer, hidden, Activation::None, bytes, qkv);
            self.attend(kernels, team, qkv, lengths, context);
            observe(l, Place::Output, context);
            let output = (&layer.output, upper.map(|u| &u.output));
            apply(hands, output, context, Activation::None, bytes, outer);
            let norm = upper.map_or(&layer.attention_norm, |u| &u.attention_norm);
            add_and_norm(kernels, team, hidden, outer, norm, eps);

            let halves = [&layer.up, &layer.down];
            let between = [&mut *bytes, &mut *wide];
            if upper.is_some() || !feed_forward(kernels, team, halves, hidden, between, outer) {
                observe(l, Place::Up, hidden);
                let up = (&layer.up, upper.map(|u| &u.up));
                apply(hands, up, hidden, Activation::Gelu, bytes, inner);
                observe(l, Place::Down, inner);
                let down = (&layer.down, upper.map(|u| &u.down));
                apply(hands, down, inner, Activation::None, bytes, outer);
            }
            let norm = upper.map_or(&layer.output_norm, |u| &u.output_norm);
            add_and_norm(kernels, team, hidden, outer, norm, eps);
        }
        for (mean, group) in means.chunks_exact_mut(h).zip(groups) {
            mean.fill(0.0);
            let share = 1.0 / group.len() as f32;
            for token in hidden[group.start * h..group.end * h].chunks_exact(h) {
                kernels.add_scaled(mean, share, token);
            }
        }
        WORK.set(work);
    }

    /// `hidden = norm(word + position + segment)`, `[tokens, hidden]`.
    fn embed(&self, kernels: Kernels, team: Team<'_>, batch: Batch<'_>, hidden: &mut Vec<f32>) {
        let h = self.config.hidden_size;
        let (ids, lengths) = (batch.ids, batch.lengths);
        hidden.resize(ids.len() * h, 0.0);
        let places: Vec<usize> = lengths.iter().flat_map(|&length| 0..length).collect();
        let blocks = blocks(team, hidden, ids.len(), h);
        team.for_each(blocks, |(first, rows)| {
            for (at, row) in (first..).zip(rows.chunks_exact_mut(h)) {
                let id = ids[at] as usize;
                match &self.words {
                    Words::F32(table) => row.copy_from_slice(&table[id * h..][..h]),
                    Words::Int8(table, scales) => {
                        kernels.dequantize(row, scales[id], &table[id * h..][..h])
                    }
                }
                if let Some(second) = batch.second.filter(|second| second.belongs[at]) {
                    kernels.add_scaled(row, 1.0, second.mark);
                }
                let position = &self.positions[places[at] * h..][..h];
                kernels.layer_norm(
                    row,
                    position,
                    &self.norm.gamma,
                    &self.norm.beta,
                    self.config.layer_norm_eps,
                );
            }
        });
    }

    /// Attention of each text within itself: `[tokens, 3 · hidden]` to `[tokens, hidden]`.
    fn attend(
        &self,
        kernels: Kernels,
        team: Team<'_>,
        qkv: &[f32],
        lengths: &[usize],
        context: &mut Vec<f32>,
    ) {
        let h = self.config.hidden_size;
        let heads = self.config.num_attention_heads;
        let shape = AttentionShape {
            heads,
            width: h / heads,
        };
        context.resize(qkv.len() / 3, 0.0);
        let mut tasks = Vec::new();
        let (mut rest, mut qkv) = (MatMut::new(context, h), qkv);
        for &length in lengths {
            let (text, later) = qkv.split_at(length * 3 * h);
            let (mut out, others) = rest.split_rows(length);
            (rest, qkv) = (others, later);
            for heads in team.split(heads, 1) {
                let (part, others) = out.split_cols(heads.len() * shape.width);
                out = others;
                tasks.push((text, heads, part));
            }
        }
        team.for_each(tasks, |(text, heads, mut out)| {
            let mut scratch = SCRATCH.take();
            kernels.attention(text, shape, heads, &mut scratch, &mut out);
            SCRATCH.set(scratch);
        });
    }
}

impl Norm {
    fn load(weights: &Weights, name: &str, width: usize) -> Result<Norm, WeightError> {
        Ok(Norm {
            gamma: weights.tensor(&format!("{name}.weight"), &[width])?,
            beta: weights.tensor(&format!("{name}.bias"), &[width])?,
        })
    }
}

/// `y = then(linear(x) + low(x))`.
fn apply(
    (kernels, team): (Kernels, Team<'_>),
    (linear, low): (&Linear, Option<&LowRank>),
    x: &[f32],
    then: Activation,
    bytes: &mut QRows,
    y: &mut Vec<f32>,
) {
    let Some(low) = low else {
        return linear.apply(kernels, team, x, then, bytes, y);
    };
    // What is added goes before the activation function.
    linear.apply(kernels, team, x, Activation::None, bytes, y);
    low.add(kernels, team, x, then, y);
}

/// `hidden = norm(hidden + other)`, row by row.
fn add_and_norm(
    kernels: Kernels,
    team: Team<'_>,
    hidden: &mut [f32],
    other: &[f32],
    norm: &Norm,
    eps: f32,
) {
    let h = norm.gamma.len();
    let rows = hidden.len() / h;
    team.for_each(blocks(team, hidden, rows, h), |(first, block)| {
        let other = &other[first * h..][..block.len()];
        kernels.layer_norm(block, other, &norm.gamma, &norm.beta, eps);
    });
}

/// The rows of a matrix in tasks: index of the first row, and the rows.
fn blocks<'a>(
    team: Team<'_>,
    matrix: &'a mut [f32],
    rows: usize,
    width: usize,
) -> Vec<(usize, &'a mut [f32])> {
    let mut rest = matrix;
    let cut = |range: std::ops::Range<usize>| {
        let (block, others) = std::mem::take(&mut rest).split_at_mut(range.len() * width);
        rest = others;
        (range.start, block)
    };
    team.split(rows, 16).map(cut).collect()
}

/// Positions with the embedding of the one segment that a lone text has.
pub(crate) fn with_segment(positions: &[f32], segment: &[f32]) -> Tensor<f32> {
    let rows = positions.chunks_exact(segment.len());
    let sums: Vec<f32> = rows
        .flat_map(|row| row.iter().zip(segment).map(|(p, s)| p + s))
        .collect();
    sums.into()
}
