//! Choosing among given answers by their probabilities, read from the logits: nothing is generated.

use crate::decoder::{Decoder, Sequence, Work};
use crate::{Error, Result};

/// How likely each of some labels is.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct LabelScores {
    /// The natural logarithm of each label's probability after the prompt, in the order of the labels.
    pub log_probabilities: Vec<f64>,
    /// Each label's share among the labels; together 1.
    pub shares: Vec<f64>,
}

impl LabelScores {
    /// The index of the likeliest label.
    pub fn best(&self) -> usize {
        (0..self.shares.len())
            .max_by(|a, b| self.shares[*a].total_cmp(&self.shares[*b]))
            .unwrap_or(0)
    }
}

/// The probabilities of `labels`, each some tokens, as what follows `sequence` and `rest`.
///
/// The rest of the prompt is read once; labels of several tokens are read as forks of it, all in one step. The
/// sequence has read `rest` afterwards, and can be scored or continued again.
pub fn score_labels(
    decoder: &Decoder,
    sequence: &mut Sequence,
    rest: &[u32],
    labels: &[&[u32]],
) -> Result<LabelScores> {
    if labels.is_empty() || labels.iter().any(|label| label.is_empty()) {
        return Err(Error::Unsupported("a label needs a token at least".into()));
    }
    let mut work = [Work {
        sequence,
        tokens: rest,
        logits: true,
    }];
    let first = decoder.forward(&mut work)?.remove(0);
    let first = first.ok_or_else(|| Error::Unsupported("no logits".into()))?;
    let normal = log_sum_exp(&first);
    let mut log_probabilities: Vec<f64> = labels
        .iter()
        .map(|label| log_probability(&first, normal, label[0]))
        .collect::<Result<_>>()?;
    let vocabulary = decoder.config().vocab_size;
    for (label, sum) in labels.iter().zip(&mut log_probabilities) {
        let (read, said) = (&label[..label.len() - 1], &label[1..]);
        if read.is_empty() {
            continue;
        }
        let mut fork = sequence.fork_for_a_try();
        let logits = decoder.read_all(&mut fork, read)?;
        for (row, token) in logits.chunks_exact(vocabulary).zip(said) {
            *sum += log_probability(row, log_sum_exp(row), *token)?;
        }
    }
    let all = log_sum_exp_f64(&log_probabilities);
    let shares = log_probabilities.iter().map(|p| (p - all).exp()).collect();
    Ok(LabelScores {
        log_probabilities,
        shares,
    })
}

/// The logarithm of the probability of `token`.
fn log_probability(logits: &[f32], normal: f64, token: u32) -> Result<f64> {
    logits
        .get(token as usize)
        .map(|logit| f64::from(*logit) - normal)
        .ok_or_else(|| Error::Unsupported(format!("a label has the unknown token {token}")))
}

/// `ln Σ e^x`.
fn log_sum_exp(x: &[f32]) -> f64 {
    let max = x.iter().fold(f32::NEG_INFINITY, |m, v| m.max(*v));
    let sum: f64 = x.iter().map(|v| f64::from((v - max).exp())).sum();
    f64::from(max) + sum.ln()
}

fn log_sum_exp_f64(x: &[f64]) -> f64 {
    let max = x.iter().fold(f64::NEG_INFINITY, |m, v| m.max(*v));
    max + x.iter().map(|v| (v - max).exp()).sum::<f64>().ln()
}
