//! Times of two models, taken in turn in the same run, so that a noisy machine is noisy to both.

use std::time::Instant;

/// Samples of two things that were measured in turn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pairs {
    /// Of the float model.
    pub before: Vec<f64>,
    /// Of the small one.
    pub after: Vec<f64>,
}

impl Pairs {
    /// Times both `rounds` times in turn, after a round that does not count; who goes first changes. In milliseconds.
    pub fn time<E>(
        rounds: usize,
        before: &mut dyn FnMut() -> Result<(), E>,
        after: &mut dyn FnMut() -> Result<(), E>,
    ) -> Result<Pairs, E> {
        let mut pairs = Pairs::default();
        let clock = |work: &mut dyn FnMut() -> Result<(), E>| {
            let begun = Instant::now();
            work().map(|()| begun.elapsed().as_secs_f64() * 1e3)
        };
        clock(before)?;
        clock(after)?;
        for round in 0..rounds {
            if round % 2 == 0 {
                pairs.before.push(clock(before)?);
                pairs.after.push(clock(after)?);
            } else {
                pairs.after.push(clock(after)?);
                pairs.before.push(clock(before)?);
            }
        }
        Ok(pairs)
    }
}

/// A quarter, half and three quarters of the samples are no larger.
pub(super) struct Quartiles {
    pub(super) low: f64,
    pub(super) middle: f64,
    pub(super) high: f64,
}

impl Quartiles {
    pub(super) fn of(samples: &[f64]) -> Quartiles {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let index = share * sorted.len().saturating_sub(1) as f64;
            sorted
                .get(index.round() as usize)
                .copied()
                .unwrap_or(f64::NAN)
        };
        Quartiles {
            low: at(0.25),
            middle: at(0.5),
            high: at(0.75),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_timed_equally_often_and_take_turns_at_going_first() {
        let order = std::cell::RefCell::new(String::new());
        let say = |what: char| {
            order.borrow_mut().push(what);
            Ok::<(), ()>(())
        };
        let pairs = Pairs::time(3, &mut || say('f'), &mut || say('q')).expect("no error");
        assert_eq!((pairs.before.len(), pairs.after.len()), (3, 3));
        assert_eq!(order.into_inner(), "fqfqqffq");
    }
}
