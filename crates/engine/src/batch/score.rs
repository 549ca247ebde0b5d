//! Choosing among given answers by their probabilities: nothing is generated.

use std::sync::mpsc::Sender;

use super::{Driver, Next, fork_room};

/// Works out how likely each of some labels is after a prompt, in the steps that everybody shares. Labels of one token are
/// read off the prompt's own logits. Where no label has more than two, their first tokens follow in one step, side by side.
/// Of longer ones that would read what beginnings have in common again and again, so those are read one after the other,
/// each common part once.
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
    /// Tokens of the cache that there are for the beginnings.
    room: usize,
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
            room: usize::MAX,
            to,
        }
    }

    /// The same where the cache has only `room` tokens beside the prompt: what does not fit side by side is read one after
    /// the other.
    pub fn within(mut self, room: usize) -> ScoreLabels {
        self.room = room;
        self
    }

    /// Tokens beyond the prompt that are read in all.
    pub fn reads(&self) -> usize {
        // Each beginning continues another, or the prompt, by one.
        self.beginnings.len()
    }

    /// Tokens beyond the prompt that it needs room for at any time.
    pub fn reply(&self) -> usize {
        let lengths = self.beginnings.iter().map(Vec::len);
        match self.side_by_side() {
            true => lengths.map(fork_room).sum(),
            false => lengths.max().unwrap_or(0),
        }
    }

    /// Whether all beginnings can be read at once without reading a token twice.
    fn side_by_side(&self) -> bool {
        self.beginnings.iter().all(|beginning| beginning.len() == 1)
            && self.beginnings.len() * fork_room(1) <= self.room
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
    fn next(&mut self, logits: &mut [f32], length: usize) -> Next {
        let read = match self.at {
            None => {
                self.prompt = length;
                Vec::new()
            }
            Some(at) => self.beginnings[at].clone(),
        };
        self.hear(&read, logits);
        let next = self.at.map_or(0, |at| at + 1);
        let Some(beginning) = self.beginnings.get(next) else {
            self.tell();
            return Next::Done;
        };
        if self.side_by_side() {
            return Next::Forks(self.beginnings.clone());
        }
        let common = read
            .iter()
            .zip(beginning)
            .take_while(|(a, b)| a == b)
            .count();
        let tokens = beginning[common..].to_vec();
        self.at = Some(next);
        Next::Read {
            keep: self.prompt + common,
            tokens,
        }
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

    /// What the driver sends, with the tokens that were read for it and the steps that this took.
    fn scored(labels: &[Vec<u32>], prompt: &[u32]) -> (Vec<f64>, usize, usize) {
        let (to, heard) = mpsc::channel();
        let mut driver = ScoreLabels::new(labels.to_vec(), to);
        let (mut text, mut read, mut steps) = (prompt.to_vec(), 0, 0);
        loop {
            match driver.next(&mut logits(&text), text.len()) {
                Next::Done => break,
                Next::Read { keep, tokens } => {
                    text.truncate(keep);
                    text.extend(&tokens);
                    (read, steps) = (read + tokens.len(), steps + 1);
                    assert!(text.len() <= prompt.len() + driver.reply());
                }
                Next::Forks(forks) => {
                    (read, steps) = (read + forks.iter().map(Vec::len).sum::<usize>(), steps + 1);
                    let after = |fork: &Vec<u32>| logits(&[prompt, fork].concat());
                    driver.forks(forks.iter().map(after).collect());
                    break;
                }
            }
        }
        (heard.recv().unwrap(), read, steps)
    }

    #[test]
    fn without_room_for_forks_each_is_read_by_itself() {
        let labels = vec![vec![1, 2], vec![3, 2], vec![2, 1]];
        let driver = |room| ScoreLabels::new(labels.clone(), mpsc::channel().0).within(room);
        assert_eq!(driver(3 * fork_room(1)).reply(), 3 * fork_room(1));
        let mut tight = driver(3 * fork_room(1) - 1);
        assert_eq!(tight.reply(), 1);
        assert!(matches!(
            tight.next(&mut logits(&[0]), 1),
            Next::Read { .. }
        ));
    }

    #[test]
    fn labels_of_several_tokens_are_scored_as_if_each_were_read_alone() {
        let prompt = vec![3, 1, 2];
        let short = vec![vec![1], vec![1, 2], vec![1, 3], vec![2], vec![0, 1]];
        let long = [&short[..], &[vec![1, 2, 3], vec![1, 3, 0]]].concat();
        for (labels, reads, steps) in [(short, 2, 1), (long, 4, 4)] {
            let (found, read, took) = scored(&labels, &prompt);
            assert_eq!((read, took), (reads, steps), "each token once");
            assert_eq!(
                ScoreLabels::new(labels.clone(), mpsc::channel().0).reads(),
                reads
            );
            for (label, found) in labels.iter().zip(found) {
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
}
