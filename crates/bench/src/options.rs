//! What to measure, and with what.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suite {
    /// Each model at texts of 50, 200 and 500 words.
    Inference,
    /// The encoder beside its peers' work.
    Encoder,
    /// The semantic cache.
    Cache,
    /// Models in floats beside fewer bits.
    Quantization,
    /// A language model with a week of entries, and many texts at once.
    Batch,
    /// Saving, listing, finding.
    Journal,
    /// The program from its start to its end, and its models as they are loaded.
    Startup,
}

impl Suite {
    /// All of them, in the order in which they run. Memory is looked at first, before others have used it.
    pub const ALL: [Suite; 7] = [
        Suite::Inference,
        Suite::Encoder,
        Suite::Quantization,
        Suite::Batch,
        Suite::Cache,
        Suite::Journal,
        Suite::Startup,
    ];

    /// Its key in the report.
    pub fn name(self) -> &'static str {
        match self {
            Suite::Inference => "inference",
            Suite::Encoder => "encoder",
            Suite::Cache => "cache",
            Suite::Quantization => "quantization",
            Suite::Batch => "batch",
            Suite::Journal => "journal",
            Suite::Startup => "startup",
        }
    }
}

/// Which models are measured, where a suite is about both kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// All that are installed.
    Both,
    /// The encoder alone: it was asked for by name.
    Encoder,
    /// Language models alone: one was asked for by name.
    Decoders,
}

/// What to measure, and with what.
#[derive(Debug, Clone)]
pub struct Options {
    /// The suites.
    pub suites: BTreeSet<Suite>,
    /// Fewer samples: minutes in place of tens of minutes.
    pub quick: bool,
    /// Samples of each figure, in place of what the suites think right.
    pub runs: Option<NonZeroUsize>,
    /// Where labelled sets are: `pairs/` below it holds those of the cache.
    pub data: Option<PathBuf>,
    /// Where the scripts of `bench/peers/` left their JSON files.
    pub peers: Option<PathBuf>,
    /// The folder of installed models.
    pub models_dir: PathBuf,
    /// The encoder, a name in that folder.
    pub model: String,
    /// Language models, names in that folder.
    pub decoders: Vec<String>,
    /// Which of the two kinds are measured.
    pub kinds: Kinds,
    /// Threads of the models; `None`: what the program would take.
    pub threads: Option<usize>,
    /// Entries in the journal that is measured.
    pub entries: usize,
    /// Requests of somebody who waits, in the batch suite; 0 leaves them out.
    pub requests: usize,
    /// The program to start.
    pub program: PathBuf,
}

impl Options {
    /// How many samples to take: what was asked for, else `full`, or `quick` where time is short.
    pub(crate) fn count(&self, full: usize, quick: usize) -> usize {
        let usual = if self.quick { quick } else { full };
        self.runs.map_or(usual, NonZeroUsize::get)
    }

    /// The models of the inference suite: the encoder, then language models.
    pub(crate) fn models(&self) -> impl Iterator<Item = &String> {
        let encoder = (self.kinds != Kinds::Decoders).then_some(&self.model);
        encoder.into_iter().chain(&self.decoders)
    }
}
