//! How much of the activations' range moves into the weights.

use kernels::{Kernels, LinearF32, MatMut, PackedQ, QRows, QShape, Transform, pack_q};

use super::SquaredError;

/// The exponents that are tried; 0 moves nothing.
const STRENGTHS: [f32; 7] = [0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];

/// A packed matrix whose inputs are multiplied by `smooth` before they are quantized.
pub(crate) struct Smoothed {
    pub(crate) packed: PackedQ,
    /// `[inputs]`.
    pub(crate) smooth: Vec<f32>,
    pub(crate) strength: f32,
    /// Of the weights.
    pub(crate) error: SquaredError,
}

/// Packs `weight` (`[outputs, inputs]`) as `shape` says, with the strength that loses least on `sample` (`[rows, inputs]`). `turned`:
/// the groups of its inputs are turned when they are quantized.
pub(crate) fn pack_smoothed(
    kernels: Kernels,
    sample: &[f32],
    weight: &[f32],
    (shape, turned): (QShape, bool),
) -> Smoothed {
    let exact = product(kernels, sample, weight, shape.n, shape.k);
    STRENGTHS
        .into_iter()
        .map(|strength| {
            let smoothed = at_strength(kernels, sample, weight, (shape, turned), strength);
            let loss = loss(kernels, &smoothed, turned, sample, &exact);
            (loss, smoothed)
        })
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, smoothed)| smoothed)
        .expect("there are strengths to try")
}

fn at_strength(
    kernels: Kernels,
    sample: &[f32],
    weight: &[f32],
    (shape, turned): (QShape, bool),
    strength: f32,
) -> Smoothed {
    let inputs = shape.k;
    let factors = factors(sample, weight, inputs, strength);
    let mut scaled: Vec<f32> = weight
        .chunks_exact(inputs)
        .flat_map(|row| row.iter().zip(&factors).map(|(w, f)| w * f))
        .collect();
    if turned {
        kernels.turn_weights(&mut scaled, inputs, shape.group);
    }
    let packed = pack_q(&scaled, shape.n, inputs, shape.group, shape.bits, None)
        .expect("sizes are those of the matrix");
    let mut error = SquaredError::default();
    let columns = weight.chunks_exact(inputs).zip(dequantized(&packed));
    for (column, mut packed) in columns {
        if turned {
            kernels.turn_inputs(&mut packed, inputs, shape.group);
        }
        for ((value, packed), factor) in column.iter().zip(packed).zip(&factors) {
            error.add(*value, packed / factor);
        }
    }
    let smooth = factors.iter().map(|f| 1.0 / f).collect();
    Smoothed {
        packed,
        smooth,
        strength,
        error,
    }
}

/// What each input is divided by: `range(activation)^s / range(weight)^(1 - s)`, with a mean of 1.
fn factors(sample: &[f32], weight: &[f32], inputs: usize, strength: f32) -> Vec<f32> {
    if strength == 0.0 {
        return vec![1.0; inputs];
    }
    let range = |matrix: &[f32], least: f32| {
        let mut range = vec![least; inputs];
        for row in matrix.chunks_exact(inputs) {
            range
                .iter_mut()
                .zip(row)
                .for_each(|(range, v)| *range = range.max(v.abs()));
        }
        range
    };
    let (activations, weights) = (range(sample, 1e-4), range(weight, 1e-5));
    let mut factors: Vec<f32> = activations
        .iter()
        .zip(&weights)
        .map(|(a, w)| a.powf(strength) / w.powf(1.0 - strength))
        .collect();
    let mean = factors.iter().sum::<f32>() / inputs as f32;
    factors
        .iter_mut()
        .for_each(|f| *f = (*f / mean).clamp(1e-3, 1e3));
    factors
}

/// The weights of each column of `packed` as floats.
fn dequantized(packed: &PackedQ) -> impl Iterator<Item = Vec<f32>> {
    (0..packed.shape.n).map(|column| {
        let mut floats = vec![0.0; packed.shape.k];
        packed.view().dequantize_column(column, &mut floats);
        floats
    })
}

/// The squared error of the product.
fn loss(kernels: Kernels, smoothed: &Smoothed, turned: bool, sample: &[f32], exact: &[f32]) -> f64 {
    let packed = &smoothed.packed;
    let (k, group) = (packed.shape.k, packed.shape.group);
    let weight: Vec<f32> = dequantized(packed).flatten().collect();
    let mut bytes = QRows::default();
    bytes.reset(sample.len() / k, k, group);
    let transform = Transform {
        smooth: Some(&smoothed.smooth),
        turned,
    };
    kernels.quantize_rows(sample, transform, bytes.as_mut());
    let rounded: Vec<f32> = (0..sample.len())
        .map(|i| bytes.value(i / k, i % k))
        .collect();
    let got = product(kernels, &rounded, &weight, packed.shape.n, k);
    got.iter()
        .zip(exact)
        .map(|(a, b)| f64::from(a - b).powi(2))
        .sum()
}

fn product(kernels: Kernels, x: &[f32], weight: &[f32], outputs: usize, inputs: usize) -> Vec<f32> {
    let zeros = vec![0.0; outputs];
    let mut y = vec![0.0; x.len() / inputs * outputs];
    let matrix = LinearF32::new(weight, &zeros, inputs);
    kernels.matmul_f32(x, matrix, 0..outputs, &mut MatMut::new(&mut y, outputs));
    y
}
