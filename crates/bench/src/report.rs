//! The figures of one run, with what they are about.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    BatchFigures, COMMIT, CacheFigures, Comparison, EncoderFigures, JournalFigures, Machine,
    ModelFigures, PeerFile, QuantizationFigures, RooflineFigures, StartupFigures, SummaryQuality,
    WorkflowFigures, table,
};

/// The figures of one run. What was not asked for is absent; what could not be measured stands in `not_measured`.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// When it began: `2026-11-26T15:04:05Z`.
    pub date: String,
    /// How long all of it took.
    pub seconds: f64,
    /// How long each suite took, by its name; the first that needs a journal made it.
    pub suite_seconds: BTreeMap<&'static str, f64>,
    /// Where it ran.
    pub machine: Machine,
    /// The version of the program.
    pub version: &'static str,
    /// The commit it was built from.
    pub commit: &'static str,
    /// Whether samples were few for the sake of time.
    pub quick: bool,
    /// What ran before the runs that count.
    pub warm_up: &'static str,
    /// Each model at texts of 50, 200 and 500 words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference: Option<Vec<ModelFigures>>,
    /// What the machine allows, and what is reached of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roofline: Option<RooflineFigures>,
    /// What the scripts of the peers measured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<PeerFile>,
    /// The encoder beside its peers' work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoder: Option<EncoderFigures>,
    /// Models in floats beside fewer bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantization: Option<Vec<QuantizationFigures>>,
    /// A week of entries, and many texts at once, by language model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<Vec<BatchFigures>>,
    /// The semantic cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheFigures>,
    /// Saving, listing, finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal: Option<JournalFigures>,
    /// An entry of the day and a look back at the week, both ways.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowFigures>,
    /// Summaries against references that people wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summaries: Option<SummaryQuality>,
    /// The program from its start to its end, and its models as they are loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup: Option<StartupFigures>,
    /// Against an earlier record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// What was asked for and could not be measured, with the reason.
    pub not_measured: BTreeMap<&'static str, String>,
    /// What makes these figures less sure than they look.
    pub warnings: Vec<String>,
}

impl Report {
    /// An empty report of this machine and this build.
    pub(crate) fn begin(quick: bool) -> Report {
        Report {
            date: jiff::Timestamp::now()
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
            seconds: 0.0,
            suite_seconds: BTreeMap::new(),
            machine: Machine::detect(),
            version: env!("CARGO_PKG_VERSION"),
            commit: COMMIT,
            quick,
            warm_up: "two runs of each figure; one of each way of a comparison",
            inference: None,
            roofline: None,
            peers: Vec::new(),
            encoder: None,
            quantization: None,
            batch: None,
            cache: None,
            journal: None,
            workflow: None,
            summaries: None,
            startup: None,
            comparison: None,
            not_measured: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    /// The report as text, a line each.
    pub fn lines(&self) -> Vec<String> {
        table::lines(self)
    }

    /// Adds what a reader should know before believing the figures: a machine that does other work and a build that is
    /// not optimized are not what they are about.
    pub(crate) fn warn(&mut self) {
        let mut warnings = Vec::new();
        if cfg!(debug_assertions) {
            warnings.push(
                "this is a debug build; the figures say nothing about the released program"
                    .to_owned(),
            );
        }
        if let (Some(load), cores) = (self.machine.load, self.machine.cores)
            && load > cores as f64 + 0.5
        {
            warnings.push(format!(
                "the machine was busy: a load of {load:.1} on {cores} cores when this began"
            ));
        }
        for (name, times) in table::all_times(self) {
            if times.n >= 20 && times.p50_ms > 0.0 && times.spread_ms > 0.5 * times.p50_ms {
                warnings.push(format!(
                    "{name}: the middle half of the samples spreads over {:.0} % of the median",
                    100.0 * times.spread_ms / times.p50_ms
                ));
            }
        }
        self.warnings.extend(warnings);
    }
}
