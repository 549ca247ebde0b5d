//! What Companion measures of itself: the encoder, the journal, and the start of the program.
//!
//! A suite does its work for real, checks the answers, and gives figures with their number of samples and
//! spread; [`Report`] adds the machine, the kernel, the threads, the model and the commit. A percentile without
//! enough samples is absent and prints as `not measured`. Nothing here opens the user's journal: a journal to
//! measure is made in a temporary folder, of words from a list.
//!
//! ```
//! use bench::Times;
//!
//! let times = Times::of(&[2.0, 1.0, 3.0]);
//! assert_eq!((times.n, times.p50_ms, times.p95_ms), (3, 2.0, None));
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod batch;
mod cache;
mod encoder;
mod error;
mod gates;
mod inference;
mod journal_suite;
mod machine;
mod profile;
mod sample;
mod startup;
mod table;
mod texts;
mod times;

use std::path::PathBuf;

use serde::Serialize;

pub use batch::{
    Ahead, Asked, BatchFigures, BatchOptions, CurvePoint, Paired, ServingFigures, WeekFigures,
    measure_batch,
};
pub use cache::{
    CacheFigures, Latencies, PairSet, Rates, SearchFigures, SetFigures, TradeOff, WorkloadFigures,
    WorkloadKind,
};
pub use encoder::{Cosine, EncoderFigures};
pub use error::{Error, Result};
pub use gates::{
    GateOptions, GateReport, Limit, Power, PowerRow, Record, RecordedGate, TimedGate, run_gates,
};
pub use inference::{InferenceFigures, InferenceOptions, Spread, measure_inference};
pub use journal_suite::JournalFigures;
pub use machine::{Machine, Memory, memory, resident_bytes};
pub use profile::{
    Bits, Disk, Hardware, Prediction, Profile, ProfileOptions, Recommendation, ThreadRate,
    measure_profile,
};
pub use startup::StartupFigures;
pub use times::Times;

/// The commit that this was built from, with `-dirty` where files had changed; `unknown` without a repository.
pub const COMMIT: &str = env!("COMPANION_COMMIT");

/// What to measure, and with what.
#[derive(Debug, Clone)]
pub struct Options {
    /// The encoder alone.
    pub encoder: bool,
    /// The semantic cache.
    pub cache: bool,
    /// Where labelled sets are: `pairs/` below it holds those of the cache.
    pub data: Option<PathBuf>,
    /// Saving, listing, finding.
    pub journal: bool,
    /// The program from its start to its end.
    pub startup: bool,
    /// The folder of installed models.
    pub models_dir: PathBuf,
    /// The encoder, a name in that folder.
    pub model: String,
    /// Threads of the encoder; `None`: what the program would take.
    pub threads: Option<usize>,
    /// Entries in the journal that is measured.
    pub entries: usize,
    /// The program to start.
    pub program: PathBuf,
}

/// The figures of one run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Where it ran.
    pub machine: Machine,
    /// The version of the program.
    pub version: &'static str,
    /// The commit it was built from.
    pub commit: &'static str,
    /// Present if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoder: Option<EncoderFigures>,
    /// Present if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheFigures>,
    /// Present if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal: Option<JournalFigures>,
    /// Present if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup: Option<StartupFigures>,
    /// What makes these figures less sure than they look.
    pub warnings: Vec<String>,
}

impl Report {
    /// The report as text, a line each.
    pub fn lines(&self) -> Vec<String> {
        table::lines(self)
    }
}

/// Measures; `on_step` hears what is being done now.
///
/// # Errors
/// When a suite cannot run, or gave a wrong answer: a fast wrong answer is not a figure.
pub fn run(options: &Options, on_step: &mut dyn FnMut(&str)) -> Result<Report> {
    let mut report = Report {
        machine: Machine::detect(),
        version: env!("CARGO_PKG_VERSION"),
        commit: COMMIT,
        encoder: None,
        cache: None,
        journal: None,
        startup: None,
        warnings: Vec::new(),
    };
    if options.encoder {
        report.encoder = Some(encoder::measure(options, on_step)?);
    }
    if options.cache {
        report.cache = Some(cache::measure(options, on_step)?);
    }
    if options.journal || options.startup {
        on_step(&format!("making a journal of {} entries", options.entries));
        let sample = sample::Sample::make(options)?;
        if options.journal {
            report.journal = Some(journal_suite::measure(options, &sample, on_step)?);
        }
        if options.startup {
            report.startup = Some(startup::measure(options, &sample, on_step)?);
        }
    }
    report.warnings = warnings(&report);
    Ok(report)
}

/// A machine that does other work, and a build that is not optimized, are not what the figures are about.
fn warnings(report: &Report) -> Vec<String> {
    let mut warnings = Vec::new();
    if cfg!(debug_assertions) {
        warnings.push(
            "this is a debug build; the figures say nothing about the released program".to_owned(),
        );
    }
    if let (Some(load), cores) = (report.machine.load, report.machine.cores)
        && load > cores as f64 + 0.5
    {
        warnings.push(format!(
            "the machine was busy: a load of {load:.1} on {cores} cores when this began"
        ));
    }
    for (name, times) in table::all_times(report) {
        if times.n >= 20 && times.p50_ms > 0.0 && times.spread_ms > 0.5 * times.p50_ms {
            warnings.push(format!(
                "{name}: the middle half of the samples spreads over {:.0} % of the median",
                100.0 * times.spread_ms / times.p50_ms
            ));
        }
    }
    warnings
}
