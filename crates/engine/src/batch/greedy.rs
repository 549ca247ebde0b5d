//! The simplest driver: the likeliest token, a number of times.

use std::sync::mpsc::Sender;

use super::{Driver, Next};

/// Takes the likeliest token until it has made enough, and sends each on.
#[derive(Debug)]
pub struct Greedy {
    left: usize,
    to: Sender<u32>,
}

impl Greedy {
    /// `count` tokens, sent to `to`. Where nobody listens any more it is done.
    pub fn new(count: usize, to: Sender<u32>) -> Greedy {
        Greedy { left: count, to }
    }
}

impl Driver for Greedy {
    fn next(&mut self, logits: &mut [f32], length: usize) -> Next {
        if self.left == 0 {
            return Next::Done;
        }
        let token = likeliest(logits);
        self.left -= 1;
        // The last one need not be read.
        if self.to.send(token).is_err() || self.left == 0 {
            return Next::Done;
        }
        Next::Read {
            keep: length,
            tokens: vec![token],
        }
    }
}

/// The index of the largest of `logits`, the first of them.
fn likeliest(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (index, value) in logits.iter().enumerate() {
        if *value > logits[best] {
            best = index;
        }
    }
    best as u32
}
