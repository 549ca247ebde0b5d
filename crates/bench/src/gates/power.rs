//! What the timed gates are worth here: how often they alarm over nothing, and how often they catch a planted slowdown.
//!
//! Twenty runs of each kind take most of an hour. What was counted is kept after each pair, beside the machine's record
//! (`power.json`), and a later measurement by the same programs against the same record goes on from there.

use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::record::Record;
use super::timed::Bench;
use super::{GateOptions, Verdict};
use crate::{COMMIT, Error, Result};

/// The share of the measured time that is planted.
const PLANTED: f64 = 0.10;

/// Counts of runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerRow {
    /// The gate.
    pub name: String,
    /// Alarms without anything planted.
    pub false_alarms: usize,
    /// Alarms with 10 % planted.
    pub caught: usize,
    /// Of both kinds, what was too noisy to judge: neither alarm nor pass, and not caught.
    pub too_noisy: usize,
}

/// What was counted so far, and against what.
#[derive(Serialize, Deserialize)]
struct Kept {
    commit: String,
    /// Of what measures and of the program that is started: a commit does not tell of what was changed since.
    programs: [u64; 2],
    record: Record,
    power: Power,
}

impl Kept {
    fn path(options: &GateOptions) -> PathBuf {
        options.records.with_file_name("power.json")
    }

    /// The counts of before, where they are of these programs and this record; what cannot be read is counted anew.
    fn load(path: &Path, programs: [u64; 2], record: &Record) -> Option<Power> {
        let text = std::fs::read_to_string(path).ok()?;
        let kept: Kept = serde_json::from_str(&text).ok()?;
        (kept.programs == programs && kept.record == *record).then_some(kept.power)
    }

    fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).expect("names and numbers");
        std::fs::write(path, text).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })
    }
}

/// A number that another content of the file would hardly have.
fn digest(path: &Path) -> Result<u64> {
    let bytes = std::fs::read(path).map_err(|source| Error::Io {
        path: path.to_owned(),
        source,
    })?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes);
    Ok(hasher.finish())
}

/// `runs` runs as they are and `runs` with [`PLANTED`], in turns. The models are opened anew for each, as they are when the
/// gates run: where they lie in memory is a part of the noise.
pub(super) fn measure(
    options: &GateOptions,
    record: &Record,
    runs: usize,
    on_step: &mut dyn FnMut(&str),
) -> Result<Power> {
    let path = Kept::path(options);
    let measuring = std::env::current_exe().map_err(|source| Error::Io {
        path: "this program".into(),
        source,
    })?;
    let programs = [digest(&measuring)?, digest(&options.program)?];
    let mut power = Kept::load(&path, programs, record).unwrap_or_default();
    while power.runs < runs {
        let run = power.runs + 1;
        on_step(&format!(
            "power: run {run} of {runs}, as it is and made slower; so far {} false alarms, {} caught",
            power.false_alarms, power.caught
        ));
        power.false_alarms += usize::from(power.run(options, record, 0.0)?);
        power.caught += usize::from(power.run(options, record, PLANTED)?);
        power.runs = run;
        let kept = Kept {
            commit: COMMIT.to_owned(),
            programs,
            record: record.clone(),
            power: power.clone(),
        };
        kept.save(&path)?;
    }
    Ok(power)
}

impl Power {
    /// One run, counted gate by gate; whether any alarmed.
    fn run(&mut self, options: &GateOptions, record: &Record, planted: f64) -> Result<bool> {
        let bench = Bench::open(options)?;
        let mut gates = bench.gates()?;
        if self.gates.is_empty() {
            self.gates.extend(gates.iter().map(|gate| PowerRow {
                name: gate.name.to_owned(),
                false_alarms: 0,
                caught: 0,
                too_noisy: 0,
            }));
        }
        let mut any = false;
        for (gate, row) in gates.iter_mut().zip(&mut self.gates) {
            let alarms = match planted {
                0.0 => &mut row.false_alarms,
                _ => &mut row.caught,
            };
            match gate.judge(record, planted)?.verdict {
                Verdict::Passed => {}
                Verdict::Slower => {
                    *alarms += 1;
                    any = true;
                }
                Verdict::TooNoisy => row.too_noisy += 1,
            }
        }
        Ok(any)
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "power: {} runs as they are, {} with 10 % planted",
            self.runs, self.runs
        )];
        let alarms = |name: &str, false_alarms: usize, caught: usize| {
            format!("  {name:<32} {false_alarms:>3} false alarms, {caught:>3} caught")
        };
        lines.extend(self.gates.iter().map(|gate| {
            let alarms = alarms(&gate.name, gate.false_alarms, gate.caught);
            format!("{alarms}, {:>3} too noisy to judge", gate.too_noisy)
        }));
        lines.push(alarms("any of them", self.false_alarms, self.caught));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::super::RecordedGate;
    use super::*;

    #[test]
    fn counts_go_on_for_the_same_programs_and_record_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("power.json");
        let gate = RecordedGate {
            ratio: 0.1 + 0.2,
            scatter: 1.0 / 3.0,
            runs: 5,
        };
        let record = Record {
            commit: "abc".to_owned(),
            gates: [("a gate".to_owned(), gate)].into(),
        };
        let power = Power {
            runs: 3,
            caught: 3,
            ..Power::default()
        };
        let kept = Kept {
            commit: "abc".to_owned(),
            programs: [1, u64::MAX],
            record: record.clone(),
            power: power.clone(),
        };
        assert_eq!(Kept::load(&path, [1, u64::MAX], &record), None);
        kept.save(&path).unwrap();
        assert_eq!(Kept::load(&path, [1, u64::MAX], &record), Some(power));
        assert_eq!(Kept::load(&path, [2, u64::MAX], &record), None);
        let other = Record {
            commit: "abd".to_owned(),
            ..record
        };
        assert_eq!(Kept::load(&path, [1, u64::MAX], &other), None);
    }

    #[test]
    fn another_program_has_another_digest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("program");
        std::fs::write(&path, "one").unwrap();
        let one = digest(&path).unwrap();
        assert_eq!(digest(&path).unwrap(), one);
        std::fs::write(&path, "two").unwrap();
        assert_ne!(digest(&path).unwrap(), one);
    }
}
