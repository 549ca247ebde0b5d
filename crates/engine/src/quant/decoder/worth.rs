//! What 8 bits are worth for each matrix of a `mixed` model.
//!
//! The measure is one for all matrices: the squared error that its 4 bits put into the rows between the layers, as a
//! part of what these rows are. For a matrix that writes to them it is the relative error of its outputs, weighed by
//! how much of the rows the branch makes up; a matrix inside of a branch passes its relative error on to what the
//! branch writes; and the head's error stands directly in the logits.

use std::collections::BTreeMap;

use kernels::QShape;

use super::balance::balance;
use super::moments::Moments;
use super::pass::{Pass, Place, States};
use super::plan::{self, Planned, What, Worth};
use super::rounding::{Inputs, Loss, round_matrix};
use super::write::{embed, observe, read_layer};
use super::{DecoderQuant, Hands, Target, mixed_bytes};
use crate::Result;
use crate::generate::SplitMix64;
use crate::model::qwen2::Config;
use crate::weights::Source;

/// Tokens of the calibration texts that this is measured on.
const TOKENS: usize = 2048;

/// One panel of this many is quantized on trial.
const PANELS_EVERY: usize = 8;

/// Gives 8 bits to the matrices of `planned` where they remove most of the error a byte, within the budget.
pub(crate) fn spend_bits(
    hands: Hands<'_>,
    source: &Source,
    config: &Config,
    texts: &[Vec<u32>],
    options: &DecoderQuant,
    planned: &mut [Planned],
) -> Result<()> {
    let gains = gains(hands, source, config, texts, planned)?;
    let budget = (options.budget_bytes).unwrap_or_else(|| mixed_bytes(config));
    spend_budget(config, &gains, (options, budget), planned);
    Ok(())
}

/// Every matrix of a network whose weights nobody measured, in the order of the file. In `mixed`, 8 bits are spent as
/// quantizing spends them, on tied embeddings first, and among the layers as chance has it: which of them would gain
/// most is not known. Tables that are not tied keep 4 bits, as a byte does less for them than for a layer.
pub(crate) fn unmeasured(config: &Config, to: Target) -> Vec<Planned> {
    let options = DecoderQuant {
        to,
        group: None,
        budget_bytes: None,
    };
    let mut planned = plan::matrices(config, &options);
    if to == Target::Mixed {
        // Always the same, so that a shape has one size and one speed.
        let mut random = SplitMix64(1);
        let mut gain = |planned: &Planned| match planned.what {
            What::Layer(..) => plan::bytes(planned.shape) as f64 * (1.0 + random.unit()),
            What::Embeddings if config.tie_word_embeddings => f64::INFINITY,
            What::Embeddings | What::Head => 0.0,
        };
        let gains: Vec<f64> = planned.iter().map(&mut gain).collect();
        spend_budget(
            config,
            &gains,
            (&options, mixed_bytes(config)),
            &mut planned,
        );
    }
    planned
}

/// Gives 8 bits to those of `planned` that `gains` says it is worth most for, so that the file has `budget` bytes at most.
fn spend_budget(
    config: &Config,
    gains: &[f64],
    (options, budget): (&DecoderQuant, u64),
    planned: &mut [Planned],
) {
    let spent = planned.iter().map(|p| plan::bytes(p.shape)).sum::<u64>() + floats(config);
    let eight = |planned: &Planned| plan::in_eight_bits(planned, options);
    let worths: Vec<Worth> = (planned.iter().zip(gains))
        .map(|(planned, gain)| Worth {
            gain: *gain,
            bytes: plan::bytes(eight(planned)) - plan::bytes(planned.shape),
        })
        .collect();
    for i in plan::spend(&worths, budget.saturating_sub(spent)) {
        planned[i].shape = eight(&planned[i]);
    }
}

/// Bytes of norms and biases, and room for the header.
pub(super) fn floats(config: &Config) -> u64 {
    let bias = if config.has_qkv_bias() {
        config.qkv_size()
    } else {
        0
    };
    let layer = 4 * (2 * config.hidden_size + bias) + 2048;
    (config.num_hidden_layers * layer + 4 * config.hidden_size + 4096) as u64
}

/// For every matrix, the error that goes away with 8 bits.
fn gains(
    hands: Hands<'_>,
    source: &Source,
    config: &Config,
    texts: &[Vec<u32>],
    planned: &[Planned],
) -> Result<Vec<f64>> {
    let texts = first_tokens(texts);
    let mut states = embed(source, config, &texts)?;
    let pass = Pass {
        kernels: hands.kernels,
        team: hands.team,
        config,
    };
    let shape_of = |what: What| plan::shape_of(planned, what);
    let mut gains: BTreeMap<(usize, Place), f64> = BTreeMap::new();
    let squares = |rows: &[f32]| f64::from(hands.kernels.dot(rows, rows));
    let mut embedded = squares(&states.rows);
    for l in 0..config.num_hidden_layers {
        let mut layer = read_layer(source, config, l)?;
        let shape_of = |place| shape_of(What::Layer(l, place));
        balance(hands, pass, &mut layer, &states, shape_of);
        let inputs = observe(hands, pass, &layer, &states, shape_of);
        let mut losses: BTreeMap<Place, Loss> = BTreeMap::new();
        for place in Place::ALL {
            let (shape, turned) = (shape_of(place), place.is_turned());
            let loss = trial(
                hands,
                layer.matrix(place),
                (shape, turned),
                inputs.get(&place),
            );
            losses.insert(place, loss);
        }
        pass.layer(&layer, &mut states, &mut |_, _| {});
        let rows = states.rows.len() / config.hidden_size;
        let total = squares(&states.rows) / rows.max(1) as f64;
        if l == 0 {
            embedded /= squares(&states.rows).max(f64::MIN_POSITIVE);
        }
        for place in Place::ALL {
            let branch = match place {
                Place::Qkv | Place::Output => losses[&Place::Output],
                Place::GateUp | Place::Down => losses[&Place::Down],
            };
            let share = branch.outputs.power() / total.max(f64::MIN_POSITIVE);
            let relative = f64::from(losses[&place].outputs.relative());
            gains.insert((l, place), relative * relative * share);
        }
    }
    // Tied embeddings come before all else, where they fit: their error stands at both ends of the network and shows more
    // than the sum of the two says. With 8 bits for them companion-tiny lost 0.0060 nats, with those that the sum chose 0.0084.
    let (head_gain, looked_up) = match config.tie_word_embeddings {
        true => (0.0, f64::INFINITY),
        false => {
            let loss = trial_of_head(hands, source, pass, &states, planned)?;
            let relative = |of: f32| f64::from(of).powi(2);
            // What is looked up stands in the rows from the first layer on, as much of it as they are made up of.
            (
                relative(loss.outputs.relative()),
                relative(loss.weights.relative()) * embedded,
            )
        }
    };
    let gain = |planned: &Planned| match planned.what {
        What::Layer(l, place) => gains[&(l, place)],
        What::Head => head_gain,
        What::Embeddings => looked_up,
    };
    Ok(planned.iter().map(gain).collect())
}

/// The loss of the first rows of the head, which is the last of `planned`, on what the layers made of the texts.
fn trial_of_head(
    hands: Hands<'_>,
    source: &Source,
    pass: Pass<'_>,
    states: &States,
    planned: &[Planned],
) -> Result<Loss> {
    let width = pass.config.hidden_size;
    let norm = source.floats("model.norm.weight", &[width])?;
    let mut moments = Moments::new(width);
    moments.add(hands.kernels, hands.team, &pass.norm(&states.rows, &norm));
    let inputs = Inputs::new(moments, hands.team);
    let head = planned.last().expect("there is a table");
    let rows = PANEL_ROWS.min(head.shape.n);
    let mut weights = vec![0.0; rows * width];
    let name = format!("{}.weight", head.name);
    let table = [pass.config.vocab_size, width];
    source.rows(&name, &table, 0..rows, &mut weights)?;
    let shape = QShape {
        n: rows,
        ..head.shape
    };
    Ok(trial(hands, &weights, (shape, false), Some(&inputs)))
}

/// Rows of the head that are quantized on trial.
const PANEL_ROWS: usize = 2048;

/// The loss of some panels of `w`, with the power of all of it; of its groups turned where `inputs` saw them so.
fn trial(
    hands: Hands<'_>,
    w: &[f32],
    (shape, turned): (QShape, bool),
    inputs: Option<&Inputs>,
) -> Loss {
    let panel = kernels::PANEL * shape.k;
    let mut sample: Vec<f32> = w
        .chunks(panel)
        .step_by(PANELS_EVERY)
        .flatten()
        .copied()
        .collect();
    let part = QShape {
        n: sample.len() / shape.k,
        ..shape
    };
    if turned {
        (hands.kernels).turn_weights(&mut sample, shape.k, shape.group);
    }
    let mut loss = round_matrix(hands.kernels, hands.team, &sample, part, inputs).loss;
    loss.outputs
        .scale(shape.n as f64 / part.n as f64 * super::rounding::MEASURED_EVERY as f64);
    loss
}

/// The texts from the front, up to [`TOKENS`].
fn first_tokens(texts: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let mut left = TOKENS;
    let mut chosen = Vec::new();
    for text in texts {
        let count = text.len().min(left);
        if count == 0 {
            break;
        }
        chosen.push(text[..count].to_vec());
        left -= count;
    }
    chosen
}
