//! What the layers of a model see when it reads ordinary text.

use kernels::Kernels;

use crate::model::minilm::{Config, MiniLm, Place};
use crate::pool::Team;
use crate::tokenizer::Tokenizer;

/// Sixty sentences in the voice of a journal, and some that are not.
const SENTENCES: &str = include_str!("../../assets/calibration.txt");

/// Rows kept of each layer's input.
const ROWS: usize = 384;

/// Inputs of every linear layer.
pub(crate) struct Sample {
    /// By layer and place: `[rows, inputs]`.
    inputs: std::collections::BTreeMap<(usize, Place), Vec<f32>>,
}

impl Sample {
    /// Rows that the matrix at `place` of `layer` read.
    pub(crate) fn inputs(&self, layer: usize, place: Place) -> &[f32] {
        self.inputs.get(&(layer, place)).map_or(&[], Vec::as_slice)
    }
}

/// The calibration sentences as a batch: word pieces and lengths. Pieces that the model has no row for are
/// left out, as those of a tokenizer that is not its own would be.
fn batch(tokenizer: &Tokenizer, config: &Config) -> (Vec<u32>, Vec<usize>) {
    let (mut ids, mut lengths) = (Vec::new(), Vec::new());
    for sentence in SENTENCES.lines() {
        let start = ids.len();
        ids.push(tokenizer.cls());
        let room = config.max_position_embeddings.saturating_sub(2);
        ids.extend(tokenizer.encode(sentence).into_iter().take(room));
        ids.push(tokenizer.sep());
        lengths.push(ids.len() - start);
    }
    (ids, lengths)
}

/// Lets `model` read the sentences and keeps some of what its layers see.
pub(crate) fn sample(
    model: &MiniLm,
    tokenizer: &Tokenizer,
    config: &Config,
    kernels: Kernels,
    team: Team<'_>,
) -> Sample {
    let (ids, lengths) = batch(tokenizer, config);
    let mut means = vec![0.0; lengths.len() * config.hidden_size];
    let mut sample = Sample {
        inputs: std::collections::BTreeMap::new(),
    };
    model.forward_observed(
        kernels,
        team,
        &ids,
        &lengths,
        &mut means,
        &mut |layer, place, input| {
            let width = input.len() / ids.len();
            let step = ids.len().div_ceil(ROWS);
            let rows = input
                .chunks_exact(width)
                .step_by(step)
                .flatten()
                .copied()
                .collect();
            sample.inputs.insert((layer, place), rows);
        },
    );
    sample
}

/// Mean and smallest cosine between the vectors that two models give the sentences.
pub(crate) fn compare(
    one: &MiniLm,
    other: &MiniLm,
    tokenizer: &Tokenizer,
    config: &Config,
    kernels: Kernels,
    team: Team<'_>,
) -> (f32, f32) {
    let (ids, lengths) = batch(tokenizer, config);
    let vectors = |model: &MiniLm| {
        let mut means = vec![0.0; lengths.len() * config.hidden_size];
        model.forward(kernels, team, &ids, &lengths, &mut means);
        means
            .chunks_exact_mut(config.hidden_size)
            .for_each(|mean| kernels.normalize(mean));
        means
    };
    let (a, b) = (vectors(one), vectors(other));
    let pairs = a
        .chunks_exact(config.hidden_size)
        .zip(b.chunks_exact(config.hidden_size));
    let cosines: Vec<f32> = pairs.map(|(a, b)| kernels.dot(a, b)).collect();
    let mean = cosines.iter().sum::<f32>() / cosines.len() as f32;
    (mean, cosines.iter().copied().fold(f32::INFINITY, f32::min))
}
