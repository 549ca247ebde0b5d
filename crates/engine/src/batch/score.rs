//! Choosing among given answers by their probabilities: nothing is generated.

use std::sync::mpsc::Sender;

use super::{Driver, Next};

/// Works out how likely each of some labels is after a prompt, in the steps that everybody shares. Beginnings that
/// labels have in common are read once.
#[derive(Debug)]
pub struct ScoreLabels {
    labels: Vec<Vec<u32>>,
    /// Beginnings of labels after which a token is still to be looked up, in an order in which each continues the one
    /// before, or branches off from it.
    beginnings: Vec<Vec<u32>>,
    /// The place in `beginnings` of the one that is being read; nothing while it is the prompt.
    at: Option<usize>,
    /// Tokens of the prompt; known when it was read.
    prompt: usize,
    log_probabilities: Vec<f64>,
    to: Sender<Vec<f64>>,
}

impl ScoreLabels {
    /// `labels`, each of at least one token. The natural logarithms of their probabilities are sent to `to`, in their
    /// order.
    pub fn new(labels: Vec<Vec<u32>>, to: Sender<Vec<f64>>) -> ScoreLabels {
        let mut beginnings: Vec<Vec<u32>> = labels
            .iter()
            .flat_map(|label| (1..label.len()).map(|end| label[..end].to_vec()))
            .collect();
        beginnings.sort();
        beginnings.dedup();
        ScoreLabels {
            log_probabilities: vec![0.0; labels.len()],
            labels,
            beginnings,
            at: None,
            prompt: 0,
            to,
        }
    }

    /// Tokens beyond the prompt that are read in all.
    pub fn reads(&self) -> usize {
        // Each beginning continues another, or the prompt, by one.
        self.beginnings.len()
    }

    /// Tokens beyond the prompt that it needs at any time.
    pub fn reply(&self) -> usize {
        self.beginnings.iter().map(Vec::len).max().unwrap_or(0)
    }
}

impl Driver for ScoreLabels {
    fn next(&mut self, logits: &mut [f32], length: usize) -> Next {
        let read: &[u32] = match self.at {
            None => &[],
            Some(at) => &self.beginnings[at],
        };
        if self.at.is_none() {
            self.prompt = length;
        }
        let normal = log_sum_exp(logits);
        for (label, sum) in self.labels.iter().zip(&mut self.log_probabilities) {
            if label.starts_with(read)
                && let Some(token) = label.get(read.len())
            {
                let logit = logits.get(*token as usize);
                *sum += logit.map_or(f64::NEG_INFINITY, |logit| f64::from(*logit) - normal);
            }
        }
        let next = self.at.map_or(0, |at| at + 1);
        let Some(beginning) = self.beginnings.get(next) else {
            // Nobody may listen any more.
            let _ = self.to.send(std::mem::take(&mut self.log_probabilities));
            return Next::Done;
        };
        let common = read
            .iter()
            .zip(beginning)
            .take_while(|(a, b)| a == b)
            .count();
        self.at = Some(next);
        Next::Read {
            keep: self.prompt + common,
            tokens: beginning[common..].to_vec(),
        }
    }
}

/// `ln Σ e^x`.
fn log_sum_exp(x: &[f32]) -> f64 {
    let max = x.iter().fold(f32::NEG_INFINITY, |m, v| m.max(*v));
    let sum: f64 = x.iter().map(|v| f64::from(v - max).exp()).sum();
    f64::from(max) + sum.ln()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Probabilities of four tokens after a text: any numbers, as long as they are a function of it.
    fn logits(text: &[u32]) -> Vec<f32> {
        (0..4)
            .map(|i| ((text.iter().sum::<u32>() * 7 + i * 5 + text.len() as u32) % 11) as f32 / 3.0)
            .collect()
    }

    fn log_probability(text: &[u32], token: u32) -> f64 {
        let logits = logits(text);
        f64::from(logits[token as usize]) - log_sum_exp(&logits)
    }

    #[test]
    fn labels_of_several_tokens_are_scored_as_if_each_were_read_alone() {
        let labels = vec![
            vec![1],
            vec![1, 2],
            vec![1, 2, 3],
            vec![1, 3, 0],
            vec![2],
            vec![0, 1],
        ];
        let prompt = vec![3, 1, 2];
        let (to, heard) = mpsc::channel();
        let mut driver = ScoreLabels::new(labels.clone(), to);
        assert_eq!(driver.reply(), 2);
        let (mut text, mut read) = (prompt.clone(), 0);
        loop {
            match driver.next(&mut logits(&text), text.len()) {
                Next::Done => break,
                Next::Read { keep, tokens } => {
                    text.truncate(keep);
                    text.extend(&tokens);
                    read += tokens.len();
                    assert!(text.len() <= prompt.len() + driver_reply(&labels));
                }
            }
        }
        assert_eq!(read, 4, "[1], [1, 2], [1, 3] and [0], each once");
        for (label, found) in labels.iter().zip(heard.recv().unwrap()) {
            let mut text = prompt.clone();
            let mut expected = 0.0;
            for token in label {
                expected += log_probability(&text, *token);
                text.push(*token);
            }
            assert!(
                (found - expected).abs() < 1e-9,
                "{label:?}: {found} {expected}"
            );
        }
    }

    fn driver_reply(labels: &[Vec<u32>]) -> usize {
        labels.iter().map(Vec::len).max().unwrap_or(1) - 1
    }
}
