//! Regression gates: whether a change made Companion slower, larger or less right, told apart from the machine's noise.
//!
//! A time alone says nothing on a shared machine. So every timed gate ([`timed`]) takes its work and a reference in turns
//! (vector loads from the cache or from memory, one text after another instead of together, or an empty process), and compares
//! the fast runs of one with those of the other ([`figure`]). The ratio is compared with the machine's own record ([`record`]);
//! an alarm counts only when it comes again in a second, longer measurement, and a machine too restless for a verdict gets
//! none. [`power`] says what that is worth, by planting a slowdown and counting what is caught.
//!
//! What needs no clock ([`steady`]) is judged against limits that no machine excuses.

mod figure;
mod power;
mod record;
mod steady;
mod timed;

use std::path::PathBuf;

use serde::Serialize;

use crate::{COMMIT, Machine, Result};

pub use figure::Verdict;
pub use power::{Power, PowerRow};
pub use record::{Record, RecordedGate};
pub use steady::Limit;

/// Slower than the record by more than this share is an alarm; more, where the record's own runs scatter more.
const TOLERANCE: f64 = 0.05;

/// What to judge, and with what.
#[derive(Debug, Clone)]
pub struct GateOptions {
    /// The folder of installed models; `minilm-int8` and `minilm` are needed.
    pub models_dir: PathBuf,
    /// A small decoder in floats (a Hugging Face folder), which is quantized into a temporary folder.
    pub tiny: Option<PathBuf>,
    /// A large decoder in `models_dir` whose memory is judged.
    pub large: Option<String>,
    /// Labelled entries (JSON lines with `text` and `sentiment`) on which the loss of INT8 is judged.
    pub entries: Option<PathBuf>,
    /// The program to start.
    pub program: PathBuf,
    /// Where this machine's record is looked for first (read) and kept (written where it has none).
    pub records: PathBuf,
    /// Records of other machines, committed; only read.
    pub committed: Option<PathBuf>,
    /// Share by which the measured work is made slower on purpose; 0 but to see the gates close.
    pub planted: f64,
    /// Runs of each kind, planted and not, of the measurement of power; 0: none.
    pub power: usize,
}

/// What the gates say.
#[derive(Debug, Clone, Serialize)]
pub struct GateReport {
    /// Where it ran.
    pub machine: Machine,
    /// The kernels in use.
    pub kernel: &'static str,
    /// The commit this was built from.
    pub commit: &'static str,
    /// Whether this machine had a record; without one, one was made, and the timed gates compare with minutes ago.
    pub had_record: bool,
    /// The share planted.
    pub planted: f64,
    /// Times.
    pub timed: Vec<TimedGate>,
    /// What needs no clock.
    pub limits: Vec<Limit>,
    /// How well the timed gates see, where that was asked for.
    pub power: Option<Power>,
}

/// One timed gate.
#[derive(Debug, Clone, Serialize)]
pub struct TimedGate {
    /// What was timed.
    pub name: &'static str,
    /// Beside what.
    pub beside: &'static str,
    /// Median time of the work, milliseconds.
    pub work_ms: f64,
    /// Its 95th percentile; absent below 100 runs.
    pub work_p95_ms: Option<f64>,
    /// Lower quartile of the work's times over that of the reference's.
    pub ratio: f64,
    /// The record's.
    pub recorded: f64,
    /// Above this ratio it is an alarm.
    pub limit: f64,
    /// Blocks of the measurement that the verdict rests on.
    pub n: usize,
    /// What the measurement says, or that it cannot.
    pub verdict: Verdict,
}

impl GateReport {
    /// Whether nothing alarmed. What was too noisy to judge did not.
    pub fn passed(&self) -> bool {
        self.limits_passed() && self.verdicts(Verdict::Slower) == 0
    }

    /// How many timed gates got this verdict.
    fn verdicts(&self, verdict: Verdict) -> usize {
        let gates = self.timed.iter();
        gates.filter(|gate| gate.verdict == verdict).count()
    }

    /// Whether what needs no clock is within its limits.
    pub fn limits_passed(&self) -> bool {
        self.limits.iter().all(|limit| limit.passed != Some(false))
    }

    /// What was judged and what was not, in one line: who reads nothing else is not to take silence for a pass.
    fn summary(&self) -> String {
        let said = |passed| self.limits.iter().filter(|l| l.passed == passed).count();
        format!(
            "times: {} as before, {} slower, {} too noisy to judge; limits: {} kept, {} broken, {} not measured",
            self.verdicts(Verdict::Passed),
            self.verdicts(Verdict::Slower),
            self.verdicts(Verdict::TooNoisy),
            said(Some(true)),
            said(Some(false)),
            said(None),
        )
    }

    /// The report as text, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{} · {} cores · {} · commit {}{}",
            self.machine.cpu,
            self.machine.cores,
            self.kernel,
            self.commit,
            match self.planted {
                0.0 => String::new(),
                share => format!(" · {:.0} % slower on purpose", 100.0 * share),
            }
        )];
        if !self.had_record {
            lines.push(
                "no record of this machine: the one made now is what the next run compares with"
                    .to_owned(),
            );
        }
        lines.push(format!(
            "{:<46} {:>9} {:>9} {:>8} {:>8} {:>8}",
            "time", "p50 ms", "p95 ms", "ratio", "record", "limit"
        ));
        for gate in &self.timed {
            lines.push(format!(
                "{:<46} {:>9.3} {:>9} {:>8.4} {:>8.4} {:>8.4}  {}",
                format!("{} / {}", gate.name, gate.beside),
                gate.work_ms,
                gate.work_p95_ms
                    .map_or_else(|| "-".to_owned(), |ms| format!("{ms:.3}")),
                gate.ratio,
                gate.recorded,
                gate.limit,
                match gate.verdict {
                    Verdict::Passed => "ok",
                    Verdict::Slower => "SLOWER",
                    Verdict::TooNoisy => "too noisy to judge",
                }
            ));
        }
        lines.push(format!(
            "{:<34} {:>20} {:>20}",
            "what no machine excuses", "measured", "limit"
        ));
        for limit in &self.limits {
            lines.push(format!(
                "{:<34} {:>20} {:>20}  {}",
                limit.name,
                limit.measured.as_deref().unwrap_or("not measured"),
                limit.limit,
                match limit.passed {
                    Some(true) => "ok",
                    Some(false) => "FAILED",
                    None => "",
                }
            ));
        }
        if let Some(power) = &self.power {
            lines.extend(power.lines());
        }
        lines.push(self.summary());
        lines
    }
}

/// Measures and judges; `on_step` hears what is being done now.
///
/// # Errors
/// When a gate cannot be measured at all. An alarm is not an error: see [`GateReport::passed`].
pub fn run_gates(options: &GateOptions, on_step: &mut dyn FnMut(&str)) -> Result<GateReport> {
    let machine = Machine::detect();
    let kernel = engine::encoder::default_kernel_name()?;
    let key = record::key(&machine, kernel);
    let known = record::find(options, &key)?;
    let had_record = known.is_some();
    let record = match known {
        Some(record) => record,
        None => {
            let record = record::measure(options, on_step)?;
            record::keep(&options.records, &key, &record)?;
            record
        }
    };
    let power = match options.power {
        0 => None,
        runs => Some(power::measure(options, &record, runs, on_step)?),
    };
    on_step("preparing what is timed");
    let bench = timed::Bench::open(options)?;
    let mut gates = bench.gates()?;
    let mut timed = Vec::new();
    for gate in &mut gates {
        on_step(&format!("timing {}", gate.name));
        timed.push(gate.judge(&record, options.planted)?);
    }
    Ok(GateReport {
        limits: steady::measure(options, on_step)?,
        machine,
        kernel,
        commit: COMMIT,
        had_record,
        planted: options.planted,
        timed,
        power,
    })
}
