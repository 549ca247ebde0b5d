//! Moving the range of a layer's inputs into its weights before they are rounded (Xiao et al. 2023, "SmoothQuant").
//!
//! Some channels of a trained network's rows are many times as large as the others and would take the range of a group for
//! themselves. The inputs of a matrix behind a norm can be divided by factors that the norm takes up, and its weights be
//! multiplied by them: the product is the same, and nothing more is computed when the model runs.

use kernels::{PANEL, QShape};

use super::Hands;
use super::pass::{LayerWeights, Pass, Place, States};
use crate::quant::smooth::pack_smoothed;

/// Texts that the factors are tried on, and tokens of each, from their beginning: the first token of a text has the
/// largest channels of all.
const TEXTS: usize = 16;
const TOKENS: usize = 16;

/// One panel of this many is rounded on trial.
const PANELS_EVERY: usize = 16;

/// Gives the matrices behind the norms of `layer` the factors by which their outputs lose least, if any does. `shape`
/// says what a matrix will be rounded to; `states` are the rows before the layer. Without texts nothing changes.
pub(super) fn balance(
    hands: Hands<'_>,
    pass: Pass<'_>,
    layer: &mut LayerWeights,
    states: &States,
    shape: impl Fn(Place) -> QShape,
) {
    let mut sample = beginnings(states, pass.config.hidden_size);
    let mut seen = [Vec::new(), Vec::new()];
    pass.layer(layer, &mut sample, &mut |place, rows| match place {
        Place::Qkv => seen[0].extend_from_slice(rows),
        Place::GateUp => seen[1].extend_from_slice(rows),
        Place::Output | Place::Down => {}
    });
    for (place, rows) in [Place::Qkv, Place::GateUp].into_iter().zip(seen) {
        if rows.is_empty() {
            continue;
        }
        let shape = shape(place);
        let panels = (layer.matrix(place).chunks(PANEL * shape.k)).step_by(PANELS_EVERY);
        let panels: Vec<f32> = panels.flatten().copied().collect();
        let part = QShape {
            n: panels.len() / shape.k,
            ..shape
        };
        let smoothed = pack_smoothed(hands.kernels, &rows, &panels, (part, false));
        if smoothed.strength == 0.0 {
            continue;
        }
        let norm = match place {
            Place::Qkv => &mut layer.attention_norm,
            _ => &mut layer.mlp_norm,
        };
        (norm.iter_mut().zip(&smoothed.smooth)).for_each(|(norm, s)| *norm *= s);
        for row in layer.matrix(place).chunks_exact_mut(shape.k) {
            (row.iter_mut().zip(&smoothed.smooth)).for_each(|(weight, s)| *weight /= s);
        }
    }
}

/// The first rows of the first texts.
fn beginnings(states: &States, width: usize) -> States {
    let (mut rows, mut lengths, mut at) = (Vec::new(), Vec::new(), 0);
    for length in states.lengths.iter().take(TEXTS) {
        let count = TOKENS.min(*length);
        rows.extend_from_slice(&states.rows[at * width..][..count * width]);
        lengths.push(count);
        at += length;
    }
    States { rows, lengths }
}

#[cfg(test)]
mod tests {
    use kernels::Kernels;

    use super::*;
    use crate::model::qwen2::Config;
    use crate::pool::Team;
    use crate::synth::config_of;

    /// Numbers around zero, the same each time.
    fn noise(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn a_channel_that_stands_out_moves_into_the_weights_and_products_stay() {
        let config = Config {
            hidden_size: 64,
            num_attention_heads: 2,
            num_key_value_heads: 1,
            head_dim: 32,
            intermediate_size: 64,
            ..config_of("qwen2.5-0.5b").expect("a shape")
        };
        let (h, qkv) = (config.hidden_size, config.qkv_size());
        let mut layer = LayerWeights {
            attention_norm: vec![1.0; h],
            qkv: noise(qkv * h, 1),
            qkv_bias: vec![0.0; qkv],
            output: noise(h * h, 2),
            mlp_norm: vec![1.0; h],
            gate_up: noise(2 * config.intermediate_size * h, 3),
            down: noise(h * config.intermediate_size, 4),
        };
        layer.attention_norm[5] = 40.0;
        let states = States {
            rows: noise(20 * h, 5),
            lengths: vec![12, 8],
        };
        let hands = Hands {
            kernels: Kernels::scalar(),
            team: Team::Alone,
        };
        let pass = Pass {
            kernels: hands.kernels,
            team: hands.team,
            config: &config,
        };
        let products = |layer: &LayerWeights| {
            let normed = pass.norm(&states.rows, &layer.attention_norm);
            pass.product(&normed, &layer.qkv, &layer.qkv_bias, h)
        };
        let before = products(&layer);
        let shape = |place: Place| {
            let outputs = match place {
                Place::Qkv => qkv,
                _ => 2 * config.intermediate_size,
            };
            QShape::new(outputs, h, 64, 8).expect("a shape")
        };
        balance(hands, pass, &mut layer, &states, shape);
        let others = layer.attention_norm.iter().sum::<f32>() - layer.attention_norm[5];
        let stands_out = layer.attention_norm[5] / (others / (h - 1) as f32);
        assert!(stands_out < 20.0, "{stands_out}");
        let most = before.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
        for (before, after) in before.iter().zip(products(&layer)) {
            assert!((before - after).abs() < 1e-4 * most, "{before} {after}");
        }
        // Nothing is known of a layer without texts.
        let norm = layer.attention_norm.clone();
        let nothing = States {
            rows: Vec::new(),
            lengths: Vec::new(),
        };
        balance(hands, pass, &mut layer, &nothing, shape);
        assert_eq!(layer.attention_norm, norm);
    }
}
