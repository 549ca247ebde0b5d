//! What the timed gates gave on a machine before.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::timed::Bench;
use super::{GateOptions, TOLERANCE};
use crate::times::percentile;
use crate::{COMMIT, Error, Machine, Result};

/// The version of the file. 1, which named none, held medians beside the scalar kernels.
const VERSION: u32 = 2;
/// Runs that a record is made of.
const RUNS: usize = 5;
/// Standard deviations of a record's own runs that the limit leaves room for.
const ROOM: f64 = 3.0;

/// What a file holds.
#[derive(Debug, Serialize, Deserialize)]
struct Records {
    version: u32,
    /// Each machine's record by its [`key`].
    machines: BTreeMap<String, Record>,
}

/// One machine's record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The commit that it was made with.
    pub commit: String,
    /// Each gate by its name.
    pub gates: BTreeMap<String, RecordedGate>,
}

/// What a gate gave.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RecordedGate {
    /// Median of the runs' ratios.
    pub ratio: f64,
    /// How far the runs scatter, as a share of the ratio: 1.4826 times the median distance from the median.
    pub scatter: f64,
    /// Runs.
    pub runs: usize,
}

impl RecordedGate {
    /// The figures of some runs' ratios.
    pub(super) fn of(ratios: &[f64]) -> RecordedGate {
        let sorted = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values
        };
        let ratio = percentile(&sorted(ratios.to_vec()), 0.5);
        let distances = ratios.iter().map(|r| (r / ratio - 1.0).abs()).collect();
        RecordedGate {
            ratio,
            scatter: 1.4826 * percentile(&sorted(distances), 0.5),
            runs: ratios.len(),
        }
    }

    /// The share by which a later ratio may be larger.
    pub(super) fn tolerance(self) -> f64 {
        TOLERANCE.max(ROOM * self.scatter)
    }

    /// The ratio above which it is an alarm.
    pub(super) fn limit(self) -> f64 {
        self.ratio * (1.0 + self.tolerance())
    }
}

/// Ratios depend on the processor, the kernels and the number of threads, and on nothing else that is known here.
pub(super) fn key(machine: &Machine, kernel: &str) -> String {
    format!("{} / {} cores / {kernel}", machine.cpu, machine.cores)
}

/// This machine's record: its own, else the committed one.
pub(super) fn find(options: &GateOptions, key: &str) -> Result<Option<Record>> {
    for path in std::iter::once(&options.records).chain(&options.committed) {
        if let Some(record) = read(path)?.remove(key) {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

/// A fresh record. The models are opened anew for each run, so that its scatter holds what their place in memory does.
pub(super) fn measure(options: &GateOptions, on_step: &mut dyn FnMut(&str)) -> Result<Record> {
    let mut ratios: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for run in 1..=RUNS {
        on_step(&format!(
            "making this machine's first record: run {run} of {RUNS}"
        ));
        let bench = Bench::open(options)?;
        let mut gates = bench.gates()?;
        for gate in &mut gates {
            let name = gate.name.to_owned();
            ratios.entry(name).or_default().push(gate.measure()?);
        }
    }
    Ok(Record {
        commit: COMMIT.to_owned(),
        gates: ratios
            .into_iter()
            .map(|(name, r)| (name, RecordedGate::of(&r)))
            .collect(),
    })
}

/// Adds the record to the file, which is made where it is missing.
pub(super) fn keep(path: &Path, key: &str, record: &Record) -> Result<()> {
    let mut machines = read(path)?;
    machines.insert(key.to_owned(), record.clone());
    let records = Records {
        version: VERSION,
        machines,
    };
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(io)?;
    }
    let text = serde_json::to_string_pretty(&records).expect("names and numbers");
    fs::write(path, text + "\n").map_err(io)
}

fn read(path: &Path) -> Result<BTreeMap<String, Record>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => {
            return Err(Error::Io {
                path: path.to_owned(),
                source,
            });
        }
    };
    let broken = |error: serde_json::Error| Error::Io {
        path: path.to_owned(),
        source: error.into(),
    };
    let content: serde_json::Value = serde_json::from_slice(&bytes).map_err(broken)?;
    if content.get("version").and_then(serde_json::Value::as_u64) != Some(u64::from(VERSION)) {
        return Err(Error::OtherGates {
            path: path.to_owned(),
        });
    }
    let records: Records = serde_json::from_value(content).map_err(broken)?;
    Ok(records.machines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_record_allows_the_tolerance_and_a_scattered_one_more() {
        let steady = RecordedGate::of(&[0.100, 0.100, 0.101, 0.100, 0.099]);
        assert!((steady.limit() - 0.105).abs() < 0.002, "{steady:?}");
        let scattered = RecordedGate::of(&[0.10, 0.11, 0.09, 0.12, 0.08]);
        assert!(scattered.limit() > 0.13, "{scattered:?}");
    }

    #[test]
    fn a_record_is_found_again_and_another_machine_s_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/records.json");
        let record = Record {
            commit: "abc".to_owned(),
            gates: BTreeMap::from([("work".to_owned(), RecordedGate::of(&[0.5]))]),
        };
        keep(&path, "this one", &record).unwrap();
        let options = |records: &Path, committed| GateOptions {
            models_dir: dir.path().to_owned(),
            tiny: None,
            large: None,
            entries: None,
            program: dir.path().to_owned(),
            records: records.to_owned(),
            committed,
            planted: 0.0,
            power: 0,
        };
        let none = dir.path().join("none.json");
        assert_eq!(
            find(&options(&path, None), "this one").unwrap(),
            Some(record.clone())
        );
        assert_eq!(
            find(&options(&none, Some(path.clone())), "this one").unwrap(),
            Some(record)
        );
        assert_eq!(find(&options(&path, None), "another").unwrap(), None);
        fs::write(&path, "{").unwrap();
        assert!(find(&options(&path, None), "this one").is_err());
    }

    #[test]
    fn a_record_of_another_version_is_refused_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("old.json");
        for old in [
            r#"{"this one": {"commit": "abc", "gates": {}}}"#,
            r#"{"version": 1}"#,
        ] {
            fs::write(&path, old).unwrap();
            let said = read(&path).unwrap_err().to_string();
            assert!(
                said.contains("old.json") && said.contains("delete it"),
                "{said}"
            );
        }
    }
}
