//! Many pairs at once, by meaning alone: what `companion cache check` and the benchmark ask.

use engine::encoder::Encoder;

use super::decide::{Decider, Decision, Side};
use super::gates::Read;
use super::same::same_words;

impl Decider {
    /// For each pair whether an answer stored for the first may serve the second, by meaning alone: same moment, same
    /// journal. Texts that are the same words (see [`same_words`]) serve without being compared.
    pub fn check(&self, encoder: &Encoder, pairs: &[(&str, &str)]) -> Vec<Decision> {
        let texts: Vec<&str> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
        let vectors = encoder.embed(&texts);
        let mut decisions: Vec<Decision> = Vec::with_capacity(pairs.len());
        let mut open = Vec::new();
        for (at, (a, b)) in pairs.iter().enumerate() {
            if same_words(a) == same_words(b) {
                decisions.push(Decision::same());
                continue;
            }
            let (u, v) = (&vectors[2 * at].vector, &vectors[2 * at + 1].vector);
            let similarity: f32 = u.iter().zip(v).map(|(x, y)| x * y).sum();
            let (x, y) = (Read::new(a), Read::new(b));
            let decision = self.weigh(
                Side { text: a, read: &x },
                Side { text: b, read: &y },
                similarity,
            );
            if decision.serves() {
                open.push(at);
            }
            decisions.push(decision);
        }
        let scores = self.judge().map(|judge| {
            let pairs: Vec<(&str, &str, f32)> = open
                .iter()
                .map(|at| (pairs[*at].0, pairs[*at].1, decisions[*at].similarity))
                .collect();
            judge.scores(&pairs)
        });
        for (place, at) in open.iter().enumerate() {
            let score = scores.as_ref().and_then(|s| s.get(place).copied());
            self.settle(&mut decisions[*at], score, 0.0);
        }
        decisions
    }
}
