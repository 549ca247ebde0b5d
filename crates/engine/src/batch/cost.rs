//! How long a step takes, learned from the steps that were run.
//!
//! A step's load is its rows (tokens), each counted once for the matrices and once more for every
//! [`CONTEXT_ROW`] tokens that it attends to. Time over load is flat while the weights are what takes the time, and
//! rises once arithmetic is; where it bends differs by machine and model. So there is no formula: there are points,
//! one for each half power of two, and straight lines between them.

use std::time::Duration;

/// Tokens of context that cost a row of attention as much as the row's matrices do. By operations it is about
/// 15,000 in Qwen2.5-1.5B; attention is done in floats, and is short of that rate.
const CONTEXT_ROW: f64 = 2000.0;

/// Points: loads up to 2^12.
const POINTS: usize = 25;

/// Weight of a new measurement that is lower than what was known, and of one that is higher: who waits is better
/// served by too much caution. A step that was interrupted by another program should not count for long.
const NEW: [f64; 2] = [0.25, 0.5];

/// The same for the lone step. All others are held against it, so caution is to think it short: with the weights above it came
/// out a third too long on a shared machine, and a step that was to take 1.2 times as long took 1.6.
const NEW_LONE: [f64; 2] = [0.5, 0.1];

/// Points that were not seen for so many steps are forgotten, so that one bad moment does not forbid a
/// load for good.
const FORGET: u64 = 500;

/// What one row more is thought to cost before any was measured, as a part of a lone row's step.
const UNKNOWN_SLOPE: f64 = 0.25;

/// What an unknown model's lone step is thought to take.
const UNKNOWN_LONE: f64 = 0.05;

/// The load of reading `tokens` tokens after `position` others.
pub(super) fn load(tokens: usize, position: usize) -> f64 {
    let middle = position as f64 + tokens as f64 / 2.0;
    tokens as f64 * (1.0 + middle / CONTEXT_ROW)
}

#[derive(Debug, Clone, Copy)]
struct Point {
    load: f64,
    seconds: f64,
    seen: u64,
}

/// The times of steps by their load, and the time of a chore's unit.
#[derive(Debug, Clone, Default)]
pub struct Cost {
    points: [Option<Point>; POINTS],
    steps: u64,
    chore_unit: Option<f64>,
}

impl Cost {
    /// Takes in that a step of `load` took `took`.
    pub(super) fn learn(&mut self, load: f64, took: Duration) {
        self.steps += 1;
        let steps = self.steps;
        let place = (2.0 * load.max(1.0).log2()).round() as usize;
        let slot = &mut self.points[place.min(POINTS - 1)];
        let seconds = took.as_secs_f64();
        *slot = Some(match *slot {
            None => Point {
                load,
                seconds,
                seen: steps,
            },
            Some(point) => {
                let weights = if place == 0 { NEW_LONE } else { NEW };
                let weight = weights[usize::from(seconds > point.seconds)];
                // One outlier doubles it at most.
                let seconds = seconds.min(3.0 * point.seconds);
                Point {
                    load: point.load + weight * (load - point.load),
                    seconds: point.seconds + weight * (seconds - point.seconds),
                    seen: steps,
                }
            }
        });
        // The lone step is what all others are held against: it stays.
        for slot in &mut self.points[1..] {
            if slot.is_some_and(|point| steps - point.seen > FORGET) {
                *slot = None;
            }
        }
    }

    /// Takes in that `units` units of a chore took `took`.
    pub(super) fn learn_chore(&mut self, units: usize, took: Duration) {
        let seconds = took.as_secs_f64() / units.max(1) as f64;
        let before = self.chore_unit.unwrap_or(seconds);
        let weight = NEW[usize::from(seconds > before)];
        self.chore_unit = Some(before + weight * (seconds.min(3.0 * before) - before));
    }

    /// Seconds that a step of one row takes.
    pub fn lone(&self) -> f64 {
        self.seconds(1.0)
    }

    /// Seconds that a step of `load` takes, as far as is known.
    pub fn seconds(&self, load: f64) -> f64 {
        let known = || self.points.iter().flatten();
        let below = known().rfind(|point| point.load <= load);
        let above = known().find(|point| point.load > load);
        match (below, above) {
            (Some(a), Some(b)) => {
                let part = (load - a.load) / (b.load - a.load);
                // Noise can make a larger step look faster; nobody should count on that.
                a.seconds + part * (b.seconds - a.seconds).max(0.0)
            }
            (None, Some(b)) => b.seconds,
            (Some(a), None) => {
                let before = known().rfind(|point| point.load < a.load);
                let slope = match before {
                    Some(b) => ((a.seconds - b.seconds) / (a.load - b.load)).max(0.0),
                    None => a.seconds * UNKNOWN_SLOPE / a.load,
                };
                a.seconds + slope * (load - a.load)
            }
            (None, None) => UNKNOWN_LONE * (1.0 + UNKNOWN_SLOPE * (load - 1.0).max(0.0)),
        }
    }

    /// How many tokens after `position` can join a step of `load` so that it takes `seconds` at most. Never so many
    /// that the load leaves what was measured by more than twice.
    pub(super) fn room(&self, load_so_far: f64, position: usize, seconds: f64) -> usize {
        let largest = self.points.iter().flatten().next_back();
        let explored = largest.map_or(4.0, |point| point.load.max(2.0)) * 2.0;
        let fits = |tokens: usize| {
            let whole = load_so_far + load(tokens, position);
            whole <= explored && self.seconds(whole) <= seconds
        };
        let (mut low, mut high) = (0, explored as usize + 1);
        while high - low > 1 {
            let middle = (low + high) / 2;
            if fits(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Units of a chore that take `seconds` at most.
    pub(super) fn chore_room(&self, seconds: f64) -> usize {
        match self.chore_unit {
            Some(unit) if unit > 0.0 => (seconds.max(0.0) / unit) as usize,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that reads weights in 50 ms, and computes 400 rows a second.
    fn took(load: f64) -> Duration {
        Duration::from_secs_f64((load / 400.0).max(0.05) + 0.001 * load.sqrt())
    }

    #[test]
    fn learns_where_the_time_of_a_step_begins_to_rise() {
        let mut cost = Cost::default();
        for _ in 0..30 {
            cost.learn(1.0, took(1.0));
            let rows = cost.room(1.0, 0, 1.5 * cost.lone());
            cost.learn(1.0 + rows as f64, took(1.0 + rows as f64));
        }
        let rows = cost.room(1.0, 0, 1.5 * cost.lone());
        let (lone, full) = (
            took(1.0).as_secs_f64(),
            took(1.0 + rows as f64).as_secs_f64(),
        );
        assert!(full <= 1.55 * lone, "{rows} rows take {full} s, one {lone}");
        assert!(full >= 1.2 * lone, "{rows} rows leave room unused");
    }

    #[test]
    fn interruptions_do_not_make_the_lone_step_longer() {
        let mut cost = Cost::default();
        for i in 0..100 {
            // Every third step was interrupted for as long again.
            let factor = if i % 3 == 0 { 2.0 } else { 1.0 };
            cost.learn(1.0, took(1.0).mul_f64(factor));
        }
        let lone = took(1.0).as_secs_f64();
        assert!(cost.lone() < 1.15 * lone, "{} of {lone}", cost.lone());
    }

    #[test]
    fn an_outlier_is_forgotten() {
        let mut cost = Cost::default();
        for _ in 0..20 {
            cost.learn(1.0, took(1.0));
            cost.learn(8.0, took(8.0));
        }
        let before = cost.room(1.0, 0, 1.5 * cost.lone());
        for _ in 0..20 {
            cost.learn(8.0, Duration::from_secs(1));
        }
        assert!(cost.room(1.0, 0, 1.5 * cost.lone()) < before);
        for _ in 0..=FORGET {
            cost.learn(1.0, took(1.0));
        }
        cost.learn(2.0, took(2.0));
        assert!(cost.room(1.0, 0, 1.5 * cost.lone()) >= 1);
        cost.learn(4.0, took(4.0));
        assert!(cost.room(1.0, 0, 1.5 * cost.lone()) >= 4);
    }

    #[test]
    fn a_token_far_into_a_text_weighs_more() {
        assert_eq!(load(1, 0), 1.0 + 0.5 / CONTEXT_ROW);
        assert!(load(16, 4000) > 2.9 * load(16, 0));
    }
}
