//! Choosing among given answers by their probabilities: nothing is generated.

use std::sync::mpsc::Sender;

use super::{Driver, Next, fork_room};

/// Works out how likely each of some labels is after a prompt, in the steps that everybody shares. Labels of one token are
/// read off the prompt's own logits; the beginnings of longer ones follow in one step, side by side. Beginnings that
/// labels have in common are read once.
#[derive(Debug)]
pub struct ScoreLabels {
    labels: Vec<Vec<u32>>,
    /// Beginnings of labels after which a token is still to be looked up.
    beginnings: Vec<Vec<u32>>,
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
            to,
        }
    }

    /// Tokens beyond the prompt that are read in all.
    pub fn reads(&self) -> usize {
        self.beginnings.iter().map(Vec::len).sum()
    }

    /// Tokens beyond the prompt that it needs room for at any time.
    pub fn reply(&self) -> usize {
        self.beginnings
            .iter()
            .map(|text| fork_room(text.len()))
            .sum()
    }

    /// Adds what `logits` after `beginning` say of the next token of each label that begins so.
    fn hear(&mut self, beginning: &[u32], logits: &[f32]) {
        let normal = log_sum_exp(logits);
        for (label, sum) in self.labels.iter().zip(&mut self.log_probabilities) {
            if label.starts_with(beginning)
                && let Some(token) = label.get(beginning.len())
            {
                let logit = logits.get(*token as usize);
                *sum += logit.map_or(f64::NEG_INFINITY, |logit| f64::from(*logit) - normal);
            }
        }
    }

    fn tell(&mut self) {
        // Nobody may listen any more.
        let _ = self.to.send(std::mem::take(&mut self.log_probabilities));
    }
}

impl Driver for ScoreLabels {
    fn next(&mut self, logits: &mut [f32], _length: usize) -> Next {
        self.hear(&[], logits);
        if self.beginnings.is_empty() {
            self.tell();
            return Next::Done;
        }
        Next::Forks(self.beginnings.clone())
    }

    fn forks(&mut self, logits: Vec<Vec<f32>>) {
        for (beginning, logits) in std::mem::take(&mut self.beginnings).iter().zip(&logits) {
            self.hear(beginning, logits);
        }
        self.tell();
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
        assert_eq!(driver.reads(), 6);
        let Next::Forks(forks) = driver.next(&mut logits(&prompt), prompt.len()) else {
            panic!("there are labels of several tokens");
        };
        assert_eq!(forks, [vec![0], vec![1], vec![1, 2], vec![1, 3]]);
        let after = |fork: &Vec<u32>| logits(&[&prompt[..], fork].concat());
        driver.forks(forks.iter().map(after).collect());
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
}
