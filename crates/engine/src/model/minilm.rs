//! MiniLM (BERT with six thin layers): word pieces in, one vector a text out.

use kernels::Kernels;

pub use super::config::Config;
use crate::weights::{Tensor, WeightError, Weights};

struct Linear {
    weight: Tensor<f32>,
    bias: Tensor<f32>,
}

struct Norm {
    gamma: Tensor<f32>,
    beta: Tensor<f32>,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    attention_norm: Norm,
    up: Linear,
    down: Linear,
    output_norm: Norm,
}

/// The network with its weights.
pub struct MiniLm {
    config: Config,
    words: Tensor<f32>,
    positions: Tensor<f32>,
    segments: Tensor<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

impl MiniLm {
    /// Takes the tensors out of `weights`.
    pub fn load(weights: &Weights, config: &Config) -> Result<MiniLm, WeightError> {
        let (h, i) = (config.hidden_size, config.intermediate_size);
        let linear = |name: String, n: usize, k: usize| {
            Ok(Linear {
                weight: weights.tensor(&format!("{name}.weight"), &[n, k])?,
                bias: weights.tensor(&format!("{name}.bias"), &[n])?,
            })
        };
        let norm = |name: String| {
            Ok(Norm {
                gamma: weights.tensor(&format!("{name}.weight"), &[h])?,
                beta: weights.tensor(&format!("{name}.bias"), &[h])?,
            })
        };
        let layers = (0..config.num_hidden_layers)
            .map(|l| {
                let at = |part: &str| format!("encoder.layer.{l}.{part}");
                Ok(Layer {
                    query: linear(at("attention.self.query"), h, h)?,
                    key: linear(at("attention.self.key"), h, h)?,
                    value: linear(at("attention.self.value"), h, h)?,
                    output: linear(at("attention.output.dense"), h, h)?,
                    attention_norm: norm(at("attention.output.LayerNorm"))?,
                    up: linear(at("intermediate.dense"), i, h)?,
                    down: linear(at("output.dense"), h, i)?,
                    output_norm: norm(at("output.LayerNorm"))?,
                })
            })
            .collect::<Result<_, WeightError>>()?;
        Ok(MiniLm {
            words: weights.tensor("embeddings.word_embeddings.weight", &[config.vocab_size, h])?,
            positions: weights.tensor(
                "embeddings.position_embeddings.weight",
                &[config.max_position_embeddings, h],
            )?,
            segments: weights.tensor(
                "embeddings.token_type_embeddings.weight",
                &[config.type_vocab_size, h],
            )?,
            norm: norm("embeddings.LayerNorm".into())?,
            layers,
            config: config.clone(),
        })
    }

    /// The mean of the last layer over the tokens of one text, not yet normalised.
    pub fn forward(&self, kernels: Kernels, ids: &[u32]) -> Vec<f32> {
        let h = self.config.hidden_size;
        let eps = self.config.layer_norm_eps;
        let rows = ids.len();
        let mut hidden = Vec::with_capacity(rows * h);
        for (at, &id) in ids.iter().enumerate() {
            let (word, position) = (
                &self.words[id as usize * h..][..h],
                &self.positions[at * h..][..h],
            );
            hidden.extend((0..h).map(|i| word[i] + position[i] + self.segments[i]));
        }
        kernels.layer_norm(&mut hidden, &self.norm.gamma, &self.norm.beta, eps);
        let apply = |linear: &Linear, x: &[f32]| {
            let mut y = vec![0.0; rows * linear.bias.len()];
            kernels.linear_f32(x, &linear.weight, &linear.bias, &mut y);
            y
        };
        for layer in &self.layers {
            let (q, k, v) = (
                apply(&layer.query, &hidden),
                apply(&layer.key, &hidden),
                apply(&layer.value, &hidden),
            );
            let context = self.attention(kernels, rows, &q, &k, &v);
            let attended = apply(&layer.output, &context);
            add(&mut hidden, &attended);
            kernels.layer_norm(
                &mut hidden,
                &layer.attention_norm.gamma,
                &layer.attention_norm.beta,
                eps,
            );
            let mut inner = apply(&layer.up, &hidden);
            kernels.gelu(&mut inner);
            let out = apply(&layer.down, &inner);
            add(&mut hidden, &out);
            kernels.layer_norm(
                &mut hidden,
                &layer.output_norm.gamma,
                &layer.output_norm.beta,
                eps,
            );
        }
        let mut mean = vec![0.0; h];
        for row in hidden.chunks_exact(h) {
            add(&mut mean, row);
        }
        mean.iter_mut().for_each(|v| *v /= rows as f32);
        mean
    }

    fn attention(
        &self,
        kernels: Kernels,
        rows: usize,
        q: &[f32],
        k: &[f32],
        v: &[f32],
    ) -> Vec<f32> {
        let h = self.config.hidden_size;
        let width = h / self.config.num_attention_heads;
        let scale = 1.0 / (width as f32).sqrt();
        let mut context = vec![0.0; rows * h];
        let mut scores = vec![0.0; rows];
        for head in (0..h).step_by(width) {
            for row in 0..rows {
                let query = &q[row * h + head..][..width];
                for (other, score) in scores.iter_mut().enumerate() {
                    let key = &k[other * h + head..][..width];
                    *score = scale * query.iter().zip(key).map(|(a, b)| a * b).sum::<f32>();
                }
                kernels.softmax(&mut scores);
                let out = &mut context[row * h + head..][..width];
                for (other, weight) in scores.iter().enumerate() {
                    let value = &v[other * h + head..][..width];
                    out.iter_mut()
                        .zip(value)
                        .for_each(|(o, v)| *o += weight * v);
                }
            }
        }
        context
    }
}

fn add(to: &mut [f32], what: &[f32]) {
    to.iter_mut().zip(what).for_each(|(a, b)| *a += b);
}
