//! One layer of a decoder over the calibration texts, in f32: what its matrices read, and what it hands on.
//!
//! The engine's own forward pass wants the whole model in memory. Quantizing goes through it layer by layer, with the
//! rows of all texts at once, so this is that pass for a single layer and short texts: no cache, no pages.

use kernels::{Kernels, LinearF32, MatMut, Rope};

use crate::model::qwen2::Config;
use crate::model::qwen2::rope::{Angles, Rotation};
use crate::pool::Team;

/// The float weights of a layer. Matrices are `[outputs, inputs]`, row-major.
pub(crate) struct LayerWeights {
    pub(crate) attention_norm: Vec<f32>,
    /// Rows of the queries, then the keys, then the values.
    pub(crate) qkv: Vec<f32>,
    /// `[q + k + v]`, zeros where the model has none.
    pub(crate) qkv_bias: Vec<f32>,
    pub(crate) output: Vec<f32>,
    pub(crate) mlp_norm: Vec<f32>,
    /// Rows of the gate, then of the other branch.
    pub(crate) gate_up: Vec<f32>,
    pub(crate) down: Vec<f32>,
}

impl LayerWeights {
    /// The matrix at `place`.
    pub(crate) fn matrix(&mut self, place: Place) -> &mut [f32] {
        match place {
            Place::Qkv => &mut self.qkv,
            Place::Output => &mut self.output,
            Place::GateUp => &mut self.gate_up,
            Place::Down => &mut self.down,
        }
    }
}

/// A matrix of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    Qkv,
    Output,
    GateUp,
    Down,
}

impl Place {
    pub(crate) const ALL: [Place; 4] = [Place::Qkv, Place::Output, Place::GateUp, Place::Down];

    /// Whether the groups of its inputs are turned before they are rounded ([`Kernels::turn_weights`]). Those of `down_proj` have
    /// long tails, and rounding them lost half of all that 8 bits lose; the others gain nothing (docs/quantization.md).
    pub(crate) fn is_turned(self) -> bool {
        self == Place::Down
    }

    /// Its name below the layer's in a quantized file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Place::Qkv => "self_attn.qkv_proj",
            Place::Output => "self_attn.o_proj",
            Place::GateUp => "mlp.gate_up_proj",
            Place::Down => "mlp.down_proj",
        }
    }
}

/// Rows of all texts between two layers.
pub(crate) struct States {
    /// `[tokens, hidden_size]`.
    pub(crate) rows: Vec<f32>,
    /// Tokens of each text.
    pub(crate) lengths: Vec<usize>,
}

/// Rows that pass through a layer together, unless a single text has more.
const ROWS: usize = 2048;

/// Columns that a task of a product has at least.
const COLUMNS: usize = 8;

/// Who computes, and the sizes.
#[derive(Clone, Copy)]
pub(crate) struct Pass<'a> {
    pub(crate) kernels: Kernels,
    pub(crate) team: Team<'a>,
    pub(crate) config: &'a Config,
}

impl Pass<'_> {
    /// `states` behind the layer. `observe` sees the rows that each matrix reads, some texts at a time.
    pub(crate) fn layer(
        self,
        layer: &LayerWeights,
        states: &mut States,
        observe: &mut dyn FnMut(Place, &[f32]),
    ) {
        let h = self.config.hidden_size;
        let mut rest = &mut states.rows[..];
        let mut lengths = &states.lengths[..];
        while !lengths.is_empty() {
            let mut count = 0;
            let texts = lengths.iter().take_while(|length| {
                let fits = count == 0 || count + **length <= ROWS;
                count += if fits { **length } else { 0 };
                fits
            });
            let (here, later) = lengths.split_at(texts.count());
            let (rows, others) = rest.split_at_mut(count * h);
            (rest, lengths) = (others, later);
            self.texts(layer, rows, here, observe);
        }
    }

    /// `normed = norm(rows)`, row by row.
    pub(crate) fn norm(self, rows: &[f32], weight: &[f32]) -> Vec<f32> {
        let mut normed = rows.to_vec();
        for row in normed.chunks_exact_mut(weight.len()) {
            let mean = self.kernels.dot(row, row) / row.len() as f32;
            let scale = 1.0 / (mean + self.config.rms_norm_eps).sqrt();
            row.iter_mut()
                .zip(weight)
                .for_each(|(v, w)| *v *= scale * w);
        }
        normed
    }

    fn texts(
        self,
        layer: &LayerWeights,
        rows: &mut [f32],
        lengths: &[usize],
        observe: &mut dyn FnMut(Place, &[f32]),
    ) {
        let (h, width) = (self.config.hidden_size, self.config.intermediate_size);
        let normed = self.norm(rows, &layer.attention_norm);
        observe(Place::Qkv, &normed);
        let qkv = self.product(&normed, &layer.qkv, &layer.qkv_bias, h);
        let context = self.attention(qkv, lengths);
        observe(Place::Output, &context);
        let heads = self.config.num_attention_heads * self.config.head_dim;
        let zeros = vec![0.0; h.max(2 * width)];
        add(
            rows,
            &self.product(&context, &layer.output, &zeros[..h], heads),
        );

        let normed = self.norm(rows, &layer.mlp_norm);
        observe(Place::GateUp, &normed);
        let gate_up = self.product(&normed, &layer.gate_up, &zeros[..2 * width], h);
        let inner: Vec<f32> = gate_up
            .chunks_exact(2 * width)
            .flat_map(|row| {
                let (gate, up) = row.split_at(width);
                gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u)
            })
            .collect();
        observe(Place::Down, &inner);
        add(rows, &self.product(&inner, &layer.down, &zeros[..h], width));
    }

    /// `x · wᵀ + bias`.
    pub(crate) fn product(self, x: &[f32], w: &[f32], bias: &[f32], inputs: usize) -> Vec<f32> {
        let matrix = LinearF32::new(w, bias, inputs);
        let outputs = bias.len();
        let mut y = vec![0.0; x.len() / inputs * outputs];
        let mut rest = MatMut::new(&mut y, outputs);
        let mut tasks = Vec::new();
        for columns in self.team.split(outputs, COLUMNS) {
            let (here, others) = rest.split_cols(columns.len());
            rest = others;
            tasks.push((columns, here));
        }
        self.team.for_each(tasks, |(columns, mut out)| {
            self.kernels.matmul_f32(x, matrix, columns, &mut out);
        });
        y
    }

    /// Causal attention within each text: from `[tokens, q | k | v]` to `[tokens, heads · head_dim]`.
    fn attention(self, mut qkv: Vec<f32>, lengths: &[usize]) -> Vec<f32> {
        let row = self.config.qkv_size();
        let width = self.config.num_attention_heads * self.config.head_dim;
        let mut context = vec![0.0; qkv.len() / row * width];
        let (mut rows, mut out) = (&mut qkv[..], &mut context[..]);
        let mut tasks = Vec::new();
        for length in lengths {
            let (text, others) = rows.split_at_mut(length * row);
            let (to, more) = out.split_at_mut(length * width);
            (rows, out) = (others, more);
            tasks.push((text, to));
        }
        self.team
            .for_each(tasks, |(qkv, out)| self.attend(qkv, out));
        context
    }

    /// Attention of one text. Its queries and keys are turned in place.
    fn attend(self, qkv: &mut [f32], context: &mut [f32]) {
        let Config {
            num_attention_heads: heads,
            num_key_value_heads: kv_heads,
            head_dim: width,
            ..
        } = *self.config;
        let row = self.config.qkv_size();
        let mut angles = Angles::default();
        angles.set(&Rotation::of(self.config), 0..qkv.len() / row);
        for (position, row) in qkv.chunks_exact_mut(row).enumerate() {
            for head in row[..(heads + kv_heads) * width].chunks_exact_mut(width) {
                rotate(head, angles.of(position, 1));
            }
        }
        let scale = 1.0 / (width as f32).sqrt();
        let mut weights = Vec::new();
        for (at, out) in context.chunks_exact_mut(heads * width).enumerate() {
            for (head, out) in out.chunks_exact_mut(width).enumerate() {
                let kv = head / (heads / kv_heads);
                let part = |t: usize, head: usize| &qkv[t * row + head * width..][..width];
                let query = part(at, head);
                weights.clear();
                weights
                    .extend((0..=at).map(|t| self.kernels.dot(query, part(t, heads + kv)) * scale));
                let most = weights.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                weights.iter_mut().for_each(|w| *w = (*w - most).exp());
                let sum: f32 = weights.iter().sum();
                for (t, weight) in weights.iter().enumerate() {
                    let value = part(t, heads + kv_heads + kv);
                    self.kernels.add_scaled(out, weight / sum, value);
                }
            }
        }
    }
}

/// The rotary position of one head: its halves are the two coordinates.
fn rotate(head: &mut [f32], by: Rope<'_>) {
    let (first, second) = head.split_at_mut(head.len() / 2);
    for ((a, b), (cos, sin)) in first.iter_mut().zip(second).zip(by.cos.iter().zip(by.sin)) {
        (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
    }
}

fn add(to: &mut [f32], from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(a, b)| *a += b);
}
