//! What the timed gates are worth here: how often they alarm over nothing, and how often they catch a planted slowdown.

use serde::Serialize;

use super::record::Record;
use super::timed::Gate;
use crate::Result;

/// The share of the measured time that is planted.
const PLANTED: f64 = 0.10;

/// Counts of runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Power {
    /// Runs of each kind.
    pub runs: usize,
    /// Each gate.
    pub gates: Vec<PowerRow>,
    /// Runs without anything planted in which any gate alarmed.
    pub false_alarms: usize,
    /// Runs with a planted slowdown everywhere in which any gate alarmed.
    pub caught: usize,
}

/// One gate's counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PowerRow {
    /// The gate.
    pub name: &'static str,
    /// Alarms without anything planted.
    pub false_alarms: usize,
    /// Alarms with 10 % planted.
    pub caught: usize,
}

/// `runs` runs as they are and `runs` with [`PLANTED`], in turns.
pub(super) fn measure(
    gates: &mut [Gate<'_>],
    record: &Record,
    runs: usize,
    on_step: &mut dyn FnMut(&str),
) -> Result<Power> {
    let rows = gates.iter().map(|gate| PowerRow {
        name: gate.name,
        false_alarms: 0,
        caught: 0,
    });
    let mut power = Power {
        runs,
        gates: rows.collect(),
        false_alarms: 0,
        caught: 0,
    };
    for run in 1..=runs {
        on_step(&format!(
            "power: run {run} of {runs}, as it is and made slower"
        ));
        let (mut alarmed, mut caught) = (false, false);
        for (gate, row) in gates.iter_mut().zip(&mut power.gates) {
            if gate.judge(record, 0.0)?.alarm {
                row.false_alarms += 1;
                alarmed = true;
            }
            if gate.judge(record, PLANTED)?.alarm {
                row.caught += 1;
                caught = true;
            }
        }
        power.false_alarms += usize::from(alarmed);
        power.caught += usize::from(caught);
    }
    Ok(power)
}

impl Power {
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "power: {} runs as they are, {} with 10 % planted",
            self.runs, self.runs
        )];
        let row = |name: &str, false_alarms, caught| {
            format!("  {name:<32} {false_alarms:>3} false alarms, {caught:>3} caught")
        };
        lines.extend(
            self.gates
                .iter()
                .map(|g| row(g.name, g.false_alarms, g.caught)),
        );
        lines.push(row("any of them", self.false_alarms, self.caught));
        lines
    }
}
