//! What Companion measures of itself: its models, the cache, the journal, and the start of the program.
//!
//! A suite does its work for real, checks the answers, and gives figures with their number of samples and
//! spread; [`Report`] adds the machine, the kernel, the threads, the model and the commit. A percentile without
//! enough samples is absent and prints as `n too small`. Nothing here opens the user's journal: a journal to
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
mod compare;
mod encoder;
mod error;
mod gates;
mod html;
mod inference;
mod journal_suite;
mod machine;
mod options;
mod peers;
mod profile;
mod quantization;
mod report;
mod roofline;
mod rouge;
mod sample;
mod startup;
mod stats;
mod suites;
mod system;
mod table;
mod texts;
mod times;
mod words;
mod workflow;

pub use batch::{
    Ahead, Asked, BatchFigures, BatchOptions, CurvePoint, Paired, ServingFigures, WeekFigures,
    measure_batch,
};
pub use cache::{
    CacheFigures, Effective, Latencies, MissFigures, PairSet, Rates, Saved, SearchFigures,
    SetFigures, TradeOff, WorkloadFigures, WorkloadKind,
};
pub use compare::{Compared, Comparison, compare};
pub use encoder::{Cosine, EncoderFigures};
pub use error::{Error, Result};
pub use gates::{
    GateOptions, GateReport, Limit, Power, PowerRow, Record, RecordedGate, TimedGate, Verdict,
    run_gates,
};
pub use html::page;
pub use inference::{
    InferenceFigures, InferenceOptions, LengthFigures, LoadFigures, MemoryFigures, ModelFigures,
    Spread, measure_inference,
};
pub use journal_suite::JournalFigures;
pub use machine::{Machine, Memory, memory};
pub use options::{Kinds, Options, Suite};
pub use peers::{Contestant, PeerFigure, PeerFile};
pub use profile::{
    Bits, Disk, Hardware, Prediction, Profile, ProfileOptions, Recommendation, ThreadRate,
    measure_profile,
};
pub use quantization::{Check, QuantizationFigures, Width};
pub use report::Report;
pub use roofline::{RoofPoint, RooflineFigures};
pub use startup::StartupFigures;
pub use stats::{Mean, Ratio};
pub use suites::run;
pub use system::CpuFigures;
pub use times::Times;
pub use workflow::{Flow, Phase, SummaryQuality, WorkflowFigures};

/// The commit that this was built from, with `-dirty` where files had changed; `unknown` without a repository.
pub const COMMIT: &str = env!("COMPANION_COMMIT");
