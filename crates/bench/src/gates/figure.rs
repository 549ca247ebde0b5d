//! What a timed gate's blocks say: how long the work takes beside its reference, and whether that is more than before.
//!
//! Whatever else a machine does only ever adds time, so the fast runs say what the work costs, and the median says how
//! busy the neighbours were. A block keeps the fastest of a few runs of each side; the figure is the lower quartile of the
//! work's blocks over that of the reference's, which stays where it is as long as one block in four found the machine free.

use serde::Serialize;

use super::record::RecordedGate;
use crate::Result;
use crate::times::percentile;

/// Sampling may end when the figures of the two halves differ by no more than this share.
const STEADY: f64 = 0.02;
/// Where the halves differ by more, or a record allows for more, a slowdown of 10 % would hide in the noise.
const TOO_NOISY: f64 = 0.08;
/// Blocks between two looks at the halves: who looks after each stops at the first coincidence.
const STRIDE: usize = 8;
/// Blocks that are taken even where the time is over, so that a quartile means something.
const FEWEST: usize = 16;

/// The fastest run of each side, of a few taken one after another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    /// Seconds of the work.
    pub(super) work: f64,
    /// Seconds of the reference.
    pub(super) reference: f64,
    /// Seconds of all its runs together.
    pub(super) spent: f64,
}

/// How much is sampled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// Blocks before a steady figure ends it.
    least: usize,
    /// Seconds after which it ends, steady or not.
    seconds: f64,
}

/// A first measurement, and each of a record. A record takes five of every gate, and all is to end within a quarter of an hour.
pub(super) const FIRST: Effort = Effort {
    least: 40,
    seconds: 10.0,
};
/// The measurement that an alarm has to come again in.
const SECOND: Effort = Effort {
    least: 80,
    seconds: 25.0,
};

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figure {
    /// The work's time as a multiple of the reference's.
    pub(super) ratio: f64,
    /// The same in the first half of the blocks and in the second.
    halves: [f64; 2],
    /// Blocks.
    pub(super) blocks: usize,
}

/// What is said of one gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No slower than the record allows; also without a record.
    Passed,
    /// Slower, in two measurements.
    Slower,
    /// The machine was too restless to tell, now or when the record was made.
    TooNoisy,
}

impl Figure {
    /// Takes blocks until the halves agree or the time is over.
    pub(super) fn sample(
        effort: Effort,
        mut next: impl FnMut() -> Result<Block>,
    ) -> Result<Figure> {
        let mut blocks = Vec::new();
        loop {
            for _ in 0..STRIDE {
                blocks.push(next()?);
            }
            let figure = Figure::of(&blocks);
            let spent: f64 = blocks.iter().map(|block| block.spent).sum();
            let steady = blocks.len() >= effort.least && figure.disagreement() <= STEADY;
            if blocks.len() >= FEWEST && (steady || spent >= effort.seconds) {
                return Ok(figure);
            }
        }
    }

    fn of(blocks: &[Block]) -> Figure {
        let (first, second) = blocks.split_at(blocks.len() / 2);
        Figure {
            ratio: ratio(blocks),
            halves: [ratio(first), ratio(second)],
            blocks: blocks.len(),
        }
    }

    fn disagreement(&self) -> f64 {
        let [a, b] = self.halves;
        a.max(b) / a.min(b) - 1.0
    }

    /// Noise takes away the right to pass, and that to alarm unless even the lower half is above the limit: else work that
    /// became slow and restless at once would never be told of.
    fn verdict(&self, known: RecordedGate) -> Verdict {
        let noisy = known.tolerance() > TOO_NOISY || self.disagreement() > TOO_NOISY;
        let [a, b] = self.halves;
        let figure = if noisy { a.min(b) } else { self.ratio };
        match (figure > known.limit(), noisy) {
            (true, _) => Verdict::Slower,
            (false, true) => Verdict::TooNoisy,
            (false, false) => Verdict::Passed,
        }
    }
}

/// Measures, and where that does not pass measures again and longer; then the second alone counts.
pub(super) fn judge(
    known: Option<RecordedGate>,
    mut next: impl FnMut() -> Result<Block>,
) -> Result<(Figure, Verdict)> {
    let verdict = |figure: &Figure| known.map_or(Verdict::Passed, |known| figure.verdict(known));
    let first = Figure::sample(FIRST, &mut next)?;
    if verdict(&first) == Verdict::Passed {
        return Ok((first, Verdict::Passed));
    }
    let second = Figure::sample(SECOND, &mut next)?;
    Ok((second, verdict(&second)))
}

fn ratio(blocks: &[Block]) -> f64 {
    let low = |side: fn(&Block) -> f64| {
        let mut times: Vec<f64> = blocks.iter().map(side).collect();
        times.sort_by(f64::total_cmp);
        percentile(&times, 0.25)
    };
    low(|block| block.work) / low(|block| block.reference)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gates::timed::REPEATS;
    use crate::sample::Random;

    /// A machine whose time is counted and not spent. Noise only adds, to both sides alike.
    struct Machine {
        random: Random,
        noise: Noise,
        now: f64,
        layout: f64,
    }

    #[derive(Clone, Copy)]
    struct Noise {
        /// Share of the runs that a neighbour disturbs.
        disturbed: f64,
        /// By what share of its time on average, with an exponential tail.
        by: f64,
        /// Share of every two seconds in which all runs take at least 30 % and on average 80 % more.
        burst: f64,
    }

    const QUIET: Noise = Noise {
        disturbed: 0.05,
        by: 0.1,
        burst: 0.0,
    };
    const NEIGHBOURS: Noise = Noise {
        disturbed: 0.6,
        by: 0.3,
        burst: 0.0,
    };
    const BURSTS: Noise = Noise {
        disturbed: 0.2,
        by: 0.2,
        burst: 0.5,
    };

    impl Machine {
        fn new(seed: u64, noise: Noise) -> Machine {
            Machine {
                random: Random(seed),
                noise,
                now: 0.0,
                layout: 1.0,
            }
        }

        fn share(&mut self) -> f64 {
            (self.random.below(1_000_000) as f64 + 0.5) / 1e6
        }

        fn tail(&mut self, mean: f64) -> f64 {
            -mean * self.share().ln()
        }

        /// A new start of the program: the work lies elsewhere in memory, and takes up to 1 % more or less.
        fn restart(&mut self) {
            self.layout = 1.0 + 0.02 * (self.share() - 0.5);
        }

        fn run(&mut self, base: f64) -> f64 {
            let mut times = 1.0 + self.tail(0.005);
            if self.share() < self.noise.disturbed {
                times += self.tail(self.noise.by);
            }
            if self.now % 2.0 < 2.0 * self.noise.burst {
                times += 0.3 + self.tail(0.5);
            }
            self.now += base * times;
            base * times
        }

        fn fastest(&mut self, base: f64) -> f64 {
            (0..REPEATS).fold(f64::INFINITY, |fastest, _| fastest.min(self.run(base)))
        }

        fn block(&mut self, slowdown: f64) -> Result<Block> {
            let begun = self.now;
            Ok(Block {
                work: self.fastest(0.003 * self.layout) * (1.0 + slowdown),
                reference: self.fastest(0.0025),
                spent: self.now - begun,
            })
        }

        fn record(&mut self) -> RecordedGate {
            let ratios: Vec<f64> = (0..5)
                .map(|_| {
                    self.restart();
                    let figure = Figure::sample(FIRST, || self.block(0.0));
                    figure.unwrap().ratio
                })
                .collect();
            RecordedGate::of(&ratios)
        }

        fn judge(&mut self, known: RecordedGate, slowdown: f64) -> Verdict {
            self.restart();
            judge(Some(known), || self.block(slowdown)).unwrap().1
        }
    }

    /// Of twenty runs as they are and twenty made slower, how many alarm.
    fn alarms(machine: &mut Machine) -> [usize; 2] {
        let known = machine.record();
        let mut alarms = [0; 2];
        for _ in 0..20 {
            for (alarms, slowdown) in alarms.iter_mut().zip([0.0, 0.10]) {
                *alarms += usize::from(machine.judge(known, slowdown) == Verdict::Slower);
            }
        }
        alarms
    }

    #[test]
    fn ten_percent_are_caught_in_19_of_20_runs_and_8_gates_alarm_over_nothing_once_at_most() {
        for (name, noise) in [
            ("quiet", QUIET),
            ("neighbours", NEIGHBOURS),
            ("bursts", BURSTS),
        ] {
            let mut machine = Machine::new(1, noise);
            let gates: Vec<[usize; 2]> = (0..8).map(|_| alarms(&mut machine)).collect();
            let over_nothing: usize = gates.iter().map(|[nothing, _]| nothing).sum();
            assert!(over_nothing <= 1, "{name}: {gates:?}");
            assert!(
                gates.iter().all(|[_, caught]| *caught >= 19),
                "{name}: {gates:?}"
            );
        }
    }

    fn known(ratio: f64, scatter: f64) -> RecordedGate {
        RecordedGate {
            ratio,
            scatter,
            runs: 5,
        }
    }

    /// Blocks of 0.1 s whose work takes `first` times the reference in the first four seconds, and `then` after.
    fn turning(first: f64, then: f64) -> impl FnMut() -> Result<Block> {
        let mut taken = 0;
        move || {
            taken += 1;
            Ok(Block {
                work: if taken <= 40 { first } else { then },
                reference: 1.0,
                spent: 0.1,
            })
        }
    }

    #[test]
    fn a_machine_that_changes_halfway_gets_no_verdict_unless_all_of_it_is_above_the_limit() {
        for (first, then, expected) in [
            (1.0, 1.0, Verdict::Passed),
            (1.2, 1.2, Verdict::Slower),
            (0.9, 1.2, Verdict::TooNoisy),
            (1.2, 1.5, Verdict::Slower),
        ] {
            // Eighty blocks, with the change in their middle.
            let effort = Effort {
                least: 80,
                seconds: 7.9,
            };
            let figure = Figure::sample(effort, turning(first, then)).unwrap();
            let verdict = figure.verdict(known(1.0, 0.0));
            assert_eq!(verdict, expected, "{first} {then}: {figure:?}");
        }
    }

    #[test]
    fn a_record_that_scattered_lets_nothing_pass() {
        let (_, verdict) = judge(Some(known(1.0, 0.05)), turning(1.0, 1.0)).unwrap();
        assert_eq!(verdict, Verdict::TooNoisy);
    }

    #[test]
    fn an_alarm_that_does_not_come_again_is_none() {
        let (figure, verdict) = judge(Some(known(1.0, 0.0)), turning(1.2, 1.0)).unwrap();
        assert_eq!((figure.blocks, verdict), (80, Verdict::Passed));
    }

    #[test]
    fn a_gate_without_a_record_never_alarms() {
        let (figure, verdict) = judge(None, turning(9.0, 9.0)).unwrap();
        assert_eq!((figure.blocks, verdict), (40, Verdict::Passed));
    }
}
