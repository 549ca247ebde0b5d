//! Continuations of a text that are read side by side, each as a fork of it.

use super::Model;
use super::plan::{Piece, Step};
use super::worker::{Own, What, Worker};

/// The forks of one text. What comes after each is kept until all are read, so that a text that loses its slot
/// meanwhile can begin them again.
pub(super) struct Forks {
    texts: Vec<Vec<u32>>,
    /// Logits after the first of `texts`.
    heard: Vec<Vec<f32>>,
}

impl Forks {
    /// None of `texts` is read yet.
    pub(super) fn new(texts: Vec<Vec<u32>>) -> Forks {
        Forks {
            texts,
            heard: Vec::new(),
        }
    }

    /// Tokens of all forks.
    pub(super) fn rows(&self) -> usize {
        self.texts.iter().map(Vec::len).sum()
    }

    /// Whether there is one, and none without tokens.
    pub(super) fn are_sound(&self) -> bool {
        !self.texts.is_empty() && self.texts.iter().all(|text| !text.is_empty())
    }

    /// The forks that a step of `rows` tokens reads: as many whole ones as it has tokens for, one at least. A fork ends with
    /// its step, so that no room is held for it.
    pub(super) fn next(&self, rows: usize) -> &[Vec<u32>] {
        let left = &self.texts[self.heard.len()..];
        let mut sum = 0;
        let fitting = left.iter().take_while(|text| {
            sum += text.len();
            sum <= rows
        });
        let count = fitting.count().max(1).min(left.len());
        &left[..count]
    }

    /// What came after the next ones.
    pub(super) fn hear(&mut self, logits: impl Iterator<Item = Vec<f32>>) {
        self.heard.extend(logits);
    }

    /// Forgets what was heard.
    pub(super) fn restart(&mut self) {
        self.heard.clear();
    }

    /// What came after each, in their order.
    pub(super) fn take_heard(&mut self) -> Vec<Vec<f32>> {
        std::mem::take(&mut self.heard)
    }
}

impl<M: Model> Worker<'_, M> {
    /// The step with the tokens that its pieces read in truth: a text ends before its forks begin, and forks are whole.
    pub(super) fn fitted(&self, step: &Step) -> Step {
        let mut step = step.clone();
        for piece in &mut step.pieces {
            let Some(Own {
                what:
                    What::Text {
                        tokens,
                        sequence,
                        forks: Some(forks),
                        ..
                    },
                ..
            }) = self.own.get(&piece.id)
            else {
                continue;
            };
            let read = match sequence {
                Some(sequence) => M::length(sequence),
                // It is read again up to where it stood before it goes on.
                None => self.shared.lock().scheduler.read_so_far(piece.id),
            };
            piece.count = match tokens.len().saturating_sub(read) {
                0 => forks.next(piece.count).iter().map(Vec::len).sum(),
                left => piece.count.min(left),
            };
        }
        step
    }

    /// The forks that `piece` reads, of a text that has read `read` tokens.
    pub(super) fn next_forks(&self, piece: &Piece, read: usize) -> &[Vec<u32>] {
        match self.own.get(&piece.id).map(|own| &own.what) {
            Some(What::Text {
                tokens,
                forks: Some(forks),
                ..
            }) if read == tokens.len() => forks.next(piece.count),
            _ => &[],
        }
    }

    /// Lets forks hear their part of `logits`, `counts` of them for each of `pieces`, and gives the rest, one a piece.
    pub(super) fn sorted(
        &mut self,
        pieces: &[Piece],
        counts: &[usize],
        logits: Vec<Option<Vec<f32>>>,
    ) -> Vec<Option<Vec<f32>>> {
        let mut logits = logits.into_iter();
        let of = |(piece, count): (&Piece, &usize)| {
            if *count == 0 {
                return logits.next().flatten();
            }
            let heard = logits.by_ref().take(*count).flatten();
            match self.own.get_mut(&piece.id).map(|own| &mut own.what) {
                Some(What::Text {
                    forks: Some(forks), ..
                }) => forks.hear(heard),
                _ => drop(heard.count()),
            }
            None
        };
        pieces.iter().zip(counts).map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_takes_whole_forks_and_one_at_least() {
        let mut forks = Forks::new(vec![vec![1, 2], vec![3], vec![4, 5, 6], vec![7]]);
        assert_eq!(forks.rows(), 7);
        assert_eq!(forks.next(5), [vec![1, 2], vec![3]]);
        assert_eq!(forks.next(7).len(), 4);
        assert_eq!(forks.next(1), [vec![1, 2]]);
        forks.hear([vec![0.0], vec![1.0]].into_iter());
        assert_eq!(forks.next(1), [vec![4, 5, 6]]);
        forks.restart();
        assert_eq!(forks.next(3).len(), 2);
        assert!(forks.are_sound() && !Forks::new(Vec::new()).are_sound());
    }
}
